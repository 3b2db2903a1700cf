//! The table of spec 3.3, and what a queue hears of a seat that is paid.

use super::*;
use crate::{
    liveops::{consumers::ConsumeError, showtimes::gate::Refusal},
    store::ShowtimeChange,
};

const QUEUE: Uuid = Uuid::from_u128(7);
const PASS: Uuid = Uuid::from_u128(8);

fn valid(account: PlayerId, pass_id: Uuid) -> PassVerdict {
    PassVerdict::Valid { account, pass_id }
}

/// How it ends: the code of the refusal, or `held`.
async fn outcome(kit: &Kit, policy: &str, pass: Option<&str>, verdict: PassVerdict) -> &'static str {
    let (of, seats) = kit.showtime(1, 1, Some((QUEUE, policy))).await;
    let ann = kit.player(0).await;
    let verdict = match verdict {
        PassVerdict::Valid { account: NOBODY, pass_id } => valid(ann, pass_id),
        verdict => verdict,
    };
    kit.queue.answers(verdict);
    match kit.showtimes.reserve(Uuid::now_v7(), ann, (&of, seats[0]), pass).await {
        Ok(row) => {
            assert_eq!((row.queue, row.pass_id), (pass.map(|_| QUEUE), pass.map(|_| PASS)));
            "held"
        }
        Err(NotHeld::Gate(refusal)) => {
            let retry = matches!(refusal, Refusal::QueueUnavailable { retry_ms: 2_000 });
            assert_eq!(retry, refusal.code() == "queue_unavailable");
            refusal.code()
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Stands for whoever asks.
const NOBODY: PlayerId = PlayerId(Uuid::nil());

#[actix::test]
async fn the_table_of_the_spec() {
    let kit = Kit::new().await;
    let (valid, others) = (valid(NOBODY, PASS), valid(PlayerId::new(), PASS));
    let (invalid, down) = (PassVerdict::Invalid, PassVerdict::Unavailable);
    for policy in ["bypass", "refuse"] {
        for (pass, verdict, expected) in [
            (Some("p"), valid, "held"),
            (Some("p"), others, "invalid_pass"),
            (Some("p"), invalid, "invalid_pass"),
            (Some("p"), down, "queue_unavailable"),
            (Some(""), invalid, "invalid_pass"),
            (None, valid, "pass_required"), // it is alive
        ] {
            assert_eq!(outcome(&kit, policy, pass, verdict).await, expected, "{policy} {pass:?} {verdict:?}");
        }
    }
    assert_eq!(outcome(&kit, "bypass", None, down).await, "held");
    assert_eq!(outcome(&kit, "refuse", None, down).await, "queue_unavailable");
}

#[actix::test]
async fn a_showtime_without_a_queue_asks_nobody() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(1, 1, None).await;
    let ann = kit.player(0).await;
    let held = kit.showtimes.reserve(Uuid::now_v7(), ann, (&of, seats[0]), Some("p")).await.expect("free");
    assert_eq!((held.queue, kit.queue.asked.load(Ordering::Relaxed)), (None, 0));
}

#[actix::test]
async fn a_paid_seat_ends_its_pass_and_the_last_one_ends_the_wait() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(1, 2, Some((QUEUE, "refuse"))).await;
    let ann = kit.player(2).await;
    let passes = [Uuid::now_v7(), Uuid::now_v7()];
    let mut holds = Vec::new();
    for (pass, seat) in passes.into_iter().zip(&seats) {
        kit.queue.answers(valid(ann, pass));
        let held = kit.showtimes.reserve(Uuid::now_v7(), ann, (&of, *seat), Some("p")).await;
        holds.push(held.expect("free").reservation_id);
    }
    kit.queue.answers(PassVerdict::Invalid); // the pass has ended: the hold may be paid all the same
    assert!(matches!(kit.showtimes.pay(holds[0], ann, Uuid::now_v7()).await, Ok(Paid::Done(_))));
    assert_eq!(*kit.queue.completed.lock().expect("no panic"), passes[..1]);
    assert_eq!(kit.queue.sold_out.load(Ordering::Relaxed), 0, "a seat is only held");

    kit.queue.answers(PassVerdict::Unavailable);
    assert!(matches!(kit.showtimes.pay(holds[1], ann, Uuid::now_v7()).await, Ok(Paid::Done(_))));
    let facts = async || -> Vec<crate::liveops::Fact> {
        let until = UnixMs(kit.clock.now().0 + 1);
        let due = kit.store.claim_facts(kit.clock.now(), until, 100).await.expect("reads");
        let due = due.into_iter().filter(|fact| fact.consumer == "queues");
        due.map(|fact| crate::liveops::Fact::open(&fact.body).expect("a fact")).collect()
    };
    let tell = &kit.showtimes.consumers()[1];
    let waiting = facts().await;
    assert_eq!(waiting.len(), 2);
    let failed = tell.handle(waiting).await;
    assert!(matches!(failed, Err(ConsumeError::Unavailable(_))), "{failed:?}");
    kit.clock.advance_s(1);
    kit.queue.answers(PassVerdict::Invalid);
    tell.handle(facts().await).await.expect("the queue is back");
    assert!(kit.queue.completed.lock().expect("no panic").contains(&passes[1]));
    assert!(kit.queue.sold_out.load(Ordering::Relaxed) > 0);
    kit.clock.advance_s(1);
    assert_eq!(facts().await, [], "each was heard of");
}

