//! Who is brought together: rules by example, and what holds of every pool.

use super::*;
use crate::ids::{SessionId, SessionRef};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: UnixMs = UnixMs(1_000_000_000);

fn settings() -> Matchmaking {
    Matchmaking::default()
}

/// One of this strength who came so long ago.
fn waiter(strength: f64, waited_ms: i64) -> Waiter {
    let session = SessionRef { id: SessionId::new(), node: NodeId::new(), moves: 0 };
    let since = UnixMs(NOW.0 - waited_ms);
    let ticket =
        Ticket { player_id: PlayerId::new(), nickname: "n".into(), session, search: Uuid::now_v7(), since };
    Waiter { ticket, strength, ready_at: since, seen_at: NOW }
}

fn pool(waiters: &[Waiter]) -> Pool {
    let mut pool = Pool::default();
    waiters.iter().for_each(|waiter| pool.add(waiter.clone()));
    pool
}

/// The strengths of each group that is made.
fn made(waiters: &[Waiter], size: Size) -> Vec<Vec<f64>> {
    let groups = pool(waiters).take_groups(NOW, size, &settings());
    groups.into_iter().map(|group| group.into_iter().map(|waiter| waiter.strength).collect()).collect()
}

#[test]
fn two_who_are_near_play_and_two_who_are_far_wait_until_they_have_waited_long_enough() {
    assert_eq!(made(&[waiter(1_500.0, 0), waiter(1_600.0, 0)], Size::PAIR), [[1_500.0, 1_600.0]]);
    assert_eq!(made(&[waiter(1_500.0, 0), waiter(1_601.0, 0)], Size::PAIR), [[0.0; 2]; 0]);
    assert_eq!(made(&[waiter(1_500.0, 0), waiter(1_601.0, 60_000)], Size::PAIR), [[0.0; 2]; 0], "both must");
    assert_eq!(made(&[waiter(1_500.0, 1_000), waiter(1_601.0, 1_000)], Size::PAIR).len(), 1);
}

#[test]
fn who_has_waited_longest_gets_whoever_is_nearest_to_him() {
    let line = [waiter(1_500.0, 9_000), waiter(1_560.0, 1), waiter(1_530.0, 2), waiter(1_570.0, 3)];
    assert_eq!(made(&line, Size::PAIR), [[1_500.0, 1_530.0], [1_570.0, 1_560.0]]);
}

#[test]
fn one_in_between_who_does_not_fit_yet_hides_nobody_behind_him() {
    let line = [waiter(1_500.0, 30_000), waiter(1_650.0, 0), waiter(1_690.0, 30_000)];
    assert_eq!(made(&line, Size::PAIR), [[1_500.0, 1_690.0]]);
}

#[test]
fn a_table_is_full_or_has_been_waited_for() {
    let size = Size { wanted: 6, least: 4, patience_ms: 20_000 };
    let table = |n: usize, waited| (0..n).map(|n| waiter(1_500.0 + n as f64, waited)).collect::<Vec<_>>();
    assert_eq!(made(&table(6, 0), size).iter().map(Vec::len).collect::<Vec<_>>(), [6]);
    assert_eq!(made(&table(5, 19_999), size).len(), 0);
    assert_eq!(made(&table(5, 20_000), size).iter().map(Vec::len).collect::<Vec<_>>(), [5]);
    assert_eq!(made(&table(3, 90_000), size).len(), 0);
    assert_eq!(made(&table(13, 90_000), size).iter().map(Vec::len).collect::<Vec<_>>(), [6, 6]);
}

#[test]
fn who_was_in_another_match_a_moment_ago_is_left_out() {
    let mut busy = waiter(1_500.0, 9_000);
    busy.ready_at = NOW + 1_u64;
    let line = [busy, waiter(1_500.0, 5_000), waiter(1_520.0, 1_000)];
    assert_eq!(made(&line, Size::PAIR), [[1_500.0, 1_520.0]]);
}

