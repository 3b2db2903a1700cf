//! What became of the games of a table, pieced together from what its players were told, so that a push one of them
//! missed is not missing here: whether each ended, and how late its phases began.
//!
//! Times are the server's alone. A phase may end early, by its last ballot; it shifts by as much as the next one
//! begins after its `ends_at`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::view::{may_follow, number, text};

/// A winner that is no end.
const ABORTED: &str = "aborted";

#[derive(Clone, Default)]
struct Game {
    winner: Option<String>,
    /// By `started_at`.
    phases: BTreeMap<i64, Phase>,
}

#[derive(Clone)]
struct Phase {
    name: String,
    day: u64,
    ends_at: i64,
}

/// The games of a table, by their rounds.
#[derive(Default)]
pub struct Games(BTreeMap<usize, Game>);

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    pub started: u64,
    /// With a winner, or by the rules without one.
    pub ended: u64,
    /// Started, and not so ended.
    pub lost: u64,
    /// Phases that began after the end of the one before was due, each by so many milliseconds.
    #[serde(skip)]
    pub late_ms: Vec<i64>,
    /// Pairs of phases between which one was told to nobody: nothing is known of their times.
    pub untold: u64,
}

impl Games {
    /// A game has begun.
    pub fn start(&mut self, round: usize) {
        self.0.entry(round).or_default();
    }

    /// A phase, as a push or a snapshot tells it.
    pub fn phase(&mut self, round: usize, payload: &Value) {
        let day = payload["day"].as_u64().unwrap_or_default();
        let (name, ends_at) = (text(payload, "phase").unwrap_or_default(), number(payload, "ends_at"));
        let game = self.0.entry(round).or_default();
        game.phases.insert(number(payload, "started_at"), Phase { name, day, ends_at });
    }

    /// A game is over. None: nobody was told who won.
    pub fn end(&mut self, round: usize, winner: Option<String>) {
        let game = self.0.entry(round).or_default();
        game.winner = winner.or(game.winner.take()).or(Some(String::new()));
    }

    /// All of it.
    pub fn tally(&self) -> Tally {
        let started = self.0.len() as u64;
        let ended = |game: &&Game| game.winner.as_ref().is_some_and(|winner| winner != ABORTED);
        let ended = self.0.values().filter(ended).count() as u64;
        let mut tally = Tally { started, ended, lost: started - ended, ..Tally::default() };
        for game in self.0.values() {
            for ((_, phase), (began, next)) in game.phases.iter().zip(game.phases.iter().skip(1)) {
                if !may_follow(&phase.name, phase.day, &next.name, next.day) {
                    tally.untold += 1;
                } else if *began >= phase.ends_at {
                    tally.late_ms.push(began - phase.ends_at);
                }
            }
        }
        tally
    }
}

impl Tally {
    /// Adds another table's.
    pub fn add(&mut self, other: Self) {
        self.started += other.started;
        self.ended += other.ended;
        self.lost += other.lost;
        self.untold += other.untold;
        self.late_ms.extend(other.late_ms);
    }

    /// The largest shift of a deadline, milliseconds.
    pub fn largest_shift_ms(&self) -> i64 {
        self.late_ms.iter().copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn phase(name: &str, started_at: i64, ends_at: i64) -> Value {
        json!({"phase": name, "day": 1, "started_at": started_at, "ends_at": ends_at})
    }

    #[test]
    fn the_largest_shift_is_what_came_late_and_not_what_closed_early() {
        let mut games = Games::default();
        games.phase(1, &phase("vote", 1_070, 2_070));
        games.phase(1, &phase("day", 0, 1_000));
        games.phase(1, &phase("day", 0, 1_000)); // another player's
        games.phase(1, &phase("defence", 1_500, 2_500));
        let tally = games.tally();
        assert_eq!((tally.late_ms.as_slice(), tally.largest_shift_ms()), ([70].as_slice(), 70));
    }

    #[test]
    fn a_phase_that_nobody_was_told_of_is_no_shift() {
        let mut games = Games::default();
        games.phase(1, &phase("day", 0, 1_000));
        games.phase(1, &phase("defence", 3_000, 4_000));
        let tally = games.tally();
        assert_eq!((tally.untold, tally.largest_shift_ms()), (1, 0));
    }

    #[test]
    fn a_game_that_was_aborted_or_went_on_for_ever_is_lost() {
        let mut games = Games::default();
        (1..=4).for_each(|round| games.start(round));
        games.end(1, Some("mafia".into()));
        games.end(2, Some("aborted".into()));
        games.end(3, None);
        games.end(3, Some("draw".into()));
        let tally = games.tally();
        assert_eq!((tally.started, tally.ended, tally.lost), (4, 2, 2));
    }
}
