//! How long one waits, and when to ask again: from the distance and the measured rate of admissions. Pure.

use super::line::Beat;
use crate::{clock::UnixMs, config, store::QueueRow};

/// What a waiting player is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub eta_ms: Option<u64>,
    pub poll_after_ms: u64,
}

/// Of one who has so many before him.
pub(super) fn wait(ahead: u64, beat: &Beat, queue: &QueueRow, settings: &config::Queue, now: UnixMs) -> Wait {
    let eta_ms = eta_ms(ahead, beat, queue, now);
    let share = settings.poll_share.max(1);
    let distance = match eta_ms {
        Some(eta_ms) => eta_ms / share,
        None => ahead.saturating_mul(settings.poll_ahead_us) / 1_000,
    };
    let most = longest_poll_ms(queue, settings);
    Wait { eta_ms, poll_after_ms: distance.clamp(settings.poll_least_ms.min(most), most) }
}

/// By what was measured; nobody knows how long a pause lasts.
fn eta_ms(ahead: u64, beat: &Beat, queue: &QueueRow, now: UnixMs) -> Option<u64> {
    if queue.state == "paused" || beat.pace <= 0.0 {
        return None;
    }
    let quiet_ms = beat.quiet_until.until(now).as_millis() as f64;
    let wait_ms = (ahead as f64 + 1.0) / beat.pace * 1_000.0 + quiet_ms;
    Some(wait_ms.min(u64::MAX as f64) as u64)
}

/// Who polls as he is told is neither dropped nor late for his pass.
pub(super) fn longest_poll_ms(queue: &QueueRow, settings: &config::Queue) -> u64 {
    let third = |ms: i64| u64::try_from(ms / 3).unwrap_or(0);
    settings.poll_most_ms.min(third(queue.abandon_after_ms)).min(third(queue.claim_ttl_ms)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::tests::row;

    fn beat(pace: f64) -> Beat {
        Beat { pace, ..Beat::default() }
    }

    fn wait_of(ahead: u64, pace: f64) -> Wait {
        wait(ahead, &beat(pace), &row(), &config::Queue::default(), UnixMs(0))
    }

    #[test]
    fn the_wait_is_what_the_measured_rate_makes_of_the_distance() {
        assert_eq!(wait_of(0, 2.0).eta_ms, Some(500));
        assert_eq!(wait_of(99, 10.0).eta_ms, Some(10_000));
        assert_eq!(wait_of(99, 0.0).eta_ms, None, "nothing was measured: nothing is promised");
        let paused = QueueRow { state: "paused".into(), ..row() };
        assert_eq!(wait(9, &beat(5.0), &paused, &config::Queue::default(), UnixMs(0)).eta_ms, None);
        let quiet = Beat { quiet_until: UnixMs(3_000), ..beat(1.0) };
        let after_a_loss = wait(0, &quiet, &row(), &config::Queue::default(), UnixMs(1_000));
        assert_eq!(after_a_loss.eta_ms, Some(3_000), "one second, once it goes on");
    }

    #[test]
    fn polls_grow_rarer_with_the_distance_but_never_too_rare_to_stay_in_the_line() {
        let settings = config::Queue::default();
        for pace in [0.0, 5.0, 500.0] {
            let polls: Vec<u64> = (0..6).map(|n| wait_of(10_u64.pow(n), pace).poll_after_ms).collect();
            assert!(polls.is_sorted(), "{polls:?}");
            assert_eq!(polls[0], settings.poll_least_ms, "{polls:?}");
        }
        assert_eq!(wait_of(1_000_000, 0.0).poll_after_ms, settings.poll_most_ms);
        let short = QueueRow { abandon_after_ms: 600, claim_ttl_ms: 9_000, ..row() };
        let poll = |ahead| wait(ahead, &beat(0.0), &short, &settings, UnixMs(0)).poll_after_ms;
        assert_eq!((poll(0), poll(100_000)), (200, 200), "a third of the time after which he is dropped");
    }
}
