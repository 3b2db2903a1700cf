//! How many a queue lets in now, and how fast its line moves. Pure: time is an argument.

use crate::{clock::UnixMs, config};
use serde::{Deserialize, Serialize};

/// A place that is limited by the rate is looked for again after this at the earliest.
const SOONEST_MS: u64 = 100;
/// Of the rate, what may be let in at once: a tenth of a second's, and one at least.
const BURST_S: f64 = 0.1;

/// What a queue's actor commits with each admission.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct QueueState {
    /// Of the rate, what was not used yet.
    tokens: f64,
    at: UnixMs,
    /// Ends that made place for somebody, and admissions, each fading with time, and the time in which they were counted.
    moved: f64,
    moved_ms: f64,
    admitted: f64,
    admitted_ms: f64,
    /// After the last turn.
    active: i64,
    waited: bool,
}

/// What the actor has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub paused: bool,
    /// Nobody is admitted until then.
    pub quiet_until: UnixMs,
    pub capacity: i64,
    pub rate_per_s: Option<f64>,
    /// Passes that have not ended.
    pub active: i64,
}

/// What it has done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub admitted: usize,
    /// Still.
    pub waiting: u64,
}

impl QueueState {
    /// How many may come in now.
    pub fn places(&mut self, facts: &Facts, most: usize, now: UnixMs) -> usize {
        self.refill(facts.rate_per_s, now);
        if facts.paused || now < facts.quiet_until {
            return 0;
        }
        let free = usize::try_from(facts.capacity - facts.active).unwrap_or(0);
        let allowed = facts.rate_per_s.map_or(usize::MAX, |_| self.tokens.floor().max(0.0) as usize);
        free.min(allowed).min(most)
    }

    fn refill(&mut self, rate_per_s: Option<f64>, now: UnixMs) {
        let since_ms = (now - self.at).max(0) as f64;
        self.at = now;
        let Some(rate) = rate_per_s else { return self.tokens = 0.0 };
        self.tokens = (self.tokens + rate * since_ms / 1_000.0).min((rate * BURST_S).max(1.0));
    }

    /// The round is over: what it says of the line's pace. `since`: the round before.
    pub fn done(&mut self, facts: &Facts, done: Done, since: UnixMs, settings: &config::Queue) {
        let by_rate = facts.rate_per_s.is_some() && self.tokens < 1.0 + done.admitted as f64;
        if facts.rate_per_s.is_some() {
            self.tokens -= done.admitted as f64;
        }
        let ended = (self.active - facts.active).max(0) as f64;
        let admitted = done.admitted as f64;
        let elapsed_ms = if since.0 == 0 { 0.0 } else { (self.at - since).max(0) as f64 };
        let fades = (-elapsed_ms / settings.pace_ms.max(1) as f64).exp();
        (self.admitted, self.admitted_ms) =
            (self.admitted * fades + admitted, self.admitted_ms * fades + elapsed_ms);
        if self.waited && !facts.paused && facts.quiet_until <= self.at {
            // Whoever comes into a place that was empty all along says nothing of those who must wait for one.
            let moved = if by_rate { admitted } else { admitted.min(ended) };
            (self.moved, self.moved_ms) = (self.moved * fades + moved, self.moved_ms * fades + elapsed_ms);
        }
        self.active = facts.active + done.admitted as i64;
        self.waited = done.waiting > 0;
    }

    /// When the last round was.
    pub fn turned_at(&self) -> UnixMs {
        self.at
    }

    /// How fast the line moves, in players a second; 0 is not known.
    pub fn pace(&self) -> f64 {
        per_s(self.moved, self.moved_ms)
    }

    /// Admissions a second of late.
    pub fn admitted_per_s(&self) -> f64 {
        per_s(self.admitted, self.admitted_ms)
    }

    /// When the next round is due, in ms, if nothing happens before.
    pub fn next_turn_ms(&self, facts: &Facts, done: Done, settings: &config::Queue) -> u64 {
        let free = facts.capacity - facts.active - done.admitted as i64;
        let Some(rate) = facts.rate_per_s.filter(|rate| *rate > 0.0) else { return settings.tick_ms };
        if done.waiting == 0 || free <= 0 || facts.paused {
            return settings.tick_ms;
        }
        let until_ms = ((1.0 - self.tokens).max(0.0) / rate * 1_000.0).ceil() as u64;
        until_ms.clamp(SOONEST_MS, settings.tick_ms.max(SOONEST_MS))
    }
}

/// A second must have been seen at least.
fn per_s(n: f64, ms: f64) -> f64 {
    if ms < 1_000.0 { 0.0 } else { n / ms * 1_000.0 }
}
