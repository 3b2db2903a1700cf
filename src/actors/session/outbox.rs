//! The send side of a session: one shared object between the session, its room and its transport.
//!
//! A room pushes straight into its members' outboxes, from any thread, with no mailbox between room and socket
//! (design rule 12). The transport drains it: only then does a push get its `seq` and its place in the resume
//! ring, so that a gap in `seq` always means a loss. What waits is bounded: past the soft bound droppable
//! pushes are coalesced to their latest, past the hard bound the socket is closed with 1013.
//!
//! It knows bytes and bounds; never a game, a room or a socket.

use super::{
    out::Out,
    outgoing::{Attachment, Bounds, Drained, HandedOver, Item, Outgoing, ResumeMode},
};
use crate::protocol::{Answer, CloseCode, Encoding, Push};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Shared send side of one session.
pub struct Outbox(Mutex<Out>);

impl Outbox {
    /// An outbox without a socket. `seq` is that of the last push the client has: 0 for a new session.
    pub fn new(bounds: Bounds, seq: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Out::new(bounds, seq))))
    }

    /// An outbox that another node has handed over.
    pub fn restored(bounds: Bounds, handed: HandedOver) -> Arc<Self> {
        let outbox = Self::new(bounds, handed.seq - (handed.ring.len() as u64).min(handed.seq));
        outbox.has_moved(handed.moves);
        for push in handed.ring {
            outbox.lock().number(push);
        }
        outbox
    }

    /// Gives all that a resume needs to another node. The present socket, if any, is closed as replaced.
    pub fn hand_over(&self) -> HandedOver {
        self.close(CloseCode::Replaced, "the session goes on on another node");
        let mut out = self.lock();
        out.park();
        HandedOver { seq: out.seq, ring: out.ring.iter().cloned().collect(), moves: out.moves }
    }

    /// How often its session has gone to another node. Its resume token says so too: a node that was out of reach
    /// when the session left may still hold what it was then.
    pub fn moves(&self) -> u32 {
        self.lock().moves
    }

    /// So often it has gone to another node.
    pub fn has_moved(&self, moves: u32) {
        self.lock().moves = moves;
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event for the client. Without a socket it is numbered and goes into the ring for the resume.
    pub fn push(&self, push: Arc<Push>) {
        let waker = {
            let mut out = self.lock();
            if out.awaiting_snapshot {
                match push.name() {
                    "room.state" => out.awaiting_snapshot = false,
                    "room.closed" => {}
                    name if name.starts_with("session.") => {}
                    _ => return, // the snapshot holds it
                }
            }
            out.accept_push(push)
        };
        wake(waker);
    }

    /// The client asks for an answer with this `re`.
    pub fn asked(&self, id: u32) {
        self.lock().opens(id);
    }

    /// The answer to a request that was [`asked`](Self::asked): the first one. A room that answers after its session has
    /// given it up is heard no more. Lost without a socket: the client asks again with the same `id`.
    pub fn answer(&self, answer: Answer) {
        let waker = {
            let mut out = self.lock();
            if answer.re.is_some_and(|id| !out.closes(id)) {
                return;
            }
            out.enqueue(Item::Answer(answer))
        };
        wake(waker);
    }

    /// The answer to what never became a request: to a full session, to a failed resume.
    pub fn turn_away(&self, answer: Answer) {
        let waker = self.lock().enqueue(Item::Answer(answer));
        wake(waker);
    }

    /// A transport-level ping.
    pub fn ping(&self) {
        let waker = self.lock().enqueue(Item::Ping);
        wake(waker);
    }

    /// Answers a transport-level ping.
    pub fn pong(&self, payload: &[u8]) {
        let waker = self.lock().enqueue(Item::Pong(payload.into()));
        wake(waker);
    }

    /// Closes the present socket after what waits for it.
    pub fn close(&self, code: CloseCode, reason: &'static str) {
        let waker = {
            let mut out = self.lock();
            if out.closing.is_none() {
                (out.closing, out.before_close) = (Some((code, reason)), out.queue.len());
            }
            out.waker.take()
        };
        wake(waker);
    }

    /// A new socket takes the session; the one before, if any, is stale from now on.
    pub fn attach(&self, encoding: Encoding) -> Attachment {
        let (attachment, waker) = {
            let mut out = self.lock();
            let waker = out.waker.take();
            out.park();
            out.attach(encoding);
            (Attachment(out.attachment), waker)
        };
        wake(waker); // so that the stale socket ends
        attachment
    }

    /// As [`attach`](Self::attach), then the answer that `answer` makes of the mode and of the last `seq`
    /// before what follows, then the pushes after `last_seq`.
    pub fn resume(
        &self,
        encoding: Encoding,
        last_seq: u64,
        answer: impl FnOnce(ResumeMode, u64) -> Answer,
    ) -> (Attachment, ResumeMode) {
        let (attachment, mode, waker) = {
            let mut out = self.lock();
            let waker = out.waker.take();
            out.park();
            out.attach(encoding);
            let mode = out.replay(last_seq, answer);
            (Attachment(out.attachment), mode, waker)
        };
        wake(waker);
        (attachment, mode)
    }

    /// What is written from now on to the socket of this attachment is in this encoding.
    pub fn speak(&self, attachment: Attachment, encoding: Encoding) {
        let mut out = self.lock();
        if out.attachment == attachment.0 {
            out.encoding = encoding;
        }
    }

    /// Drops every push until the next `room.state`: it is on its way and holds them all.
    pub fn await_snapshot(&self) {
        self.lock().awaiting_snapshot = true;
    }

    /// Gives up waiting for a snapshot (there is no room to send one).
    pub fn no_snapshot(&self) {
        self.lock().awaiting_snapshot = false;
    }

    /// The socket of this attachment is gone. False if a later one has the session.
    pub fn detach(&self, attachment: Attachment) -> bool {
        let mut out = self.lock();
        if out.attachment != attachment.0 || !out.attached {
            return false;
        }
        out.park();
        true
    }

    /// Whether the session has a socket.
    pub fn is_attached(&self) -> bool {
        self.lock().attached
    }

    /// Why the present socket is being closed, if it is.
    pub fn closing(&self) -> Option<CloseCode> {
        self.lock().closing.map(|(code, _)| code)
    }

    /// Bytes that wait for the socket.
    pub fn queued_bytes(&self) -> usize {
        self.lock().queued_bytes
    }

    /// Writes a burst of what waits; pending when there is nothing. The transport of `attachment` calls this.
    pub fn poll_drain(
        &self,
        attachment: Attachment,
        cx: &mut Context<'_>,
        write: &mut impl FnMut(Outgoing<'_>, Encoding),
    ) -> Poll<Drained> {
        let mut out = self.lock();
        if out.attachment == attachment.0 && !out.attached && out.closing.is_none() {
            return Poll::Ready(Drained::Closed); // given up without a word; a close outlives its detach
        }
        if out.attachment != attachment.0 {
            write(Outgoing::Close(CloseCode::Replaced, "session moved to another socket"), out.encoding);
            return Poll::Ready(Drained::Closed);
        }
        let wrote = out.drain(write) > 0;
        if let Some((code, reason)) = out.closing
            && out.before_close == 0
        {
            write(Outgoing::Close(code, reason), out.encoding);
            return Poll::Ready(Drained::Closed);
        }
        if wrote {
            return Poll::Ready(Drained::Open);
        }
        out.wake_me(cx)
    }

    /// Ready when this attachment is to end. For a transport whose socket takes nothing, instead of a drain.
    pub fn poll_ending(&self, attachment: Attachment, cx: &mut Context<'_>) -> Poll<()> {
        let mut out = self.lock();
        if out.attached && out.attachment == attachment.0 && out.closing.is_none() {
            return out.wake_me(cx);
        }
        Poll::Ready(())
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
