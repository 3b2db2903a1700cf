//! Frames to and from clients: the only place that knows wire names (spec 1.1, 1.8).
//!
//! [`frame`] turns bytes into [`ClientFrame`]s, [`Push`] is an event encoded once for everybody, [`error`] is
//! the one table of error and close codes, [`messages`] and [`media`] hold the payloads, [`signal`] those of
//! `/ws/signal`. No game, no socket, no actor.

pub mod bracket;
#[cfg(test)]
mod docs;
pub mod error;
pub mod frame;
pub mod matchmaking;
pub mod media;
pub mod messages;
pub mod proto;
mod push;
pub mod signal;

pub use error::{CloseCode, ErrorCode, Rejection};
pub use frame::{ClientFrame, Encoding};
pub use push::{Answer, Push};
