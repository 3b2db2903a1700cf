//! What Mafia says on the wire (spec 1.8), as types: pushes and the view of one player.
//!
//! Owns the shapes and nothing else. Filled by the rules, read by bots. Fields may be added, never renamed.

use super::roles::{Role, Side};
use crate::{clock::UnixMs, ids::PlayerId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, ops::Not};

/// `game.phase`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PhaseView {
    pub phase: String,
    pub day: u64,
    pub started_at: UnixMs,
    /// As announced; an early close of the night does not move it.
    pub ends_at: UnixMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accused: Option<PlayerId>,
}

/// `VOTES`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Votes {
    Named { tally: BTreeMap<PlayerId, Vec<PlayerId>>, abstained: Vec<PlayerId> },
    Anonymous { counts: BTreeMap<PlayerId, usize>, abstained: usize },
}

/// `game.verdict_tally`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct VerdictTally {
    pub yes: usize,
    pub no: usize,
}

/// `NIGHT_CHOICE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NightChoice {
    pub by: PlayerId,
    pub role: Role,
    pub target: Option<PlayerId>,
}

/// What the player may know of this night's choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NightView {
    pub choices: Vec<NightChoice>,
}

/// How somebody died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cause {
    Executed,
    Killed,
    Left,
    Expelled,
}

/// `DEATH`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Death {
    pub player_id: PlayerId,
    pub cause: Cause,
    pub day: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will: Option<String>,
}

/// `game.investigation`, and in `you.investigations` with the day on whose night it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub target: PlayerId,
    pub mafia: bool,
    pub day: u64,
}

/// One who sits or sat at the table, as all see him.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SeatView {
    pub player_id: PlayerId,
    pub alive: bool,
    #[serde(default, skip_serializing_if = "Not::not")]
    pub absent: bool,
}

/// `GAME.you`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct You {
    pub role: Option<Role>,
    pub alive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partners: Option<Vec<PlayerId>>,
    /// His ballot in this phase: a player's id or `null` in vote and night, a bool in the verdict; absent if none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub choice: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will: Option<String>,
    /// The chat channel in which he may write now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// What he has found out as police.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub investigations: Vec<Finding>,
    /// The absent whom he has voted to expel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kick_votes: Vec<PlayerId>,
}

/// `GAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GameView {
    #[serde(flatten)]
    pub phase: PhaseView,
    pub you: You,
    /// In the order in which they sit.
    pub players: Vec<SeatView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<Votes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_tally: Option<VerdictTally>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night: Option<NightView>,
    pub deaths: Vec<Death>,
    /// To the dead, and to all after the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeMap<PlayerId, Role>>,
    /// After the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}
