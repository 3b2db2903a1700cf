//! Offers and answers: what pages signal, and what the server offers them.
//!
//! Owns how connections of a room begin, change and end. Part of the room's actor, which calls it for each signal and
//! whenever what there is to receive has changed. Never touches a packet.

use super::{
    ClientSignal, MediaEvent, Pc, PcState, Refusal, ServerSignal,
    budget::Budget,
    codec::{self, Codec},
    connection::{Connection, Link},
    engine::{self, Way},
    peer::{Peer, Receiving},
    room::{MediaRoom, Shared},
    source::Source,
    tap::Reports,
    wire::Wire,
};
use crate::ids::PlayerId;
use rtc::shared::error::Error;
use std::{
    rc::Rc,
    time::{Duration, Instant},
};

impl MediaRoom {
    pub(super) fn signal(&mut self, player: PlayerId, signal: ClientSignal) {
        if !self.peers.contains_key(&player) {
            return;
        }
        let pc = signal.pc();
        let done = signal.check(&self.shared.config).and_then(|()| match signal {
            ClientSignal::Offer { sdp } => self.offered(player, &sdp),
            ClientSignal::Answer { sdp } => self.answered(player, &sdp),
            ClientSignal::State { pc, state, .. } => {
                self.with(player, |peer| peer.says(&signal));
                self.says(player, pc, state);
                Ok(())
            }
            ClientSignal::Reset { pc } => {
                self.reset(player, pc);
                Ok(())
            }
        });
        if let Err(reason) = done {
            (self.events)(MediaEvent::Refused { player, pc, reason });
        }
    }

    pub(super) fn with<R>(&mut self, player: PlayerId, f: impl FnOnce(&mut Peer) -> R) -> Option<R> {
        self.peers.get_mut(&player).map(f)
    }

    /// His browser offers what it sends.
    fn offered(&mut self, player: PlayerId, sdp: &str) -> Result<(), Refusal> {
        let config = &self.shared.config;
        if !engine::is_offer_within(sdp, config.sdp_sections, config.layers) {
            return Err(Refusal::BadDescription);
        }
        let existing = self.peers.get(&player).and_then(|peer| peer.sending.clone());
        let publishers = self.peers.values().filter(|peer| peer.sending.is_some()).count();
        if existing.is_none() && publishers >= self.shared.config.publishers {
            return Err(Refusal::Full);
        }
        let takes_h264 = codec::lists_h264(sdp);
        existing.iter().for_each(|connection| connection.takes_h264.set(takes_h264));
        self.settle_codec(takes_h264, Instant::now());
        let stands = self.peers.get(&player).is_some_and(|peer| peer.sending.is_some());
        if existing.is_some() && !stands {
            return Ok(()); // he was told to begin anew: what he sent he cannot any more
        }
        let connection = match &existing {
            Some(connection) => connection.clone(),
            None => self.connect(player, Pc::Pub).map_err(|error| unfollowed(player, &error))?,
        };
        connection.takes_h264.set(takes_h264);
        let answer = connection.with(|wire| wire.answer(sdp)).unwrap_or(Err(Error::ErrConnectionClosed));
        match answer {
            Ok(sdp) => {
                let sdp = engine::with_least(&sdp, self.shared.config.least_kbps);
                connection.end_closed_sources();
                connection.wake();
                self.with(player, |peer| {
                    peer.begins(Pc::Pub);
                    peer.sending = Some(connection);
                });
                self.push(player, ServerSignal::Answer { sdp });
                self.offer_to_all();
                Ok(())
            }
            Err(error) => {
                connection.close();
                if existing.is_some() {
                    self.lost(player, Pc::Pub);
                }
                Err(unfollowed(player, &error))
            }
        }
    }

    /// His page answers what was offered to it.
    fn answered(&mut self, player: PlayerId, sdp: &str) -> Result<(), Refusal> {
        let receiving = self.peers.get_mut(&player).and_then(|peer| peer.receiving.as_mut());
        let Some(receiving) = receiving.filter(|receiving| receiving.is_open()) else {
            return Err(Refusal::BadDescription);
        };
        match receiving.accept(sdp) {
            Ok(has_changed) => {
                if has_changed {
                    self.offer_to(player, false);
                }
                self.settle_codec(None, Instant::now());
                Ok(())
            }
            Err(error) => {
                self.with(player, |peer| {
                    peer.drop_connection(Pc::Sub);
                    peer.wants = false;
                    peer.gives_up();
                });
                Err(unfollowed(player, &error))
            }
        }
    }

