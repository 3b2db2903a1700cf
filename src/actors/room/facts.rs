//! What a room tells the activity stream (spec 2.3), in the commit that makes it true. Pure; part of a decision.
//!
//! Of people alone: bots have no account. Who has left the table is told of no more.

use super::decide::Step;
use crate::{
    game::GameFact,
    ids::{MatchId, PlayerId},
    liveops::{Fact, MatchFinished},
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
        let (standings, facts): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|fact| fact.kind == GameFact::STANDING);
        for GameFact { kind, player_id, mut body } in facts {
            if self.room.member(player_id).is_some_and(|member| !member.bot) {
                body["match_id"] = json!(match_id);
                self.tell(kind, player_id, body);
            }
        }
        if !standings.is_empty() {
            self.tell_standings(match_id, &standings);
        }
    }

    /// One fact of everybody who sat down, whether or not he is still here: who is gone was no bot.
    fn tell_standings(&mut self, match_id: MatchId, standings: &[GameFact]) {
        let people = standings.iter().filter(|fact| self.room.member(fact.player_id).is_none_or(|m| !m.bot));
        let (winners, losers): (Vec<_>, Vec<_>) = people.partition(|fact| fact.body["won"] == true);
        let of = |side: Vec<&GameFact>| side.iter().map(|fact| fact.player_id).collect();
        let finished = MatchFinished {
            game: self.room.game.clone(),
            room_id: self.room.room_id,
            match_id,
            winners: of(winners),
            losers: of(losers),
        };
        let id = self.fact_id();
        self.rows.push(Row::Fact(finished.fact(id, self.cx.now)));
    }

    fn tell(&mut self, kind: &'static str, player: PlayerId, mut body: Value) {
        body["game"] = json!(self.room.game);
        body["room_id"] = json!(self.room.room_id);
        let id = self.fact_id();
        self.rows.push(Row::Fact(Fact { id, kind, account: Some(player), at: self.cx.now, body }));
    }

    /// One draw of chance, as many ids as facts.
    fn fact_id(&mut self) -> Uuid {
        self.facts += 1;
        Uuid::from_u128(self.cx.chance.id.as_u128() ^ self.facts)
    }
}
