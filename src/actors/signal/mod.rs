//! A socket of `/ws/signal` (spec 4): who sends, how often, and where each message goes.
//!
//! [`SignalDoor`] is where the transport comes in; [`SignalSession`] is the actor, one a socket, without resume. It
//! checks that what is said is the sender's own, and hands it to his presence (`actors::duellist`) or to the match
//! (`actors::duel`), which push into its outbox. It decides nothing of a lobby or a match.

mod door;
mod session;

pub use door::{SignalAttached, SignalDoor};
pub use session::SignalSession;
