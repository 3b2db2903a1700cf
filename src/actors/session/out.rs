//! What an outbox holds: the queue before the socket, the ring behind it, and their bounds.
//!
//! Called by [`super::outbox`] alone, under its lock; it wakes nobody itself.

use super::{
    flusher,
    outgoing::{Bounds, Drained, Item, Outgoing, ResumeMode},
    port::Port,
};
use crate::protocol::{Answer, CloseCode, Encoding, Push};
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A drain writes so much, or little more: what has left the outbox is in its bounds no longer.
const BURST_BYTES: usize = 32 << 10;

/// What an [`Outbox`](super::outbox::Outbox) guards.
pub(super) struct Out {
    /// See [`Outbox::moves`](super::outbox::Outbox::moves).
    pub moves: u32,
    pub bounds: Bounds,
    pub encoding: Encoding,
    /// Of the last numbered push.
    pub seq: u64,
    /// The last pushes, `seq - len + 1 ..= seq`.
    pub ring: VecDeque<Arc<Push>>,
    pub ring_bytes: usize,
    pub queue: VecDeque<Item>,
    pub queued_bytes: usize,
    /// Requests of the present socket that are not answered, oldest first.
    pub open: VecDeque<u32>,
    pub attachment: u64,
    pub attached: bool,
    pub closing: Option<(CloseCode, &'static str)>,
    /// While closing: so many are still written; what comes later is numbered behind them, for the resume.
    pub before_close: usize,
    /// Pushes are worthless until the snapshot that is on its way.
    pub awaiting_snapshot: bool,
    /// Of the socket's task.
    pub waker: Option<Waker>,
    /// Of the present socket, once it is served; then whoever pushes has it flushed.
    pub port: Option<Arc<dyn Port>>,
    /// A flusher will come for what waits.
    pub marked: bool,
}

/// What has to happen for what waits now, once the lock is free.
#[must_use]
pub(super) enum Next {
    Nothing,
    /// The socket's task writes it, or nobody.
    Wake(Option<Waker>),
    /// This thread's flusher writes it when the tasks before it have run.
    Mark,
    /// It has grown long: it is written now.
    Flush,
}

impl Out {
    pub fn new(bounds: Bounds, seq: u64) -> Self {
        Self {
            moves: 0,
            bounds,
            encoding: Encoding::Json,
            seq,
            ring: VecDeque::new(),
            ring_bytes: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            open: VecDeque::new(),
            attachment: 0,
            attached: false,
            closing: None,
            before_close: 0,
            awaiting_snapshot: false,
            waker: None,
            port: None,
            marked: false,
        }
    }

    pub fn wake_me<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    pub fn attach(&mut self, encoding: Encoding) {
        self.attachment += 1;
        self.attached = true;
        self.closing = None;
        self.encoding = encoding;
    }

    /// Without a socket: pushes that wait are numbered into the ring, answers are forgotten, no request is open.
    pub fn park(&mut self) {
        if self.bounds.plain && self.closing.is_some() {
            (self.attached, self.waker, self.port) = (false, None, None); // the last words are still written: nobody resumes
            return;
        }
        for item in std::mem::take(&mut self.queue) {
            if let Item::Push(push) = item
                && !self.bounds.plain
            {
                self.number(push);
            }
        }
        (self.queued_bytes, self.before_close) = (0, 0);
        self.open = VecDeque::new();
        self.attached = false;
        (self.waker, self.port) = (None, None);
    }

    /// Past the bound the oldest is forgotten: its answer may have been lost on its way from another node.
    pub fn opens(&mut self, id: u32) {
        if self.open.len() >= self.bounds.open_requests {
            self.open.pop_front();
        }
        self.open.push_back(id);
    }

    /// Whether this request was open; it is no longer.
    pub fn closes(&mut self, id: u32) -> bool {
        let at = self.open.iter().position(|open| *open == id);
        at.and_then(|at| self.open.remove(at)).is_some()
    }

    pub fn accept_push(&mut self, push: Arc<Push>) -> Next {
        if !self.attached {
            if !self.bounds.plain {
                self.number(push);
            }
            return Next::Nothing;
        }
        if self.closing.is_some() {
            return if self.bounds.plain { Next::Nothing } else { self.put(Item::Push(push)) };
        }
        if push.is_droppable() && (self.bounds.plain || self.queued_bytes > self.bounds.soft_bytes) {
            self.coalesce(push.name());
        }
        self.enqueue(Item::Push(push))
    }

    pub fn enqueue(&mut self, item: Item) -> Next {
        if !self.attached || self.closing.is_some() {
            return Next::Nothing;
        }
        self.put(item)
    }

