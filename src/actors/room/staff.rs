//! What staff do to a live room (spec 8.2): watch it, put somebody out, end it. Pure; part of a decision.
//!
//! Who has a seat here or plays in the game that is on has no such powers over it: what staff see tells roles.

use super::{
    chat::ChatLog,
    decide::{Refused, Step, refuse},
    messages::{Moderator, RoomReply, StaffOrder},
    state::RoomState,
};
use crate::{game::Input, ids::PlayerId, protocol::ErrorCode, store::AuditEntry, store::Row};
use serde_json::{Value, json};

impl RoomState {
    /// Everything, secrets too; refused to who has a part in it.
    pub(super) fn shown_to(&self, by: &Moderator, chat: &ChatLog) -> Result<Value, Refused> {
        self.is_impartial(by)?;
        let running = self.running.as_ref();
        Ok(json!({
            "room": self.view(),
            "banned": self.banned,
            "match_id": running.map(|running| running.match_id),
            "started_at": running.map(|running| running.started_at),
            "chat": chat.evidence(),
        }))
    }

    fn is_impartial(&self, by: &Moderator) -> Result<(), Refused> {
        let plays = self.running.as_ref().is_some_and(|running| running.game.is_participant(by.account));
        if plays || self.member(by.account).is_some() {
            return refuse(ErrorCode::NotAllowed, "you have a part in this room");
        }
        Ok(())
    }
}

impl Step<'_> {
    pub(super) fn staff(&mut self, by: &Moderator, order: &StaffOrder) -> Result<RoomReply, Refused> {
        self.room.is_impartial(by)?;
        let room = self.room.room_id;
        let (action, detail) = match order {
            StaffOrder::Watch => return refuse(ErrorCode::Internal, "watching changes nothing"),
            StaffOrder::Kick { player_id, ban, reason } => {
                self.put_out(*player_id, *ban)?;
                (AuditEntry::ROOM_KICKED, json!({"player_id": player_id, "ban": ban, "reason": reason}))
            }
            StaffOrder::End { reason } => {
                self.close("ended");
                (
                    AuditEntry::ROOM_ENDED,
                    json!({"reason": reason, "code": self.room.code, "name": self.room.name}),
                )
            }
        };
        let by = (Some(by.account), by.role);
        let entry = AuditEntry::new(self.cx.now, by, action, format!("room/{room}"), detail);
        self.rows.push(Row::Audit(entry));
        Ok(RoomReply::Done)
    }

    /// Out of the room, and out of the game that is on.
    fn put_out(&mut self, player: PlayerId, ban: bool) -> Result<(), Refused> {
        if self.room.member(player).is_none() {
            return refuse(ErrorCode::NotInRoom, "that is nobody here");
        }
        if ban && !self.room.banned.contains(&player) {
            self.room.banned.push(player);
        }
        if self.room.running.is_some() {
            self.game_input(Input::Left { player_id: player });
        }
        self.remove(player, if ban { "banned" } else { "kicked" });
        Ok(())
    }
}
