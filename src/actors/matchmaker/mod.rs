//! Matchmaking (spec 4.6): an entity for each mode and region that brings together who fits, by rating.
//!
//! `pool` decides, [`MatchmakerActor`] performs (`making`: matches and their commits); `ports` is what it needs of the
//! world. Sessions ask it on and on while their player looks (`actors::session`), and each question waits a while for its
//! answer: so the pool need not be durable. A matchmaker that went with its node is put up elsewhere by the next question,
//! and the questions bring the line back, with everybody's place in it. Matches are durable before anybody hears of them.
//! Why so: docs/decisions/0019.

mod actor;
mod making;
mod matches;
mod messages;
mod pool;
mod ports;
#[cfg(test)]
mod tests;

pub use actor::MatchmakerActor;
pub use matches::ClusterMatches;
pub use messages::{MatchmakerCommand, MatchmakerReply, Ticket};
pub use ports::{Arranged, Matches, Ports, Ratings, StoredRatings};

use crate::protocol::matchmaking::MatchMode;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The key of the matchmaker of this mode and region.
pub fn key_of(mode: MatchMode, region: &str) -> Uuid {
    let digest = Sha256::digest(format!("{}/{region}", mode.as_str()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
