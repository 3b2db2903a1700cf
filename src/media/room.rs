//! The media of one room: who is in it, who may receive whom, who is offered what.
//!
//! An actor on one of the media threads, and the control plane alone: packets pass from connection to connection without
//! it. Called through [`super::server`]; what it has to say goes to the room's [`MediaEvents`]. What the policy does not
//! allow is closed before it returns from the command that says so.

use super::{
    MediaCommand, MediaEvent, MediaEvents, Pc, Policy, RoomStats,
    codec::Choice,
    connection::{Connection, Link, News},
    engine::Engine,
    levels::Thresholds,
    mux::Mux,
    peer::Peer,
    policy::Allowed,
    source::{Rules, Source, Tally},
};
use crate::{config, game::MediaKind, ids::PlayerId};
use actix::prelude::*;
use futures_util::stream;
use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, atomic},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// What all rooms of a node share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) mux: Arc<Mux>,
    pub(super) engine: Engine,
    pub(super) config: Arc<config::Media>,
    /// Connections in memory.
    pub(super) alive: Arc<atomic::AtomicUsize>,
}

/// What a link and its actor share beside the mailbox.
#[derive(Default)]
pub(super) struct Desk {
    /// The newest policy: it is never lost, however full the mailbox.
    pub(super) policy: Mutex<Option<Policy>>,
    /// Nobody holds the link any more.
    pub(super) abandoned: atomic::AtomicBool,
}

/// The actor.
pub(super) struct MediaRoom {
    pub(super) shared: Shared,
    desk: Arc<Desk>,
    pub(super) events: MediaEvents,
    pub(super) peers: BTreeMap<PlayerId, Peer>,
    pub(super) allowed: Allowed,
    pub(super) rules: Rc<Rules>,
    pub(super) codec: Choice,
    pub(super) news: Rc<Notify>,
    bounded_at: Instant,
    closed: bool,
}

/// A command in the mailbox; `None` says that there is something on the desk.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Told(pub(super) Option<MediaCommand>);

/// A connection has news.
struct Woken;

impl Actor for MediaRoom {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.shared.config.commands);
        let news = self.news.clone();
        ctx.add_stream(stream::unfold(news, |news| async {
            news.notified().await;
            Some((Woken, news))
        }));
        ctx.run_interval(Duration::from_millis(self.shared.config.tick_ms), |room, ctx| room.tick(ctx));
    }
}

impl Handler<Told> for MediaRoom {
    type Result = ();

    fn handle(&mut self, Told(command): Told, ctx: &mut Self::Context) {
        if let Some(command) = command {
            self.perform(command, ctx);
        }
        let newest = self.desk.policy.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(policy) = newest {
            self.set_policy(&policy);
        }
    }
}

impl StreamHandler<Woken> for MediaRoom {
    fn handle(&mut self, _: Woken, _: &mut Self::Context) {
        let connections: Vec<_> = self.peers.values().flat_map(connections).collect();
        for connection in connections {
            for news in connection.take_news() {
                self.heard(&connection, news);
            }
        }
        self.tell_states();
    }
}

impl MediaRoom {
    pub(super) fn new(shared: Shared, desk: Arc<Desk>, events: MediaEvents) -> Self {
        let (rules, codec) = (Rc::new(rules(&shared)), Choice::new(shared.config.h264));
        Self {
            shared,
            desk,
            events,
            peers: BTreeMap::new(),
            allowed: Allowed::default(),
            rules,
            codec,
            news: Rc::new(Notify::new()),
            bounded_at: Instant::now(),
            closed: false,
        }
    }

    fn perform(&mut self, command: MediaCommand, ctx: &mut Context<Self>) {
        match command {
            MediaCommand::Open { policy } => {
                self.drop_everybody();
                self.rules = Rc::new(rules(&self.shared));
                self.codec = Choice::new(self.shared.config.h264);
                self.set_policy(&policy);
            }
            MediaCommand::Join { player } => {
                self.leave(player);
                self.peers.insert(player, Peer::default());
            }
            MediaCommand::Signal { player, signal } => self.signal(player, signal),
            MediaCommand::SetPolicy { policy } => self.set_policy(&policy),
            MediaCommand::Leave { player } => self.leave(player),
            MediaCommand::Close => {
                self.closed = true;
                ctx.stop();
            }
            MediaCommand::Stats => (self.events)(MediaEvent::Stats { stats: self.stats() }),
        }
        self.tell_states();
    }

    fn leave(&mut self, player: PlayerId) {
        let Some(mut peer) = self.peers.remove(&player) else { return };
        peer.drop_connection(Pc::Sub);
        if peer.drop_connection(Pc::Pub) {
            self.offer_to_all();
        }
    }

    fn drop_everybody(&mut self) {
        for peer in self.peers.values_mut() {
            peer.drop_connection(Pc::Sub);
            peer.drop_connection(Pc::Pub);
        }
        self.peers.clear();
    }

