//! A stream that comes in, and those it goes out to.
//!
//! Owns the fan-out. Called by the task of the sender's connection for each packet: from there to the queues of the
//! receivers' connections there is no actor, no lock and no await. Never queues a packet for one who may not have it.

use super::{
    arrivals::Arrival,
    codec::Codec,
    connection::Connection,
    ladder::Rung,
    layer::{Clock, KeyFrame, Layer, ticks},
    levels::{Meter, Thresholds},
    rewrite::{Layered, Marks, Rewrite},
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
    pub(super) stale: Cell<u64>,
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
    /// Of its pictures.
    pub(super) codec: Codec,
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
    began: Instant,
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
    /// What it may take of his link, in bit/s.
    pub(super) share: Cell<Option<u64>>,
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
            codec: from.codec,
            receiver,
            layered,
            level_extension: Cell::new(None),
            silenced: Cell::new(false),
            ended: Cell::new(false),
            bound: Cell::new(u64::from(u32::MAX)),
            from: Rc::downgrade(from),
            began: Instant::now(),
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
        let latest = latest(&layers);
        let rung =
            |(n, layer): (usize, &Layer)| Rung { layer: n as u8, pixels: layer.pixels, bps: layer.bps() };
        let sent = || layers.iter().enumerate().filter(|(_, layer)| layer.is_sent(now, latest));
        let steady: Vec<_> = sent().filter(|(_, layer)| layer.is_steady(now)).map(rung).collect();
        if steady.is_empty() { sent().map(rung).collect() } else { steady }
    }

    /// Whether pictures of this layer come.
    pub(super) fn is_sent(&self, layer: u8, now: Instant) -> bool {
        let layers = self.layers.borrow();
        layers.get(usize::from(layer)).is_some_and(|layer| layer.is_sent(now, latest(&layers)))
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
        let arrival = self.arrived(layer, packet, now);
        let marks = self.marks(layer, packet, arrival.in_order, now);
        let (mut taken, mut needs_key_frame) = (false, false);
        for sink in self.sinks.borrow().iter() {
            if !sink.is_open() || self.silenced.get() {
                sink.interrupt();
                continue;
            }
            taken = true;
            needs_key_frame |= match marks.layered {
                // One is asked for again and again: a request may be lost, and browsers ignore one that follows on another.
                Some(layered) if !sink.takes(&layered) => sink.awaits(layer),
                _ => !self.hand_over(sink, marks, packet) || arrival.broken,
            };
        }
        if !taken {
            count(&tally.withheld, 1);
        }
        if needs_key_frame {
            self.want_key_frame_of(layer, now);
        }
        self.ask_for_key_frame(layer, now);
        self.hear(packet, now)
    }

    /// What there is to know of the order of packets; of sound nothing is.
    fn arrived(&self, n: u8, packet: &rtp::Packet, now: Instant) -> Arrival {
        let mut layers = self.layers.borrow_mut();
        let layer = layers.get_mut(usize::from(n)).filter(|_| self.kind == MediaKind::Video);
        let patience = self.rules.key_frame_every;
        layer.map_or(Arrival { in_order: true, broken: false }, |layer| {
            layer.arrived(packet.header.sequence_number, now, patience)
        })
    }

    /// What of a packet is rewritten; of one with layers, what there is to know of it.
    fn marks(&self, n: u8, packet: &rtp::Packet, in_order: bool, now: Instant) -> Marks {
        let (number, timestamp) = (packet.header.sequence_number, packet.header.timestamp);
        let mut layered = None;
        if self.layered {
            let payload = self.codec.read(&packet.payload);
            let mut layers = self.layers.borrow_mut();
            let latest = latest(&layers);
            if let Some(layer) = layers.get_mut(usize::from(n)).filter(|_| !packet.payload.is_empty()) {
                layer.note(timestamp, packet.payload.len(), &payload, latest, now);
            }
            let common = match (layers.first(), layers.get(usize::from(n))) {
                (Some(first), Some(layer)) if n > 0 => first.by_its_clock(layer, timestamp, now),
                _ => timestamp,
            };
            // Of one that comes late, after what follows it, the rest went by already.
            let begins = payload.key_frame.is_some() && in_order;
            let arrived = ticks(now.saturating_duration_since(self.began));
            layered = Some(Layered { layer: n, common, arrived, begins, counters: payload.counters });
        }
        Marks { number, timestamp, layered }
    }

    /// False if his queue is full. What does not go out can never be asked for again, so he begins anew.
    fn hand_over(&self, sink: &Rc<Sink>, marks: Marks, packet: &rtp::Packet) -> bool {
        let (marker, payload) = (packet.header.marker, packet.payload.clone());
        let queued = sink.to.queue(Outgoing { sink: sink.clone(), marks, marker, payload });
        if queued {
            sink.layer.set(marks.layered.map(|layered| layered.layer));
        } else {
            count(&self.rules.tally.queue_full, 1);
            sink.interrupt();
        }
        queued
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

/// When something of any of these came.
fn latest(layers: &[Layer]) -> Option<Instant> {
    layers.iter().filter_map(Layer::seen_at).max()
}

impl Sink {
    /// Whether its receiver may have it and can take it.
    pub(super) fn is_open(&self) -> bool {
        self.allowed.get() && self.agreed.get() && self.to.is_connected()
    }

    /// What comes next is not what follows.
    fn interrupt(&self) {
        self.layer.set(None);
        self.rewrite.borrow_mut().skip();
    }

    /// Whether he sees nothing until this layer begins. Who waits for a better one sees what he saw, and each key frame
    /// costs him some of that.
    fn awaits(&self, layer: u8) -> bool {
        self.layer.get().is_none() && self.wanted.get().is_none_or(|wanted| wanted == layer)
    }

    /// Whether a packet of a layer is for this receiver: it is of the one that goes out to him, or that which should
    /// begins with it. Who sees nothing begins with any: a sender may have just paused what he should get.
    fn takes(&self, packet: &Layered) -> bool {
        let (current, wanted) = (self.layer.get(), self.wanted.get());
        let begins = packet.begins && (current.is_none() || wanted == Some(packet.layer));
        current == Some(packet.layer) || begins
    }
}
