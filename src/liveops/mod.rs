//! What operators do with the game while it runs: events with conditions, rewards and claims on them (spec 2.2).
//!
//! Rules are pure ([`conditions`], [`claims::state`]); [`claims`] performs them on the store. Called by the REST
//! API and, for its workers, by [`crate::node`]. Knows no HTTP, no actor and no game.

pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod counters;
pub(crate) mod facts;