    /// Opens and shuts what is there; who begins to see somebody needs a key frame of him.
    fn set_policy(&mut self, policy: &Policy) {
        self.allowed = Allowed::from(policy);
        let now = Instant::now();
        for source in self.sources() {
            for sink in source.sinks() {
                let allowed = self.allowed.is(source.player, source.kind, sink.receiver);
                if !sink.allowed.replace(allowed) && allowed {
                    source.want_key_frame(now);
                }
            }
            self.fell_silent(&source, now);
        }
    }

    pub(super) fn sources(&self) -> Vec<Rc<Source>> {
        self.peers.values().flat_map(Peer::sources).collect()
    }

    fn heard(&mut self, connection: &Rc<Connection>, news: News) {
        let (player, pc) = (connection.player, connection.pc);
        match news {
            News::Speaking(speaking) => (self.events)(MediaEvent::Speaking { player, speaking }),
            News::Source(source) => {
                if let Some(peer) = self.peers.get(&player) {
                    peer.silence(&source);
                }
                self.offer_to_all();
            }
            News::Link => match connection.link() {
                Link::Connected if pc == Pc::Sub => {
                    let peer = self.peers.get(&player);
                    peer.and_then(|peer| peer.receiving.as_ref())
                        .inspect(|receiving| receiving.begin_pictures());
                }
                // What was lost meanwhile nobody will send again.
                Link::Connected => {
                    connection.sources().iter().for_each(|source| source.want_key_frame(Instant::now()));
                }
                Link::Closed if connection.has_broken() => self.lost(player, pc),
                Link::Closed => self.drop_connection(player, pc),
                _ => {}
            },
        }
    }

    /// Tells the room what has changed of anybody.
    fn tell_states(&mut self) {
        for (player, peer) in &mut self.peers {
            let state = peer.state();
            if std::mem::replace(&mut peer.told, state) != state {
                (self.events)(MediaEvent::State { player: *player, state });
            }
        }
    }

    fn fell_silent(&self, source: &Source, now: Instant) {
        if source.kind == MediaKind::Audio && source.rest(now) == Some(false) {
            (self.events)(MediaEvent::Speaking { player: source.player, speaking: false });
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.desk.abandoned.load(atomic::Ordering::Acquire) {
            self.closed = true;
            ctx.stop();
            return;
        }
        let now = Instant::now();
        self.sources().iter().for_each(|source| self.fell_silent(source, now));
        let longest = Duration::from_millis(self.shared.config.answer_ms);
        for peer in self.peers.values_mut() {
            if peer.receiving.as_ref().is_some_and(|receiving| receiving.is_overdue(longest)) {
                peer.drop_connection(Pc::Sub);
                peer.wants = false;
                peer.gives_up();
            }
        }
        if now.saturating_duration_since(self.bounded_at).as_millis()
            >= u128::from(self.shared.config.bound_ms)
        {
            self.bounded_at = now;
            self.choose_layers(now);
            self.bound_senders(now);
        }
        self.replace_paused_layers(now);
        self.settle_codec(None, now);
        self.tell_states();
    }

    fn stats(&self) -> RoomStats {
        let Tally {
            packets_in,
            packets_out,
            bytes_out,
            withheld,
            over_rate,
            stale,
            queue_full,
            key_frame_requests,
        } = &self.rules.tally;
        RoomStats {
            players: self.peers.len() as u64,
            publishers: self.peers.values().filter(|peer| peer.sending.is_some()).count() as u64,
            sources: self.sources().len() as u64,
            packets_in: packets_in.get(),
            packets_out: packets_out.get(),
            bytes_out: bytes_out.get(),
            withheld: withheld.get(),
            over_rate: over_rate.get(),
            stale: stale.get(),
            queue_full: queue_full.get(),
            key_frame_requests: key_frame_requests.get(),
        }
    }
}

impl Drop for MediaRoom {
    fn drop(&mut self) {
        self.drop_everybody();
        if !self.closed {
            (self.events)(MediaEvent::Lost);
        }
    }
}

pub(super) fn connections(peer: &Peer) -> Vec<Rc<Connection>> {
    let receiving = peer.receiving.as_ref().map(|receiving| receiving.connection.clone());
    peer.sending.iter().cloned().chain(receiving).collect()
}

pub(super) fn rules(shared: &Shared) -> Rules {
    let (config, ms) = (&shared.config, Duration::from_millis);
    Rules {
        speech: Thresholds {
            loud: config.speech_dbov,
            hysteresis: config.speech_hysteresis_db,
            attack: ms(config.speech_attack_ms),
            hold: ms(config.speech_hold_ms),
        },
        key_frame_every: ms(config.key_frame_ms),
        layers: config.layers,
        tally: Tally::default(),
        alive: shared.alive.clone(),
    }
}
