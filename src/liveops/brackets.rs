//! What the activity stream tells of a bracket that somebody has won: the fact `bracket_won`.
//!
//! Written by the bracket's own commit, the one that ends it (`actors/bracket`); counted, so that events may reward it.

use super::Fact;
use crate::{clock::UnixMs, ids::PlayerId, protocol::bracket::BracketMode};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Its schema's name.
pub(crate) const BRACKET_WON: &str = "bracket_won";

/// A bracket that somebody has won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BracketWon {
    /// Whose bracket it was.
    pub showtime: Uuid,
    /// When it started: a showtime that staff move once its bracket is over has another.
    pub starts_at: UnixMs,
    /// How it was played.
    pub mode: BracketMode,
    /// Who has won.
    pub winner: PlayerId,
    /// How many were in its first round.
    pub players: usize,
}

impl BracketWon {
    /// As it goes over the stream. Its id follows from the showtime and the start: told again, it is the same fact, and another
    /// bracket's is another.
    pub fn fact(&self, at: UnixMs) -> Fact {
        let Self { showtime, starts_at, mode, winner, players } = *self;
        let body = json!({"showtime": showtime, "mode": mode, "players": players});
        let digest = Sha256::new().chain_update(BRACKET_WON).chain_update(showtime.as_bytes());
        let digest = digest.chain_update(starts_at.0.to_be_bytes()).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Fact { id: Uuid::from_bytes(id), kind: BRACKET_WON, account: Some(winner), at, body }
    }
}
