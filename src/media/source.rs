//! A stream that comes in, and those it goes out to.
//!
//! Owns the fan-out. Called by the task of the sender's connection for each packet: from there to the queues of the
//! receivers' connections there is no actor, no lock and no await. Never queues a packet for one who may not have it.

use super::{
    connection::Connection,
    levels::{Meter, Thresholds},
    rewrite::Rewrite,
};
use crate::{game::MediaKind, ids::PlayerId};
use bytes::Bytes;
use rtc::{rtp, rtp_transceiver::RTCRtpReceiverId};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

/// What the room's media has done; shared by all its streams.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) packets_in: Cell<u64>,
    pub(super) packets_out: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    pub(super) withheld: Cell<u64>,
    pub(super) over_rate: Cell<u64>,
    pub(super) queue_full: Cell<u64>,
    pub(super) key_frame_requests: Cell<u64>,
}

/// One more of a count.
pub(super) fn count(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get().wrapping_add(more));
}

/// What all streams of a room go by.
pub(super) struct Rules {
    pub(super) speech: Thresholds,
    /// Between two requests for a key frame of one source.
    pub(super) key_frame_every: Duration,
    pub(super) tally: Tally,
    /// Connections in memory, of all rooms.
    pub(super) alive: Arc<AtomicUsize>,
}

/// A stream that comes in.
pub(super) struct Source {
    pub(super) player: PlayerId,
    pub(super) kind: MediaKind,
    /// Which line of the sender's connection it comes on.
    pub(super) receiver: RTCRtpReceiverId,
    /// As the sender names it; he may change it.
    pub(super) ssrc: Cell<u32>,
    /// Of the extension that says how loud a packet is.
    pub(super) level_extension: Cell<Option<u8>>,
    /// He says that he sends nothing: then nothing is forwarded.
    pub(super) silenced: Cell<bool>,
    pub(super) ended: Cell<bool>,
    /// What its sender was told last that he may send, in bit/s.
    pub(super) bound: Cell<u64>,
    from: Weak<Connection>,
    rules: Rc<Rules>,
    sinks: RefCell<Vec<Rc<Sink>>>,
    meter: RefCell<Meter>,
    key_frame: Cell<KeyFrame>,
}

/// Whether a key frame is wanted, and when one was asked for last.
#[derive(Clone, Copy, Default)]
struct KeyFrame {
    wanted: bool,
    asked: Option<Instant>,
}

/// A stream on its way to one receiver.
pub(super) struct Sink {
    pub(super) receiver: PlayerId,
    pub(super) to: Rc<Connection>,
    pub(super) source: Weak<Source>,
    /// As the receiver knows it.
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    /// The policy lets it through.
    pub(super) allowed: Cell<bool>,
    /// The receiver has agreed to it.
    pub(super) agreed: Cell<bool>,
    pub(super) rewrite: RefCell<Rewrite>,
}

/// A packet that waits in a receiver's queue.
pub(super) struct Outgoing {
    pub(super) sink: Rc<Sink>,
    pub(super) number: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
}

impl Source {
    pub(super) fn new(
        from: &Rc<Connection>,
        kind: MediaKind,
        receiver: RTCRtpReceiverId,
        ssrc: u32,
        rules: Rc<Rules>,
    ) -> Rc<Self> {
        Rc::new(Self {
            player: from.player,
            kind,
            receiver,
            ssrc: Cell::new(ssrc),
            level_extension: Cell::new(None),
            silenced: Cell::new(false),
            ended: Cell::new(false),
            bound: Cell::new(u64::from(u32::MAX)),
            from: Rc::downgrade(from),
            rules,
            sinks: RefCell::default(),
            meter: RefCell::default(),
            key_frame: Cell::default(),
        })
    }

    /// Passes a packet on to those who may have it. `Some` if he begins or ceases to speak with it.
    pub(super) fn forward(&self, packet: &rtp::Packet, now: Instant) -> Option<bool> {
        let tally = &self.rules.tally;
        count(&tally.packets_in, 1);
        let sinks = self.sinks.borrow();
        let mut taken = false;
        for sink in sinks.iter() {
            if sink.is_open() && !self.silenced.get() {
                taken = true;
                self.hand_over(sink, packet);
            } else {
                sink.rewrite.borrow_mut().skip();
            }
        }
        if !taken {
            count(&tally.withheld, 1);
        }
        if self.key_frame.get().wanted {
            self.ask_for_key_frame(now);
        }
        self.hear(packet, now)
    }

    fn hand_over(&self, sink: &Rc<Sink>, packet: &rtp::Packet) {
        let header = &packet.header;
        let queued = sink.to.queue(Outgoing {
            sink: sink.clone(),
            number: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: packet.payload.clone(),
        });
        if !queued {
            count(&self.rules.tally.queue_full, 1);
        }
    }

    fn hear(&self, packet: &rtp::Packet, now: Instant) -> Option<bool> {
        let level = packet.header.get_extension(self.level_extension.get()?)?.first().copied()?;
        let mut meter = self.meter.borrow_mut();
        if self.is_received() {
            meter.hear(level, now, &self.rules.speech)
        } else {
            meter.hush().then_some(false)
        }
    }

    /// Time passes. `Some(false)` if he has ceased to speak.
    pub(super) fn rest(&self, now: Instant) -> Option<bool> {
        let mut meter = self.meter.borrow_mut();
        if self.is_received() { meter.rest(now, &self.rules.speech) } else { meter.hush().then_some(false) }
    }

    /// Whether anybody may have it now.
    pub(super) fn is_received(&self) -> bool {
        !self.silenced.get() && self.sinks.borrow().iter().any(|sink| sink.allowed.get())
    }

    /// From now on it goes here too.
    pub(super) fn attach(&self, sink: Rc<Sink>) {
        self.sinks.borrow_mut().push(sink);
    }

    /// From now on it does not go to this receiver.
    pub(super) fn detach(&self, receiver: PlayerId) {
        self.sinks.borrow_mut().retain(|sink| sink.receiver != receiver);
    }

    /// It comes no more.
    pub(super) fn end(&self) {
        self.ended.set(true);
        self.sinks.borrow_mut().clear();
    }

    /// To whom it goes.
    pub(super) fn sinks(&self) -> Vec<Rc<Sink>> {
        self.sinks.borrow().clone()
    }

    /// Asks the sender for a key frame: now, or when the last request is old enough.
    pub(super) fn want_key_frame(&self, now: Instant) {
        if self.kind == MediaKind::Video && !self.ended.get() {
            self.key_frame.set(KeyFrame { wanted: true, ..self.key_frame.get() });
            self.ask_for_key_frame(now);
        }
    }

    fn ask_for_key_frame(&self, now: Instant) {
        let every = self.rules.key_frame_every;
        let asked = self.key_frame.get().asked;
        if asked.is_none_or(|at| now.saturating_duration_since(at) >= every)
            && let Some(from) = self.from.upgrade()
        {
            self.key_frame.set(KeyFrame { wanted: false, asked: Some(now) });
            count(&self.rules.tally.key_frame_requests, 1);
            from.ask_for_key_frame(self.ssrc.get());
        }
    }
}

impl Sink {
    /// Whether its receiver may have it and can take it.
    pub(super) fn is_open(&self) -> bool {
        self.allowed.get() && self.agreed.get() && self.to.is_connected()
    }
}
