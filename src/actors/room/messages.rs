//! What a room can be told and what it answers: one enum each, the same near and far.

use crate::{
    auth::Role,
    cluster::PeerNotice,
    ids::{PlayerId, SessionRef},
    media::ClientSignal,
    protocol::{
        Rejection,
        messages::{CreateRoom, Kick, Mute, Ready, ReportPlayer, SendChat, Target},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Who sends a message, and where its answer goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// The account, or the bot.
    pub player_id: PlayerId,
    /// Its nickname when the session began.
    pub nickname: String,
    /// The session; a bot has none.
    pub session: Option<SessionRef>,
    /// `id` of the request; with the session it makes a durable command apply once.
    pub request: Option<u32>,
}

/// Everything a room can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RoomCommand {
    /// `room.create`: the room begins with its creator as leader.
    Create {
        /// The first leader.
        by: Caller,
        /// As he wants it.
        room: Box<CreateRoom>,
        /// The showtime whose room it is: its paid seats alone let in.
        #[serde(default)]
        showtime: Option<Uuid>,
    },
    /// A player's or bot's message.
    Client {
        /// Who.
        by: Caller,
        /// What.
        message: RoomMessage,
    },
    /// A session of this account is here, new or resumed.
    Attach {
        /// The account.
        player_id: PlayerId,
        /// Its session.
        session: SessionRef,
        /// Send a `room.state`.
        snapshot: bool,
    },
    /// A session lost its socket.
    Detach {
        /// The account.
        player_id: PlayerId,
        /// Its session.
        session: SessionRef,
    },
    /// Of another node, and the sessions there.
    Peer(PeerNotice),
    /// What this player sees: for bots.
    View {
        /// Through whose eyes.
        player_id: PlayerId,
    },
    /// Of the staff, over REST.
    Staff {
        /// Who.
        by: Moderator,
        /// What.
        order: StaffOrder,
    },
    /// A reminder is due; stale numbers are ignored.
    Wake {
        /// Of the commit that asked for it.
        wake_no: i64,
    },
}

impl RoomCommand {
    /// For logs and traces: the wire type of a player's message.
    pub fn label(&self) -> &str {
        match self {
            Self::Create { .. } => "room.create",
            Self::Client { message, .. } => message.label(),
            Self::Attach { .. } => "attach",
            Self::Detach { .. } => "detach",
            Self::Peer(_) => "peer",
            Self::View { .. } => "view",
            Self::Staff { order, .. } => order.label(),
            Self::Wake { .. } => "wake",
        }
    }
}

/// A member of the staff; the route has let him through.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Moderator {
    /// His account.
    pub account: PlayerId,
    /// As what he acts.
    pub role: Role,
}

/// What staff ask of a room (spec 8.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StaffOrder {
    /// Shows everything as it is now.
    Watch,
    /// Puts a member out, out of a game too.
    Kick {
        /// Whom.
        player_id: PlayerId,
        /// He may not come back.
        ban: bool,
        /// For the audit log.
        reason: String,
    },
    /// Ends the room; a game in it is aborted.
    End {
        /// For the audit log.
        reason: String,
    },
}

impl StaffOrder {
    fn label(&self) -> &'static str {
        match self {
            Self::Watch => "staff.watch",
            Self::Kick { .. } => "staff.kick",
            Self::End { .. } => "staff.end",
        }
    }
}

/// A message of a player to his room (spec 1.2–1.4, 1.7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RoomMessage {
    /// `room.join`, `room.quick_join`.
    Join {
        /// As a spectator.
        spectate: bool,
        /// Quick join: a refusal is not the player's to see, another room is tried.
        quick: bool,
        /// By its code: the only way into a private room.
        by_code: bool,
        /// He has paid for a seat of the room's showtime.
        #[serde(default)]
        paid: bool,
    },
    /// A `room.create` or `room.join` of one who has a seat here: answered again if it is a repetition.
    Repeat,
    /// A `room.join` of the room in which one has one's seat: it is shown again.
    Return,
    /// `room.leave`.
    Leave,
    /// `room.ready`.
    Ready(Ready),
    /// `room.settings`: a patch.
    Settings(Map<String, Value>),
    /// `room.kick`.
    Kick(Kick),
    /// `room.transfer`.
    Transfer(Target),
    /// `room.add_bot`.
    AddBot,
    /// `room.remove_bot`.
    RemoveBot(Target),
    /// `room.start`.
    Start,
    /// `room.rematch`.
    Rematch,
    /// `chat.send`.
    Chat(SendChat),
    /// `player.mute`.
    Mute(Mute),
    /// `player.report`.
    Report(ReportPlayer),
    /// `room.state`: asks for one's own view again.
    State,
    /// `media.*`.
    Media(ClientSignal),
    /// `game.*`, for the game to read.
    Game {
        /// Wire type.
        name: String,
        /// Untrusted.
        payload: Value,
    },
}

impl RoomMessage {
    fn label(&self) -> &str {
        match self {
            Self::Join { .. } => "room.join",
            Self::Repeat => "repeat",
            Self::Return => "return",
            Self::Leave => "room.leave",
            Self::Ready(_) => "room.ready",
            Self::Settings(_) => "room.settings",
            Self::Kick(_) => "room.kick",
            Self::Transfer(_) => "room.transfer",
            Self::AddBot => "room.add_bot",
            Self::RemoveBot(_) => "room.remove_bot",
            Self::Start => "room.start",
            Self::Rematch => "room.rematch",
            Self::Chat(_) => "chat.send",
            Self::Mute(_) => "player.mute",
            Self::Report(_) => "player.report",
            Self::State => "room.state",
            Self::Media(ClientSignal::Offer { .. }) => "media.offer",
            Self::Media(ClientSignal::Answer { .. }) => "media.answer",
            Self::Media(ClientSignal::State { .. }) => "media.state",
            Self::Media(ClientSignal::Reset { .. }) => "media.reset",
            Self::Game { name, .. } => name,
        }
    }
}

/// What a room answers to whoever asked; the client has had its answer from the room itself by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RoomReply {
    /// Done, and the caller has his seat here.
    Seated,
    /// Done, and the caller has no seat here any more.
    Left,
    /// Refused; the client knows, unless it was a quick join.
    Refused(Rejection),
    /// The caller has no seat here: what he is told is his session's business.
    NotMember,
    /// The caller has his seat here, with this later session or this later place of his session.
    Elsewhere(SessionRef),
    /// What the player sees: `GAME`, or null.
    View(Value),
    /// What a member of the staff sees: `{room, banned, match_id, started_at, chat}`.
    Watched(Value),
    /// Done, for one who has no seat here.
    Done,
}
