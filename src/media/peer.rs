//! A player in a room's media: what he sends, what is offered to him, and what the others are told of him.
//!
//! Owns his two connections and the one open offer on `sub`. Called by the room. Never decides who may receive whom.

use super::{
    ClientSignal, MediaState, Pc, PcState, PeerState, Track,
    codec::{self, Codec},
    connection::{Connection, Link},
    engine,
    ladder::Ladder,
    policy::Allowed,
    source::{Sink, Source},
};
use crate::{game::MediaKind, ids::PlayerId};
use rtc::{
    rtp_transceiver::{RTCRtpSenderId, rtp_sender::RtpCodecKind},
    shared::error::Error,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

/// A player.
#[derive(Default)]
pub(super) struct Peer {
    /// He sends on this.
    pub(super) sending: Option<Rc<Connection>>,
    /// He receives on this.
    pub(super) receiving: Option<Receiving>,
    /// He has asked to receive.
    pub(super) wants: bool,
    /// What the room was told last.
    pub(super) told: PeerState,
    says: Says,
}

/// What his page says.
#[derive(Clone, Copy, Default)]
struct Says {
    no_audio: bool,
    no_video: bool,
    pub_failed: bool,
    sub_failed: bool,
}

impl Peer {
    /// What the others see of him.
    pub(super) fn state(&self) -> PeerState {
        let links =
            [self.sending.as_ref().map(|c| c.link()), self.receiving.as_ref().map(|r| r.connection.link())];
        let any = |link| links.contains(&Some(link));
        let state = if self.says.pub_failed || self.says.sub_failed || any(Link::Failed) {
            MediaState::Failed
        } else if any(Link::Connecting) {
            MediaState::Connecting
        } else if any(Link::Connected) {
            MediaState::Connected
        } else {
            MediaState::Off
        };
        let sends = |kind| self.sources().iter().any(|s| s.kind == kind && !s.silenced.get());
        PeerState { state, audio: sends(MediaKind::Audio), video: sends(MediaKind::Video) }
    }

    /// What he sends.
    pub(super) fn sources(&self) -> Vec<Rc<Source>> {
        self.sending.as_ref().map(|connection| connection.sources()).unwrap_or_default()
    }

    /// Notes what his page says of a connection.
    pub(super) fn says(&mut self, signal: &ClientSignal) {
        let ClientSignal::State { pc, state, audio, video } = signal else { return };
        let failed = *state == PcState::Failed;
        match pc {
            Pc::Pub => self.says.pub_failed = failed,
            Pc::Sub => self.says.sub_failed = failed,
        }
        if *pc == Pc::Pub {
            self.says.no_audio = audio.map_or(self.says.no_audio, |sends| !sends);
            self.says.no_video = video.map_or(self.says.no_video, |sends| !sends);
            self.sources().iter().for_each(|source| self.silence(source));
        }
    }

    /// What he says he does not send is not forwarded.
    pub(super) fn silence(&self, source: &Source) {
        let silent = match source.kind {
            MediaKind::Audio => self.says.no_audio,
            MediaKind::Video => self.says.no_video,
        };
        if source.silenced.replace(silent) && !silent {
            source.want_key_frame(Instant::now());
        }
    }

    /// A connection begins anew: what was said of it does not count.
    pub(super) fn begins(&mut self, pc: Pc) {
        match pc {
            Pc::Pub => self.says.pub_failed = false,
            Pc::Sub => self.says.sub_failed = false,
        }
    }

    /// This connection failed without a word from him.
    pub(super) fn gives_up(&mut self) {
        self.says.sub_failed = true;
    }

    /// Drops one of his connections. True if streams of his have ended with it.
    pub(super) fn drop_connection(&mut self, pc: Pc) -> bool {
        match pc {
            Pc::Pub => self.sending.take().is_some_and(|connection| {
                connection.close();
                true
            }),
            Pc::Sub => {
                if let Some(receiving) = self.receiving.take() {
                    receiving.close();
                }
                false
            }
        }
    }
}

/// What is sent to him.
pub(super) struct Receiving {
    pub(super) connection: Rc<Connection>,
    slots: Vec<Slot>,
    /// Lines that carry nothing, by kind: they are used again.
    free: HashMap<MediaKind, usize>,
    /// Since when an offer waits for its answer.
    open: Option<Instant>,
    /// Something has changed since.
    dirty: bool,
    /// What his link is trusted with.
    pub(super) ladder: Ladder,
}

/// A stream on its line.
struct Slot {
    source: Rc<Source>,
    sink: Rc<Sink>,
    sender: RTCRtpSenderId,
}

/// An offer for his page.
pub(super) struct Offer {
    pub(super) sdp: String,
    pub(super) tracks: Vec<Track>,
}

impl Receiving {
    pub(super) fn new(connection: Rc<Connection>) -> Self {
        Self {
            connection,
            slots: Vec::new(),
            free: HashMap::new(),
            open: None,
            dirty: false,
            ladder: Ladder::default(),
        }
    }

    /// Brings his lines up to date with what there is to receive: an offer if that changes any. While one is open the
    /// change waits for its answer.
    pub(super) fn offer(
        &mut self,
        sources: &[Rc<Source>],
        allowed: &Allowed,
        restart: bool,
    ) -> Result<Option<Offer>, Error> {
        if self.open.is_some() {
            self.dirty = true;
            return Ok(None);
        }
        self.dirty = false;
        let gone = self.slots.iter().any(|slot| slot.source.ended.get());
        let is_new = |source: &&Rc<Source>| !self.slots.iter().any(|slot| Rc::ptr_eq(&slot.source, source));
        let new: Vec<_> = sources.iter().filter(is_new).cloned().collect();
        if !gone && new.is_empty() && !restart {
            return Ok(None);
        }
        self.remove_ended()?;
        new.into_iter().try_for_each(|source| self.add(source, allowed))?;
        let sdp = self.on_wire(|wire| wire.offer(restart))?;
        self.open = Some(Instant::now());
        let tracks = self.slots.iter().filter_map(Slot::track).collect();
        self.connection.wake();
        Ok(Some(Offer { sdp, tracks }))
    }

    fn on_wire<R>(&self, f: impl FnOnce(&mut super::wire::Wire) -> Result<R, Error>) -> Result<R, Error> {
        self.connection.with(f).unwrap_or(Err(Error::ErrConnectionClosed))
    }

    fn remove_ended(&mut self) -> Result<(), Error> {
        let (ended, stay): (Vec<_>, _) =
            std::mem::take(&mut self.slots).into_iter().partition(|slot| slot.source.ended.get());
        self.slots = stay;
        for slot in ended {
            self.on_wire(|wire| wire.pc.remove_track(slot.sender))?;
            *self.free.entry(slot.source.kind).or_default() += 1;
        }
        Ok(())
    }

    fn add(&mut self, source: Rc<Source>, allowed: &Allowed) -> Result<(), Error> {
        let receiver = self.connection.player;
        let (name, kind) = match source.kind {
            MediaKind::Audio => ("audio", RtpCodecKind::Audio),
            MediaKind::Video => ("video", RtpCodecKind::Video),
        };
        let ssrc = rand::random::<u32>().max(1);
        let free = self.free.entry(source.kind).or_default();
        let reuse = *free > 0;
        *free = free.saturating_sub(1);
        let id = format!("{}-{name}", source.player);
        let sender = self.on_wire(|wire| wire.add(id, kind, ssrc, reuse))?;
        let sink = Rc::new(Sink {
            receiver,
            to: self.connection.clone(),
            source: Rc::downgrade(&source),
            ssrc,
            payload_type: engine::payload_type(kind, source.codec),
            allowed: Cell::new(allowed.is(source.player, source.kind, receiver)),
            agreed: Cell::new(false),
            layer: Cell::new(None),
            wanted: Cell::new(None),
            small: Cell::new(false),
            share: Cell::new(None),
            rewrite: RefCell::default(),
        });
        self.connection.carry(&sink);
        source.attach(sink.clone());
        self.slots.push(Slot { source, sink, sender });
        Ok(())
    }

    /// His answer: from now on packets flow, but what he cannot decode. `Ok(true)` if something has changed since the offer.
    pub(super) fn accept(&mut self, answer: &str) -> Result<bool, Error> {
        self.on_wire(|wire| wire.accept(answer))?;
        self.open = None;
        let takes_h264 = codec::lists_h264(answer);
        self.connection.takes_h264.set(takes_h264);
        let can = |slot: &Slot| slot.source.codec == Codec::Vp8 || takes_h264 == Some(true);
        self.slots
            .iter()
            .for_each(|slot| slot.sink.agreed.set(slot.source.kind == MediaKind::Audio || can(slot)));
        self.connection.wake();
        if self.connection.is_connected() {
            self.begin_pictures(); // else once it is: asked for now, they would come too early
        }
        Ok(std::mem::take(&mut self.dirty))
    }

    /// Asks for key frames of all that he may see.
    pub(super) fn begin_pictures(&self) {
        let seen = self.slots.iter().filter(|slot| slot.sink.allowed.get());
        seen.for_each(|slot| slot.source.want_key_frame(Instant::now()));
    }

    /// Whether an offer waits for its answer.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether an offer has waited for longer than this.
    pub(super) fn is_overdue(&self, longest: Duration) -> bool {
        self.open.is_some_and(|since| since.elapsed() > longest)
    }

    /// How many pictures he is sent.
    pub(super) fn pictures(&self) -> usize {
        let video = self.slots.iter().filter(|slot| slot.source.kind == MediaKind::Video);
        video.filter(|slot| slot.sink.is_open()).count()
    }

    fn close(self) {
        let me: PlayerId = self.connection.player;
        self.slots.iter().for_each(|slot| slot.source.detach(me));
        self.connection.close();
    }
}

impl Slot {
    fn track(&self) -> Option<Track> {
        let mid = self.sink.to.with(|wire| wire.mid(self.sender)).flatten()?;
        Some(Track { mid, player_id: self.source.player, kind: self.source.kind })
    }
}
