//! Rounds of a queue on a real database and either line, time set by hand: what holds whatever happens.

mod kit;
mod lost;

use super::turn::TurnError;
use crate::{
    clock::Clock as _,
    ids::PlayerId,
    queue::{Answer, Refusal, Request, Take, TicketStatus, history::History},
    store::{Place, QueueChange},
};
use futures_util::future::join_all;
use kit::{Kit, state};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

#[actix::test]
async fn the_first_come_in_while_there_is_room_and_the_next_when_one_is_done() {
    let mut kit = Kit::new(|_| ()).await;
    let places = kit.crowd(4).await;
    assert_eq!(kit.turn().await, [places[0].number, places[1].number]);
    assert_eq!(kit.turn().await, [0; 0], "both places are taken");
    assert!(matches!(kit.look(places[3]).await, TicketStatus::Waiting { ahead: 1, .. }));
    let pass = kit.pass(places[0]).await;
    let Answer::Valid { account, .. } = kit.verify(&pass).await else { panic!("a good pass") };
    assert_eq!(account, places[0].account);
    assert!(matches!(kit.complete(&pass).await, Answer::Done));
    assert!(matches!(kit.complete(&pass).await, Answer::Done), "said again");
    assert!(matches!(kit.verify(&pass).await, Answer::Invalid));
    assert_eq!(kit.look(places[0]).await, TicketStatus::Expired);
    assert_eq!(kit.turn().await, [places[2].number]);
    assert_eq!((kit.active().await, kit.row().await.admitted_through), (2, places[2].number));
    let again = kit.enter(places[0].account).await;
    assert!(again.number > places[3].number, "who was in begins at the end");
}

#[actix::test]
async fn of_many_who_look_at_once_each_is_told_his_own() {
    for kit in [Kit::new(|_| ()).await, Kit::on_redis(|_| ()).await] {
        let places = kit.crowd(50).await;
        let many = places.repeat(4);
        let told = join_all(many.iter().map(|place| kit.look(*place))).await;
        for (at, status) in told.iter().enumerate() {
            let ahead = (at % places.len()) as u64;
            assert!(
                matches!(status, TicketStatus::Waiting { ahead: told, .. } if *told == ahead),
                "{at}: {status:?}"
            );
        }
        let stranger = Place { number: places[3].number, account: PlayerId::new() };
        let both = kit.ask(Request::Look { queue: kit.queue, places: vec![stranger, places[7]] }).await;
        let Answer::Looked(both) = both else { panic!("{both:?}") };
        assert!(
            matches!(both[..], [TicketStatus::Expired, TicketStatus::Waiting { ahead: 7, .. }]),
            "{both:?}"
        );
    }
}

#[actix::test]
async fn a_pass_has_two_clocks() {
    let mut kit = Kit::new(|row| row.capacity = 2).await;
    let places = kit.crowd(3).await;
    kit.turn().await;
    kit.clock.advance_ms(50_000);
    let pass = kit.pass(places[0]).await;
    assert!(matches!(kit.verify(&pass).await, Answer::Valid { .. }), "10 s before its claim runs out");
    let unused = kit.pass(places[1]).await;
    kit.clock.advance_ms(10_000);
    kit.look(places[2]).await;
    assert_eq!(kit.turn().await, [places[2].number], "a no-show frees his place");
    assert_eq!(kit.look(places[1]).await, TicketStatus::Expired);
    assert!(matches!(kit.verify(&unused).await, Answer::Invalid));
    kit.clock.advance_ms(589_999);
    assert!(matches!(kit.verify(&pass).await, Answer::Valid { .. }), "his whole time, from his own entry");
    kit.clock.advance_ms(1);
    assert!(matches!(kit.verify(&pass).await, Answer::Invalid));
    kit.turn().await;
    let row = kit.row().await;
    assert_eq!((row.no_shows, row.expiries, kit.active().await), (2, 1, 0));
}

