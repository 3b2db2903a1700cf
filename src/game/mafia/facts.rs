//! What of a game of Mafia the activity stream tells (spec 2.3).
//!
//! Compares the game before and after a step; changes nothing. Called by the room through [`Game::facts`].

use super::{Mafia, Player, shapes::Cause};
use crate::game::{GameFact, Input};
use serde_json::json;

impl Mafia {
    pub(super) fn facts_since(&self, before: &Self, input: &Input) -> Vec<GameFact> {
        let mut facts = Vec::new();
        if let Input::Command { by, name, .. } = input
            && name == "game.vote"
            && !before.day_voters().any(|voter| voter == *by)
        {
            facts.push(GameFact::new("vote_cast", *by, json!({})));
        }
        for death in self.deaths.iter().skip(before.deaths.len()) {
            facts.push(GameFact::new("player_died", death.player_id, json!({"cause": death.cause})));
        }
        match (&before.winner, self.winner.as_deref()) {
            (None, Some(winner)) if winner != "aborted" => {
                facts.extend(self.results(winner, input));
                facts.extend(self.standings(winner));
            }
            _ => {}
        }
        facts
    }

    /// Of everybody, for his rating. Who left or was expelled has lost: else leaving would be the way not to lose.
    fn standings(&self, winner: &str) -> impl Iterator<Item = GameFact> {
        let quit = |player: &Player| {
            let quits = |cause| matches!(cause, Cause::Left | Cause::Expelled);
            self.deaths.iter().any(|death| death.player_id == player.id && quits(death.cause))
        };
        self.players.iter().map(move |player| {
            let won = self.has_won(player, winner) && !quit(player);
            GameFact::new(GameFact::STANDING, player.id, json!({"won": won}))
        })
    }

    /// Of those who played to the end: whose leaving is the end did not.
    fn results(&self, winner: &str, input: &Input) -> Vec<GameFact> {
        let mut facts = Vec::new();
        let left = |player: &Player| matches!(input, Input::Left { player_id } if *player_id == player.id);
        for player in self.players.iter().filter(|player| !left(player)) {
            let won = self.has_won(player, winner);
            facts.push(GameFact::new("game_finished", player.id, json!({"won": won})));
            if won {
                facts.push(GameFact::new("game_won", player.id, json!({"role": player.role})));
            }
        }
        facts
    }

    /// A side wins with its dead. A role that wins by its execution wins alone, and nobody of its kind with it.
    fn has_won(&self, player: &Player, winner: &str) -> bool {
        if json!(player.role.side()) == winner {
            return true;
        }
        player.role.name() == winner
            && player.role.spec().wins_when_executed
            && self.deaths.last().is_some_and(|death| death.player_id == player.id)
    }
}
