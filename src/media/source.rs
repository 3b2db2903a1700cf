//! A stream that comes in, and those it goes out to.
//!
//! Owns the fan-out. Called by the task of the sender's connection for each packet: from there to the queues of the
//! receivers' connections there is no actor, no lock and no await. Never queues a packet for one who may not have it.

use super::{
    connection::Connection,
    ladder::Rung,
    layer::{Clock, KeyFrame, Layer},
    levels::{Meter, Thresholds},
    rewrite::{Layered, Marks, Rewrite},
    vp8::Payload,
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
    /// Of a stream at most.
    pub(super) layers: usize,
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
    /// It is sent in layers of simulcast.
    pub(super) layered: bool,
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
    layers: RefCell<Vec<Layer>>,
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
    /// Of a stream with layers: the one that goes out, and the one that should.
    pub(super) layer: Cell<Option<u8>>,
    pub(super) wanted: Cell<Option<u8>>,
    /// He shows it small.
    pub(super) small: Cell<bool>,
    pub(super) rewrite: RefCell<Rewrite>,
}

/// A packet that waits in a receiver's queue.
pub(super) struct Outgoing {
    pub(super) sink: Rc<Sink>,
    pub(super) marks: Marks,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
}

impl Source {
    pub(super) fn new(
        from: &Rc<Connection>,
        kind: MediaKind,
        receiver: RTCRtpReceiverId,
        layered: bool,
        rules: Rc<Rules>,
    ) -> Rc<Self> {
        Rc::new(Self {
            player: from.player,
            kind,
            receiver,
            layered,
            level_extension: Cell::new(None),
            silenced: Cell::new(false),
            ended: Cell::new(false),
            bound: Cell::new(u64::from(u32::MAX)),
            from: Rc::downgrade(from),
            rules,
            sinks: RefCell::default(),
            meter: RefCell::default(),
            layers: RefCell::default(),
        })
    }

    /// A layer of it begins, under this name of the sender's.
    pub(super) fn begin_layer(&self, ssrc: u32) {
        if self.layer_of(ssrc).is_none() {
            self.layers.borrow_mut().push(Layer::new(ssrc));
        }
    }

    /// Which of its layers this is.
    pub(super) fn layer_of(&self, ssrc: u32) -> Option<u8> {
        self.layers.borrow().iter().position(|layer| layer.ssrc == ssrc).map(|n| n as u8)
    }

    /// How many layers it has so far.
    pub(super) fn layers(&self) -> usize {
        self.layers.borrow().len()
    }

    /// The sender's name of any of its layers.
    pub(super) fn any_ssrc(&self) -> u32 {
        self.layers.borrow().first().map_or(0, |layer| layer.ssrc)
    }

    /// Those of its layers that are sent at the moment.
    pub(super) fn rungs(&self, now: Instant) -> Vec<Rung> {
        let layers = self.layers.borrow();
        let rung =
            |(n, layer): (usize, &Layer)| Rung { layer: n as u8, pixels: layer.pixels, bps: layer.bps() };
        layers.iter().enumerate().filter(|(_, layer)| layer.is_sent(now)).map(rung).collect()
    }

    /// Its sender says how the clock of a layer stands.
    pub(super) fn report(&self, ssrc: u32, clock: Clock) {
        if let Some(layer) = self.layers.borrow_mut().iter_mut().find(|layer| layer.ssrc == ssrc) {
            layer.report(clock);
        }
    }

    /// Passes a packet of a layer on to those who may have it. `Some` if he begins or ceases to speak with it.
    pub(super) fn forward(&self, layer: u8, packet: &rtp::Packet, now: Instant) -> Option<bool> {
        let tally = &self.rules.tally;
        count(&tally.packets_in, 1);
        let marks = self.marks(layer, packet, now);
        let sinks = self.sinks.borrow();
        let mut taken = false;
        for sink in sinks.iter() {
            if sink.is_open() && !self.silenced.get() {
                taken = true;
                if marks.layered.is_none_or(|layered| sink.takes(&layered)) {
                    self.hand_over(sink, marks, packet);
                }
            } else {
                sink.layer.set(None);
                sink.rewrite.borrow_mut().skip();
            }
        }
        if !taken {
            count(&tally.withheld, 1);
        }
        self.ask_for_key_frame(layer, now);
        self.hear(packet, now)
    }