    pub fn put(&mut self, item: Item) -> Next {
        self.queued_bytes += item.bytes();
        self.queue.push_back(item);
        if self.queued_bytes > self.bounds.hard_bytes {
            metrics::counter!("playhouse_slow_sockets_total").increment(1);
            let waker = self.waker.take();
            self.park();
            self.attached = true;
            self.closing.get_or_insert((CloseCode::TooSlow, "too slow: reconnect and resume"));
            return Next::Wake(waker);
        }
        if self.port.is_none() || self.closing.is_some() {
            return Next::Wake(self.waker.take());
        }
        match (self.marked, flusher::runs_here()) {
            _ if self.queued_bytes > BURST_BYTES => Next::Flush,
            (true, _) => Next::Nothing,
            (false, true) => {
                self.marked = true;
                Next::Mark
            }
            (false, false) => Next::Wake(self.waker.take()),
        }
    }

    /// Writes all that waits, for as long as the socket takes it: how many messages. Whatever it does not take, and every
    /// close, is for its task.
    pub fn flush(&mut self) -> (usize, Option<Waker>) {
        let mut written = 0;
        let Some(port) = self.port.clone().filter(|_| self.closing.is_none()) else {
            return (written, self.waker.take());
        };
        while !self.queue.is_empty() {
            let clear = port.burst(&mut |write| {
                self.drain(&mut |item, encoding| {
                    written += 1;
                    write(item, encoding);
                });
            });
            if !clear {
                return (written, self.waker.take());
            }
        }
        (written, None)
    }

    /// Takes the earlier pushes of this name out of the queue: the one that comes is newer.
    pub fn coalesce(&mut self, name: &str) {
        self.queue.retain(|item| !matches!(item, Item::Push(push) if push.name() == name));
        self.queued_bytes = self.queue.iter().map(Item::bytes).sum();
    }

    /// Gives a push its number and its place in the ring.
    pub fn number(&mut self, push: Arc<Push>) -> u64 {
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

    pub fn replay(&mut self, last_seq: u64, answer: impl FnOnce(ResumeMode, u64) -> Answer) -> ResumeMode {
        let oldest = self.seq - self.ring.len() as u64; // the seq before the ring's first
        let mode = if (oldest..=self.seq).contains(&last_seq) && !self.awaiting_snapshot {
            ResumeMode::Replay
        } else {
            ResumeMode::Snapshot
        };
        let base = if mode == ResumeMode::Replay { last_seq } else { self.seq };
        let _ = self.enqueue(Item::Answer(answer(mode, base))); // a new socket: it has no task yet to be woken
        if mode == ResumeMode::Replay {
            let missed: Vec<_> = (oldest + 1..)
                .zip(&self.ring)
                .filter(|(seq, _)| *seq > last_seq)
                .map(|(seq, push)| Item::Numbered(seq, push.clone()))
                .collect();
            for item in missed {
                let _ = self.enqueue(item);
            }
        }
        mode
    }

    /// Writes what waits, up to a burst, and while closing no more than what waited then. How many bytes.
    pub fn drain(&mut self, write: &mut impl FnMut(Outgoing<'_>, Encoding)) -> usize {
        let encoding = self.encoding;
        let mut wrote = 0;
        while wrote < BURST_BYTES
            && (self.closing.is_none() || self.before_close > 0)
            && let Some(item) = self.queue.pop_front()
        {
            self.before_close = self.before_close.saturating_sub(1);
            wrote += item.bytes();
            match item {
                Item::Push(push) if self.bounds.plain => {
                    push.without_seq(encoding, |head, tail| write(Outgoing::Message(head, tail), encoding));
                }
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
        wrote
    }

    /// A turn of the socket of this attachment: a burst, or its close; pending when there is nothing.
    pub fn turn(
        &mut self,
        attachment: u64,
        cx: &mut Context<'_>,
        write: &mut impl FnMut(Outgoing<'_>, Encoding),
    ) -> Poll<Drained> {
        if self.attachment == attachment && !self.attached && self.closing.is_none() {
            return Poll::Ready(Drained::Closed); // given up without a word; a close outlives its detach
        }
        if self.attachment != attachment {
            write(Outgoing::Close(CloseCode::Replaced, "session moved to another socket"), self.encoding);
            return Poll::Ready(Drained::Closed);
        }
        let wrote = self.drain(write) > 0;
        if let Some((code, reason)) = self.closing
            && self.before_close == 0
        {
            write(Outgoing::Close(code, reason), self.encoding);
            return Poll::Ready(Drained::Closed);
        }
        if wrote {
            return Poll::Ready(Drained::Open);
        }
        self.wake_me(cx)
    }

    /// Whether a flusher comes for what waits, so that the socket's task need not write it.
    pub fn is_left_to_flusher(&self, attachment: u64) -> bool {
        self.marked && self.port.is_some() && self.attachment == attachment && self.closing.is_none()
    }
}
