//! Who hears and sees whom in a room, and what each may know of it (spec 1.6, 7). Pure.
//!
//! Owns the way from the game's [`crate::game::MediaPolicy`], or the room's own where no game is on, to the
//! [`Policy`] that the media enforce. Called by the actor after every change. Never says who listens in secret.

use super::state::{Member, RoomState};
use crate::{
    game::{AnyGame, MediaKind, Registry},
    ids::{PlayerId, SessionId},
    media::{Policy, Stream},
    protocol::media::Allowed,
};
use std::collections::BTreeMap;

/// What a room wants of its media now.
pub(super) struct Hearing {
    /// To be enforced.
    pub policy: Policy,
    /// Who may signal, and with which session he does.
    pub people: BTreeMap<PlayerId, Option<SessionId>>,
    /// What each is told.
    pub allowed: BTreeMap<PlayerId, Allowed>,
}

impl RoomState {
    /// `None` where the settings want no media. Nobody hears whom a moderator has silenced, and he is told so.
    pub(super) fn hearing(
        &self,
        games: &Registry,
        is_silenced: impl Fn(PlayerId) -> bool,
    ) -> Option<Hearing> {
        if !self.rules(games).media {
            return None;
        }
        let mut open = match &self.running {
            Some(running) => self.played(running.game.as_ref()),
            None => self.all_to_all(),
        };
        open.retain(|stream| stream.kind != MediaKind::Audio || !is_silenced(stream.from));
        let policy = Policy { streams: open.iter().map(|stream| self.unmuted(stream)).collect() };
        let people = self.humans().map(|m| (m.player_id, m.session.map(|session| session.id))).collect();
        let allowed = self.humans().map(|m| (m.player_id, self.allowed(m, &open, &policy))).collect();
        Some(Hearing { policy, people, allowed })
    }

    /// No game is on: who sits at the table is heard and seen by all.
    fn all_to_all(&self) -> Vec<Stream> {
        let senders = self.humans().filter(|m| !m.spectator);
        let to = |from: PlayerId| self.humans().map(|m| m.player_id).filter(|id| *id != from).collect();
        let kinds =
            |from| [MediaKind::Audio, MediaKind::Video].map(|kind| Stream { from, kind, to: to(from) });
        senders.flat_map(|m| kinds(m.player_id)).collect()
    }

    /// As the game has it, among those who are here; spectators by their ids.
    fn played(&self, game: &dyn AnyGame) -> Vec<Stream> {
        let here = |id: &PlayerId| self.member(*id).is_some_and(|m| !m.bot);
        let grants = game.media().streams.into_iter().filter(|grant| here(&grant.from));
        let widened = grants.map(|grant| {
            let watchers = self.humans().filter(|m| m.spectator && grant.spectators).map(|m| m.player_id);
            let to = grant.to.into_iter().filter(here).chain(watchers).collect();
            Stream { from: grant.from, kind: grant.kind, to }
        });
        widened.collect()
    }

    /// Without those who do not want to hear him.
    fn unmuted(&self, stream: &Stream) -> Stream {
        let mut stream = stream.clone();
        if stream.kind == MediaKind::Audio {
            let muted = |id: PlayerId| self.member(id).is_some_and(|m| m.muted.contains(&stream.from));
            stream.to.retain(|id| !muted(*id));
        }
        stream
    }

    /// What this member is told. That somebody has muted him is not his to know.
    fn allowed(&self, me: &Member, open: &[Stream], policy: &Policy) -> Allowed {
        let id = me.player_id;
        let reach = |kind| {
            let mine = open.iter().filter(|s| s.from == id && s.kind == kind);
            mine.flat_map(|s| s.to.iter().copied()).filter(|to| self.listens_openly(*to)).collect()
        };
        let receive = |kind| {
            let to_me = policy.streams.iter().filter(|s| s.kind == kind && s.to.contains(&id));
            to_me.map(|s| s.from).collect()
        };
        Allowed {
            hears: receive(MediaKind::Audio),
            sees: receive(MediaKind::Video),
            heard_by: reach(MediaKind::Audio),
            seen_by: reach(MediaKind::Video),
        }
    }

    /// The dead and spectators receive without being named.
    fn listens_openly(&self, id: PlayerId) -> bool {
        match &self.running {
            Some(running) => running.game.member_flags(id).is_some_and(|(alive, _)| alive),
            None => self.member(id).is_some_and(|m| !m.spectator),
        }
    }
}
