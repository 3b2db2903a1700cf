//! What one player knows of his game, and what he must never be told (spec 1.3, 1.4).
//!
//! Pure: pushes go in, breaches of the rules come out as text. What a snapshot teaches is in `snapshot`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::table::Roles;

/// What one player knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub me: String,
    /// Who leads the room.
    pub leader: String,
    pub role: String,
    pub partners: Vec<String>,
    pub phase: String,
    pub day: u64,
    pub accused: Option<String>,
    pub alive: bool,
    pub living: BTreeSet<String>,
    /// Votes held on this day before the current one.
    pub attempt: u32,
    /// Phases so far: two equal values, and nothing has happened between.
    pub changes: u64,
    pub started_at: i64,
    pub ends_at: i64,
    /// From `room.started` to `game.over`.
    pub in_game: bool,
    /// Dead as a snapshot shows; their `game.death` may follow.
    pub shown_dead: BTreeSet<String>,
    /// After `game.over`, until the `room.state` that must follow.
    pub state_due: bool,
}

/// Phases that end by their timer alone; the others may close with the last ballot.
const TIMED: [&str; 4] = ["day", "defence", "final_words", "night"];

/// Whose right it is to see a push, if not everybody's.
type Checked = Result<(), String>;

impl View {
    /// A new game begins: everybody in `room` lives.
    pub fn start(&mut self, room: &Value) {
        let members = room["members"].as_array().map(Vec::as_slice).unwrap_or_default();
        let playing = members.iter().filter(|member| member["spectator"] != true);
        let living = playing.filter_map(|member| text(member, "player_id")).collect();
        let (me, leader) = (self.me.clone(), text(room, "leader").unwrap_or_default());
        let changes = self.changes + 1;
        *self = Self { me, leader, living, alive: true, in_game: true, changes, ..Self::default() };
    }

