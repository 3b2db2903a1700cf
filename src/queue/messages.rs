//! What is asked of a queue, and what it answers: the same on the node that has it and from another.

use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
    store::Place,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question for whoever has the role `queue`. Each may be asked again: it has happened once then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Whether anybody is there, and reaches the line.
    Ping { queue: QueueId },
    /// A ticket for this account: the one it has, else a new one.
    Enter { queue: QueueId, account: PlayerId },
    /// What became of these tickets, whose holders were heard of just now.
    Look { queue: QueueId, places: Vec<Place> },
    /// The holder of this ticket goes.
    Leave { queue: QueueId, place: Place },
    /// Whoever has a ticket under this account goes.
    LeaveAs { queue: QueueId, account: PlayerId },
    /// Somebody shows this pass.
    Verify { queue: QueueId, pass: String },
    /// The holder of this pass is done.
    Complete { queue: QueueId, pass: String },
    /// The same, by the id of the pass.
    End { queue: QueueId, pass_id: uuid::Uuid },
    /// All that the queue was for is sold.
    SoldOut { queue: QueueId },
    /// The settings have changed.
    Changed { queue: QueueId },
    /// What was read of the queue is no longer so: each node reads it anew.
    Forget { queue: QueueId },
    /// What goes on in these.
    Watch { queues: Vec<QueueId> },
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Entered(Ticket),
    Looked(Vec<TicketStatus>),
    /// The pass is good, and whose it is.
    Valid {
        account: PlayerId,
        pass_id: uuid::Uuid,
    },
    /// It is none, or is over.
    Invalid,
    Watched(Vec<Figures>),
    Refused(Refusal),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such queue")]
    NoQueue,
    #[error("the queue takes nobody any more")]
    Draining,
    #[error("everything is sold")]
    SoldOut,
    /// Nobody answers in time, or the line or the database is away.
    #[error("the queue cannot be reached now")]
    Unavailable,
}

/// A ticket of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// Signed: for the polls.
    pub ticket: String,
    /// By arrival.
    pub number: i64,
    /// How many will be admitted before.
    pub ahead: u64,
    /// The expected wait by the measured rate of admissions; null while nothing was measured or the queue is paused.
    pub eta_ms: Option<u64>,
    /// When to ask again.
    pub poll_after_ms: u64,
}

/// What became of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TicketStatus {
    /// Still in the line.
    Waiting {
        /// How many will be admitted before.
        ahead: u64,
        /// The expected wait by the measured rate of admissions; null while nothing was measured or the queue is paused.
        eta_ms: Option<u64>,
        /// When to ask again.
        poll_after_ms: u64,
    },
    /// Let in.
    Admitted {
        /// For the header `Queue-Pass`.
        pass: String,
        /// Unix ms: until then it must be used first, and once it was used it is good until then.
        expires_at: UnixMs,
    },
    /// Not heard of for too long, or the pass is over.
    Expired,
    /// Its holder has left.
    Left,
    /// Everything is sold: the line was dismissed.
    SoldOut,
}

/// What goes on in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Players in the line.
    pub waiting: u64,
    /// Passes that have not ended.
    pub active: u64,
    /// Admissions a second, as measured while somebody waited.
    pub admitted_per_s: f64,
}
