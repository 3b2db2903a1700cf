//! The line of a queue: the port. Who waits in which order, and who has been let in.
//!
//! It outlives the queue's actor and its node. Adapters: `redis` (atomic scripts), and `sql` on a node without Redis; both
//! pass one suite. Only the actor takes from it ([`Line::take`]); everything else any node may do at any time.
//! What it is not: the truth about passes. That is SQL's, and [`Line::hold`] tells the actor where the two differ.

mod redis;
mod scripts;
mod sql;
#[cfg(all(test, feature = "testkit"))]
mod tests;

pub(crate) use redis::RedisLine;
pub(crate) use sql::SqlLine;

use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
    store::Place,
};
use futures_util::future::BoxFuture;

/// What the line answers.
pub(crate) type Lined<T> = BoxFuture<'static, Result<T, LineError>>;

/// A place that was given out, or that the account has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entered {
    pub number: i64,
    pub found: Found,
    /// It was given out just now.
    pub new: bool,
    pub beat: Beat,
}

/// Where a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many are before it.
    Waiting { ahead: u64 },
    /// Let in: SQL knows its pass, or will in a moment.
    Inside,
    /// Its holder has gone.
    Left,
    /// Not in the line. If the line has lost its memory, it may return with its old number.
    Unknown { may_return: bool },
}

/// What one look at the line finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Looked {
    /// One for each place that was asked for.
    pub found: Vec<Found>,
    pub beat: Beat,
}

/// How the line moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Beat {
    /// How fast the line moves, in players a second; 0 is not measured yet.
    pub pace: f64,
    /// Admissions a second of late.
    pub admitted_per_s: f64,
    /// When an actor last looked after it.
    pub turned_at: UnixMs,
    /// Nobody is admitted until then.
    pub quiet_until: UnixMs,
}

/// What the actor wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take {
    /// Of the actor: an earlier one gets nothing.
    pub epoch: i64,
    /// So many at most.
    pub most: usize,
    /// What it measured.
    pub pace: f64,
    pub admitted_per_s: f64,
    pub now: UnixMs,
    /// A number that was given out, as SQL knows.
    pub known: i64,
}

/// What it gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Inside from now on, in order.
    pub places: Vec<Place>,
    /// So many wait still.
    pub waiting: u64,
    /// So many are inside, these among them.
    pub inside: u64,
    /// The line has just been formed anew: nobody is admitted until then.
    pub quiet_until: UnixMs,
    /// Until then some with lower numbers may come back.
    pub open_until: UnixMs,
    /// The first who waits still.
    pub first: Option<i64>,
    /// The highest number that was given out.
    pub given: i64,
}

/// How a line begins, or begins again after everything was lost.
#[derive(Clone, Debug)]
pub(crate) struct Forming {
    /// It may give out those above the first and up to the second.
    pub numbers: (i64, i64),
    /// Nobody with such a number or a lower one waits any more: they were let in, or dismissed.
    pub through: i64,
    /// Who has a pass.
    pub inside: Vec<Place>,
    /// Nobody is admitted until then: those who waited must come back first.
    pub quiet_until: UnixMs,
    /// Until then a ticket that is not known may return.
    pub open_until: UnixMs,
}

/// What becomes of one who goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// He waited no longer, or never.
    NotThere,
    /// He waited.
    Waited,
    /// He was let in: his pass is to be ended.
    Inside,
}

/// Why the line did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// There is no line, or everything in it was lost, or the last that happened to it: it must be [formed](Line::form).
    #[error("the line was lost")]
    Lost,
    /// No number is left: it must be [given more](Line::more).
    #[error("the line has no number left")]
    NoNumbers,
    /// A later actor has the line.
    #[error("a later actor has the line")]
    Fenced,
    /// Nothing was done, or nobody knows.
    #[error("the line is away: {0}")]
    Away(String),
}

/// See the module.
///
/// Guarantees: each call is atomic. Numbers rise with the order in which `enter` was applied. An account is in the line
/// once, waiting or inside. `take` gives each place to one actor, lowest number first, and none to an actor whose epoch is
/// below one that has [held](Self::hold) the line. Everything may be lost at once, or the last that happened, and is then
/// [`LineError::Lost`] to whoever [knows](Self::known) of a number that was given out and is not.
/// No call takes longer the more there are who wait, but by its logarithm.
pub(crate) trait Line: Send + Sync + 'static {
    /// The account's place, a new one at the end if it has none.
    fn enter(&self, queue: QueueId, account: PlayerId, now: UnixMs) -> Lined<Entered>;
    /// Where these are; who waits has been heard of now.
    fn look(&self, queue: QueueId, places: Vec<Place>, now: UnixMs) -> Lined<Looked>;
    /// The account's number, if it is in the line or inside.
    fn number_of(&self, queue: QueueId, account: PlayerId) -> Lined<Option<i64>>;
    /// Back to its old place after a loss, unless the account had a later one before it, or has come in since.
    fn come_back(&self, queue: QueueId, place: Place, now: UnixMs) -> Lined<Found>;
    /// Out of the line; one who is inside stays there until his pass has ended.
    fn leave(&self, queue: QueueId, place: Place, now: UnixMs) -> Lined<Gone>;
    /// An actor of this epoch has the line from now on. Who is inside.
    fn hold(&self, queue: QueueId, epoch: i64) -> Lined<Vec<Place>>;
    /// The first who wait are inside from now on.
    fn take(&self, queue: QueueId, take: Take) -> Lined<Taken>;
    /// These are not inside after all, and wait where they were.
    fn put_back(&self, queue: QueueId, epoch: i64, now: UnixMs, places: Vec<Place>) -> Lined<()>;
    /// These are inside, whatever the line knew.
    fn seat(&self, queue: QueueId, places: Vec<Place>) -> Lined<()>;
    /// These are no longer inside.
    fn release(&self, queue: QueueId, places: Vec<Place>) -> Lined<()>;
    /// Drops waiting ones who were not heard of since then, so many at most. How many.
    fn drop_silent(&self, queue: QueueId, now: UnixMs, before: UnixMs, most: usize) -> Lined<u64>;
    /// Nobody waits any more, and no number that was to be given out will be.
    fn dismiss(&self, queue: QueueId) -> Lined<u64>;
    /// Begins a line where there is none, or none that has given out what is [known](Self::known).
    fn form(&self, queue: QueueId, forming: Forming) -> Lined<()>;
    /// Numbers above the first and up to the second may be given out.
    fn more(&self, queue: QueueId, numbers: (i64, i64)) -> Lined<()>;
    /// The highest number that this node knows to have been given out, by the tickets that it has seen.
    fn known(&self, queue: QueueId) -> i64;
    /// How many wait, and how the line moves.
    fn figures(&self, queue: QueueId) -> Lined<(u64, Beat)>;
    /// Whether it answers at all.
    fn ping(&self) -> Lined<()>;
}
