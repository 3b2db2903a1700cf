//! What a room tells the activity stream (spec 2.3), in the commit that makes it true. Pure; part of a decision.
//!
//! Of people alone: bots have no account. Who has left the table is told of no more.

use super::decide::Step;
use crate::{
    game::GameFact,
    ids::{MatchId, PlayerId},
    liveops::Fact,
    store::Row,
};
use serde_json::{Value, json};
use uuid::Uuid;

impl Step<'_> {
    pub(super) fn tell_joined(&mut self, player: PlayerId, spectator: bool) {
        self.tell("room_joined", player, json!({"spectator": spectator}));
    }

    pub(super) fn tell_started(&mut self, match_id: MatchId) {
        let people = self.room.players().filter(|m| !m.bot).map(|m| m.player_id);
        for player in people.collect::<Vec<_>>() {
            self.tell("game_started", player, json!({"match_id": match_id}));
        }
    }

    /// What the game says of a step, before anybody leaves because of it.
    pub(super) fn tell_of_game(&mut self, match_id: MatchId, facts: Vec<GameFact>) {
        for GameFact { kind, player_id, mut body } in facts {
            if self.room.member(player_id).is_some_and(|member| !member.bot) {
                body["match_id"] = json!(match_id);
                self.tell(kind, player_id, body);
            }
        }
    }

    fn tell(&mut self, kind: &'static str, player: PlayerId, mut body: Value) {
        body["game"] = json!(self.room.game);
        body["room_id"] = json!(self.room.room_id);
        self.facts += 1;
        let id = Uuid::from_u128(self.cx.chance.id.as_u128() ^ self.facts); // one draw, as many ids as facts
        self.rows.push(Row::Fact(Fact { id, kind, account: Some(player), at: self.cx.now, body }));
    }
}
