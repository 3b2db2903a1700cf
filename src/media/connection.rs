//! One of a player's two connections: its task, its queue, what has become of it.
//!
//! Owns a [`Wire`] and the bounded queue of packets on their way to this player. Its room calls it to negotiate, sources
//! call it to queue packets; its own task does the rest. All of a room's connections live on one thread, so there are
//! cells where there could be locks, and nothing is borrowed across an await. A panic in the crate's code ends this
//! connection and no other.

use super::{
    Pc,
    budget::Estimate,
    codec::Codec,
    mux::Datagram,
    rewrite::Left,
    source::{Outgoing, Rules, Sink, Source, count},
    tap::Report,
    wire::{Opened, Taken, Turn, Wire},
};
use crate::{game::MediaKind, ids::PlayerId};
use rtc::{
    peer_connection::state::RTCPeerConnectionState,
    rtcp::{
        self,
        payload_feedbacks::{
            picture_loss_indication::PictureLossIndication,
            receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
        },
    },
    rtp_transceiver::rtp_sender::RtpCodecKind,
};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, mpsc};

/// Datagrams taken in one turn.
const BURST: usize = 64;
/// Longest wait where nothing is due, and shortest where something is overdue.
const WAITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(2));

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not yet, or not at the moment.
    Connecting,
    /// Both ends hear each other.
    Connected,
    /// It has failed; an ICE restart may save it.
    Failed,
    /// It is gone: closed by the other end, by us, or by a fault.
    Closed,
}

/// What has happened on it, for its room.
pub(super) enum News {
    /// Another [`Link`].
    Link,
    /// A stream begins.
    Source(Rc<Source>),
    /// The player begins or ceases to speak.
    Speaking(bool),
}

/// A connection.
pub(super) struct Connection {
    pub(super) player: PlayerId,
    pub(super) pc: Pc,
    /// Of the pictures that come in on it.
    pub(super) codec: Codec,
    /// Whether the other end can send, or receive, H.264, as its last description says.
    pub(super) takes_h264: Cell<Option<bool>>,
    wire: RefCell<Option<Wire>>,
    queue: RefCell<VecDeque<Outgoing>>,
    queue_limit: usize,
    wake: Notify,
    link: Cell<Link>,
    broken: Cell<bool>,
    news: RefCell<Vec<News>>,
    room: Rc<Notify>,
    rules: Rc<Rules>,
    sources: RefCell<Vec<Rc<Source>>>,
    sinks: RefCell<HashMap<u32, Weak<Sink>>>,
    carries: Cell<Option<Estimate>>,
}

impl Connection {
    /// Begins, with its task. `room` is woken when there is news.
    pub(super) fn start(
        player: PlayerId,
        pc: Pc,
        wire: Wire,
        inbox: mpsc::Receiver<Datagram>,
        queue_limit: usize,
        rules: Rc<Rules>,
        room: Rc<Notify>,
    ) -> Rc<Self> {
        rules.alive.fetch_add(1, Relaxed);
        let connection = Rc::new(Self {
            player,
            pc,
            codec: wire.codec,
            takes_h264: Cell::new(None),
            wire: RefCell::new(Some(wire)),
            queue: RefCell::default(),
            queue_limit,
            wake: Notify::new(),
            link: Cell::new(Link::Connecting),
            broken: Cell::new(false),
            news: RefCell::default(),
            room,
            rules,
            sources: RefCell::default(),
            sinks: RefCell::default(),
            carries: Cell::new(None),
        });
        actix::spawn(connection.clone().drive(inbox));
        connection
    }

    async fn drive(self: Rc<Self>, mut inbox: mpsc::Receiver<Datagram>) {
        let mut burst = Vec::with_capacity(BURST);
        let timer = tokio::time::sleep(WAITS.0);
        tokio::pin!(timer);
        while let Some(deadline) = self.turn() {
            timer.as_mut().reset(deadline.into());
            tokio::select! {
                biased;
                () = timer.as_mut() => {}
                read = inbox.recv_many(&mut burst, BURST) => {
                    if read == 0 {
                        return;
                    }
                    self.read(&mut burst);
                }
                () = self.wake.notified() => {}
            }
            // Where packets never cease the timer itself would never have its turn.
            let now = Instant::now();
            if now >= deadline {
                self.with(|wire| wire.timeout(now));
            }
        }
    }

