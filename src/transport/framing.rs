//! How messages stand in the bytes of a stream: what a framing is, what it reads and why it gives up.
//!
//! Implemented by `ws::frames` and `tcp::framing`; used by [`super::Connection`]. Pure: no socket, no clock.

use crate::{
    actors::session::Outgoing,
    protocol::{CloseCode, Encoding},
};
use bytes::{Bytes, BytesMut};

/// What a client sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// A whole message, and how it is encoded.
    Data(Encoding, Bytes),
    /// What is well framed and no message; why.
    Odd(&'static str),
    /// A ping; the pong has this payload.
    Ping(Bytes),
    /// He is there, and says no more.
    Pong,
    /// He closes; true if with 1000.
    Close {
        /// The session may end with it.
        clean: bool,
    },
}

/// What makes a stream unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A message over the bound.
    TooLarge,
    /// Not this framing; what it is that it is not.
    Malformed(&'static str),
    /// A message that takes too long to arrive.
    Dribbled,
}

impl Fault {
    /// What the peer is told.
    pub fn close(self) -> (CloseCode, &'static str) {
        match self {
            Self::TooLarge => (CloseCode::TooLarge, "frame too large"),
            Self::Malformed(why) => (CloseCode::Abuse, why),
            Self::Dribbled => (CloseCode::Abuse, "a packet took too long"),
        }
    }
}

/// Reads and writes the frames of one stream. One that holds no part of a message holds no memory.
pub(crate) trait Framing: 'static {
    /// Takes bytes that came: as many as [`room`](Self::room) said at most.
    fn feed(&mut self, chunk: &[u8]);

    /// How many bytes it may be fed now; never none.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// The next whole message, if there is one.
    fn next(&mut self) -> Result<Option<Incoming>, Fault>;

    /// Which message is there in part, by a number that differs from one to the next. `None`: that may take as long as it
    /// likes.
    fn partial(&self) -> Option<u64> {
        None
    }

    /// Appends what goes out.
    fn write(out: &mut BytesMut, item: Outgoing<'_>, encoding: Encoding);
}
