//! What an outbox holds: the queue before the socket, the ring behind it, and their bounds.
//!
//! Called by [`super::outbox`] alone, under its lock; it wakes nobody itself.

use super::outgoing::{Bounds, Item, Outgoing, ResumeMode};
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
    pub waker: Option<Waker>,
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
            (self.attached, self.waker) = (false, None); // the last words are still written: nobody resumes
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
        self.waker = None;
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

    pub fn accept_push(&mut self, push: Arc<Push>) -> Option<Waker> {
        if !self.attached {
            if !self.bounds.plain {
                self.number(push);
            }
            return None;
        }
        if self.closing.is_some() {
            return if self.bounds.plain { None } else { self.put(Item::Push(push)) };
        }
        if push.is_droppable() && (self.bounds.plain || self.queued_bytes > self.bounds.soft_bytes) {
            self.coalesce(push.name());
        }
        self.enqueue(Item::Push(push))
    }

    pub fn enqueue(&mut self, item: Item) -> Option<Waker> {
        if !self.attached || self.closing.is_some() {
            return None;
        }
        self.put(item)
    }

    pub fn put(&mut self, item: Item) -> Option<Waker> {
        self.queued_bytes += item.bytes();
        self.queue.push_back(item);
        if self.queued_bytes > self.bounds.hard_bytes {
            metrics::counter!("playhouse_slow_sockets_total").increment(1);
            let waker = self.waker.take();
            self.park();
            self.attached = true;
            self.closing.get_or_insert((CloseCode::TooSlow, "too slow: reconnect and resume"));
            return waker;
        }
        self.waker.take()
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
}
