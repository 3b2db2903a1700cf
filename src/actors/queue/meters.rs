//! What operators see of a queue on the node that holds it: who waits and how long, who is inside, who comes in. Told by its
//! actor after each round, and taken back when it stops.
//!
//! When somebody came is not kept in the line (100,000 waiting would cost a third more of Redis). But numbers rise with
//! arrival, so it is enough to remember which number was the highest at which time.

use crate::{clock::UnixMs, ids::QueueId};
use std::collections::VecDeque;

/// So many moments are remembered at most; of more, every second one is forgotten.
const MOMENTS: usize = 512;

/// What a round has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    pub waiting: u64,
    pub active: i64,
    /// It may fill so many; 0 while it is paused.
    pub places: i64,
    /// The first number that waits.
    pub first: Option<i64>,
    /// The highest number that was given out.
    pub given: i64,
    pub at: UnixMs,
}

/// The figures of one queue.
pub(super) struct Meters {
    queue: String,
    arrivals: Arrivals,
}

impl Meters {
    /// Nothing is known yet. The counter begins at zero: to Prometheus one that first shows up as 1 has not risen.
    pub fn of(queue: QueueId) -> Self {
        let queue = queue.to_string();
        metrics::counter!("playhouse_queue_admitted_total", "queue" => queue.clone()).increment(0);
        Self { queue, arrivals: Arrivals::default() }
    }

    /// A round is over, which has let so many in.
    pub fn turned(&mut self, sight: Sight, admitted: usize) {
        let label = || self.queue.clone();
        metrics::counter!("playhouse_queue_admitted_total", "queue" => label()).increment(admitted as u64);
        let oldest_ms = self.arrivals.oldest_ms(sight);
        metrics::gauge!("playhouse_queue_waiting", "queue" => label()).set(sight.waiting as f64);
        metrics::gauge!("playhouse_queue_active", "queue" => label()).set(sight.active as f64);
        metrics::gauge!("playhouse_queue_places", "queue" => label()).set(sight.places as f64);
        metrics::gauge!("playhouse_queue_oldest_wait_seconds", "queue" => label())
            .set(oldest_ms as f64 / 1_000.0);
    }

    /// This node has the queue no more.
    pub fn clear(&mut self) {
        self.turned(Sight::default(), 0);
    }
}

/// When which numbers were given out: as of each round, the highest one.
#[derive(Default)]
struct Arrivals {
    moments: VecDeque<(i64, UnixMs)>,
    /// From one moment to the next, in ms: twice as long each time when there are too many.
    apart_ms: i64,
}

impl Arrivals {
    /// How long the first has waited at least, in ms: since the moment that first knew of his number. Of one who came before
    /// this actor it is known since its first round.
    fn oldest_ms(&mut self, Sight { first, given, at, .. }: Sight) -> i64 {
        self.note(given, at);
        let Some(first) = first else {
            self.moments.drain(..self.moments.len().saturating_sub(1)); // nobody waits: the last is where the next begin
            self.apart_ms = 0;
            return 0;
        };
        while self.moments.len() > 1 && self.moments.front().is_some_and(|(known, _)| *known < first) {
            self.moments.pop_front();
        }
        match self.moments.front() {
            Some((known, since)) if *known >= first => (at - *since).max(0),
            _ => 0, // he has just come
        }
    }

    fn note(&mut self, given: i64, at: UnixMs) {
        let last = self.moments.back();
        if last.is_some_and(|(known, since)| *known >= given || at - *since < self.apart_ms) {
            return;
        }
        self.moments.push_back((given, at));
        if self.moments.len() > MOMENTS {
            let mut n = 0;
            self.moments.retain(|_| {
                n += 1;
                n % 2 == 1 // the first of all stays
            });
            let span_ms = self.moments.front().map_or(0, |(_, first)| at - *first);
            self.apart_ms = span_ms / (MOMENTS as i64 / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(arrivals: &mut Arrivals, first: Option<i64>, given: i64, at: i64) -> i64 {
        arrivals.oldest_ms(Sight { first, given, at: UnixMs(at), ..Sight::default() })
    }

    #[test]
    fn a_queue_begins_at_zero_and_is_zero_when_it_has_gone() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let queue = QueueId(uuid::Uuid::nil());
        metrics::with_local_recorder(&recorder, || {
            let shows = |name: &str, value: &str| {
                let line = format!("playhouse_queue_{name}{{queue=\"{queue}\"}} {value}");
                let text = recorder.handle().render();
                assert!(text.lines().any(|shown| shown == line), "no {line} in\n{text}");
            };
            let mut meters = Meters::of(queue);
            shows("admitted_total", "0");
            let came =
                Sight { waiting: 4, active: 2, places: 2, first: Some(3), given: 6, at: UnixMs(1_000) };
            meters.turned(came, 2);
            meters.turned(Sight { at: UnixMs(3_500), ..came }, 0);
            for (name, value) in [
                ("admitted_total", "2"),
                ("waiting", "4"),
                ("active", "2"),
                ("places", "2"),
                ("oldest_wait_seconds", "2.5"),
            ] {
                shows(name, value);
            }
            meters.clear();
            for name in ["waiting", "active", "places", "oldest_wait_seconds"] {
                shows(name, "0");
            }
            shows("admitted_total", "2");
        });
    }

    #[test]
    fn the_oldest_wait_is_that_of_who_is_first_to_the_round_in_which_he_came() {
        let mut arrivals = Arrivals::default();
        assert_eq!(sees(&mut arrivals, None, 0, 1_000), 0);
        assert_eq!(sees(&mut arrivals, Some(1), 10, 2_000), 0, "ten have just come");
        assert_eq!(sees(&mut arrivals, Some(5), 10, 5_000), 3_000);
        assert_eq!(sees(&mut arrivals, Some(5), 30, 6_000), 4_000);
        assert_eq!(
            sees(&mut arrivals, Some(11), 30, 9_000),
            3_000,
            "the first ten are gone: he came with the next"
        );
        assert_eq!(sees(&mut arrivals, None, 30, 10_000), 0);
        assert_eq!(sees(&mut arrivals, Some(31), 31, 20_000), 0, "time in which nobody waited is nobody's");
        assert_eq!(sees(&mut arrivals, Some(31), 31, 21_000), 1_000);
    }

    #[test]
    fn who_came_before_the_actor_waits_since_its_first_round() {
        let mut arrivals = Arrivals::default();
        assert_eq!(sees(&mut arrivals, Some(7), 900, 50_000), 0);
        assert_eq!(sees(&mut arrivals, Some(7), 901, 57_000), 7_000);
        assert_eq!(sees(&mut arrivals, Some(3), 901, 58_000), 8_000, "one who has come back is before him");
    }

    #[test]
    fn a_line_of_many_hours_is_remembered_in_few_moments() {
        let mut arrivals = Arrivals::default();
        for second in 0..20_000 {
            let oldest = sees(&mut arrivals, Some(1), second + 1, second * 1_000);
            assert_eq!(oldest, second * 1_000, "the first of all is still there");
            assert!(arrivals.moments.len() <= MOMENTS);
        }
        let oldest = sees(&mut arrivals, Some(10_001), 20_000, 20_000_000);
        let late = 10_000_000 - oldest;
        assert!((0..200_000).contains(&late), "he is known to have come {late} ms after he did");
    }
}
