//! A bracket: single elimination among all who have a paid seat of a showtime (spec 3.2).
//!
//! One entity a showtime, keyed by its id. `state` decides (`rounds`: who meets whom, and what an end of a match makes of
//! it), [`BracketActor`] performs; `committing` is how it becomes durable and how it ends, `matches` how it begins the
//! duels of its pairs and learns how they went. Sessions ask it for players whose paid seat they have looked up. It plays
//! nothing itself: a match of a bracket is a duel as the matchmaker makes them. Why so: docs/decisions/0021.

mod actor;
mod committing;
mod matches;
mod messages;
mod ports;
mod rounds;
mod state;
#[cfg(test)]
mod tests;

pub use actor::BracketActor;
pub use messages::{BracketCommand, BracketReply, Opening};
pub use ports::{BracketPorts, DuelResult, Results};