#[actix::test]
async fn a_queue_that_two_showtimes_share_is_sold_out_when_both_are_that_have_not_started() {
    let kit = Kit::new().await;
    let shared = Some((QUEUE, "refuse"));
    let (tonight, _) = kit.showtime(1, 2, shared).await; // it has started, and some of it was never sold
    let mut to_sell = Vec::new();
    for _ in 0..2 {
        let (of, seats) = kit.showtime(1, 1, shared).await;
        let later = ShowtimeChange { starts_at: Some(tonight.starts_at + 60_000), ..Default::default() };
        let changed = kit.store.change_showtime(of.showtime_id, &later, kit.clock.now(), &kit.entry()).await;
        assert!(matches!(changed, Ok(Saved::Done(_))), "{changed:?}");
        to_sell.push((of, seats[0]));
    }
    let ann = kit.player(2).await;
    let sold_out = async |of: &ShowtimeRow, seat| {
        kit.queue.answers(valid(ann, Uuid::now_v7()));
        let held = kit.showtimes.reserve(Uuid::now_v7(), ann, (of, seat), Some("p")).await.expect("free");
        let paid = kit.showtimes.pay(held.reservation_id, ann, Uuid::now_v7()).await;
        assert!(matches!(paid, Ok(Paid::Done(_))), "{paid:?}");
        kit.queue.sold_out.load(Ordering::Relaxed)
    };
    assert_eq!(sold_out(&to_sell[0].0, to_sell[0].1).await, 0, "there is the other still");
    assert_eq!(sold_out(&to_sell[1].0, to_sell[1].1).await, 1);
}

#[actix::test]
async fn a_hold_that_is_asked_for_again_is_the_same_whatever_the_queue_says_then() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(1, 1, Some((QUEUE, "refuse"))).await;
    let (ann, bob, id) = (kit.player(0).await, kit.player(0).await, Uuid::now_v7());
    kit.queue.answers(valid(ann, PASS));
    let held = kit.showtimes.reserve(id, ann, (&of, seats[0]), Some("p")).await.expect("free");
    for verdict in [PassVerdict::Invalid, PassVerdict::Unavailable] {
        kit.queue.answers(verdict);
        for pass in [Some("p"), None] {
            let again = kit.showtimes.reserve(id, ann, (&of, seats[0]), pass).await;
            assert_eq!(again.expect("the first answer"), held, "{verdict:?} {pass:?}");
        }
    }
    let others = kit.showtimes.reserve(id, bob, (&of, seats[0]), Some("p")).await;
    assert!(matches!(others, Err(NotHeld::Gate(_))), "it is not his: {others:?}");
}
