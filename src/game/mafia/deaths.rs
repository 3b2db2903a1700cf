//! Deaths, departures and the end of the game (spec 1.3).
//!
//! Owns what a death does and when somebody has won. Called at executions, night deaths, departures and expulsions.
//! Never kills on its own account.

use super::{Mafia, push_all, push_to, settings::Reveal, shapes::Cause, shapes::Death};
use crate::{clock::UnixMs, game::Effect, ids::PlayerId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Mafia {
    /// Somebody dies: all hear of it, and he alone of everybody's role, for the dead may know (spec 1.3).
    pub(super) fn die(&mut self, id: PlayerId, cause: Cause, out: &mut Vec<Effect>) {
        let Some(player) = self.player_mut(id).filter(|p| p.alive) else { return };
        player.alive = false;
        player.absent = false;
        let (role, will) = (player.role, player.will.clone());
        self.forget_kicks(id);
        // One who left tells nothing: else leaving would be a way to prove a role.
        let reveal = if cause == Cause::Left { Reveal::None } else { self.settings.reveal_on_death };
        let death = Death {
            player_id: id,
            cause,
            day: self.day,
            role: (reveal == Reveal::Full).then_some(role),
            side: (reveal == Reveal::Side).then(|| role.side()),
            will: will.filter(|_| self.settings.wills),
        };
        push_all(out, "game.death", &death);
        self.deaths.push(death);
        if matches!(cause, Cause::Executed | Cause::Killed) {
            push_to(out, vec![id], "game.graveyard", json!({ "roles": self.roles_by_player() }));
            out.push(Effect::Show { player_id: id });
        }
    }

    /// `room.leave` in a game is a death; his choices are void.
    pub(super) fn leave(&mut self, id: PlayerId, now: UnixMs, out: &mut Vec<Effect>) {
        self.go(id, Cause::Left, now, out);
    }

    /// The others have expelled him (spec 1.7): a death too, and he must leave the room.
    pub(super) fn expel(&mut self, id: PlayerId, now: UnixMs, out: &mut Vec<Effect>) {
        self.go(id, Cause::Expelled, now, out);
    }

    fn go(&mut self, id: PlayerId, cause: Cause, now: UnixMs, out: &mut Vec<Effect>) {
        if !self.is_alive(id) {
            return;
        }
        self.die(id, cause, out);
        if cause == Cause::Expelled {
            out.push(Effect::Expel { player_id: id });
        }
        let was_accused = self.phase.accused() == Some(id);
        if self.check_end(None, out) {
            return;
        }
        if was_accused {
            self.fall_night(now, out);
        } else {
            self.void_day_ballots(id, out);
            self.void_night_choice(id, out);
        }
    }

    /// Checked once after all deaths of a step: ends the game if somebody has won, and says whether it did.
    pub(super) fn check_end(&mut self, executed: Option<PlayerId>, out: &mut Vec<Effect>) -> bool {
        let winner = self.winner_now(executed);
        if let Some(winner) = winner {
            self.finish(winner, out);
        }
        winner.is_some()
    }

    fn winner_now(&self, executed: Option<PlayerId>) -> Option<&'static str> {
        let executed = executed.and_then(|id| self.player(id)).map(|p| p.role);
        if let Some(role) = executed.filter(|role| role.spec().wins_when_executed) {
            return Some(role.name());
        }
        let living = self.living().count();
        let mafia = self.living().filter(|p| p.role.is_mafia()).count();
        match (mafia, living - mafia) {
            (0, 0) => Some("draw"),
            (0, _) => Some("citizens"),
            (mafia, others) if mafia >= others => Some("mafia"),
            _ => None,
        }
    }

    /// The end: everything is disclosed. The room adds `match_id` to the payload of `game.over`.
    pub(super) fn finish(&mut self, winner: &str, out: &mut Vec<Effect>) {
        self.winner = Some(winner.into());
        let roles = self.roles_by_player();
        let over = json!({ "winner": winner, "roles": roles, "days": self.day, "seed": self.seed });
        push_all(out, "game.over", over);
        out.push(Effect::Over { winner: winner.into(), roles });
    }

    /// `{player_id: role}`: for the dead, and for all after the end.
    fn roles_by_player(&self) -> Value {
        let roles: BTreeMap<_, _> = self.players.iter().map(|p| (p.id, p.role)).collect();
        serde_json::to_value(roles).unwrap_or_default()
    }
}
