//! Payloads of brackets on `/ws` (spec 3.2): duels of all who have a paid seat of a showtime.

use crate::{clock::UnixMs, ids::PlayerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a bracket is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BracketMode {
    /// Who loses is out.
    #[default]
    SingleElimination,
}

/// `bracket.join`, `bracket.state`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OfShowtime {
    /// Whose bracket.
    #[schemars(with = "String")]
    pub showtime: Uuid,
}

/// Where a bracket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BracketStatus {
    /// Its players come in.
    Open,
    /// They play.
    Running,
    /// They have played.
    Over,
}

/// A player of a bracket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BracketPlayer {
    /// His account.
    pub player_id: PlayerId,
    /// Its nickname.
    pub nickname: String,
    /// 1 is the best; none before the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<usize>,
}

/// Where a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairStatus {
    /// Its match is being made.
    Waiting,
    /// Its match is made.
    Playing,
    /// Staff are to say who has won.
    Disputed,
    /// There will be no more matches of it.
    Decided,
}

/// Why a pair was decided as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// He has nobody to play against.
    Bye,
    /// The result of the match, as its players agree or as staff found.
    Result,
    /// The other has left the match.
    Forfeit,
    /// The other did not come, or neither did.
    NoShow,
    /// The match had no result, twice, or the round was over: the better seed goes on.
    Seed,
}

/// Two who play against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BracketPair {
    /// Who; `null`: nobody.
    pub players: [Option<PlayerId>; 2],
    /// Where it is.
    pub status: PairStatus,
    /// Of its match on `/ws/signal`, as in `matchmaking.found`.
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// Who goes on; none of a decided pair: neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<PlayerId>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<DecidedBy>,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BracketRound {
    /// When it ends at the latest.
    pub ends_at: UnixMs,
    /// From the top of the bracket to its bottom: the winners of two that follow one another meet in the next round.
    pub pairs: Vec<BracketPair>,
}

/// `BRACKET`: what everybody in it sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BracketView {
    /// Whose it is.
    pub showtime: Uuid,
    /// The showtime's.
    pub title: String,
    /// How it is played.
    pub mode: BracketMode,
    /// Where it is.
    pub status: BracketStatus,
    /// When its first round begins.
    pub starts_at: UnixMs,
    /// In the order in which they came; from the start in that of their seeds.
    pub players: Vec<BracketPlayer>,
    /// The first first.
    pub rounds: Vec<BracketRound>,
    /// Who has won it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<PlayerId>,
}
