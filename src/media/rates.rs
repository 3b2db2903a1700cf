//! What goes to whom of what is sent: the layer that a receiver's link carries, and what senders are told to send.
//!
//! Part of the room's actor, which calls it every `media.bound_ms`. Never touches a packet.

use super::{
    budget::Reach,
    ladder::{self, Rung},
    peer::Peer,
    room::MediaRoom,
    source::{Sink, Source},
};
use crate::{config, game::MediaKind, ids::PlayerId};
use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

impl MediaRoom {
    /// Between these senders are bounded, and links trusted.
    fn reach(&self) -> Reach {
        let config = &self.shared.config;
        let bps = |kbps: u32| u64::from(kbps) * 1_000;
        let full = Duration::from_millis(config.full_link_ms);
        Reach { least: bps(config.least_kbps), most: bps(config.peer_kbps), full }
    }

    /// Each gets of each picture the best layer that his link carries. The change itself waits for a key frame.
    pub(super) fn choose_layers(&mut self, now: Instant) {
        let (reach, config) = (self.reach(), self.shared.config.clone());
        let shares: BTreeMap<PlayerId, (Option<u64>, bool)> = self
            .peers
            .iter_mut()
            .filter_map(|(player, peer)| {
                let receiving = peer.receiving.as_mut()?;
                let pictures = receiving.pictures();
                let estimate = receiving.connection.carries();
                let share = receiving.ladder.share(estimate, pictures, &reach, now);
                Some((*player, (share, pictures > config.full_pictures)))
            })
            .collect();
        for source in self.sources().into_iter().filter(|source| source.layered) {
            let mut rungs = source.rungs(now);
            for sink in source.sinks() {
                let (share, small) = shares.get(&sink.receiver).copied().unwrap_or_default();
                sink.share.set(share);
                sink.small.set(small);
                sink.choose(&mut rungs, &config, &source, now);
            }
        }
    }

    /// Who gets, or waits for, a layer that its sender has paused gets another at once. Called at each tick.
    pub(super) fn replace_paused_layers(&self, now: Instant) {
        for source in self.sources().into_iter().filter(|source| source.layered) {
            let is_paused =
                |sink: &Rc<Sink>| sink.wanted.get().is_none_or(|layer| !source.is_sent(layer, now));
            let mut rungs = source.rungs(now);
            for sink in source.sinks().into_iter().filter(is_paused) {
                sink.choose(&mut rungs, &self.shared.config, &source, now);
            }
        }
    }

    /// Tells senders of pictures what their slowest receiver can take. Who sends layers may send all that somebody shows:
    /// each receiver gets the one that his link carries.
    pub(super) fn bound_senders(&self, now: Instant) {
        let reach = self.reach();
        let pictures: BTreeMap<_, _> = self
            .peers
            .iter()
            .filter_map(|(player, peer)| Some((*player, peer.receiving.as_ref()?.pictures())))
            .collect();
        let sources = self.peers.values().flat_map(|peer| peer.sources().into_iter().map(move |s| (peer, s)));
        for (peer, source) in sources.filter(|(_, source)| source.kind == MediaKind::Video) {
            let Peer { sending: Some(sending), .. } = peer else { continue };
            let sinks = source.sinks();
            let open = sinks.iter().filter(|sink| sink.is_open());
            let shown = open.clone().next().is_some();
            let small = source.layered && shown && open.clone().all(|sink| sink.small.get());
            let receivers = open
                .filter(|_| !source.layered)
                .map(|sink| (sink.to.carries(), pictures.get(&sink.receiver).copied().unwrap_or(1)));
            source.bound.set(if small {
                self.bound_of_small(&source, now).min(source.bound.get()).clamp(reach.least, reach.most)
            } else {
                reach.of(source.bound.get(), receivers, now)
            });
            sending.bound(source.bound.get(), source.any_ssrc());
        }
    }

    /// Nobody shows it large: the layers that are larger need not be sent. What is not sent is not known either, so the
    /// bound stays as it was set.
    fn bound_of_small(&self, source: &Source, now: Instant) -> u64 {
        const SPARE_PERCENT: u64 = 125;
        let config = &self.shared.config;
        let rungs = source.rungs(now);
        let of_small: Vec<_> = rungs.iter().filter(|rung| rung.pixels <= config.small_pixels).collect();
        let (count, bps) = (of_small.len(), of_small.iter().map(|rung| rung.bps).sum::<u64>());
        let are_known = of_small.iter().all(|rung| rung.bps > 0); // in the first second they are not
        // A picture that stands still takes little: measured then, it would have nothing left once it moves.
        let bound = (bps / 100 * SPARE_PERCENT).max(u64::from(config.small_kbps) * 1_000);
        if are_known && (1..rungs.len()).contains(&count) { bound } else { u64::MAX }
    }
}

impl Sink {
    /// Chooses of these the layer that he is to get.
    fn choose(self: &Rc<Self>, rungs: &mut [Rung], config: &config::Media, source: &Source, now: Instant) {
        let shown = if self.small.get() { config.small_pixels } else { u32::MAX };
        self.want(ladder::choose(rungs, self.share.get(), shown), source, now);
    }

    /// He is to get this layer, if any is sent. Until a key frame of it comes he gets what he got.
    fn want(self: &Rc<Self>, layer: Option<u8>, source: &Source, now: Instant) {
        let Some(layer) = layer else { return };
        self.wanted.set(Some(layer));
        if self.is_open() && self.layer.get() != Some(layer) {
            source.want_key_frame_of(layer, now);
        }
    }
}
