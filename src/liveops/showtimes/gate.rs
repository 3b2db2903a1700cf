//! The way through a queue to a seat: the table of spec 3.3.
//!
//! | has a pass | the queue | result |
//! | --- | --- | --- |
//! | yes | says valid, and his | he goes on |
//! | yes | says invalid | `invalid_pass` |
//! | yes | does not answer in time | `queue_unavailable` |
//! | no | does not answer the ping | he goes on, or with `on_queue_down: refuse` `queue_unavailable` |
//! | no | is alive | `pass_required` |

use super::QueuePort;
use crate::ids::{PlayerId, QueueId};
use uuid::Uuid;

/// What a queue says of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassVerdict {
    /// It lets this account in, and no other.
    Valid {
        account: PlayerId,
        /// Of the pass.
        pass_id: Uuid,
    },
    /// It is none, or its time is over.
    Invalid,
    /// The queue does not answer in time.
    Unavailable,
}

/// How one came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// By this pass of his.
    Pass(Uuid),
    /// Past a queue that does not answer.
    Bypass,
}

/// Why one did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The pass is none, another's, or over.
    InvalidPass,
    /// He must wait in the queue first.
    PassRequired,
    /// The queue did not answer: again after so long.
    QueueUnavailable {
        /// Milliseconds.
        retry_ms: u64,
    },
}

impl Refusal {
    /// As the API says it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InvalidPass => "invalid_pass",
            Self::PassRequired => "pass_required",
            Self::QueueUnavailable { .. } => "queue_unavailable",
        }
    }
}

/// The gate of one showtime.
pub(crate) struct Gate<'a> {
    pub queues: &'a dyn QueuePort,
    pub queue: QueueId,
    /// `on_queue_down: refuse`
    pub refuse_when_down: bool,
    /// Milliseconds.
    pub retry_ms: u64,
}

impl Gate<'_> {
    /// Asks the queue, and lets in or not.
    pub(crate) async fn enter(&self, account: PlayerId, pass: Option<&str>) -> Result<Entry, Refusal> {
        match pass {
            Some(pass) => self.with_pass(account, self.queues.verify(self.queue, pass).await),
            None => self.without_pass(self.queues.alive(self.queue).await),
        }
    }

    fn with_pass(&self, account: PlayerId, verdict: PassVerdict) -> Result<Entry, Refusal> {
        match verdict {
            PassVerdict::Valid { account: whose, pass_id } if whose == account => Ok(Entry::Pass(pass_id)),
            PassVerdict::Valid { .. } | PassVerdict::Invalid => Err(Refusal::InvalidPass),
            PassVerdict::Unavailable => Err(self.unavailable()),
        }
    }

    fn without_pass(&self, alive: bool) -> Result<Entry, Refusal> {
        match (alive, self.refuse_when_down) {
            (true, _) => Err(Refusal::PassRequired),
            (false, false) => Ok(Entry::Bypass),
            (false, true) => Err(self.unavailable()),
        }
    }

    fn unavailable(&self) -> Refusal {
        Refusal::QueueUnavailable { retry_ms: self.retry_ms }
    }
}