    /// What of a packet is rewritten; of one with layers, what there is to know of it.
    fn marks(&self, n: u8, packet: &rtp::Packet, now: Instant) -> Marks {
        let (number, timestamp) = (packet.header.sequence_number, packet.header.timestamp);
        let mut layered = None;
        if self.layered {
            let payload = Payload::of(&packet.payload);
            let mut layers = self.layers.borrow_mut();
            let mut common = timestamp;
            if let [first, ..] = layers[..]
                && let Some(layer) = layers.get_mut(usize::from(n))
            {
                layer.note(timestamp, packet.payload.len(), &payload, now);
                if n > 0 {
                    common = first.by_its_clock(layer, timestamp, now);
                }
            }
            let begins = payload.key_frame.is_some();
            layered = Some(Layered { layer: n, common, begins, counters: payload.counters });
        }
        Marks { number, timestamp, layered }
    }

    fn hand_over(&self, sink: &Rc<Sink>, marks: Marks, packet: &rtp::Packet) {
        let (marker, payload) = (packet.header.marker, packet.payload.clone());
        if sink.to.queue(Outgoing { sink: sink.clone(), marks, marker, payload }) {
            if let Some(layered) = marks.layered {
                sink.layer.set(Some(layered.layer));
            }
        } else {
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

    /// Asks the sender for a key frame of what its receivers get, or are to get: now, or when the last request is old enough.
    pub(super) fn want_key_frame(&self, now: Instant) {
        if !self.layered {
            return self.want_key_frame_of(0, now);
        }
        let sinks = self.sinks.borrow();
        let open = sinks.iter().filter(|sink| sink.allowed.get());
        let best = self.rungs(now).into_iter().max_by_key(|rung| (rung.pixels, rung.bps));
        let best = best.map_or(0, |rung| rung.layer);
        let mut layers: Vec<u8> = open.map(|sink| sink.wanted.get().unwrap_or(best)).collect();
        layers.sort_unstable();
        layers.dedup();
        layers.into_iter().for_each(|layer| self.want_key_frame_of(layer, now));
    }

    /// The same, of one layer.
    pub(super) fn want_key_frame_of(&self, layer: u8, now: Instant) {
        if self.kind == MediaKind::Video && !self.ended.get() {
            if let Some(layer) = self.layers.borrow_mut().get_mut(usize::from(layer)) {
                layer.key_frame.wanted = true;
            }
            self.ask_for_key_frame(layer, now);
        }
    }

    fn ask_for_key_frame(&self, layer: u8, now: Instant) {
        let every = self.rules.key_frame_every;
        let mut layers = self.layers.borrow_mut();
        let Some(Layer { ssrc, key_frame, .. }) = layers.get_mut(usize::from(layer)) else { return };
        let is_due = key_frame.asked.is_none_or(|at| now.saturating_duration_since(at) >= every);
        if key_frame.wanted
            && is_due
            && let Some(from) = self.from.upgrade()
        {
            *key_frame = KeyFrame { wanted: false, asked: Some(now) };
            count(&self.rules.tally.key_frame_requests, 1);
            from.ask_for_key_frame(*ssrc);
        }
    }
}

impl Sink {
    /// Whether its receiver may have it and can take it.
    pub(super) fn is_open(&self) -> bool {
        self.allowed.get() && self.agreed.get() && self.to.is_connected()
    }

    /// Whether a packet of a layer is for this receiver: it is of the one that goes out to him, or that which should
    /// begins with it.
    fn takes(&self, packet: &Layered) -> bool {
        let (current, wanted) = (self.layer.get(), self.wanted.get());
        let begins = packet.begins && wanted.or(current).is_none_or(|wanted| wanted == packet.layer);
        current == Some(packet.layer) || begins
    }
}
