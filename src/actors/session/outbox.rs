//! The send side of a session: one shared object between the session, its room and its transport.
//!
//! A room pushes straight into its members' outboxes, from any thread, with no mailbox between room and socket
//! (design rule 12). The pushing thread's flusher writes it to the socket, or the socket's own task where the socket is
//! full, closing, or has no `Port`: only then does a push get its `seq` and its place in the resume
//! ring, so that a gap in `seq` always means a loss. What waits is bounded: past the soft bound droppable
//! pushes are coalesced to their latest, past the hard bound the socket is closed with 1013.
//!
//! It knows bytes and bounds; never a game, a room or a socket.

use super::{
    flusher,
    out::{Next, Out},
    outgoing::{Attachment, Bounds, Drained, HandedOver, Item, Outgoing, ResumeMode},
    port::Port,
};
use crate::protocol::{Answer, CloseCode, Encoding, Push};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
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
    pub fn push(self: &Arc<Self>, push: Arc<Push>) {
        let next = {
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
        self.go_on(next);
    }

    /// The client asks for an answer with this `re`.
    pub fn asked(&self, id: u32) {
        self.lock().opens(id);
    }

    /// The answer to a request that was [`asked`](Self::asked): the first one. A room that answers after its session has
    /// given it up is heard no more. Lost without a socket: the client asks again with the same `id`.
    pub fn answer(self: &Arc<Self>, answer: Answer) {
        let next = {
            let mut out = self.lock();
            if answer.re.is_some_and(|id| !out.closes(id)) {
                return;
            }
            out.enqueue(Item::Answer(answer))
        };
        self.go_on(next);
    }

    /// The answer to what never became a request: to a full session, to a failed resume.
    pub fn turn_away(self: &Arc<Self>, answer: Answer) {
        let next = self.lock().enqueue(Item::Answer(answer));
        self.go_on(next);
    }

    /// A transport-level ping.
    pub fn ping(self: &Arc<Self>) {
        let next = self.lock().enqueue(Item::Ping);
        self.go_on(next);
    }

    /// Answers a transport-level ping.
    pub fn pong(self: &Arc<Self>, payload: &[u8]) {
        let next = self.lock().enqueue(Item::Pong(payload.into()));
        self.go_on(next);
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
        self.lock().turn(attachment.0, cx, write)
    }

    /// As [`poll_drain`](Self::poll_drain), into the socket. Pending too while a flusher is about to write what waits.
    pub fn poll_serve(&self, attachment: Attachment, cx: &mut Context<'_>, port: &dyn Port) -> Poll<Drained> {
        let mut out = self.lock();
        if out.is_left_to_flusher(attachment.0) {
            return out.wake_me(cx);
        }
        let mut drained = Poll::Ready(Drained::Open); // a port that is not clear has something to send first
        port.burst(&mut |mut write| drained = out.turn(attachment.0, cx, &mut write));
        drained
    }

    /// From now on whoever pushes has it written through this port, without waking the socket's task.
    pub fn open(&self, attachment: Attachment, port: Arc<dyn Port>) {
        let mut out = self.lock();
        if out.attachment == attachment.0 && out.attached {
            out.port = Some(port);
        }
    }

    /// Writes all that waits, for as long as the socket takes it. How many messages.
    pub(super) fn flush(&self) -> usize {
        let (written, waker) = {
            let mut out = self.lock();
            out.marked = false;
            out.flush()
        };
        wake(waker);
        written
    }

    /// The flusher that was to come does not: the socket's task writes.
    pub(super) fn unmark(&self) {
        let waker = {
            let mut out = self.lock();
            out.marked = false;
            out.waker.take()
        };
        wake(waker);
    }

    /// How long a flusher may gather; see `limits.gather_ms`.
    pub(super) fn gathers(&self) -> Duration {
        self.lock().bounds.gather
    }

    fn go_on(self: &Arc<Self>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Wake(waker) => wake(waker),
            Next::Mark => flusher::mark(self.clone()),
            Next::Flush => {
                let (_, waker) = self.lock().flush();
                wake(waker);
            }
        }
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

#[cfg(test)]
#[path = "port_tests.rs"]
mod port_tests;
