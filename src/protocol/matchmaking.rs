//! Payloads of matchmaking on `/ws` (spec 4.6).

use crate::ids::RoomId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What one wants to play; ratings are kept for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchMode {
    /// A match of two, on their own machines.
    Duel,
    /// A room with a game of Mafia.
    Mafia,
}

impl MatchMode {
    /// On the wire, in ratings and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duel => "duel",
            Self::Mafia => "mafia",
        }
    }
}

/// `matchmaking.enter`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EnterMatchmaking {
    /// What to play.
    pub mode: MatchMode,
    /// Who enters the same region meets: lower-case letters, digits and hyphens. None is a region of its own.
    #[serde(default)]
    pub region: Option<String>,
}

/// `matchmaking.found`: where to go now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchFound {
    /// What was entered.
    pub mode: MatchMode,
    /// Of a duel: the session on `/ws/signal`, which is accepted already.
    #[serde(default, rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// Of a game in a room: the room to `room.join`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub room_id: Option<RoomId>,
}
