//! The send side of a session: one shared object between the session, its room and its transport.
//!
//! A room pushes straight into its members' outboxes, from any thread, with no mailbox between room and socket
//! (design rule 12). The transport drains it: only then does a push get its `seq` and its place in the resume
//! ring, so that a gap in `seq` always means a loss. What waits is bounded: past the soft bound droppable
//! pushes are coalesced to their latest, past the hard bound the socket is closed with 1013.
//!
//! It knows bytes and bounds; never a game, a room or a socket.

use super::outgoing::{Attachment, Bounds, Drained, HandedOver, Item, Outgoing, ResumeMode};
use crate::protocol::{Answer, CloseCode, Encoding, Push};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A drain writes so much, or little more: what has left the outbox is in its bounds no longer.
const BURST_BYTES: usize = 32 << 10;

/// Shared send side of one session.
pub struct Outbox(Mutex<Out>);

struct Out {
    /// See [`Outbox::moves`].
    moves: u32,
    bounds: Bounds,
    encoding: Encoding,
    /// Of the last numbered push.
    seq: u64,
    /// The last pushes, `seq - len + 1 ..= seq`.
    ring: VecDeque<Arc<Push>>,
    ring_bytes: usize,
    queue: VecDeque<Item>,
    queued_bytes: usize,
    attachment: u64,
    attached: bool,
    closing: Option<(CloseCode, &'static str)>,
    /// Pushes are worthless until the snapshot that is on its way.
    awaiting_snapshot: bool,
    waker: Option<Waker>,
}

impl Outbox {
    /// An outbox without a socket. `seq` is that of the last push the client has: 0 for a new session.
    pub fn new(bounds: Bounds, seq: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Out {
            moves: 0,
            bounds,
            encoding: Encoding::Json,
            seq,
            ring: VecDeque::new(),
            ring_bytes: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            attachment: 0,
            attached: false,
            closing: None,
            awaiting_snapshot: false,
            waker: None,
        })))
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

    /// The answer to a request. Lost without a socket: the client asks again with the same `id`.
    pub fn answer(&self, answer: Answer) {
        let waker = {
            let mut out = self.lock();
            if !out.attached {
                return;
            }
            out.enqueue(Item::Answer(answer))
        };
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
            out.closing.get_or_insert((code, reason));
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
        let wrote = !out.queue.is_empty();
        out.drain(write);
        if let Some((code, reason)) = out.closing
            && out.queue.is_empty()
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

impl Out {
    fn wake_me<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn attach(&mut self, encoding: Encoding) {
        self.attachment += 1;
        self.attached = true;
        self.closing = None;
        self.encoding = encoding;
    }

    /// Without a socket: pushes that wait are numbered into the ring, answers are forgotten.
    fn park(&mut self) {
        for item in std::mem::take(&mut self.queue) {
            if let Item::Push(push) = item {
                self.number(push);
            }
        }
        self.queued_bytes = 0;
        self.attached = false;
        self.waker = None;
    }

    fn accept_push(&mut self, push: Arc<Push>) -> Option<Waker> {
        if !self.attached || self.closing.is_some() {
            self.number(push);
            return None;
        }
        if push.is_droppable() && self.queued_bytes > self.bounds.soft_bytes {
            self.coalesce(push.name());
        }
        self.enqueue(Item::Push(push))
    }

    fn enqueue(&mut self, item: Item) -> Option<Waker> {
        if !self.attached || self.closing.is_some() {
            return None;
        }
        self.queued_bytes += item.bytes();
        self.queue.push_back(item);
        if self.queued_bytes > self.bounds.hard_bytes {
            metrics::counter!("playhouse_slow_sockets_total").increment(1);
            let waker = self.waker.take();
            self.park();
            self.attached = true;
            self.closing = Some((CloseCode::TooSlow, "too slow: reconnect and resume"));
            return waker;
        }
        self.waker.take()
    }

    /// Takes the earlier pushes of this name out of the queue: the one that comes is newer.
    fn coalesce(&mut self, name: &str) {
        let before = self.queue.len();
        self.queue.retain(|item| !matches!(item, Item::Push(push) if push.name() == name));
        if self.queue.len() < before {
            self.queued_bytes = self.queue.iter().map(Item::bytes).sum();
        }
    }

    /// Gives a push its number and its place in the ring.
    fn number(&mut self, push: Arc<Push>) -> u64 {
        while self.ring.len() >= self.bounds.ring_frames
            || (!self.ring.is_empty() && self.ring_bytes + push.len() > self.bounds.ring_bytes)
        {
            self.ring_bytes -= self.ring.pop_front().map_or(0, |old| old.len());
        }
        self.seq += 1;
        self.ring_bytes += push.len();
        self.ring.push_back(push);
        self.seq
    }

    fn replay(&mut self, last_seq: u64, answer: impl FnOnce(ResumeMode, u64) -> Answer) -> ResumeMode {
        let oldest = self.seq - self.ring.len() as u64; // the seq before the ring's first
        let mode = if (oldest..=self.seq).contains(&last_seq) && !self.awaiting_snapshot {
            ResumeMode::Replay
        } else {
            ResumeMode::Snapshot
        };
        let base = if mode == ResumeMode::Replay { last_seq } else { self.seq };
        self.enqueue(Item::Answer(answer(mode, base)));
        if mode == ResumeMode::Replay {
            let missed: Vec<_> = (oldest + 1..)
                .zip(&self.ring)
                .filter(|(seq, _)| *seq > last_seq)
                .map(|(seq, push)| Item::Numbered(seq, push.clone()))
                .collect();
            for item in missed {
                self.enqueue(item);
            }
        }
        mode
    }

    /// Writes what waits, up to a burst.
    fn drain(&mut self, write: &mut impl FnMut(Outgoing<'_>, Encoding)) {
        let encoding = self.encoding;
        let mut wrote = 0;
        while wrote < BURST_BYTES
            && let Some(item) = self.queue.pop_front()
        {
            wrote += item.bytes();
            match item {
                Item::Push(push) => {
                    let seq = self.number(push.clone());
                    push.with_seq(seq, encoding, |head, tail| write(Outgoing::Message(head, tail), encoding));
                }
                Item::Numbered(seq, push) => {
                    push.with_seq(seq, encoding, |head, tail| write(Outgoing::Message(head, tail), encoding));
                }
                Item::Answer(answer) => write(Outgoing::Message(&answer.encode(encoding), &[]), encoding),
                Item::Ping => write(Outgoing::Ping, encoding),
                Item::Pong(payload) => write(Outgoing::Pong(&payload), encoding),
            }
        }
        self.queued_bytes -= wrote;
        if self.queue.is_empty() {
            self.queue = VecDeque::new(); // an idle session holds no queue
        }
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
