//! Admission queues (spec 3.1, 3.3): tickets in order of arrival, passes while there is room.
//!
//! [`Queues`] is what the rest of the node knows: REST, sessions and whoever sells seats ask it, and it asks a node with
//! the role `queue`: this one, or another over the cluster, which must answer in time. There a [`Desk`] answers from
//! the `line` and from SQL. Who comes in is decided by the queue's actor (`actors::queue`) alone. Knows no HTTP, no
//! socket and no seat.

mod desk;
pub(crate) mod line;
mod messages;
mod pace;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use desk::Desk;
pub(crate) use line::{Line, LineError, SqlLine, Take, Taken};
pub(crate) use messages::{Answer, Refusal, Request};
pub use messages::{Figures, Ticket, TicketStatus};
pub(crate) use tokens::{QueueTokens, TicketClaims};

use crate::{
    actors::queue::QueueActor,
    cluster::Cluster,
    config,
    ids::{PlayerId, QueueId},
    store::{NewPass, Place, Store},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Told of those who were let in.
pub(crate) trait Announce: Send + Sync + 'static {
    /// These have a pass from now on.
    fn admitted(&self, queue: QueueId, passes: &[NewPass]);
}

/// What is known of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good now, and this was a use of it.
    Valid {
        /// Whose it is: nobody else may use it.
        account: PlayerId,
        /// Of the pass.
        pass_id: Uuid,
    },
    /// It is none of this queue's, or it is over.
    Invalid,
    /// No answer in time: nobody knows.
    Unavailable,
}

/// The queues of the installation; cheap to clone.
#[derive(Clone)]
pub struct Queues(Arc<Inner>);

struct Inner {
    /// On a node with the role `queue`.
    desk: Option<Arc<Desk>>,
    tokens: QueueTokens,
    settings: config::Queue,
}

impl Queues {
    /// Of a node without Redis: it has every role. `secret` is the installation's.
    pub fn embedded(store: &Store, cluster: &Cluster, secret: &[u8]) -> Self {
        let line = Arc::new(SqlLine::new(store.clone()));
        Self::new(Some(line), store, cluster, secret)
    }

    /// With a line, if the node has the role `queue`.
    pub(crate) fn new(line: Option<Arc<dyn Line>>, store: &Store, cluster: &Cluster, secret: &[u8]) -> Self {
        let desk = line.map(|line| Arc::new(Desk::new(line, store.clone(), cluster.clone(), secret)));
        if let Some(desk) = &desk {
            cluster.register(QueueActor::factory(desk.clone(), Arc::new(Nobody)));
        }
        let settings = cluster.config().queue.clone();
        Self(Arc::new(Inner { desk, tokens: QueueTokens::new(secret), settings }))
    }

    /// Whether a pass is good, and whose. The first time, its second clock begins. No answer within `queue.verify_ms` is
    /// [`Verdict::Unavailable`].
    pub async fn verify(&self, queue: QueueId, pass: &str) -> Verdict {
        let request = Request::Verify { queue, pass: pass.to_owned() };
        match self.ask(request, self.0.settings.verify_ms).await {
            Ok(Answer::Valid { account, pass_id }) => Verdict::Valid { account, pass_id },
            Ok(Answer::Invalid) | Err(Refusal::NoQueue) => Verdict::Invalid,
            _ => Verdict::Unavailable,
        }
    }

    /// Whether the queue answers a ping within `queue.ping_ms`: a node with its role lives and reaches the line.
    pub async fn alive(&self, queue: QueueId) -> bool {
        matches!(self.ask(Request::Ping { queue }, self.0.settings.ping_ms).await, Ok(Answer::Done))
    }

    /// The holder of a pass is done: it ends, and the next comes in. Again it is as good. `Invalid`: it had ended
    /// otherwise, or is none.
    pub async fn complete(&self, queue: QueueId, pass: &str) -> Completed {
        let request = Request::Complete { queue, pass: pass.to_owned() };
        match self.ask(request, self.0.settings.verify_ms).await {
            Ok(Answer::Done) => Completed::Done,
            Ok(Answer::Invalid) | Err(Refusal::NoQueue) => Completed::Invalid,
            _ => Completed::Unavailable,
        }
    }

