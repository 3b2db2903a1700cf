//! The sending side of a socket, as an outbox sees it.
//!
//! Implemented by `transport::writer`, given to an [`Outbox`](super::Outbox) when its socket begins to be served. Whoever flushes
//! an outbox writes through it, on his own thread; it never waits.

use super::Outgoing;
use crate::protocol::Encoding;

/// Takes what goes out, in order.
pub type Take<'a> = dyn FnMut(Outgoing<'_>, Encoding) + 'a;

/// Writes to one socket.
pub trait Port: Send + Sync {
    /// Writes what `fill` gives, at once and in one piece. False when its task has to go on: something is still unsent, of
    /// this burst or of one before (then `fill` was not asked), or the socket is broken.
    fn burst(&self, fill: &mut dyn FnMut(&mut Take<'_>)) -> bool;
}
