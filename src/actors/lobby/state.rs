//! Who is in a shard of a lobby, what has changed, and who may be told when. Pure: time is an argument.
//!
//! A [`flush`](LobbyState::flush) gathers everything since the last one: one delta for all who take deltas, one snapshot
//! for all others whose pace allows it and for all who are new. Its cost is of the changes for each of the former, and
//! of the whole list once, however many get it.

use crate::{
    actors::duel::Party,
    clock::UnixMs,
    config::LobbySection,
    ids::{NodeId, PlayerId, SessionRef},
    protocol::signal::pushes::{LobbyPlayer, LobbyStatus},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A player of the lobby.
struct Member {
    name: String,
    status: LobbyStatus,
    session: SessionRef,
    delta: bool,
    /// He has no base yet: he is told the lobby's version, and everything.
    fresh: bool,
    /// Something has changed since his last snapshot.
    dirty: bool,
    /// When he was sent his last snapshots.
    sent: VecDeque<UnixMs>,
}

/// What is to be sent now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Flush {
    /// The version from now on.
    pub version: u64,
    /// Who gets the changes, if there are any.
    pub delta: Vec<SessionRef>,
    pub joined: Vec<LobbyPlayer>,
    pub changed: Vec<LobbyPlayer>,
    pub left: Vec<PlayerId>,
    /// Who is told the version, and then gets everything.
    pub based: Vec<SessionRef>,
    /// Who gets everything without that.
    pub snapshot: Vec<SessionRef>,
}

#[derive(Default)]
pub(super) struct LobbyState {
    members: BTreeMap<PlayerId, Member>,
    version: u64,
    joined: BTreeSet<PlayerId>,
    changed: BTreeSet<PlayerId>,
    left: BTreeSet<PlayerId>,
    flushed_at: Option<UnixMs>,
}

impl LobbyState {
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// False if there is no room for him.
    pub fn join(
        &mut self,
        player: Party,
        status: LobbyStatus,
        session: SessionRef,
        delta: bool,
        settings: &LobbySection,
    ) -> bool {
        let Party { player_id, nickname } = player;
        let known = self.members.remove(&player_id);
        if known.is_none() && self.members.len() >= settings.capacity {
            return false;
        }
        let sent = known.filter(|known| known.session == session).map(|known| known.sent).unwrap_or_default();
        let member = Member { name: nickname, status, session, delta, fresh: true, dirty: true, sent };
        self.members.insert(player_id, member);
        self.left.remove(&player_id);
        self.joined.insert(player_id);
        true
    }

    /// He is there, as he was. False if he must join.
    pub fn is_here(&mut self, player_id: PlayerId, status: LobbyStatus, session: SessionRef) -> bool {
        if self.members.get(&player_id).is_none_or(|member| member.session != session) {
            return false;
        }
        self.status(player_id, status);
        true
    }

    pub fn leave(&mut self, player_id: PlayerId) {
        if self.members.remove(&player_id).is_some() {
            self.joined.remove(&player_id);
            self.changed.remove(&player_id);
            self.left.insert(player_id); // a newcomer may have been told of him
        }
    }

    pub fn status(&mut self, player_id: PlayerId, status: LobbyStatus) {
        let Some(member) = self.members.get_mut(&player_id).filter(|member| member.status != status) else {
            return;
        };
        member.status = status;
        if !self.joined.contains(&player_id) {
            self.changed.insert(player_id);
        }
    }

    /// Everybody goes whose session is such.
    pub fn drop_sessions(&mut self, such: impl Fn(SessionRef) -> bool) {
        let gone: Vec<PlayerId> =
            self.members.iter().filter(|(_, member)| such(member.session)).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|player| self.leave(player));
    }

    /// Players there may have missed something: they need a new base.
    pub fn resync(&mut self, node: NodeId) {
        for member in self.members.values_mut().filter(|member| member.session.node == node) {
            (member.fresh, member.dirty) = (true, true);
        }
    }

    fn has_changes(&self) -> bool {
        !(self.joined.is_empty() && self.changed.is_empty() && self.left.is_empty())
    }

    /// When there is something to send next.
    pub fn due(&self, settings: &LobbySection) -> Option<UnixMs> {
        let earliest = self.flushed_at.map_or(UnixMs(0), |at| at + settings.debounce_ms);
        if self.has_changes() {
            return Some(earliest);
        }
        let crowd = self.members.len() > settings.crowd;
        let dirty = self.members.values().filter(|member| member.dirty);
        dirty.map(|member| member.next(crowd, settings)).min().map(|at| at.max(earliest))
    }

    /// Takes what is to be sent now.
    pub fn flush(&mut self, now: UnixMs, settings: &LobbySection) -> Flush {
        let changes = self.has_changes();
        let crowd = self.members.len() > settings.crowd;
        self.flushed_at = Some(now);
        self.version += u64::from(changes);
        let mut flush = Flush { version: self.version, ..Flush::default() };
        for member in self.members.values_mut() {
            if member.delta && !member.fresh {
                member.dirty = false;
                if changes {
                    flush.delta.push(member.session);
                }
                continue;
            }
            member.dirty |= changes;
            if member.dirty && member.next(crowd, settings) <= now {
                let to = if member.fresh { &mut flush.based } else { &mut flush.snapshot };
                to.push(member.session);
                member.was_sent(now, settings);
            }
        }
        if !flush.delta.is_empty() {
            flush.joined = self.joined.iter().filter_map(|id| self.view(id)).collect();
            flush.changed = self.changed.iter().filter_map(|id| self.view(id)).collect();
            flush.left = self.left.iter().copied().collect();
        }
        self.joined.clear();
        self.changed.clear();
        self.left.clear();
        flush
    }

    fn view(&self, id: &PlayerId) -> Option<LobbyPlayer> {
        let member = self.members.get(id)?;
        Some(LobbyPlayer { player_id: *id, player_name: member.name.clone(), status: member.status })
    }

    /// Everybody.
    pub fn snapshot(&self) -> Vec<LobbyPlayer> {
        self.members.keys().filter_map(|id| self.view(id)).collect()
    }
}

impl Member {
    /// When he may be sent his next snapshot.
    fn next(&self, crowd: bool, settings: &LobbySection) -> UnixMs {
        const SECOND_MS: u64 = 1_000;
        let Some(last) = self.sent.back() else { return UnixMs(0) };
        let after = if crowd { settings.crowd_ms } else { settings.debounce_ms };
        let in_a_second = match self.sent.front() {
            Some(first) if self.sent.len() >= settings.updates_per_s => *first + SECOND_MS,
            _ => UnixMs(0),
        };
        (*last + after).max(in_a_second)
    }

    fn was_sent(&mut self, now: UnixMs, settings: &LobbySection) {
        (self.fresh, self.dirty) = (false, false);
        while self.sent.len() >= settings.updates_per_s.max(1) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