    fn says(&mut self, player: PlayerId, pc: Pc, state: PcState) {
        match (pc, state) {
            (Pc::Sub, PcState::Ready) => {
                let failed = self.with(player, |peer| {
                    peer.wants = true;
                    peer.receiving.as_ref().is_some_and(|r| r.connection.link() == Link::Failed)
                });
                self.offer_to(player, failed == Some(true));
            }
            (pc, PcState::Closed) => {
                self.with(player, |peer| peer.wants &= pc != Pc::Sub);
                self.drop_connection(player, pc);
            }
            (Pc::Pub, PcState::Ready) | (_, PcState::Failed) => {}
        }
    }

    /// He has thrown a connection away: we do so too, and offer anew. The echo tells his page where what is of the old
    /// connection ends, for offers and answers name none.
    fn reset(&mut self, player: PlayerId, pc: Pc) {
        self.with(player, |peer| {
            peer.begins(pc);
            peer.wants |= pc == Pc::Sub;
        });
        self.push(player, ServerSignal::Reset { pc });
        self.drop_connection(player, pc);
        self.offer_to(player, false);
    }

    /// A connection of his is no more, and what came on it has ended.
    pub(super) fn drop_connection(&mut self, player: PlayerId, pc: Pc) {
        if self.with(player, |peer| peer.drop_connection(pc)) == Some(true) {
            self.offer_to_all();
        }
    }

    /// We have lost a connection of his; his page begins anew when it has heard.
    pub(super) fn lost(&mut self, player: PlayerId, pc: Pc) {
        self.with(player, |peer| peer.wants &= pc != Pc::Sub);
        self.push(player, ServerSignal::Reset { pc });
        self.drop_connection(player, pc);
    }

    fn push(&self, player: PlayerId, signal: ServerSignal) {
        (self.events)(MediaEvent::Signal { player, signal });
    }

    fn connect(&self, player: PlayerId, pc: Pc) -> Result<Rc<Connection>, Error> {
        let Shared { mux, engine, config, .. } = &self.shared;
        let way = if pc == Pc::Pub { Way::In } else { Way::Out };
        let reports = Reports::default();
        let codec = self.codec.codec;
        let codecs = if pc == Pc::Pub { &[codec] } else { Codec::all(config.h264) };
        let connection = engine.connection(way, mux.public(), reports.clone(), codecs)?;
        let (line, inbox) = mux.line();
        let wire = Wire::new(connection, line, reports, budget(config.peer_kbps))
            .of(codec, Duration::from_millis(config.stale_ms));
        let (rules, news) = (self.rules.clone(), self.news.clone());
        Ok(Connection::start(player, pc, wire, inbox, config.queue_packets, rules, news))
    }

    pub(super) fn offer_to_all(&mut self) {
        let players: Vec<_> = self.peers.keys().copied().collect();
        players.into_iter().for_each(|player| self.offer_to(player, false));
    }

    /// Offers him what has changed, if he wants to receive and there is anything.
    fn offer_to(&mut self, player: PlayerId, restart: bool) {
        let others = self.sources().into_iter().filter(|source| source.player != player);
        let sources: Vec<_> = others.collect();
        match self.try_offer(player, &sources, restart) {
            Ok(None) => {}
            Ok(Some(offer)) => self.push(player, offer),
            Err(error) => {
                tracing::warn!(player_id = %player, %error, "nothing could be offered");
                self.lost(player, Pc::Sub);
            }
        }
    }

    fn try_offer(
        &mut self,
        player: PlayerId,
        sources: &[Rc<Source>],
        restart: bool,
    ) -> Result<Option<ServerSignal>, Error> {
        let Some(peer) = self.peers.get(&player).filter(|peer| peer.wants) else { return Ok(None) };
        if peer.receiving.is_none() {
            if sources.is_empty() {
                return Ok(None);
            }
            let connection = self.connect(player, Pc::Sub)?;
            self.with(player, |peer| peer.receiving = Some(Receiving::new(connection)));
        }
        let Self { peers, allowed, .. } = self;
        let receiving = peers.get_mut(&player).and_then(|peer| peer.receiving.as_mut());
        let offer =
            receiving.map(|receiving| receiving.offer(sources, allowed, restart)).transpose()?.flatten();
        Ok(offer.map(|offer| ServerSignal::Offer { sdp: offer.sdp, tracks: offer.tracks }))
    }
}

/// A quarter more than he is told: browsers reckon without the headers of packets.
fn budget(peer_kbps: u32) -> Budget {
    Budget::new(peer_kbps.saturating_add(peer_kbps / 4), Instant::now())
}

fn unfollowed(player: PlayerId, error: &Error) -> Refusal {
    tracing::debug!(player_id = %player, %error, "a description could not be followed");
    Refusal::BadDescription
}
