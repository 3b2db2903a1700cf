//! Who may write, read, hear and see (spec 1.4, 1.6).
//!
//! Owns the chat and media policies. Called by the room for every chat line and snapshot, and after every step that
//! changes who is heard. Never keeps anything: each answer follows from phase, life and role alone.

use super::{Mafia, Player, phase::Phase};
use crate::{
    game::{MediaKind, MediaPolicy, StreamGrant, Viewer},
    ids::PlayerId,
};

const ROOM: &str = "room";
const DAY: &str = "day";
const MAFIA: &str = "mafia";
const GRAVEYARD: &str = "graveyard";

impl Mafia {
    /// The chat channel in which this viewer may write now.
    pub(super) fn channel_of(&self, viewer: Viewer) -> Option<&'static str> {
        if self.winner.is_some() {
            return Some(ROOM);
        }
        let player = self.viewer(viewer)?;
        if !player.alive {
            return Some(GRAVEYARD);
        }
        let may_speak = match &self.phase {
            Phase::Night { .. } => return player.role.is_mafia().then_some(MAFIA),
            Phase::Day | Phase::Vote { .. } | Phase::Verdict { .. } => true,
            Phase::Defence { accused } | Phase::FinalWords { accused } => *accused == player.id,
        };
        (may_speak && self.settings.living_may_chat()).then_some(DAY)
    }

    /// Whether this viewer may read this chat channel now.
    pub(super) fn may_read(&self, viewer: Viewer, channel: &str) -> bool {
        let player = self.viewer(viewer);
        match channel {
            ROOM | DAY => true,
            MAFIA => player.is_some_and(|p| !p.alive || p.role.is_mafia()),
            GRAVEYARD => player.is_some_and(|p| !p.alive),
            _ => false,
        }
    }

    /// Who is heard and seen by whom. The dead and spectators send nothing; the dead receive every stream that is
    /// sent, spectators those that all the living may. Players who have left are listed among the dead, for they may
    /// return as such; it is the room that knows who is connected.
    pub(super) fn media_policy(&self) -> MediaPolicy {
        let mut policy = MediaPolicy::default();
        if !self.settings.media {
            return policy;
        }
        for from in &self.players {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                if self.sends(from, kind) {
                    policy.streams.push(self.grant(from.id, kind));
                }
            }
        }
        policy
    }

    /// Whether this player may be heard, or seen, by anybody now.
    fn sends(&self, player: &Player, kind: MediaKind) -> bool {
        if self.winner.is_some() {
            return true;
        }
        player.alive
            && match &self.phase {
                Phase::Day | Phase::Vote { .. } | Phase::Verdict { .. } => true,
                Phase::Defence { accused } | Phase::FinalWords { accused } => {
                    kind == MediaKind::Video || player.id == *accused
                }
                Phase::Night { .. } => player.role.is_mafia(),
            }
    }

    fn grant(&self, from: PlayerId, kind: MediaKind) -> StreamGrant {
        let secret = self.winner.is_none() && matches!(self.phase, Phase::Night { .. });
        let receives = |p: &&Player| p.id != from && (!secret || !p.alive || p.role.is_mafia());
        let to = self.players.iter().filter(receives).map(|p| p.id).collect();
        StreamGrant { from, kind, to, spectators: !secret }
    }

    pub(super) fn viewer(&self, viewer: Viewer) -> Option<&Player> {
        match viewer {
            Viewer::Player(id) => self.player(id),
            Viewer::Spectator => None,
        }
    }
}
