//! What members and their leader do to a waiting room: ready, settings, kick, transfer, bots, mute (spec 1.2).
//! Pure; part of a decision.

use super::{
    decide::{Refused, Step, To, refuse},
    messages::Caller,
    state::Member,
};
use crate::{
    ids::PlayerId,
    protocol::{
        ErrorCode,
        messages::{Kick, Mute, Target},
    },
};
use serde_json::{Map, Value, json};

impl Step<'_> {
    pub(super) fn leader_in_waiting(&self, by: &Caller) -> Result<(), Refused> {
        if self.room.leader != by.player_id {
            return refuse(ErrorCode::NotLeader, "only the leader may");
        }
        if self.room.running.is_some() {
            return refuse(ErrorCode::GameInProgress, "not while a game is on");
        }
        Ok(())
    }

    pub(super) fn ready(&mut self, by: &Caller, ready: bool) -> Result<(), Refused> {
        if self.room.running.is_some() {
            return refuse(ErrorCode::GameInProgress, "not while a game is on");
        }
        if let Some(member) = self.room.member_mut(by.player_id)
            && !member.spectator
            && member.ready != ready
        {
            member.ready = ready;
            self.push(To::All, "room.member_ready", &json!({"player_id": by.player_id, "ready": ready}));
        }
        Ok(())
    }

    pub(super) fn change_settings(&mut self, by: &Caller, patch: &Map<String, Value>) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        let Some(kind) = self.cx.games.get(&self.room.game) else {
            return refuse(ErrorCode::Internal, "the room's game is unknown here");
        };
        let patch = playable(patch.clone(), false, self.cx.media);
        self.room.settings = kind.merge(&self.room.settings, &patch, None)?;
        self.unready_all();
        self.log("room.settings_changed", None);
        let payload = json!({"settings": self.room.settings});
        self.push(To::All, "room.settings_changed", &payload);
        Ok(())
    }

    pub(super) fn unready_all(&mut self) {
        let ready: Vec<_> = self.room.humans().filter(|m| m.ready).map(|m| m.player_id).collect();
        for player in ready {
            if let Some(member) = self.room.member_mut(player) {
                member.ready = false;
            }
            self.push(To::All, "room.member_ready", &json!({"player_id": player, "ready": false}));
        }
    }

    pub(super) fn kick(&mut self, by: &Caller, kick: &Kick) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        if self.room.showtime.is_some() {
            return refuse(ErrorCode::NotAllowed, "who has paid for his seat is put out by staff alone");
        }
        if kick.player_id == by.player_id || self.room.member(kick.player_id).is_none() {
            return refuse(ErrorCode::NotAllowed, "that is nobody you can kick");
        }
        let reason = if kick.ban { "banned" } else { "kicked" };
        if kick.ban && !self.room.banned.contains(&kick.player_id) {
            self.room.banned.push(kick.player_id);
        }
        self.remove(kick.player_id, reason);
        Ok(())
    }

    pub(super) fn transfer(&mut self, by: &Caller, target: &Target) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        match self.room.member(target.player_id) {
            Some(member) if !member.bot && !member.spectator => self.lead(target.player_id),
            _ => return refuse(ErrorCode::NotAllowed, "only a person at the table can lead"),
        }
        Ok(())
    }

    pub(super) fn mute(&mut self, by: PlayerId, mute: &Mute) -> Result<(), Refused> {
        if mute.muted && self.room.member(mute.player_id).is_none() {
            return refuse(ErrorCode::NotAllowed, "that is nobody here");
        }
        let longest = self.cx.config.room.muted;
        let Some(member) = self.room.member_mut(by) else { return Ok(()) };
        member.muted.retain(|muted| *muted != mute.player_id);
        if mute.muted {
            member.muted.push(mute.player_id);
            let over = member.muted.len().saturating_sub(longest);
            member.muted.drain(..over); // the oldest: who has left may come back
        }
        Ok(())
    }

    /// One reports whom one has met: who is here, or plays in the game that is on.
    pub(super) fn may_report(&self, by: &Caller, about: PlayerId) -> Result<(), Refused> {
        let plays = self.room.running.as_ref().is_some_and(|running| running.game.is_participant(about));
        if about == by.player_id || !(plays || self.room.member(about).is_some()) {
            return refuse(ErrorCode::NotAllowed, "that is nobody here");
        }
        Ok(())
    }

    pub(super) fn add_bot(&mut self, by: &Caller) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        if self.room.players().count() >= self.room.capacity {
            return refuse(ErrorCode::RoomFull, "all seats are taken");
        }
        if self.room.members.iter().filter(|m| m.bot).count() >= self.cx.config.room.bots {
            return refuse(ErrorCode::RoomFull, "no more bots");
        }
        let nickname = super::bots::name(&self.room.members, self.cx.chance.id);
        let mut bot = Member::person(PlayerId(self.cx.chance.id), nickname);
        bot.bot = true;
        bot.ready = true;
        self.arrive(bot);
        Ok(())
    }

    pub(super) fn remove_bot(&mut self, by: &Caller, target: &Target) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        if !self.room.member(target.player_id).is_some_and(|m| m.bot) {
            return refuse(ErrorCode::NotAllowed, "that is no bot of this room");
        }
        self.remove(target.player_id, "kicked");
        Ok(())
    }
}

/// A patch that can be played here: without media if there are none.
pub(super) fn playable(mut settings: Map<String, Value>, new: bool, media: bool) -> Value {
    if !media && (new || settings.contains_key("media")) {
        settings.insert("media".to_owned(), Value::Bool(false));
    }
    Value::Object(settings)
}
