//! Payloads of rooms, sessions and chat (spec 1.2, 1.4, 1.8). Payloads of a game belong to the game.

use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId, RoomId, SessionId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// `room.create`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CreateRoom {
    /// Shown in lists; 1–40 characters, default the creator's nickname.
    pub name: Option<String>,
    /// `public` (default) or `private`: joined by code alone.
    pub visibility: Option<Visibility>,
    /// Seats, 4–12.
    pub capacity: Option<usize>,
    /// Laid over the game's defaults.
    pub settings: Option<Map<String, Value>>,
    /// The game, default `mafia`.
    pub game: Option<String>,
}

/// `room.join`: by id, by code, or with a paid seat of a showtime.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JoinRoom {
    /// The room's id (public rooms).
    #[schemars(with = "Option<String>")]
    pub room_id: Option<RoomId>,
    /// Its code, in any case of letters.
    pub code: Option<String>,
    /// Watch, if the settings allow it.
    pub spectate: Option<bool>,
    /// The showtime whose room it is (spec 3.2): whoever has paid for a seat of it comes in, and the first opens the room.
    #[schemars(with = "Option<String>")]
    pub showtime: Option<Uuid>,
}

/// `room.list`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ListRooms {
    /// From the answer before.
    pub cursor: Option<String>,
    /// `waiting` or `playing`; both if left out.
    pub status: Option<RoomStatus>,
    /// 1–100, default 20.
    pub limit: Option<u32>,
}

/// `room.ready`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Whether one is ready.
    pub ready: bool,
}

/// `room.kick`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Kick {
    /// Whom.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// And keep him out.
    #[serde(default)]
    pub ban: bool,
}

/// `room.transfer`, `room.remove_bot`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Whom.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
}

/// `chat.send`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SendChat {
    /// ≤ 500 characters; control characters are stripped.
    pub text: String,
}

/// `player.mute`: for oneself alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Mute {
    /// Whom.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// True to hear no more of him.
    pub muted: bool,
}

/// `player.report`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportPlayer {
    /// Whom.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// ≤ 500 characters.
    pub reason: String,
}

/// `queue.enter`, `queue.leave`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InQueue {
    /// Which.
    #[schemars(with = "String")]
    pub queue: QueueId,
}

/// `session.resume`, the first frame after `resume=1`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Resume {
    /// From `session.welcome` or the last resume.
    pub resume_token: String,
    /// The last `seq` the client has processed.
    pub last_seq: u64,
}

/// `ping`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Ping {
    /// Anything; it comes back.
    #[serde(default)]
    pub client_time: Value,
}

/// Who may find a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// In the list and in quick join.
    Public,
    /// By code alone.
    Private,
}

impl Visibility {
    /// The wire name.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// Whether a game is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomStatus {
    /// No game is on.
    Waiting,
    /// A game is on.
    Playing,
}

impl RoomStatus {
    /// The wire name.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Playing => "playing",
        }
    }
}

/// `session.welcome`.
#[derive(Clone, Debug, Serialize)]
pub struct Welcome<'a> {
    /// This session.
    pub session_id: SessionId,
    /// The account.
    pub player_id: PlayerId,
    /// Its nickname.
    pub nickname: &'a str,
    /// For `session.resume`.
    pub resume_token: &'a str,
    /// For the clock offset.
    pub server_time: UnixMs,
    /// WebSocket ping interval, ms.
    pub heartbeat_ms: u64,
    /// How long the session outlives its socket, ms.
    pub resume_window_ms: u64,
}

/// Answer to `session.resume`.
#[derive(Clone, Debug, Serialize)]
pub struct Resumed<'a> {
    /// This session.
    pub session_id: SessionId,
    /// For the next resume.
    pub resume_token: &'a str,
    /// `replay` or `snapshot`.
    pub mode: &'static str,
    /// The pushes that follow start after this one.
    pub last_seq: u64,
    /// For the clock offset.
    pub server_time: UnixMs,
}

/// `MEMBER`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MemberView {
    /// Who.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// As shown.
    pub nickname: String,
    /// Bots always are.
    pub ready: bool,
    /// `leader` or `member`.
    pub role: &'static str,
    /// Has a socket now.
    pub connected: bool,
    /// Played by the server.
    pub bot: bool,
    /// In a game: still in play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alive: Option<bool>,
    /// Watches only.
    pub spectator: bool,
    /// In a game: has not voted for two days running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
}

/// One entry of `ROOM.log`: a public happening.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// When, Unix ms.
    #[schemars(with = "i64")]
    pub at: UnixMs,
    /// The push's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<String>")]
    pub player_id: Option<PlayerId>,
}

/// `ROOM`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RoomView {
    /// Its id.
    #[schemars(with = "String")]
    pub room_id: RoomId,
    /// Six letters.
    pub code: String,
    /// As shown in lists.
    pub name: String,
    /// Who may find it.
    pub visibility: Visibility,
    /// Seats.
    pub capacity: usize,
    /// Whether a game is on.
    pub status: RoomStatus,
    /// Which game.
    pub game: String,
    /// All settings.
    pub settings: Value,
    /// Who leads.
    #[schemars(with = "String")]
    pub leader: PlayerId,
    /// Unix ms.
    #[schemars(with = "i64")]
    pub created_at: UnixMs,
    /// In order of arrival.
    pub members: Vec<MemberView>,
    /// The last public happenings.
    pub log: Vec<LogEntry>,
}

/// `CHAT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage {
    /// `room`, `day`, `mafia` or `graveyard`.
    pub channel: String,
    /// Who wrote.
    #[schemars(with = "String")]
    pub from: PlayerId,
    /// As he was called then.
    pub nickname: String,
    /// Control characters stripped.
    pub text: String,
    /// Unix ms.
    #[schemars(with = "i64")]
    pub at: UnixMs,
}
