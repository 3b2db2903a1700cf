//! The words of `/ws/signal` (spec 4.1, 4.2): payloads, error codes, and how a client's frame is read.
//!
//! [`Signal::read`] checks shapes, bounds and that the sender is who he says; whether a message may be now the match
//! decides. Called by signal sessions and by those who push to them. No actor, no socket.

pub mod payloads;
pub mod pushes;
mod read;

pub use read::Signal;

use super::Push;
use crate::ids::DuelId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The WebSocket subprotocols of `/ws/signal`; none is JSON.
pub const SUBPROTOCOLS: [&str; 2] = ["playhouse.signal.v1.json", "playhouse.signal.v1.msgpack"];

/// `error.code`: numbers, as HTTP has them (spec 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u16", from = "u16")]
#[repr(u16)]
pub enum SignalCode {
    /// Not a message of the protocol, or a payload of the wrong shape.
    BadMessage = 400,
    /// Not signed in.
    NotAuthenticated = 401,
    /// An id in the payload is not the sender's own.
    NotYours = 403,
    /// No such player or session.
    NotFound = 404,
    /// The message is not allowed now; says from which state.
    NotAllowed = 409,
    /// The session has expired.
    Expired = 410,
    /// Larger than a frame, description or candidate may be.
    TooLarge = 413,
    /// Too many messages, requests or candidates.
    TooMany = 429,
    /// Our fault; logged.
    Internal = 500,
    /// The server stops, or has too much to do: try again.
    Unavailable = 503,
}

impl SignalCode {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::BadMessage,
        Self::NotAuthenticated,
        Self::NotYours,
        Self::NotFound,
        Self::NotAllowed,
        Self::Expired,
        Self::TooLarge,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
    ];

    /// For metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "400",
            Self::NotAuthenticated => "401",
            Self::NotYours => "403",
            Self::NotFound => "404",
            Self::NotAllowed => "409",
            Self::Expired => "410",
            Self::TooLarge => "413",
            Self::TooMany => "429",
            Self::Internal => "500",
            Self::Unavailable => "503",
        }
    }
}

impl From<SignalCode> for u16 {
    fn from(code: SignalCode) -> Self {
        code as Self
    }
}

/// A code of another version is our fault.
impl From<u16> for SignalCode {
    fn from(code: u16) -> Self {
        Self::ALL.into_iter().find(|known| *known as u16 == code).unwrap_or(Self::Internal)
    }
}

/// `error {code, message, sessionId?}`: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{}: {message}", code.as_str())]
pub struct SignalError {
    /// What kind of fault.
    pub code: SignalCode,
    /// Plain words for a developer.
    pub message: String,
    /// Of which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<DuelId>,
}

impl SignalError {
    /// An error of no session.
    pub fn new(code: SignalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), session_id: None }
    }

    /// Of this session.
    pub fn of(self, session: impl Into<Option<DuelId>>) -> Self {
        Self { session_id: session.into().or(self.session_id), ..self }
    }

    /// As a message.
    pub fn push(&self) -> Arc<Push> {
        metrics::counter!("playhouse_signal_errors_total", "code" => self.code.as_str()).increment(1);
        Push::new("error", self)
    }
}
