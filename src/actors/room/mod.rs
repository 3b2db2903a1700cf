//! Rooms: who sits together and what they play (spec 1.2–1.5).
//!
//! [`RoomActor`] is an entity: one at most in the cluster for a room's id. `state` is what it must not forget,
//! `decide`, `lead`, `members` and `play` are its rules, pure; `actor` commits, then performs; `chat`, `media` and
//! `signals` are volatile.

mod actor;
mod bots;
mod chat;
mod committing;
mod decide;
mod facts;
mod group;
mod hearing;
mod lead;
mod media;
mod members;
mod messages;
mod play;
mod reply;
mod signals;
mod sinks;
mod staff;
mod state;
#[cfg(test)]
mod tests;

mod view;

pub use actor::RoomActor;
pub use messages::{Caller, Moderator, RoomCommand, RoomMessage, RoomReply, StaffOrder};
pub use state::RoomState;

/// The game of a room that names none.
pub const DEFAULT_GAME: &str = "mafia";