#[test]
fn who_leaves_or_is_lost_is_out() {
    let [ann, bob, cid] = [waiter(1_500.0, 0), waiter(1_500.0, 0), waiter(1_500.0, 0)];
    let mut pool = pool(&[ann.clone(), bob.clone(), cid.clone()]);
    assert!(!pool.remove(ann.ticket.player_id, Uuid::now_v7()), "an older search is not this one");
    assert!(pool.remove(ann.ticket.player_id, ann.ticket.search));
    pool.node_lost(bob.ticket.session.node);
    assert_eq!(pool.len(), 1);
    pool.forget(NOW + 1_u64, |player| player == cid.ticket.player_id);
    assert_eq!(pool.len(), 1, "his question waits");
    pool.forget(NOW + 1_u64, |_| false);
    assert!(pool.is_empty());
}

#[test]
fn a_round_makes_so_many_and_no_more() {
    let few = Matchmaking { groups_per_round: 3, ..settings() };
    let mut pool = pool(&(0..20).map(|_| waiter(1_500.0, 0)).collect::<Vec<_>>());
    assert_eq!(pool.take_groups(NOW, Size::PAIR, &few).len(), 3);
    assert_eq!(pool.len(), 14, "the others wait on");
}

fn line() -> impl Strategy<Value = Vec<Waiter>> {
    let one =
        (0_u32..3_000, 0_i64..120_000).prop_map(|(strength, waited)| waiter(f64::from(strength), waited));
    prop::collection::vec(one, 0..80)
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![Just(Size::PAIR), Just(Size { wanted: 6, least: 4, patience_ms: 20_000 })]
}

proptest! {
    #[test]
    fn nobody_plays_twice_nobody_outside_a_window_and_nobody_is_lost(line in line(), size in size()) {
        let settings = settings();
        let mut pool = pool(&line);
        let groups = pool.take_groups(NOW, size, &settings);
        let mut seen = BTreeSet::new();
        for group in &groups {
            prop_assert!((size.least..=size.wanted).contains(&group.len()));
            for one in group {
                prop_assert!(seen.insert(one.ticket.player_id), "twice");
                let mine = window((NOW.0 - one.ticket.since.0) as u64, &settings);
                for other in group {
                    prop_assert!((one.strength - other.strength).abs() <= mine);
                }
            }
            prop_assert!(group.is_sorted_by_key(|one| one.ticket.since), "in the order in which they came");
        }
        prop_assert_eq!(seen.len() + pool.len(), line.len());
        prop_assert!(line.iter().all(|one| seen.contains(&one.ticket.player_id) != pool.0.contains_key(&one.ticket.player_id)));
    }

    #[test]
    fn no_two_who_fit_are_left_waiting(line in line()) {
        let settings = settings();
        let mut pool = pool(&line);
        pool.take_groups(NOW, Size::PAIR, &settings);
        let left: Vec<&Waiter> = pool.0.values().collect();
        let mine = |one: &Waiter| window((NOW.0 - one.ticket.since.0) as u64, &settings);
        for (n, one) in left.iter().enumerate() {
            for other in &left[n + 1..] {
                prop_assert!((one.strength - other.strength).abs() > mine(one).min(mine(other)));
            }
        }
    }

    #[test]
    fn who_has_waited_longest_and_fits_somebody_plays(line in line()) {
        let settings = settings();
        let longest = line.iter().min_by_key(|one| (one.ticket.since, one.ticket.player_id));
        let mine = |one: &Waiter| window((NOW.0 - one.ticket.since.0) as u64, &settings);
        let fits = |one: &Waiter, other: &Waiter| {
            one.ticket.player_id != other.ticket.player_id
                && (one.strength - other.strength).abs() <= mine(one).min(mine(other))
        };
        if let Some(longest) = longest {
            let groups = pool(&line).take_groups(NOW, Size::PAIR, &settings);
            let plays = groups.iter().flatten().any(|one| one.ticket.player_id == longest.ticket.player_id);
            prop_assert_eq!(plays, line.iter().any(|other| fits(longest, other)));
        }
    }

    #[test]
    fn windows_only_widen(waited in 0_u64..10_000_000, more in 0_u64..10_000_000) {
        let settings = settings();
        prop_assert!(window(waited, &settings) <= window(waited + more, &settings));
        prop_assert!((settings.window_start..=settings.window_most).contains(&window(waited, &settings)));
    }
}
