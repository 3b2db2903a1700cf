//! What goes into an outbox and what comes out of it: shapes and their sizes.
//!
//! [`Outbox`](super::Outbox) is written in these words; its session, a transport and another node read them.
//! Nothing here has a state of its own.

use crate::{
    config::Limits,
    protocol::{Answer, CloseCode, Push},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// The bounds of an outbox; see `limits.*`.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Coalesce past this.
    pub soft_bytes: usize,
    /// Close past this.
    pub hard_bytes: usize,
    /// Requests that wait for their answers.
    pub open_requests: usize,
    /// Pushes kept for a replay.
    pub ring_frames: usize,
    /// And their bytes.
    pub ring_bytes: usize,
    /// Pushes have no `seq`, and there is no resume: of `/ws/signal`.
    pub plain: bool,
    /// How long a busy thread gathers what it writes.
    pub gather: Duration,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            soft_bytes: limits.backlog_soft_bytes,
            hard_bytes: limits.backlog_hard_bytes,
            open_requests: limits.open_requests,
            ring_frames: limits.ring_frames,
            ring_bytes: limits.ring_bytes,
            plain: false,
            gather: Duration::from_millis(limits.gather_ms),
        }
    }
}

impl Bounds {
    /// Of a socket whose pushes have no `seq`.
    pub fn plain(limits: &Limits) -> Self {
        Self { plain: true, ..Self::from(limits) }
    }
}

/// How a resume went: what `session.resume` is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeMode {
    /// Every missed push follows with its own `seq`.
    Replay,
    /// The ring no longer reaches back: one `room.state` follows.
    Snapshot,
}

/// Which attachment of a socket this is; a later one makes all earlier ones stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment(pub(super) u64);

/// What a transport writes, in order.
#[derive(Debug)]
pub enum Outgoing<'a> {
    /// One message, as a head of this session's own and a tail shared by all receivers.
    Message(&'a [u8], &'a [u8]),
    /// A transport-level ping.
    Ping,
    /// A transport-level pong with the peer's payload.
    Pong(&'a [u8]),
    /// Say goodbye and end.
    Close(CloseCode, &'a str),
}

/// What became of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything that waited was written; more may come.
    Open,
    /// The last thing written was a close.
    Closed,
}

/// What waits in an outbox for its socket.
pub(super) enum Item {
    /// A push that gets its number when it is written.
    Push(Arc<Push>),
    /// A push that already has its number: a replay.
    Numbered(u64, Arc<Push>),
    Answer(Answer),
    Ping,
    Pong(Box<[u8]>),
}

impl Item {
    /// What it counts for in the bounds: about what it takes on the wire.
    pub(super) fn bytes(&self) -> usize {
        const HEAD: usize = 32;
        match self {
            Self::Push(push) | Self::Numbered(_, push) => push.len() + HEAD,
            Self::Answer(answer) => answer.payload.len() + HEAD,
            Self::Ping => 2,
            Self::Pong(bytes) => bytes.len() + 2,
        }
    }
}

/// What goes with a session to another node.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandedOver {
    /// Of the last numbered push.
    pub seq: u64,
    /// The last pushes, the one of `seq` last.
    pub ring: Vec<Arc<Push>>,
    /// How often the session has gone to another node before.
    #[serde(default)]
    pub moves: u32,
}
