//! Coming, going, dropping and leading (spec 1.2). Pure; part of a decision.

use super::{
    decide::{Decision, Refused, RoomEffect, Step, To, refuse},
    messages::{Caller, RoomReply},
    state::{Member, OkKind},
};
use crate::{
    cluster::PeerNotice,
    game::Input,
    ids::{PlayerId, SessionRef},
    protocol::{ErrorCode, Push},
    store::Row,
};
use serde_json::json;
use std::collections::VecDeque;

impl Member {
    /// One who has just come.
    pub(super) fn person(player_id: PlayerId, nickname: String) -> Self {
        Self {
            player_id,
            nickname,
            bot: false,
            spectator: false,
            ready: false,
            connected: true,
            dropped_at: None,
            session: None,
            muted: Vec::new(),
            answered: VecDeque::new(),
        }
    }
}

/// How one comes to a room.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// He knows the code.
    pub by_code: bool,
    /// He has paid for a seat of its showtime.
    pub paid: bool,
}

impl Step<'_> {
    pub(super) fn join(&mut self, by: &Caller, spectate: bool, way: Way) -> Result<RoomReply, Refused> {
        let room = &self.room;
        let private = room.visibility == crate::protocol::messages::Visibility::Private;
        if room.member(by.player_id).is_some() {
            return refuse(ErrorCode::AlreadyInRoom, "you have a seat in this room");
        }
        if private && !way.by_code {
            return refuse(ErrorCode::RoomNotFound, "no such room");
        }
        if room.showtime.is_some() && !way.paid {
            return refuse(ErrorCode::SeatRequired, "a paid seat of its showtime lets one in");
        }
        if room.banned.contains(&by.player_id) {
            return refuse(ErrorCode::BannedFromRoom, "the leader has banned you from this room");
        }
        let returns = room.running.as_ref().is_some_and(|r| r.game.is_participant(by.player_id));
        let spectator = spectate && !returns;
        if spectator {
            self.may_watch()?;
        } else if room.running.is_some() && !returns {
            return refuse(ErrorCode::GameInProgress, "a game is on");
        } else if room.players().count() >= room.capacity {
            return refuse(ErrorCode::RoomFull, "all seats are taken");
        }
        self.seat(by, spectator);
        if returns {
            self.game_input(Input::Connection { player_id: by.player_id, connected: true });
        }
        self.answer(by, OkKind::Room);
        if self.room.running.is_some() {
            self.effects.push(RoomEffect::Snapshot(by.player_id));
        }
        Ok(RoomReply::Seated)
    }

    fn may_watch(&self) -> Result<(), Refused> {
        if !self.room.rules(self.cx.games).allow_spectators {
            return refuse(ErrorCode::GameInProgress, "this room lets nobody watch");
        }
        if self.room.members.iter().filter(|m| m.spectator).count() >= self.cx.config.room.spectators {
            return refuse(ErrorCode::RoomFull, "no more spectators");
        }
        Ok(())
    }

    /// Gives a person a seat, in the members and in the database.
    pub(super) fn seat(&mut self, by: &Caller, spectator: bool) {
        let mut member = Member::person(by.player_id, by.nickname.clone());
        member.session = by.session;
        member.spectator = spectator;
        if let Some(session) = by.session {
            self.effects.insert(0, RoomEffect::Bind { player: by.player_id, session });
        }
        self.rows.push(Row::TakeSeat { account: by.player_id, room: self.room.room_id });
        self.tell_joined(by.player_id, spectator);
        self.arrive(member);
        self.room.empty_since = None;
        self.room.deserted_since = None;
        if !spectator && !self.room.humans().any(|m| m.player_id == self.room.leader) {
            self.lead(by.player_id);
        }
    }

    pub(super) fn arrive(&mut self, member: Member) {
        let player = member.player_id;
        self.room.members.push(member);
        self.log("room.member_joined", Some(player));
        if let Some(member) = self.room.member(player) {
            let payload = json!({"member": self.room.member_view(member)});
            self.push(To::AllBut(player), "room.member_joined", &payload);
        }
    }

    pub(super) fn leave(&mut self, by: &Caller) -> Result<RoomReply, Refused> {
        self.answer(by, OkKind::Empty);
        if self.room.running.is_some() {
            self.game_input(Input::Left { player_id: by.player_id });
        }
        if self.room.member(by.player_id).is_some() {
            self.remove(by.player_id, "left");
        }
        Ok(RoomReply::Left)
    }

    /// Takes a member out. All are told, he too; his seat is free.
    pub(super) fn remove(&mut self, player: PlayerId, reason: &str) {
        let Some(at) = self.room.members.iter().position(|m| m.player_id == player) else { return };
        self.log("room.member_left", Some(player));
        self.push(To::All, "room.member_left", &json!({"player_id": player, "reason": reason}));
        let member = self.room.members.remove(at);
        self.effects.push(RoomEffect::Unbind(player));
        if member.bot {
            return;
        }
        self.rows.push(Row::FreeSeat { account: player, room: self.room.room_id });
        if self.room.leader == player
            && let Some(next) = self.room.successor().or_else(|| self.longest_present())
        {
            self.lead(next);
        }
        self.note_absence();
    }

    fn longest_present(&self) -> Option<PlayerId> {
        self.room.players().find(|m| !m.bot).map(|m| m.player_id)
    }

    pub(super) fn lead(&mut self, player: PlayerId) {
        if self.room.leader != player {
            self.room.leader = player;
            self.log("room.leader_changed", Some(player));
            self.push(To::All, "room.leader_changed", &json!({"leader": player}));
        }
    }

    /// Since when the room has been without humans, or its game without a connected one.
    fn note_absence(&mut self) {
        let now = self.cx.now;
        if self.room.humans().next().is_none() {
            self.room.empty_since.get_or_insert(now);
        }
        if self.room.running.is_some() && !self.room.humans().any(|m| m.connected) {
            self.room.deserted_since.get_or_insert(now);
        }
    }

    /// A session of a member is here. `None` if he is no member.
    pub(super) fn attach(
        mut self,
        player: PlayerId,
        session: SessionRef,
        snapshot: bool,
    ) -> Option<Decision> {
        tracing::debug!(room_id = %self.room.room_id, player_id = %player, session_id = %session.id, node = %session.node, "a session is here");
        let before = self.room.listing();
        let member = self.room.member_mut(player)?;
        let was_connected = member.connected;
        if let Some(known) = member.session.filter(|known| was_connected && session.is_older_than(*known)) {
            // From a node that slept, or was cut off, when its player went on elsewhere.
            return Some(Decision::quiet(self.effects, RoomReply::Elsewhere(known)));
        }
        let was_elsewhere = member.session.is_some_and(|known| known.node != session.node);
        let snapshot = snapshot || was_elsewhere; // what went there is missing here
        let same = was_connected && member.session == Some(session);
        member.session = Some(session);
        member.connected = true;
        member.dropped_at = None;
        self.effects.push(RoomEffect::Bind { player, session });
        if snapshot {
            self.effects.push(RoomEffect::Snapshot(player));
            if self.room.startable == Some(player) {
                self.push(To::Only(vec![player]), "room.startable", &json!({"startable": true}));
            }
        }
        if same {
            return Some(Decision::quiet(self.effects, RoomReply::Seated));
        }
        self.room.deserted_since = None;
        if !was_connected {
            let payload = json!({"player_id": player, "connected": true});
            self.effects.push(RoomEffect::Push {
                to: if snapshot { To::AllBut(player) } else { To::All },
                push: Push::new("room.member_connection", &payload),
            });
            self.game_input(Input::Connection { player_id: player, connected: true });
        }
        Some(self.finish(Some(before), RoomReply::Seated))
    }

    /// A member's session lost its socket. False if it is not the session we know.
    pub(super) fn detach(&mut self, player: PlayerId, session: SessionRef) -> bool {
        let known = self.room.member(player).is_some_and(|m| m.session == Some(session) && m.connected);
        if known {
            self.drop_connection(player);
        }
        known
    }

    /// Sessions that ended without a word: those of a node that is gone, or one. False if none was a member's.
    pub(super) fn sessions_gone(&mut self, notice: &PeerNotice) -> bool {
        let gone = |session: SessionRef| match *notice {
            PeerNotice::NodeLost(node) => session.node == node,
            PeerNotice::SessionGone(lost) => session == lost,
            PeerNotice::Resync(_) | PeerNotice::Drain | PeerNotice::Evicted(_) => false,
        };
        let members: Vec<PlayerId> = self
            .room
            .humans()
            .filter(|m| m.connected && m.session.is_some_and(gone))
            .map(|m| m.player_id)
            .collect();
        members.iter().for_each(|member| self.drop_connection(*member));
        !members.is_empty()
    }

    /// He is not connected as of now; in a waiting room he is not ready either.
    pub(super) fn drop_connection(&mut self, player: PlayerId) {
        tracing::debug!(room_id = %self.room.room_id, player_id = %player, "a member is not connected");
        let (cx, waiting) = (self.cx, self.room.running.is_none());
        let Some(member) = self.room.member_mut(player) else { return };
        let was_connected = std::mem::replace(&mut member.connected, false);
        let since = member.dropped_at.map_or(cx.now, |at| at.max(cx.run_began));
        if !was_connected && member.dropped_at == Some(since) {
            return; // gone before, and counted
        }
        member.dropped_at = Some(since);
        let unready = waiting && std::mem::replace(&mut member.ready, false);
        if was_connected {
            self.push(To::All, "room.member_connection", &json!({"player_id": player, "connected": false}));
        }
        if unready {
            self.push(To::All, "room.member_ready", &json!({"player_id": player, "ready": false}));
        }
        self.game_input(Input::Connection { player_id: player, connected: false });
        self.note_absence();
    }
}
