//! What goes to whom of what is sent: the layer that a receiver's link carries, and what senders are told to send.
//!
//! Part of the room's actor, which calls it every `media.bound_ms`. Never touches a packet.

use super::{
    budget::Reach,
    ladder,
    peer::Peer,
    room::MediaRoom,
    source::{Sink, Source},
};
use crate::{game::MediaKind, ids::PlayerId};
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
        let (reach, full_pictures) = (self.reach(), self.shared.config.full_pictures);
        let shares: BTreeMap<PlayerId, (Option<u64>, usize)> = self
            .peers
            .iter_mut()
            .filter_map(|(player, peer)| {
                let receiving = peer.receiving.as_mut()?;
                let pictures = receiving.pictures();
                let estimate = receiving.connection.carries();
                let share = receiving.ladder.share(estimate, pictures, &reach, now);
                Some((*player, (share, usize::from(pictures > full_pictures))))
            })
            .collect();
        for source in self.sources().into_iter().filter(|source| source.layered) {
            let mut rungs = source.rungs(now);
            for sink in source.sinks() {
                let (share, spare) = shares.get(&sink.receiver).copied().unwrap_or_default();
                sink.want(ladder::choose(&mut rungs, share, spare), &source, now);
            }
        }
    }

    /// Tells senders of pictures what their slowest receiver can take. Who sends layers may send them all: each receiver
    /// gets the one that his link carries.
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
            let open = sinks.iter().filter(|sink| sink.is_open() && !source.layered);
            let receivers =
                open.map(|sink| (sink.to.carries(), pictures.get(&sink.receiver).copied().unwrap_or(1)));
            source.bound.set(reach.of(source.bound.get(), receivers, now));
            sending.bound(source.bound.get(), source.any_ssrc());
        }
    }
}

impl Sink {
    /// He is to get this layer, if any is sent. Until a key frame of it comes he gets what he got.
    fn want(self: &Rc<Self>, layer: Option<u8>, source: &Source, now: Instant) {
        let Some(layer) = layer else { return };
        self.wanted.set(Some(layer));
        if self.is_open() && self.layer.get() != Some(layer) {
            source.want_key_frame_of(layer, now);
        }
    }
}
