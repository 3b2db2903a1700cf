//! What operators do with the game while it runs (spec 2.2, 2.3): the activity stream, and what hangs on it.
//!
//! `conditions` of events are pure; `claims` carries claims on rewards through their saga; `showtimes` has seats, holds
//! and payments (spec 3.2). The stream takes facts of
//! what players did from the transaction that made them true to those who act on them.
//!
//! A fact is written to the outbox in its own transaction (`store::outbox`). The relay (`relay`) hands what is due to a
//! transport (`stream`: Redis Streams, or memory within one process), which may lose it; the groups (`groups`) of
//! consumers (`consumers`) handle it and confirm it in the transaction of their effect. Only that confirmation takes it
//! out of the outbox, so nothing is lost, and what comes twice has one effect.
//!
//! Put together by `node`. It knows no actor and no rule of a game.

pub(crate) mod brackets;
pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod consumers;
pub(crate) mod counters;
pub(crate) mod duels;
pub(crate) mod facts;
pub(crate) mod groups;
pub(crate) mod matches;
pub(crate) mod ratings;
pub(crate) mod relay;
pub(crate) mod running;
pub(crate) mod schemas;
pub(crate) mod showtimes;
pub(crate) mod stream;
#[cfg(test)]
mod tests;

pub use brackets::BracketWon;
pub use duels::{DuelFinished, DuelOutcome, DuelReport};
pub use facts::Fact;
pub use matches::MatchFinished;
