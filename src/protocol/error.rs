//! Error and close codes of `/ws` in one table: wire name, HTTP status of the same fault, and whether trying
//! again can help (spec 1.8).

use crate::game::{InvalidSettings, Refusal};
use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $Variant:ident = $wire:literal, $http:literal, $retry:literal;)*) => {
        /// Every error code of `/ws`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* #[serde(rename = $wire)] $Variant,)* }

        impl ErrorCode {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)*];
            /// The name on the wire.
            pub fn wire(self) -> &'static str {
                match self { $(Self::$Variant => $wire,)* }
            }
            /// The HTTP status that says the same over REST.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$Variant => $http,)* }
            }
            /// Whether the same message may succeed later with nothing else changed.
            pub fn may_retry(self) -> bool {
                match self { $(Self::$Variant => $retry,)* }
            }
        }
    };
}

error_codes! {
    /// Not a frame of the protocol, or a payload of the wrong shape.
    BadMessage = "bad_message", 400, false;
    /// No such message type.
    UnknownType = "unknown_type", 404, false;
    /// The resume token is unknown, forged, too old, or its session was ended or replaced.
    ResumeFailed = "resume_failed", 401, false;
    /// Too many messages; the answer says when to go on.
    RateLimited = "rate_limited", 429, true;
    /// The account has a seat in a room.
    AlreadyInRoom = "already_in_room", 409, false;
    /// The account has no seat.
    NotInRoom = "not_in_room", 409, false;
    /// No room has this id or code.
    RoomNotFound = "room_not_found", 404, false;
    /// All seats are taken.
    RoomFull = "room_full", 409, false;
    /// The room has closed.
    RoomClosed = "room_closed", 410, false;
    /// The room or the bracket belongs to a showtime, and this account has paid for no seat of it.
    SeatRequired = "seat_required", 403, false;
    /// The room or the bracket of the showtime is not open yet; `retry_after_ms` says when it is.
    DoorsClosed = "doors_closed", 403, true;
    /// The leader has banned this account from the room.
    BannedFromRoom = "banned_from_room", 403, false;
    /// A game is on, and this account does not play in it.
    GameInProgress = "game_in_progress", 409, false;
    /// Only the leader may.
    NotLeader = "not_leader", 403, false;
    /// Too few players, or somebody is not ready.
    NotStartable = "not_startable", 409, false;
    /// The rules forbid it now.
    NotAllowed = "not_allowed", 403, false;
    /// Settings that cannot be played; the message names the field.
    InvalidSettings = "invalid_settings", 422, false;
    /// Not a nickname.
    InvalidNickname = "invalid_nickname", 422, false;
    /// There is no channel in which one may write now.
    ChatClosed = "chat_closed", 403, false;
    /// A moderator has silenced this account.
    Muted = "muted", 403, false;
    /// There is no such bracket, or it is not open yet.
    BracketNotFound = "bracket_not_found", 404, false;
    /// There is no such queue.
    QueueNotFound = "queue_not_found", 404, false;
    /// The queue takes nobody any more.
    QueueDraining = "queue_draining", 409, false;
    /// Everything that the queue was for is sold, and its line was dismissed.
    SoldOut = "sold_out", 409, false;
    /// The queue does not answer in time.
    QueueUnavailable = "queue_unavailable", 503, true;
    /// Larger than a frame or text may be.
    TooLarge = "too_large", 413, false;
    /// Not now: `retry_after_ms` says when. Sent again under the same `id` it is applied once, whether or not
    /// the first try was.
    TryAgain = "try_again", 503, true;
    /// The room is moving to another node.
    Moving = "moving", 503, true;
    /// Our fault; logged.
    Internal = "internal", 500, false;
}

/// Why the server closes a socket (spec 1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// Done.
    Normal = 1000,
    /// The peer abuses the protocol.
    Abuse = 1008,
    /// A frame larger than `limits.frame_bytes`.
    TooLarge = 1009,
    /// The node restarts and no other is up: reconnect and resume.
    Restart = 1012,
    /// The peer reads too slowly: reconnect and resume.
    TooSlow = 1013,
    /// A newer session of the account took over: do not reconnect.
    Replaced = 4001,
    /// The account's sessions were ended: do not reconnect.
    AccountEnded = 4003,
    /// The node drains and another is up: reconnect with jitter and resume.
    Draining = 4010,
}

/// A refused message: the caller's fault, or `try_again`. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.wire())]
pub struct Rejection {
    /// The wire code.
    pub code: ErrorCode,
    /// Plain words for a developer; tells nothing the caller may not know.
    pub message: String,
    /// When to try again, in ms.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<u64>,
}

impl Rejection {
    /// A rejection without a time to retry at.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }
    /// `try_again` after `ms`.
    pub fn try_again(ms: u64, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::TryAgain, message: message.into(), retry_after_ms: Some(ms) }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NotAllowed(_) => ErrorCode::NotAllowed,
            Refusal::BadPayload(_) => ErrorCode::BadMessage,
            Refusal::UnknownCommand => ErrorCode::UnknownType,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<InvalidSettings> for Rejection {
    fn from(invalid: InvalidSettings) -> Self {
        Self::new(ErrorCode::InvalidSettings, invalid.to_string())
    }
}
