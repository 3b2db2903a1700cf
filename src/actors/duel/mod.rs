//! A match between two players' own machines: from the request to the result (spec 4.3, 4.6).
//!
//! `state` and `rules` decide, [`DuelActor`] performs; `players` is how it holds and tells the two, `committing` how it
//! becomes durable, from its acceptance on. Signal sessions, players' presences and the matchmaker talk to it through
//! the cluster. It never sees a socket. Why so: docs/decisions/0018.

mod actor;
mod committing;
mod hiding;
mod messages;
mod phase;
mod players;
mod rules;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub use actor::DuelActor;
pub use messages::{DuelCommand, DuelMessage, DuelReply, Party, Standing};
pub use phase::Phase;
pub use state::{DuelState, Step};