    /// As [`complete`](Self::complete), for one who has kept the pass's id.
    pub async fn complete_pass(&self, queue: QueueId, pass_id: Uuid) -> Completed {
        match self.ask(Request::End { queue, pass_id }, self.0.settings.verify_ms).await {
            Ok(Answer::Done) => Completed::Done,
            Ok(Answer::Invalid) | Err(Refusal::NoQueue) => Completed::Invalid,
            _ => Completed::Unavailable,
        }
    }

    /// All that the queue was for is sold: its policy keeps or dismisses the line. May be said again. False: nobody
    /// has heard it.
    pub async fn sold_out(&self, queue: QueueId) -> bool {
        matches!(self.ask(Request::SoldOut { queue }, self.0.settings.ask_ms).await, Ok(Answer::Done))
    }

    /// A ticket for this account: the one it has, else a new one at the end of the line.
    pub(crate) async fn enter(&self, queue: QueueId, account: PlayerId) -> Result<Ticket, Refusal> {
        match self.ask(Request::Enter { queue, account }, self.0.settings.ask_ms).await? {
            Answer::Entered(ticket) => Ok(ticket),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// What became of these tickets, in their order. Their holders have been heard of now.
    pub(crate) async fn look(
        &self,
        queue: QueueId,
        places: Vec<Place>,
    ) -> Result<Vec<TicketStatus>, Refusal> {
        match self.ask(Request::Look { queue, places }, self.0.settings.ask_ms).await? {
            Answer::Looked(statuses) => Ok(statuses),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// The holder of a ticket goes; a pass that he has got ends.
    pub(crate) async fn leave(&self, queue: QueueId, place: Place) -> Result<(), Refusal> {
        self.ask(Request::Leave { queue, place }, self.0.settings.ask_ms).await.map(drop)
    }

    /// As [`leave`](Self::leave), whatever ticket the account has.
    pub(crate) async fn leave_as(&self, queue: QueueId, account: PlayerId) -> Result<(), Refusal> {
        self.ask(Request::LeaveAs { queue, account }, self.0.settings.ask_ms).await.map(drop)
    }

    /// An operator has changed the settings. If nobody hears it, they are read a moment later.
    pub(crate) async fn changed(&self, queue: QueueId) {
        if let Err(error) = self.ask(Request::Changed { queue }, self.0.settings.ask_ms).await {
            tracing::debug!(%error, queue_id = %queue, "nobody was told of a queue's new settings");
        }
    }

    /// What goes on in these, in their order.
    pub(crate) async fn watch(&self, queues: Vec<QueueId>) -> Result<Vec<Figures>, Refusal> {
        match self.ask(Request::Watch { queues }, self.0.settings.ask_ms).await? {
            Answer::Watched(figures) => Ok(figures),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// What a ticket of ours says.
    pub(crate) fn read_ticket(&self, ticket: &str) -> Option<TicketClaims> {
        self.0.tokens.read_ticket(ticket)
    }

    async fn ask(&self, request: Request, within_ms: u64) -> Result<Answer, Refusal> {
        let within = Duration::from_millis(within_ms);
        let answer = match &self.0.desk {
            Some(desk) => tokio::time::timeout(within, desk.serve(request)).await.ok(),
            None => None,
        };
        match answer.ok_or(Refusal::Unavailable)? {
            Answer::Refused(refusal) => Err(refusal),
            answer => Ok(answer),
        }
    }
}

/// What became of a pass that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// It has ended, now or before.
    Done,
    /// It had ended otherwise, or is none of this queue's.
    Invalid,
    /// No answer in time: say it again.
    Unavailable,
}

/// Nobody waits on a socket.
struct Nobody;

impl Announce for Nobody {
    fn admitted(&self, _: QueueId, _: &[NewPass]) {}
}