    /// `game.role`: once a game, before its first phase.
    pub fn learn_role(&mut self, payload: &Value) -> Checked {
        let again = !self.role.is_empty();
        self.role = text(payload, "role").unwrap_or_default();
        let partners = payload["partners"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.partners = partners.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        check(!again, || "game.role came twice".into())?;
        check(self.phase.is_empty(), || "game.role came after a phase".into())?;
        check(self.role == "mafia" || self.partners.is_empty(), || format!("a {} has partners", self.role))
    }

    /// `game.phase`. On success: whether it is news, and not what a snapshot has shown already.
    pub fn enter_phase(&mut self, payload: &Value, phase_ms: u64) -> Result<bool, String> {
        let next = text(payload, "phase").unwrap_or_default();
        let day = payload["day"].as_u64().unwrap_or_default();
        let (started, ends) = (number(payload, "started_at"), number(payload, "ends_at"));
        let (from, from_day, deadline) = (self.phase.clone(), self.day, self.ends_at);
        if started == self.started_at {
            return Ok(false);
        }
        check(started > self.started_at, || format!("{next} came after {from}, which began later"))?;
        self.take_phase(payload);
        check(may_follow(&from, from_day, &next, day), || format!("{next} follows {from}"))?;
        check(!self.role.is_empty(), || "a phase came before game.role".into())?;
        let length = ends - started;
        check(u64::try_from(length) == Ok(phase_ms), || format!("{next} lasts {length} ms, not {phase_ms}"))?;
        let on_trial = matches!(next.as_str(), "defence" | "verdict" | "final_words");
        check(on_trial == self.accused.is_some(), || format!("accused in {next}: {:?}", self.accused))?;
        let timed = TIMED.contains(&from.as_str()) && next != "night" || from == "final_words";
        check(!timed || started >= deadline, || format!("{from} ended before its deadline"))?;
        Ok(true)
    }

    /// Notes a phase, from its push or from a snapshot.
    pub(super) fn take_phase(&mut self, payload: &Value) {
        let next = text(payload, "phase").unwrap_or_default();
        let day = payload["day"].as_u64().unwrap_or_default();
        self.attempt = match (self.phase.as_str(), next.as_str()) {
            _ if day != self.day => 0,
            ("vote", "day") => self.attempt + 1,
            _ => self.attempt,
        };
        self.accused = text(payload, "accused");
        self.changes += 1;
        (self.phase, self.day) = (next, day);
        (self.started_at, self.ends_at) = (number(payload, "started_at"), number(payload, "ends_at"));
    }

    /// `game.death`.
    pub fn bury(&mut self, payload: &Value) -> Checked {
        let id = text(payload, "player_id").unwrap_or_default();
        let lived = self.living.remove(&id) || self.shown_dead.remove(&id);
        self.alive &= id != self.me;
        check(lived, || "game.death of one who does not live".into())
    }

    /// `game.votes`: only the living vote.
    pub fn count_votes(&self, payload: &Value) -> Checked {
        let voters = payload["tally"].as_object().into_iter().flat_map(|tally| tally.values());
        let mut ids = voters.chain([&payload["abstained"]]).filter_map(Value::as_array).flatten();
        let stranger = ids.find(|id| !id.as_str().is_some_and(|id| self.living.contains(id)));
        check(stranger.is_none(), || "game.votes counts one who does not live".into())
    }

    /// `game.night_choice`: the mafia's to the living mafia, the others' to themselves, all to the dead.
    pub fn see_choice(&self, payload: &Value) -> Checked {
        let by = text(payload, "by").unwrap_or_default();
        let shared = payload["role"] == "mafia" && self.role == "mafia";
        let entitled = !self.alive || by == self.me || shared;
        check(entitled, || format!("LEAK: a living {} saw a {}'s night choice", self.role, payload["role"]))
    }

    /// `chat.message`: each channel to those who may read it.
    pub fn read(&self, payload: &Value) -> Checked {
        let channel = text(payload, "channel").unwrap_or_default();
        let may = match channel.as_str() {
            "graveyard" => !self.alive,
            "mafia" => !self.alive || self.role == "mafia",
            _ => true,
        };
        check(may, || format!("LEAK: a living {} read the {channel} channel", self.role))
    }

    /// `game.investigation` goes to the police, of whom these games have none.
    pub fn investigate(&self) -> Checked {
        check(!self.alive, || format!("LEAK: a living {} saw an investigation", self.role))
    }

    /// `game.over`: what is disclosed now is what each was told.
    pub fn finish(&mut self, payload: &Value, told: &Roles) -> Checked {
        self.state_due = true;
        self.in_game = false;
        let disclosed = payload["roles"].as_object();
        let same = |(id, role): (&String, &Value)| told.get(id).is_none_or(|told| role == told.as_str());
        check(disclosed.is_some_and(|roles| roles.iter().all(same)), || {
            "game.over discloses other roles".into()
        })?;
        let complete = ["seed", "match_id", "winner"].iter().all(|field| payload[*field].is_string());
        check(complete, || format!("game.over is incomplete: {payload}"))
    }
}

/// The order of the phases; the night also falls when the accused has left.
pub fn may_follow(from: &str, from_day: u64, to: &str, day: u64) -> bool {
    let same = day == from_day;
    match (from, to) {
        ("", "day") => day == 1,
        ("night", "day") => day == from_day + 1,
        ("day", "vote") | ("vote", "day" | "defence" | "night") => same,
        ("defence", "verdict" | "night") => same,
        ("verdict", "final_words" | "night") | ("final_words", "night") => same,
        _ => false,
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// A text field.
pub fn text(payload: &Value, field: &str) -> Option<String> {
    payload[field].as_str().map(str::to_owned)
}

/// A time.
pub fn number(payload: &Value, field: &str) -> i64 {
    payload[field].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn living(role: &str) -> View {
        let living = ["me", "you"].map(String::from).into();
        View { me: "me".into(), role: role.into(), alive: true, living, ..View::default() }
    }

    #[test]
    fn phases_follow_each_other_as_the_rules_say() {
        assert!(may_follow("", 0, "day", 1));
        assert!(may_follow("vote", 2, "day", 2), "a tie");
        assert!(may_follow("night", 2, "day", 3));
        assert!(!may_follow("day", 1, "night", 1));
        assert!(!may_follow("night", 2, "day", 2));
    }

    #[test]
    fn a_phase_that_ends_too_early_is_a_breach() {
        let phase =
            |phase, from: i64, to: i64| json!({"phase": phase, "day": 1, "started_at": from, "ends_at": to});
        let mut view = living("citizen");
        assert_eq!(view.enter_phase(&phase("day", 1, 1001), 1000), Ok(true));
        assert_eq!(view.clone().enter_phase(&phase("vote", 1003, 2003), 1000), Ok(true));
        assert!(view.enter_phase(&phase("vote", 900, 1900), 1000).is_err());
    }

    #[test]
    fn private_things_are_for_those_whom_they_concern() {
        let choice = json!({"by": "you", "role": "mafia", "target": null});
        assert!(living("citizen").see_choice(&choice).is_err());
        assert!(living("mafia").see_choice(&choice).is_ok());
        assert!(View { alive: false, ..living("citizen") }.see_choice(&choice).is_ok());
        assert!(living("doctor").read(&json!({"channel": "mafia"})).is_err());
        assert!(living("mafia").read(&json!({"channel": "graveyard"})).is_err());
    }

    #[test]
    fn the_dead_are_not_counted_as_voters() {
        let view = living("citizen");
        assert!(view.count_votes(&json!({"tally": {"me": ["you"]}, "abstained": ["me"]})).is_ok());
        assert!(view.count_votes(&json!({"tally": {"me": ["ghost"]}, "abstained": []})).is_err());
    }
}
