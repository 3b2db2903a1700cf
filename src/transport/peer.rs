//! Who is spoken with through a connection: what a session is to its socket.
//!
//! [`Peer`] is what [`super::Connection`] needs of it; [`SessionPeer`] is a session, whichever `line` leads to. It reads a
//! message's shape and hands it on, and never waits.

use super::Line;
use crate::{
    actors::session::{Drained, Input, Port},
    ids::{PlayerId, SessionId},
    protocol::{ClientFrame, CloseCode, Encoding, ErrorCode, Rejection, frame::BadFrame},
};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// A session behind a connection. Cheap to call: all of it runs in the socket's task.
pub(crate) trait Peer: 'static {
    /// Takes a whole message.
    fn deliver(&self, encoding: Encoding, bytes: &[u8]);
    /// Takes what is no message at all.
    fn refuse(&self, why: &'static str);
    /// A message was too long: the last word before the close.
    fn too_large(&self);
    /// Asks the other side for a sign of life.
    fn ping(&self);
    /// Answers one who asked for it.
    fn pong(&self, payload: &[u8]);
    /// Closes after what waits.
    fn close(&self, code: CloseCode, reason: &'static str);
    /// Writes a burst of what waits; pending when there is nothing, or when others are about to write it.
    fn poll_drain(&self, cx: &mut Context<'_>, port: &dyn Port) -> Poll<Drained>;
    /// From now on others may write to the socket too.
    fn open(&self, port: Arc<dyn Port>);
    /// Ready when this connection is to end, whether or not its socket takes anything.
    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()>;
    /// Why this connection is being closed, if it is.
    fn closing(&self) -> Option<CloseCode>;
    /// Which session of whose.
    fn who(&self) -> (SessionId, PlayerId);
    /// The socket reads and writes no more; clean: the client said goodbye.
    fn detached(&self, clean: bool) -> impl Future<Output = ()>;
}

/// In which encodings a player may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// In this one alone.
    Only(Encoding),
    /// In that of each message; it is answered, and pushed to, in that of the last.
    AsLast(Encoding),
}

impl Speaks {
    /// What a new socket is spoken to in.
    pub fn first(self) -> Encoding {
        match self {
            Self::Only(encoding) | Self::AsLast(encoding) => encoding,
        }
    }

    /// The message, if it is of an encoding that may be, and can be read.
    pub fn parse(self, encoding: Encoding, bytes: &[u8], nesting: usize) -> Result<ClientFrame, BadFrame> {
        if matches!(self, Self::Only(only) if only != encoding) {
            let why = "text frames carry JSON, binary frames MessagePack: the subprotocol says which";
            return Err(BadFrame { id: None, rejection: Rejection::new(ErrorCode::BadMessage, why) });
        }
        ClientFrame::parse(bytes, encoding, nesting)
    }
}

/// A session, and what its client may say.
pub(crate) struct SessionPeer {
    line: Line,
    speaks: Speaks,
    /// `limits.nesting`
    nesting: usize,
}

impl SessionPeer {
    /// Of a socket that a door has let in.
    pub fn new(session: impl Into<Line>, speaks: Speaks, nesting: usize) -> Self {
        Self { line: session.into(), speaks, nesting }
    }
}

impl Peer for SessionPeer {
    fn deliver(&self, encoding: Encoding, bytes: &[u8]) {
        if matches!(self.speaks, Speaks::AsLast(_)) {
            self.line.outbox.speak(self.line.attachment, encoding);
        }
        self.line.hear(Input(self.speaks.parse(encoding, bytes, self.nesting)));
    }

    fn refuse(&self, why: &'static str) {
        let rejection = Rejection::new(ErrorCode::BadMessage, why);
        self.line.hear(Input(Err(BadFrame { id: None, rejection })));
    }

    fn too_large(&self) {
        self.line.too_large();
    }

    fn ping(&self) {
        self.line.outbox.ping();
    }

    fn pong(&self, payload: &[u8]) {
        self.line.outbox.pong(payload);
    }

    fn close(&self, code: CloseCode, reason: &'static str) {
        self.line.outbox.close(code, reason);
    }

    fn poll_drain(&self, cx: &mut Context<'_>, port: &dyn Port) -> Poll<Drained> {
        self.line.outbox.poll_serve(self.line.attachment, cx, port)
    }

    fn open(&self, port: Arc<dyn Port>) {
        self.line.outbox.open(self.line.attachment, port);
    }

    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.line.outbox.poll_ending(self.line.attachment, cx)
    }

    fn closing(&self) -> Option<CloseCode> {
        self.line.outbox.closing()
    }

    fn who(&self) -> (SessionId, PlayerId) {
        (self.line.session, self.line.player)
    }

    async fn detached(&self, clean: bool) {
        if !self.line.detach(clean).await {
            tracing::debug!(session_id = %self.line.session, "the session ended before its socket");
        }
    }
}
