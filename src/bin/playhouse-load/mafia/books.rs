//! What a player, and all of them together, have seen and measured.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::comeback::{How, Return};
use crate::meter::{Latencies, latencies};

use super::games::Tally;

/// Counts by what was seen.
pub type Counts = BTreeMap<String, u64>;

const US_PER_MS: i64 = 1000;

/// The books.
pub struct Books {
    /// What happened, how often.
    pub seen: Counts,
    /// What must not have happened, how often.
    pub faults: Counts,
    /// From the server's `started_at` to our ear, microseconds.
    pub delay: Latencies,
    /// From a phase's deadline to the start of the next, microseconds, once a table.
    pub lateness: Latencies,
    /// From the loss of a socket to the resumed session, microseconds.
    pub resumes: Latencies,
    /// Resumes that were refused, so that a new session was taken.
    pub refused: u64,
    /// What became of the games, once a table.
    pub games: Tally,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            seen: Counts::new(),
            faults: Counts::new(),
            delay: latencies(),
            lateness: latencies(),
            resumes: latencies(),
            refused: 0,
            games: Tally::default(),
        }
    }
}

impl Books {
    /// Enters a fault.
    pub fn fault(&mut self, fault: String) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Enters what happened.
    pub fn saw(&mut self, what: String) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// How often it happened.
    pub fn count(&self, what: &str) -> u64 {
        self.seen.get(what).copied().unwrap_or_default()
    }

    /// A push was heard so many microseconds after its time.
    pub fn heard_after(&mut self, us: i64) {
        record(&mut self.delay, us);
    }

    /// A player is back after the loss of his socket.
    pub fn came_back(&mut self, back: &Return) {
        let how = match back.how {
            How::Replay => "sockets lost, resumed with a replay",
            How::Snapshot => "sockets lost, resumed with a snapshot",
            How::Refused => "sockets lost, resume refused",
        };
        self.saw(how.into());
        if back.how == How::Refused {
            self.refused += 1;
        } else {
            let us = |took: Duration| i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
            record(&mut self.resumes, us(back.took));
        }
    }

    /// Enters what became of a table's games.
    pub fn tally(&mut self, games: Tally) {
        games.late_ms.iter().for_each(|late| record(&mut self.lateness, late * US_PER_MS));
        self.games.add(games);
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        let sum = |into: &mut Counts, from: Counts| {
            from.into_iter().for_each(|(what, count)| *into.entry(what).or_default() += count);
        };
        sum(&mut self.seen, other.seen);
        sum(&mut self.faults, other.faults);
        // Bounds are the same, so adding cannot fail.
        let join = |into: &mut Latencies, from: &Latencies| into.add(from).unwrap_or_default();
        join(&mut self.delay, &other.delay);
        join(&mut self.lateness, &other.lateness);
        join(&mut self.resumes, &other.resumes);
        self.refused += other.refused;
        self.games.add(other.games);
    }
}

fn record(histogram: &mut Latencies, us: i64) {
    histogram.saturating_record(u64::try_from(us).unwrap_or_default().max(1));
}
