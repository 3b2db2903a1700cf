//! What the activity stream tells of a game in a room that is over: the fact `match_finished`.
//!
//! Written by the room's own commit, read by those who rate. It is of everybody who sat down, so no single account's.

use super::Fact;
use crate::{
    clock::UnixMs,
    ids::{MatchId, PlayerId, RoomId},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// Its schema's name.
pub(crate) const MATCH_FINISHED: &str = crate::game::GameFact::STANDING;

/// A game that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchFinished {
    /// `mafia` …
    pub game: String,
    /// Where it was played.
    pub room_id: RoomId,
    /// Which it was.
    pub match_id: MatchId,
    /// None after a draw.
    pub winners: Vec<PlayerId>,
    /// The others, and whoever left before the end.
    pub losers: Vec<PlayerId>,
}

impl MatchFinished {
    /// As it goes over the stream.
    pub fn fact(&self, id: Uuid, at: UnixMs) -> Fact {
        Fact { id, kind: MATCH_FINISHED, account: None, at, body: json!(self) }
    }

    /// What [`MatchFinished::fact`] wrote. `None`: it is not of this kind, or somebody is on both sides.
    pub fn read(fact: &Fact) -> Option<Self> {
        let read: Self = serde_json::from_value(fact.body.clone()).ok()?;
        let twice = read.winners.iter().any(|winner| read.losers.contains(winner));
        (fact.kind == MATCH_FINISHED && !twice).then_some(read)
    }
}
