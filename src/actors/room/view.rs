//! A room as its members see it: `ROOM`, and each his own `room.state` (spec 1.8). Pure.

use super::{
    chat::ChatLog,
    state::{Member, RoomState},
};
use crate::{
    game::Viewer,
    ids::PlayerId,
    protocol::{
        media::MediaView,
        messages::{MemberView, RoomView},
    },
    store::Listing,
};
use serde_json::{Value, json};

impl RoomState {
    /// `MEMBER`.
    pub(super) fn member_view(&self, member: &Member) -> MemberView {
        let flags = self.running.as_ref().and_then(|running| running.game.member_flags(member.player_id));
        MemberView {
            player_id: member.player_id,
            nickname: member.nickname.clone(),
            ready: member.ready || member.bot,
            role: if member.player_id == self.leader { "leader" } else { "member" },
            connected: member.connected || member.bot,
            bot: member.bot,
            alive: flags.map(|(alive, _)| alive),
            spectator: member.spectator,
            absent: flags.map(|(_, absent)| absent),
        }
    }

    /// `ROOM`.
    pub(super) fn view(&self) -> RoomView {
        RoomView {
            room_id: self.room_id,
            code: self.code.clone(),
            name: self.name.clone(),
            visibility: self.visibility,
            capacity: self.capacity,
            status: self.status(),
            game: self.game.clone(),
            settings: self.settings.clone(),
            leader: self.leader,
            created_at: self.created_at,
            members: self.members.iter().map(|m| self.member_view(m)).collect(),
            log: self.log.iter().cloned().collect(),
        }
    }

    /// Through whose eyes this member sees the game.
    pub(super) fn viewer(&self, player: PlayerId) -> Viewer {
        let plays = self.running.as_ref().is_some_and(|running| running.game.is_participant(player));
        if plays { Viewer::Player(player) } else { Viewer::Spectator }
    }

    /// `GAME` as this player may see it, after the end too; else null.
    pub(super) fn game_view(&self, player: PlayerId) -> Value {
        match &self.running {
            Some(running) => running.game.view(self.viewer(player)),
            None => {
                let last = self.last_game.as_ref();
                let view = last.map(|last| last.players.get(&player).unwrap_or(&last.others));
                view.cloned().unwrap_or_default()
            }
        }
    }

    /// The payload of this member's `room.state`.
    pub(super) fn snapshot(&self, player: PlayerId, chat: &ChatLog, media: Option<&MediaView>) -> Value {
        json!({
            "room": self.view(),
            "game": self.game_view(player),
            "chat": chat.readable_by(self, player),
            "media": media,
            "you": player,
        })
    }

    /// What the room index shows of the room.
    pub(super) fn listing(&self) -> Listing {
        Listing {
            room_id: self.room_id,
            code: self.code.clone(),
            name: self.name.clone(),
            game: self.game.clone(),
            visibility: self.visibility.wire().to_owned(),
            status: self.status().wire().to_owned(),
            members: i64::try_from(self.players().count()).unwrap_or(i64::MAX),
            capacity: i64::try_from(self.capacity).unwrap_or(i64::MAX),
            settings: self.settings.clone(),
            created_at: self.created_at,
        }
    }
}