#[actix::test]
async fn who_goes_or_falls_silent_frees_his_place() {
    let mut kit = Kit::new(|row| row.capacity = 1).await;
    let places = kit.crowd(4).await;
    kit.turn().await;
    let (queue, place) = (kit.queue, places[0]);
    assert!(matches!(kit.ask(Request::Leave { queue, place }).await, Answer::Done));
    assert_eq!(kit.look(place).await, TicketStatus::Left);
    let account = places[1].account;
    assert!(matches!(kit.ask(Request::LeaveAs { queue, account }).await, Answer::Done));
    assert_eq!(kit.look(places[1]).await, TicketStatus::Left);
    kit.clock.advance_ms(59_000);
    kit.look(places[3]).await;
    kit.clock.advance_ms(1_000);
    assert_eq!(kit.turn().await, [places[3].number], "the third has not been heard of for a minute");
    assert_eq!(kit.look(places[2]).await, TicketStatus::Expired);
    assert_eq!(kit.row().await.abandoned, 1);
}

#[actix::test]
async fn operators_pause_drain_and_resize_a_live_queue() {
    let mut kit = Kit::new(|row| row.capacity = 1).await;
    let places = kit.crowd(4).await;
    kit.change(state("paused")).await;
    assert_eq!(kit.turn().await, [0; 0]);
    assert!(matches!(kit.look(places[0]).await, TicketStatus::Waiting { eta_ms: None, .. }));
    kit.change(state("draining")).await;
    let (queue, account) = (kit.queue, PlayerId::new());
    let refused = kit.ask(Request::Enter { queue, account }).await;
    assert!(matches!(refused, Answer::Refused(Refusal::Draining)), "{refused:?}");
    assert_eq!(kit.enter(places[2].account).await.number, places[2].number, "who has a ticket keeps it");
    assert_eq!(kit.turn().await, [places[0].number]);
    kit.change(QueueChange { capacity: Some(3), ..QueueChange::default() }).await;
    assert_eq!(kit.turn().await, [places[1].number, places[2].number]);
    kit.change(QueueChange { capacity: Some(1), ..QueueChange::default() }).await;
    for place in &places[..2] {
        kit.complete(&kit.pass(*place).await).await;
        assert_eq!(kit.turn().await, [0; 0], "one place, and it is taken");
    }
}

#[actix::test]
async fn when_everything_is_sold_the_line_is_kept_or_dismissed() {
    for line in ["keep", "dismiss"] {
        let mut kit = Kit::new(|row| (row.capacity, row.sold_out) = (1, line.to_owned())).await;
        let places = kit.crowd(3).await;
        kit.turn().await;
        let queue = kit.queue;
        assert!(matches!(kit.ask(Request::SoldOut { queue }).await, Answer::Done));
        assert!(matches!(kit.ask(Request::SoldOut { queue }).await, Answer::Done), "said again");
        let waits = kit.look(places[2]).await;
        if line == "keep" {
            assert!(matches!(waits, TicketStatus::Waiting { ahead: 1, .. }));
            continue;
        }
        assert_eq!(waits, TicketStatus::SoldOut);
        assert!(matches!(kit.look(places[0]).await, TicketStatus::Admitted { .. }), "who is in stays in");
        let refused = kit.ask(Request::Enter { queue, account: PlayerId::new() }).await;
        assert!(matches!(refused, Answer::Refused(Refusal::SoldOut)), "{refused:?}");
        kit.change(state("open")).await;
        let fresh = kit.crowd(1).await[0];
        assert!(matches!(kit.look(fresh).await, TicketStatus::Waiting { ahead: 0, .. }), "opened again");
        assert_eq!(kit.look(places[2]).await, TicketStatus::SoldOut);
    }
}

#[actix::test]
async fn an_actor_that_dies_between_two_steps_loses_nobody_and_lets_nobody_in_twice() {
    let mut kit = Kit::new(|row| row.capacity = 2).await;
    let places = kit.crowd(4).await;
    kit.turn().await;
    let take =
        Take { epoch: kit.epoch, most: 1, pace: 0.0, admitted_per_s: 0.0, now: kit.clock.now(), known: 0 };
    kit.desk.line.take(kit.queue, take).await.expect("taken, and then it died");
    assert!(
        matches!(kit.look(places[2]).await, TicketStatus::Waiting { ahead: 0, .. }),
        "nothing is promised"
    );
    let pass = kit.store.live_passes(kit.queue).await.expect("reads")[0].clone();
    kit.store
        .end_pass(kit.queue, pass.pass_id, "completed", kit.clock.now())
        .await
        .expect("ended, not released");

    let mut dead = kit.round();
    dead.compare = false;
    kit.activate().await;
    assert_eq!(kit.turn().await, [places[2].number], "he is first again");
    let late = dead.run().await;
    assert!(matches!(late, Err(TurnError::Fenced)), "the dead one wakes up: {late:?}");
    assert_eq!(kit.active().await, 2);
    assert_eq!(kit.look(places[0]).await, TicketStatus::Expired, "whose pass was ended does not wait again");
    assert_eq!(kit.turn().await, [0; 0]);
}

