//! How many come in, and how fast a line moves: properties of the pure state.

use super::state::{Done, Facts, QueueState};
use crate::{clock::UnixMs, config};
use proptest::{prelude::prop, prop_assert, proptest};

fn facts(capacity: i64, active: i64, rate_per_s: Option<f64>) -> Facts {
    Facts { paused: false, quiet_until: UnixMs(0), capacity, rate_per_s, active }
}

proptest! {
    #[test]
    fn never_more_than_there_is_room_for_and_never_faster_than_the_rate(
        capacity in 0..200_i64,
        rate in 0.1..500.0_f64,
        steps in prop::collection::vec((0..2_000_u64, 0..50_i64, 0..300_usize), 1..60),
    ) {
        let settings = config::Queue::default();
        let (mut state, mut now, mut active) = (QueueState::default(), UnixMs(1_000_000), 0_i64);
        let (mut admitted, began) = (0.0, now);
        for (wait_ms, ended, waiting) in steps {
            let since = state.turned_at();
            now = now + wait_ms;
            active = (active - ended).max(0);
            let facts = facts(capacity, active, Some(rate));
            let places = state.places(&facts, settings.admit_batch, now);
            prop_assert!(places as i64 <= (capacity - active).max(0));
            let comes = places.min(waiting);
            state.done(&facts, Done { admitted: comes, waiting: (waiting - comes) as u64 }, since, &settings);
            active += comes as i64;
            admitted += comes as f64;
            let seconds = (now - began) as f64 / 1_000.0;
            prop_assert!(admitted <= rate * seconds + (rate / 10.0).max(1.0) + 1e-6, "{admitted} in {seconds} s");
            prop_assert!(state.pace().is_finite() && state.pace() >= 0.0);
        }
    }
}

#[test]
fn the_pace_is_that_of_places_that_become_free_not_of_a_queue_that_fills() {
    let settings = config::Queue::default();
    let (mut state, mut now) = (QueueState::default(), UnixMs(1_000_000));
    let mut turn = |state: &mut QueueState, active: i64, waiting: usize| {
        let since = state.turned_at();
        now = now + 1_000;
        let facts = facts(100, active, None);
        let admitted = state.places(&facts, settings.admit_batch, now).min(waiting);
        let done = Done { admitted, waiting: (waiting - admitted) as u64 };
        state.done(&facts, done, since, &settings);
        admitted
    };
    assert_eq!(turn(&mut state, 0, 1_000), 100, "it fills at once");
    for _ in 0..60 {
        assert_eq!(turn(&mut state, 95, 900), 5, "five of a hundred are done each second");
    }
    assert!((state.pace() - 5.0).abs() < 0.01, "{}", state.pace());
    let eta_s = 900.0 / state.pace();
    assert!((eta_s - 180.0).abs() < 1.0, "{eta_s}");
}

#[test]
fn what_a_commit_wrote_is_read_by_a_newer_build_and_by_an_older_one() {
    let state: QueueState = serde_json::from_str(r#"{"tokens": 1.5, "mood": "new"}"#).expect("read");
    assert_eq!(serde_json::to_value(&state).expect("written")["tokens"], 1.5);
    assert_eq!(serde_json::from_str::<QueueState>("{}").expect("a new queue"), QueueState::default());
}