    fn read(&self, burst: &mut Vec<Datagram>) {
        let tally = &self.rules.tally;
        self.with(|wire| {
            burst.drain(..).for_each(|datagram| match wire.read(datagram) {
                Taken::OverRate => count(&tally.over_rate, 1),
                Taken::Stale => count(&tally.stale, 1),
                Taken::Yes | Taken::TooManyStreams => {}
            });
        });
        burst.clear();
    }

    /// Sends, takes in, passes on; when the next timer is due. `None` when it is closed.
    fn turn(self: &Rc<Self>) -> Option<Instant> {
        let turn = self.with(|wire| {
            self.send_queue(wire);
            wire.turn()
        })?;
        let Turn { states, tracks, packets, reports } = turn;
        states.into_iter().for_each(|state| self.moved(state));
        tracks.into_iter().for_each(|track| self.opened(track));
        packets.iter().for_each(|packet| self.forward(packet));
        reports.into_iter().for_each(|report| self.reported(report));
        let now = Instant::now();
        let deadline = self.with(Wire::deadline)?;
        Some(deadline.unwrap_or(now + WAITS.0).clamp(now + WAITS.1, now + WAITS.0))
    }

    /// Runs `f` on the wire, if there is one still. What panics is closed.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Wire) -> R) -> Option<R> {
        let mut wire = self.wire.try_borrow_mut().ok()?;
        let result = catch_unwind(AssertUnwindSafe(|| wire.as_mut().map(f)));
        result.unwrap_or_else(|_| {
            tracing::error!(player_id = %self.player, pc = ?self.pc, "a media connection panicked and is closed");
            *wire = None;
            drop(wire);
            self.broken.set(true);
            self.set_link(Link::Closed);
            None
        })
    }

    fn send_queue(&self, wire: &mut Wire) {
        let (now, tally) = (Instant::now(), &self.rules.tally);
        loop {
            let Some(packet) = self.queue.borrow_mut().pop_front() else { return };
            let sink = packet.sink.clone();
            if !sink.is_open() {
                sink.rewrite.borrow_mut().skip();
                continue;
            }
            let rewritten = match sink.rewrite.borrow_mut().map(&packet.marks) {
                Ok(rewritten) => {
                    sink.layer.set(packet.marks.layered.map(|layered| layered.layer));
                    rewritten
                }
                Err(Left::Straggler) => continue,
                Err(Left::NoKeyFrame) => {
                    sink.layer.set(None); // he waits for one
                    continue;
                }
            };
            count(&tally.packets_out, 1);
            count(&tally.bytes_out, packet.payload.len() as u64);
            wire.write(packet, rewritten, now);
        }
    }

    /// Queues a packet for this player; false if the queue is full.
    pub(super) fn queue(&self, packet: Outgoing) -> bool {
        let mut queue = self.queue.borrow_mut();
        let room = queue.len() < self.queue_limit;
        if room {
            queue.push_back(packet);
            self.wake.notify_one();
        }
        room
    }

    fn moved(&self, state: RTCPeerConnectionState) {
        self.set_link(match state {
            RTCPeerConnectionState::Connected => Link::Connected,
            RTCPeerConnectionState::Failed => Link::Failed,
            RTCPeerConnectionState::Closed => Link::Closed,
            _ => Link::Connecting,
        });
    }

    fn set_link(&self, link: Link) {
        if self.link.replace(link) != link {
            self.tell(News::Link);
        }
    }

    fn tell(&self, news: News) {
        self.news.borrow_mut().push(news);
        self.room.notify_one();
    }

    /// A stream begins: at most one of each kind, on a connection that is there to send.
    fn opened(self: &Rc<Self>, opened: Opened) {
        let kind = match opened.kind {
            RtpCodecKind::Audio => MediaKind::Audio,
            RtpCodecKind::Video => MediaKind::Video,
            _ => return,
        };
        if self.pc != Pc::Pub {
            return;
        }
        let existing = self.sources.borrow().iter().find(|source| source.kind == kind).cloned();
        if let Some(source) = existing {
            let more = opened.rid.is_some() && source.layered && source.receiver == opened.receiver;
            if more && source.layers() < self.rules.layers {
                source.begin_layer(opened.ssrc);
            } else {
                tracing::debug!(player_id = %self.player, ?kind, rid = ?opened.rid, "one stream of a kind is enough");
            }
            return;
        }
        let layered = kind == MediaKind::Video && opened.rid.is_some();
        let source = Source::new(self, kind, opened.receiver, layered, self.rules.clone());
        source.begin_layer(opened.ssrc);
        source.level_extension.set(opened.level_extension);
        self.sources.borrow_mut().push(source.clone());
        self.tell(News::Source(source));
    }

    fn forward(&self, packet: &rtc::rtp::Packet) {
        let sources = self.sources.borrow();
        let of = |source: &Rc<Source>| Some((source.clone(), source.layer_of(packet.header.ssrc)?));
        let Some((source, layer)) = sources.iter().find_map(of) else { return };
        drop(sources);
        if let Some(speaking) = source.forward(layer, packet, Instant::now()) {
            self.tell(News::Speaking(speaking));
        }
    }

    fn reported(&self, report: Report) {
        match report {
            Report::Carries(bps) => {
                self.carries.set(Some(Estimate::after(self.carries.get(), bps, Instant::now())));
            }
            Report::KeyFrame(ssrc) => {
                let sink = self.sinks.borrow().get(&ssrc).and_then(Weak::upgrade);
                if let Some(sink) = sink.filter(|sink| sink.is_open())
                    && let Some(source) = sink.source.upgrade()
                {
                    source.want_key_frame_of(
                        sink.layer.get().or(sink.wanted.get()).unwrap_or(0),
                        Instant::now(),
                    );
                }
            }
            Report::Clock(ssrc, clock) => {
                self.sources.borrow().iter().for_each(|source| source.report(ssrc, clock));
            }
        }
    }

    /// Asks this player for a key frame.
    pub(super) fn ask_for_key_frame(&self, ssrc: u32) {
        self.report(Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc }));
    }

    /// Tells this player how much he may send, in bit/s.
    pub(super) fn bound(&self, bps: u64, ssrc: u32) {
        let bitrate = bps as f32;
        self.report(Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc: 0, bitrate, ssrcs: vec![ssrc] }));
    }

    fn report(&self, report: Box<dyn rtcp::Packet>) {
        if self.is_connected() {
            self.with(|wire| wire.report(vec![report]));
            self.wake.notify_one();
        }
    }

    /// What this player's link carries, if he has said so.
    pub(super) fn carries(&self) -> Option<Estimate> {
        self.carries.get()
    }

    /// How it stands.
    pub(super) fn link(&self) -> Link {
        self.link.get()
    }

    /// Whether packets can go out.
    pub(super) fn is_connected(&self) -> bool {
        self.link.get() == Link::Connected
    }

    /// Whether a fault of ours has ended it.
    pub(super) fn has_broken(&self) -> bool {
        self.broken.get()
    }

    /// What has happened since it was asked last.
    pub(super) fn take_news(&self) -> Vec<News> {
        std::mem::take(&mut *self.news.borrow_mut())
    }

    /// Streams that come in.
    pub(super) fn sources(&self) -> Vec<Rc<Source>> {
        self.sources.borrow().clone()
    }

    /// Streams whose lines the last description closed end.
    pub(super) fn end_closed_sources(&self) {
        let open = self.with(Wire::receiving).unwrap_or_default();
        self.sources.borrow_mut().retain(|source| {
            let stays = open.contains(&source.receiver);
            if !stays {
                source.end();
            }
            stays
        });
    }

    /// This stream goes out here: its receiver's reports are about it.
    pub(super) fn carry(&self, sink: &Rc<Sink>) {
        self.sinks.borrow_mut().retain(|_, sink| sink.strong_count() > 0);
        self.sinks.borrow_mut().insert(sink.ssrc, Rc::downgrade(sink));
    }

    /// There is something to send.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Closes it, with all that came in on it.
    pub(super) fn close(&self) {
        self.with(Wire::close);
        self.wire.borrow_mut().take();
        self.link.set(Link::Closed);
        self.sources.borrow_mut().drain(..).for_each(|source| source.end());
        self.queue.borrow_mut().clear();
        self.sinks.borrow_mut().clear();
        self.wake.notify_one();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.rules.alive.fetch_sub(1, Relaxed);
    }
}
