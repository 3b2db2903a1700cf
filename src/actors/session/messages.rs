//! What a session is told: by its transport, by the door and by the hub.
//!
//! [`PlayerSession`](super::PlayerSession) alone handles these; what a client says is inside [`Input`] and is read
//! by `router`.

use super::Attachment;
use crate::protocol::{ClientFrame, Encoding, frame::BadFrame};
use actix::Message;

/// One frame from the client.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Input(pub Result<ClientFrame, BadFrame>);

/// The socket of this attachment is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Detached {
    /// Which socket.
    pub attachment: Attachment,
    /// The client said goodbye (close 1000): the session ends at once.
    pub clean: bool,
}

/// A new socket wants to go on with this session; `None` if it is ending.
#[derive(Debug, Message)]
#[rtype(result = "Option<Attachment>")]
pub struct ResumeSession {
    /// Of the new socket.
    pub encoding: Encoding,
    /// `id` of the request.
    pub re: Option<u32>,
    /// The last push the client has processed.
    pub last_seq: u64,
}

/// What the hub tells a session.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub enum SessionNotice {
    /// A newer session of the account is there.
    Replaced,
    /// Its account is banned or deleted, has another role, or was signed out.
    AccountEnded,
    /// The session goes on on another node.
    HandedOver,
    /// The room may have taken the session for gone: tell it again.
    SeekSeat,
    /// Too many sessions wait without a socket.
    EndIfParked,
    /// The node stops: reconnect and resume.
    NodeStops,
}

/// The first message: look for a seat that the player has.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct SessionStart;
