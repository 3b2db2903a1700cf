//! The read side: a task that turns the socket's bytes into frames for the session, keeps the heartbeat, and
//! cuts off a peer that does not read its close.

use super::{
    frames::{FrameError, FrameReader, Incoming},
    socket::SocketHandle,
};
use crate::{
    actors::session::{Attached, Detached, Door, Input, Player},
    protocol::{
        Answer, ClientFrame, CloseCode, Encoding, ErrorCode, Rejection, frame::BadFrame, messages::Resume,
    },
};
use actix_web::web::Payload;
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval_at, timeout_at},
};

/// What a socket needs to be read.
pub(super) struct Reader {
    pub door: Arc<Door>,
    pub payload: Payload,
    pub encoding: Encoding,
    pub socket: Option<SocketHandle>,
    pub frames: FrameReader,
    pub nesting: usize,
    pub heartbeat: Duration,
    pub slow_grace: Duration,
}

/// A peer silent for so many halves of a heartbeat is gone (spec 1.1: 2.5 heartbeats).
const SILENT_HALVES: u32 = 5;

impl Reader {
    /// Serves a socket that has its session.
    pub(super) async fn run(mut self, attached: Attached) {
        metrics::gauge!("playhouse_sockets").increment(1.0);
        let clean = self.serve(&attached).await;
        metrics::gauge!("playhouse_sockets").decrement(1.0);
        let told = attached.handle.addr.send(Detached { attachment: attached.attachment, clean }).await;
        if told.is_err() {
            tracing::debug!(session_id = %attached.session, "the session ended before its socket");
        }
        self.end_of(&attached).await;
    }

    /// Gives a closing peer its grace, then takes the socket from it.
    async fn end_of(&self, attached: &Attached) {
        let Some(socket) = &self.socket else { return };
        if attached.handle.outbox.closing().is_some() {
            tokio::time::sleep(self.slow_grace).await;
        }
        socket.cut();
    }

    /// Serves a socket that must begin with `session.resume`; `ready` gets its session.
    pub(super) async fn resume(mut self, player: Player, wait: Duration, ready: oneshot::Sender<Attached>) {
        let deadline = Instant::now() + wait;
        let first = loop {
            match self.frames.next() {
                Ok(Some(Incoming::Data { text, bytes })) => break Some(self.parse(text, &bytes)),
                Ok(Some(Incoming::Close { .. })) | Err(_) => return,
                Ok(Some(_)) => continue,
                Ok(None) => {}
            }
            match timeout_at(deadline, self.payload.next()).await {
                Ok(Some(Ok(chunk))) => self.frames.feed(&chunk),
                Ok(_) => return,
                Err(_) => break None, // too late: a new session
            }
        };
        let attached = match first.map(as_resume) {
            Some(Ok((re, resume))) => self.door.resume(player, self.encoding, re, resume).await,
            Some(Err(re)) => self.door.enter(player, self.encoding, Some(Door::resume_failed(re))),
            None => self.door.enter(player, self.encoding, Some(Door::resume_failed(None))),
        };
        let mine = Attached {
            session: attached.session,
            handle: attached.handle.clone(),
            attachment: attached.attachment,
        };
        if ready.send(mine).is_ok() {
            self.run(attached).await;
        } else {
            let gone = Detached { attachment: attached.attachment, clean: false };
            let _ = attached.handle.addr.send(gone).await; // its end is the same
        }
    }

    /// True if the peer said goodbye.
    async fn serve(&mut self, attached: &Attached) -> bool {
        let half = self.heartbeat / 2;
        let mut beat = interval_at(Instant::now() + half, half);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silent, mut halves) = (0, 0u32);
        loop {
            match self.deliver(attached) {
                Some(clean) => return clean,
                None if !attached.handle.outbox.is_open(attached.attachment) => return false,
                None => {}
            }
            tokio::select! {
                chunk = self.payload.next() => match chunk {
                    Some(Ok(chunk)) => {
                        silent = 0;
                        self.frames.feed(&chunk);
                    }
                    _ => return false,
                },
                _ = beat.tick() => {
                    silent += 1;
                    halves += 1;
                    if silent > SILENT_HALVES {
                        tracing::debug!(session_id = %attached.session, "silent peer dropped");
                        return false;
                    }
                    if halves.is_multiple_of(2) {
                        attached.handle.outbox.ping();
                    }
                }
            }
        }
    }

    /// Hands every whole frame to the session. `Some(clean)` when the socket is to end.
    fn deliver(&mut self, attached: &Attached) -> Option<bool> {
        let outbox = &attached.handle.outbox;
        loop {
            match self.frames.next() {
                Ok(None) => return None,
                Ok(Some(Incoming::Data { text, bytes })) => {
                    let input = Input(self.parse(text, &bytes));
                    if let Err(refused) = attached.handle.addr.try_send(input) {
                        refuse_input(attached, refused);
                    }
                }
                Ok(Some(Incoming::Ping(payload))) => outbox.pong(&payload),
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Close { clean })) => {
                    outbox.close(CloseCode::Normal, "goodbye");
                    return Some(clean);
                }
                Err(FrameError::TooLarge) => {
                    outbox.close(CloseCode::TooLarge, "frame too large");
                    return Some(false);
                }
                Err(FrameError::Malformed) => {
                    outbox.close(CloseCode::Abuse, "not WebSocket");
                    return Some(false);
                }
            }
        }
    }

    fn parse(&self, text: bool, bytes: &[u8]) -> Result<ClientFrame, BadFrame> {
        if text != (self.encoding == Encoding::Json) {
            let why = "text frames carry JSON, binary frames MessagePack: the subprotocol says which";
            return Err(BadFrame { id: None, rejection: Rejection::new(ErrorCode::BadMessage, why) });
        }
        ClientFrame::parse(bytes, self.encoding, self.nesting)
    }
}

/// A full or ended session: the client is told, nothing else happens.
fn refuse_input(attached: &Attached, refused: actix::prelude::SendError<Input>) {
    let (actix::prelude::SendError::Full(Input(frame)) | actix::prelude::SendError::Closed(Input(frame))) =
        refused;
    let re = frame.map_or_else(|bad| bad.id, |frame| frame.id);
    let busy = Rejection::try_again(100, "too much at once");
    attached.handle.outbox.answer(Answer::error(re, &busy));
}

/// The first frame of a resuming socket, or the `re` to refuse.
fn as_resume(frame: Result<ClientFrame, BadFrame>) -> Result<(Option<u32>, Resume), Option<u32>> {
    let frame = frame.map_err(|bad| bad.id)?;
    let re = frame.id;
    if frame.name != "session.resume" {
        return Err(re);
    }
    serde_json::from_value(frame.payload).map(|resume| (re, resume)).map_err(|_| re)
}
