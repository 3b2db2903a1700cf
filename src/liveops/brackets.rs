//! What the activity stream tells of a bracket that somebody has won: the fact `bracket_won`.
//!
//! Written by the bracket's own commit, the one that ends it (`actors/bracket`); counted, so that events may reward it.

use super::Fact;
use crate::{clock::UnixMs, ids::PlayerId, protocol::bracket::BracketMode};
use serde_json::json;
use uuid::Uuid;

/// Its schema's name.
pub(crate) const BRACKET_WON: &str = "bracket_won";

/// A bracket that somebody has won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BracketWon {
    /// Whose bracket it was.
    pub showtime: Uuid,
    /// How it was played.
    pub mode: BracketMode,
    /// Who has won.
    pub winner: PlayerId,
    /// How many were in its first round.
    pub players: usize,
}

impl BracketWon {
    /// As it goes over the stream. The showtime is its id, for it has one bracket: told again, it is the same fact.
    pub fn fact(&self, at: UnixMs) -> Fact {
        let Self { showtime, mode, winner, players } = *self;
        let body = json!({"showtime": showtime, "mode": mode, "players": players});
        Fact { id: showtime, kind: BRACKET_WON, account: Some(winner), at, body }
    }
}
