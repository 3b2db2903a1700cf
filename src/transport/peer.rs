//! Who is spoken with through a connection: what a session is to its socket.
//!
//! [`Peer`] is what [`super::Connection`] needs of it; [`PlayerPeer`] is a player's session. It reads a message's shape
//! and hands it on; it never waits, and a full session is answered here.

use crate::{
    actors::session::{Attached, Detached, Drained, Input, Outgoing},
    ids::{PlayerId, SessionId},
    protocol::{Answer, ClientFrame, CloseCode, Encoding, ErrorCode, Rejection, frame::BadFrame},
};
use actix::prelude::SendError;
use std::task::{Context, Poll};

/// A session behind a connection. Cheap to call: all of it runs in the socket's task.
pub(crate) trait Peer: 'static {
    /// Takes a whole message.
    fn deliver(&self, encoding: Encoding, bytes: &[u8]);
    /// Takes what is no message at all.
    fn refuse(&self, why: &'static str);
    /// Asks the other side for a sign of life.
    fn ping(&self);
    /// Answers one who asked for it.
    fn pong(&self, payload: &[u8]);
    /// Closes after what waits.
    fn close(&self, code: CloseCode, reason: &'static str);
    /// Writes a burst of what waits; pending when there is nothing.
    fn poll_drain(
        &self,
        cx: &mut Context<'_>,
        write: &mut impl FnMut(Outgoing<'_>, Encoding),
    ) -> Poll<Drained>;
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

/// A player's session.
pub(crate) struct PlayerPeer {
    attached: Attached,
    speaks: Speaks,
    /// `limits.nesting`
    nesting: usize,
}

impl PlayerPeer {
    /// Of a socket that the door has let in.
    pub fn new(attached: Attached, speaks: Speaks, nesting: usize) -> Self {
        Self { attached, speaks, nesting }
    }

    fn hand_over(&self, frame: Result<ClientFrame, BadFrame>) {
        if let Err(refused) = self.attached.handle.addr.try_send(Input(frame)) {
            self.turn_away(refused);
        }
    }

    /// A full or ended session: the client is told, nothing else happens.
    fn turn_away(&self, refused: SendError<Input>) {
        let (SendError::Full(Input(frame)) | SendError::Closed(Input(frame))) = refused;
        let re = frame.map_or_else(|bad| bad.id, |frame| frame.id);
        let busy = Rejection::try_again(100, "too much at once");
        self.attached.handle.outbox.turn_away(Answer::error(re, &busy));
    }
}

impl Peer for PlayerPeer {
    fn deliver(&self, encoding: Encoding, bytes: &[u8]) {
        if matches!(self.speaks, Speaks::AsLast(_)) {
            self.attached.handle.outbox.speak(self.attached.attachment, encoding);
        }
        self.hand_over(self.speaks.parse(encoding, bytes, self.nesting));
    }

    fn refuse(&self, why: &'static str) {
        self.hand_over(Err(BadFrame { id: None, rejection: Rejection::new(ErrorCode::BadMessage, why) }));
    }

    fn ping(&self) {
        self.attached.handle.outbox.ping();
    }

    fn pong(&self, payload: &[u8]) {
        self.attached.handle.outbox.pong(payload);
    }

    fn close(&self, code: CloseCode, reason: &'static str) {
        self.attached.handle.outbox.close(code, reason);
    }

    fn poll_drain(
        &self,
        cx: &mut Context<'_>,
        write: &mut impl FnMut(Outgoing<'_>, Encoding),
    ) -> Poll<Drained> {
        self.attached.handle.outbox.poll_drain(self.attached.attachment, cx, write)
    }

    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.attached.handle.outbox.poll_ending(self.attached.attachment, cx)
    }

    fn closing(&self) -> Option<CloseCode> {
        self.attached.handle.outbox.closing()
    }

    fn who(&self) -> (SessionId, PlayerId) {
        (self.attached.session, self.attached.handle.player)
    }

    async fn detached(&self, clean: bool) {
        let Attached { session, handle, attachment } = &self.attached;
        let attachment = *attachment;
        if handle.addr.send(Detached { attachment, clean }).await.is_err() {
            tracing::debug!(session_id = %session, "the session ended before its socket");
        }
    }
}
