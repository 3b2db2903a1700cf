//! Admission queues (spec 3.1, 3.3): tickets in order of arrival, passes while there is room.
//!
//! [`Queues`] is what the rest of the node knows: REST, sessions and whoever sells seats ask it, and it asks a node with
//! the role `queue`: this one, or another over the cluster, which must answer in time. There a `Desk` answers from
//! the `line` and from SQL. Who comes in is decided by the queue's actor (`actors::queue`) alone. Knows no HTTP, no
//! socket and no seat.

mod desk;
mod forming;
#[cfg(any(test, feature = "testkit", feature = "load"))]
pub mod history;
pub(crate) mod line;
mod looks;
mod messages;
mod pace;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;
mod waiting;

pub(crate) use desk::Desk;
pub(crate) use line::{Line, LineError, RedisLine, SqlLine, Take, Taken};
pub(crate) use messages::{Answer, Refusal, Request};
pub use messages::{Figures, Ticket, TicketStatus};

use crate::{
    actors::queue::QueueActor,
    cluster::{AskError, Cluster, Service, pack, unpack},
    config::{self, Config},
    ids::{PlayerId, QueueId, SessionId},
    roles::Role,
    store::{NewPass, Place, Store},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokens::QueueTokens;
use uuid::Uuid;
use waiting::Waiting;

/// Under which desks are asked by other nodes.
const SERVICE: &str = "queue";

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
    waiting: Waiting,
    tokens: QueueTokens,
    cluster: Cluster,
    settings: config::Queue,
}

impl Queues {
    /// Of a node with these settings; `secret` is the installation's.
    ///
    /// # Errors
    /// Redis is not there.
    pub(crate) async fn of_node(
        config: &Config,
        store: &Store,
        cluster: &Cluster,
        secret: &[u8],
    ) -> Result<Self, redis::RedisError> {
        if !config.node.roles.contains(&Role::Queue) {
            return Ok(Self::new(None, store, cluster, secret));
        }
        let line: Arc<dyn Line> = match &config.redis.url {
            Some(url) => Arc::new(RedisLine::open(url, config).await?),
            None => Arc::new(SqlLine::new(store.clone())),
        };
        Ok(Self::new(Some(line), store, cluster, secret))
    }

    /// Of a node without Redis, which has every role.
    pub fn embedded(store: &Store, cluster: &Cluster, secret: &[u8]) -> Self {
        let line = Arc::new(SqlLine::new(store.clone()));
        Self::new(Some(line), store, cluster, secret)
    }

    /// With a line, if the node has the role `queue`.
    pub(crate) fn new(line: Option<Arc<dyn Line>>, store: &Store, cluster: &Cluster, secret: &[u8]) -> Self {
        let desk = line.map(|line| Arc::new(Desk::new(line, store.clone(), cluster.clone(), secret)));
        let waiting = Waiting::new(cluster, secret);
        if let Some(desk) = &desk {
            cluster.register(QueueActor::factory(desk.clone(), Arc::new(waiting.clone())));
            cluster.offer(SERVICE, Arc::new(AtDesk(desk.clone())));
        }
        cluster.offer(waiting::SERVICE, Arc::new(waiting.clone()));
        let (cluster, settings) = (cluster.clone(), cluster.config().queue.clone());
        Self(Arc::new(Inner { desk, waiting, tokens: QueueTokens::new(secret), cluster, settings }))
    }

    /// Starts what the node does for queues by itself, until the cluster closes.
    pub(crate) fn work(&self) {
        actix::spawn(self.0.waiting.clone().look_after(self.clone()));
        if let Some(desk) = &self.0.desk {
            actix::spawn(desk.clone().sweep());
        }
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

    /// As [`enter`](Self::enter), for a session of this node: it is told of its ticket from now on.
    pub(crate) async fn enter_session(
        &self,
        queue: QueueId,
        account: PlayerId,
        session: SessionId,
    ) -> Result<Ticket, Refusal> {
        if let Some(place) = self.0.waiting.place_of_session(queue, session) {
            // A line that was lost takes him back where he stood; who enters it anew stands at its end.
            self.look(queue, vec![place]).await?;
        }
        let ticket = self.enter(queue, account).await?;
        self.0.waiting.add(queue, account, session, &ticket);
        Ok(ticket)
    }

    /// The place that this account's ticket names. `None`: it is forged, or another's.
    pub(crate) fn place_of(&self, queue: QueueId, account: PlayerId, ticket: &str) -> Option<Place> {
        waiting::place_of(self.0.tokens.read_ticket(ticket), queue, account)
    }

    async fn ask(&self, request: Request, within_ms: u64) -> Result<Answer, Refusal> {
        let within = Duration::from_millis(within_ms);
        let answer = match &self.0.desk {
            Some(desk) => tokio::time::timeout(within, desk.serve(request)).await.ok(),
            None => self.ask_elsewhere(&request, within).await,
        };
        match answer {
            Some(Answer::Refused(refusal)) => Err(refusal),
            Some(answer) => Ok(answer),
            None => {
                metrics::counter!("playhouse_queue_unanswered_total").increment(1);
                Err(Refusal::Unavailable)
            }
        }
    }

    async fn ask_elsewhere(&self, request: &Request, within: Duration) -> Option<Answer> {
        let request = pack(request).map_err(|error| tracing::error!(error, "a question for a queue")).ok()?;
        let asked = self.0.cluster.ask_service(SERVICE, Role::Queue, request.into(), within).await;
        match asked {
            Ok(bytes) => unpack(&bytes).map_err(|error| tracing::warn!(error, "an answer of a queue")).ok(),
            Err(error) => {
                tracing::debug!(%error, "no node answers for queues");
                None
            }
        }
    }
}

/// The desk, as other nodes ask it.
struct AtDesk(Arc<Desk>);

impl Service for AtDesk {
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let desk = self.0.clone();
        Box::pin(async move {
            let request = unpack(&request).map_err(|error| {
                tracing::warn!(error, "a question of another version");
                AskError::Unknown
            })?;
            pack(&desk.serve(request).await).map(Bytes::from).map_err(|error| {
                tracing::error!(error, "an answer could not be written");
                AskError::Unavailable
            })
        })
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
