//! Where those who have paid for a seat of a showtime play: its room or its bracket, never both (spec 3.2).

use super::Problem;
use crate::protocol::bracket::BracketMode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the bracket of a showtime is like.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BracketWish {
    #[serde(default)]
    mode: BracketMode,
}

impl BracketWish {
    pub(super) fn stored(&self) -> Result<Value, Problem> {
        serde_json::to_value(self).map_err(|error| Problem::bug(&error))
    }
}

/// What the room of a showtime is like: as in `room.create`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoomWish {
    #[serde(skip_serializing_if = "Option::is_none")]
    game: Option<String>,
    /// 4 to 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<usize>,
    /// Laid over the game's defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Map<String, Value>>,
}

impl RoomWish {
    /// As it is stored. What of it the game does not like is told to the first who opens the room.
    pub(super) fn checked(&self) -> Result<Value, Problem> {
        if self.capacity.is_some_and(|capacity| !(4..=12).contains(&capacity)) {
            return Err(Problem::invalid_field("room.capacity", "must be 4 to 12"));
        }
        serde_json::to_value(self).map_err(|error| Problem::bug(&error))
    }
}

/// What a showtime is told that would have both.
pub(super) fn room_or_bracket() -> Problem {
    Problem::invalid_field("bracket", "a showtime has a room or a bracket, not both")
}