#[actix::test]
async fn a_crowd_that_comes_first_forms_one_line_and_waits_for_nobody_to_come_back() {
    let mut kit = Kit::on_redis(|row| row.capacity = 2).await;
    let crowd = (0..50).map(|_| kit.enter(PlayerId::new()));
    let mut numbers: Vec<i64> = join_all(crowd).await.iter().map(|ticket| ticket.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>(), "out of one block");
    assert_eq!(kit.turn().await, [1, 2], "at once");
}

/// Anything in any order; what clients see is judged, and at the end every pass has ended.
async fn anything(mut kit: Kit, seed: u64) {
    const STEPS: u64 = 250;
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut history, mut tickets, mut at) = (History::default(), Vec::<Place>::new(), 0);
    let most = kit.row().await.capacity;
    for _ in 0..STEPS {
        at += 2;
        let any = (!tickets.is_empty()).then(|| tickets[rng.random_range(0..tickets.len())]);
        match (rng.random_range(0..12), any) {
            (0..=2, _) => tickets.extend(kit.crowd(1).await),
            (3, Some(place)) => drop(kit.ask(Request::Leave { queue: kit.queue, place }).await),
            (4..=6, Some(place)) => match kit.look(place).await {
                TicketStatus::Waiting { .. } => history.waiting(place.number, at),
                TicketStatus::Admitted { pass, .. } => {
                    history.admitted(place.number, &pass, at + 1);
                    if rng.random() {
                        assert!(matches!(kit.verify(&pass).await, Answer::Valid { .. }));
                    }
                    if rng.random() {
                        history.ended(&pass, at + 1);
                        kit.complete(&pass).await;
                    }
                }
                _ => {}
            },
            (7, _) => kit.clock.advance_ms(rng.random_range(0..30_000)),
            (8, _) => kit.activate().await,
            (9, _) => {
                let (epoch, now) = (kit.epoch, kit.clock.now());
                let take = Take { epoch, most: 1, pace: 0.0, admitted_per_s: 0.0, now, known: 0 };
                let _ = kit.desk.line.take(kit.queue, take).await; // and then it died
                kit.activate().await;
            }
            _ => drop(kit.turn().await),
        }
        let live = kit.store.live_passes(kit.queue).await.expect("reads");
        assert!(live.len() as i64 <= most, "{} inside", live.len());
        let numbers: Vec<i64> = tickets.iter().map(|place| place.number).collect();
        let over = kit.store.passes_of(kit.queue, &numbers).await.expect("reads");
        for pass in over.iter().filter(|pass| !pass.is_good(kit.clock.now())) {
            if let TicketStatus::Admitted { pass, .. } = kit.look(pass.place()).await {
                panic!("over, and shown: {pass}");
            }
        }
    }
    let shown = history.judge(usize::MAX);
    assert_eq!(shown.faults, [""; 0], "seed {seed}");
    for _ in 0..tickets.len() + 2 {
        kit.clock.advance_ms(700_000); // longer than both clocks of a pass
        kit.turn().await;
    }
    assert_eq!(kit.active().await, 0, "every pass ends");
    assert_eq!(
        kit.desk.line.figures(kit.queue).await.expect("figures").0,
        0,
        "nobody is forgotten in the line"
    );
}

fn seed() -> u64 {
    std::env::var("PLAYHOUSE_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"))
}

#[actix::test]
async fn whatever_happens_the_order_is_kept_and_the_capacity_too_in_sql() {
    anything(Kit::new(|row| row.capacity = 3).await, seed()).await;
}

#[actix::test]
async fn whatever_happens_the_order_is_kept_and_the_capacity_too_in_redis() {
    anything(Kit::on_redis(|row| row.capacity = 3).await, seed()).await;
}
