//! A whole view in place of pushes: what a `room.state` teaches a player who has missed some (spec 1.1, 6.1).
//!
//! One comes after a resume, after a gap between nodes, and to whoever dies; it may be ahead of pushes of the same
//! step that are still to come. Pure, as `view` is: what was known for certain must be in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::view::{View, text};

/// What a snapshot shows that was not known.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing that calls for an act.
    Nothing,
    /// A phase that has begun meanwhile.
    Phase,
    /// The game has ended meanwhile; its winner, unless the table was cleared since.
    End(Option<String>),
}

impl View {
    /// Takes over what `state` shows.
    pub fn resync(&mut self, state: &Value) -> Result<Shown, String> {
        let (room, game) = (&state["room"], &state["game"]);
        if room["status"] != "playing" {
            let ended = std::mem::take(&mut self.in_game);
            return Ok(if ended { Shown::End(text(game, "winner")) } else { Shown::Nothing });
        }
        if !self.in_game {
            self.start(room);
        }
        self.leader = text(room, "leader").unwrap_or_default();
        self.resync_role(&game["you"])?;
        self.resync_living(game)?;
        self.resync_phase(game)
    }

    fn resync_role(&mut self, you: &Value) -> Result<(), String> {
        if self.role.is_empty() {
            return self.learn_role(you);
        }
        let same = you["role"] == self.role.as_str();
        if same { Ok(()) } else { Err(format!("a {} is shown as a {}", self.role, you["role"])) }
    }

    /// Nobody rises; who has died meanwhile may still be pushed.
    fn resync_living(&mut self, game: &Value) -> Result<(), String> {
        let players = game["players"].as_array().map(Vec::as_slice).unwrap_or_default();
        let alive = players.iter().filter(|player| player["alive"] == true);
        let living: BTreeSet<String> = alive.filter_map(|player| text(player, "player_id")).collect();
        if !living.is_subset(&self.living) {
            return Err("a snapshot shows one of the dead alive".into());
        }
        self.shown_dead.extend(self.living.difference(&living).cloned());
        self.alive = living.contains(&self.me);
        self.living = living;
        Ok(())
    }

    fn resync_phase(&mut self, game: &Value) -> Result<Shown, String> {
        let started = game["started_at"].as_i64().unwrap_or_default();
        if started == self.started_at {
            return Ok(Shown::Nothing);
        }
        if started < self.started_at {
            return Err(format!("a snapshot goes back to {} from {}", game["phase"], self.phase));
        }
        self.take_phase(game);
        Ok(Shown::Phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(phase: &str, started_at: i64, dead: &[&str]) -> Value {
        let ids = ["me", "you", "they"];
        let players: Vec<Value> =
            ids.iter().map(|id| json!({"player_id": id, "alive": !dead.contains(id)})).collect();
        json!({
            "room": {"status": "playing", "leader": "me", "members": players},
            "game": {"phase": phase, "day": 1, "started_at": started_at, "ends_at": started_at + 1000,
                "you": {"role": "doctor"}, "players": players},
        })
    }

    #[test]
    fn who_missed_the_start_learns_all_of_it() {
        let mut view = View { me: "me".into(), ..View::default() };
        assert_eq!(view.resync(&state("vote", 1000, &[])), Ok(Shown::Phase));
        assert_eq!((view.role.as_str(), view.phase.as_str(), view.living.len()), ("doctor", "vote", 3));
        assert!(view.alive && view.in_game);
        assert_eq!(view.resync(&state("vote", 1000, &["you"])), Ok(Shown::Nothing));
        assert_eq!(view.bury(&json!({"player_id": "you"})), Ok(()), "its push may follow");
        assert!(view.bury(&json!({"player_id": "you"})).is_err(), "but once");
    }

    #[test]
    fn a_phase_that_was_shown_is_pushed_once_more() {
        let mut view = View { me: "me".into(), ..View::default() };
        view.resync(&state("vote", 1000, &[])).unwrap();
        let push = json!({"phase": "vote", "day": 1, "started_at": 1000, "ends_at": 2000});
        assert_eq!(view.enter_phase(&push, 1000), Ok(false));
        let earlier = json!({"phase": "day", "day": 1, "started_at": 0, "ends_at": 1000});
        assert!(view.enter_phase(&earlier, 1000).is_err());
    }

    #[test]
    fn nothing_that_was_known_is_taken_back() {
        let mut view = View { me: "me".into(), ..View::default() };
        view.resync(&state("night", 2000, &["you"])).unwrap();
        assert!(view.clone().resync(&state("night", 2000, &[])).is_err(), "one of the dead lives");
        assert!(view.clone().resync(&state("vote", 1000, &["you"])).is_err(), "an earlier phase");
        let mut other = state("night", 2000, &["you"]);
        other["game"]["you"]["role"] = json!("mafia");
        assert!(view.resync(&other).is_err(), "another role");
    }

    #[test]
    fn an_end_that_was_missed_is_shown_once() {
        let mut view = View { me: "me".into(), ..View::default() };
        view.resync(&state("night", 2000, &[])).unwrap();
        let over = json!({"room": {"status": "waiting"}, "game": {"winner": "mafia"}});
        assert_eq!(view.resync(&over), Ok(Shown::End(Some("mafia".into()))));
        assert_eq!(view.resync(&over), Ok(Shown::Nothing));
    }
}
