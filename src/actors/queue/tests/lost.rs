//! A queue whose Redis loses what it knew.

use super::*;
use crate::{clock::UnixMs, ids::SessionId, queue::Queues};

#[actix::test]
async fn a_line_that_redis_has_lost_forms_anew_and_passes_are_honoured_once() {
    let mut kit = Kit::on_redis(|row| row.capacity = 2).await;
    let places = kit.crowd(5).await;
    kit.turn().await;
    let done = kit.pass(places[0]).await;
    let held = kit.pass(places[1]).await;
    kit.complete(&done).await;
    kit.wipe().await;
    assert!(matches!(kit.look(places[4]).await, TicketStatus::Waiting { ahead: 0, .. }));
    assert!(matches!(kit.look(places[2]).await, TicketStatus::Waiting { ahead: 0, .. }));
    let late = kit.crowd(1).await[0];
    assert!(late.number > places[4].number);
    assert_eq!(kit.turn().await, [0; 0], "there is a place, but not everybody is back");
    kit.clock.advance_ms(19_000);
    assert!(matches!(kit.look(places[3]).await, TicketStatus::Waiting { ahead: 1, .. }));
    assert_eq!(kit.turn().await, [0; 0]);
    kit.clock.advance_ms(1_000);
    assert_eq!(kit.turn().await, [places[2].number], "twice the longest poll has passed");
    assert!(matches!(kit.verify(&done).await, Answer::Invalid), "it was used up");
    assert!(matches!(kit.verify(&held).await, Answer::Valid { .. }));
    assert_eq!(kit.enter(places[1].account).await.number, places[1].number, "who is in has his ticket still");
    kit.complete(&held).await;
    assert_eq!(kit.turn().await, [places[3].number]);
}

#[actix::test]
async fn who_enters_first_and_shows_his_old_ticket_then_is_back_where_he_stood() {
    let mut kit = Kit::on_redis(|row| row.capacity = 1).await;
    let places = kit.crowd(3).await;
    kit.turn().await;
    kit.wipe().await;
    let fresh = Place { number: kit.enter(places[1].account).await.number, account: places[1].account };
    assert!(fresh.number > places[2].number, "nobody knows him");
    assert!(matches!(kit.look(places[2]).await, TicketStatus::Waiting { ahead: 0, .. }));
    assert!(matches!(kit.look(places[1]).await, TicketStatus::Waiting { ahead: 0, .. }), "now he is known");
    assert!(matches!(kit.look(places[2]).await, TicketStatus::Waiting { ahead: 1, .. }));
    assert_eq!(kit.look(fresh).await, TicketStatus::Expired);
    assert_eq!(kit.enter(places[1].account).await.number, places[1].number);
    kit.complete(&kit.pass(places[0]).await).await;
    kit.clock.advance_ms(20_000);
    assert_eq!(kit.turn().await, [places[1].number]);
}

#[actix::test]
async fn a_session_that_enters_again_after_a_loss_stands_where_it_stood() {
    let mut kit = Kit::on_redis(|row| row.state = "paused".to_owned()).await;
    let queues = Queues::new(Some(kit.desk.line.clone()), &kit.store, &kit.cluster, b"secret");
    let (queue, account, session) = (kit.queue, PlayerId::new(), SessionId::new());
    let ticket = queues.enter_session(queue, account, session).await.expect("a ticket");
    kit.wipe().await;
    let late = kit.crowd(1).await[0];
    let again = queues.enter_session(queue, account, session).await.expect("his ticket");
    assert_eq!((&again.ticket, again.ahead), (&ticket.ticket, 0));
    assert!(matches!(kit.look(late).await, TicketStatus::Waiting { ahead: 1, .. }));
}

#[actix::test]
async fn who_has_had_a_pass_gets_no_other_from_a_redis_that_forgot_it_and_nobody_is_told_of_one() {
    let mut kit = Kit::on_redis(|row| row.capacity = 2).await;
    let places = kit.crowd(4).await;
    let mut memory = kit.memory().await;
    assert_eq!(kit.turn().await, [places[0].number, places[1].number]);
    let (over, held) = (kit.pass(places[0]).await, kit.pass(places[1]).await);
    kit.complete(&over).await;
    memory.returns().await; // no number is missing: nobody notices
    kit.change(QueueChange { capacity: Some(4), ..QueueChange::default() }).await;
    assert_eq!(kit.turn().await, [places[2].number], "the first two stood before him again");
    assert_eq!(kit.look(places[0]).await, TicketStatus::Expired);
    assert_eq!(kit.pass(places[1]).await, held, "his own, and no other");
    assert_eq!(kit.turn().await, [places[3].number]);
    assert_eq!(kit.turn().await, [0; 0]);
    assert_eq!((kit.active().await, kit.row().await.admitted), (3, 4));
}

#[actix::test]
async fn a_redis_that_has_lost_its_last_writes_gives_no_number_twice_and_nobody_loses_his_place() {
    let mut kit = Kit::on_redis(|row| row.capacity = 1).await;
    let mut places = kit.crowd(2).await;
    let mut memory = kit.memory().await;
    places.extend(kit.crowd(2).await);
    assert_eq!(kit.turn().await, [places[0].number]);
    memory.returns().await;
    let late = kit.crowd(1).await[0];
    assert!(late.number > places[3].number, "{late:?}");
    for (place, ahead) in [(places[3], 1), (places[2], 1), (places[1], 0), (late, 3)] {
        let status = kit.look(place).await;
        assert!(matches!(status, TicketStatus::Waiting { ahead: told, .. } if told == ahead), "{status:?}");
    }
    kit.complete(&kit.pass(places[0]).await).await;
    assert_eq!(kit.turn().await, [0; 0], "not everybody may be back");
    kit.clock.advance_ms(20_000);
    for place in &places[1..] {
        assert_eq!(kit.turn().await, [place.number]);
        kit.complete(&kit.pass(*place).await).await;
    }
}

#[actix::test]
async fn an_actor_that_begins_after_a_loss_sees_it_by_what_sql_knows() {
    let mut kit = Kit::on_redis(|row| row.capacity = 2).await;
    let first = kit.crowd(1).await[0];
    let mut memory = kit.memory().await;
    let second = kit.crowd(1).await[0];
    assert_eq!(kit.turn().await, [first.number, second.number]);
    memory.returns().await;
    kit.restart_node().await;
    kit.activate().await;
    assert_eq!(kit.turn().await, [0; 0]);
    let late = kit.crowd(1).await[0];
    assert!(late.number > second.number, "{late:?}");
}

#[actix::test]
async fn a_ticket_of_long_ago_is_not_let_in_again_before_all_others() {
    let mut kit = Kit::on_redis(|row| row.capacity = 1).await;
    let places = kit.crowd(2).await;
    kit.turn().await;
    kit.complete(&kit.pass(places[0]).await).await;
    let later = UnixMs(kit.clock.now().0 + 1);
    kit.store.sweep_queues(later, later).await.expect("swept"); // nobody knows of his pass any more
    kit.wipe().await;
    assert_eq!(kit.look(places[0]).await, TicketStatus::Expired);
    assert!(matches!(kit.look(places[1]).await, TicketStatus::Waiting { ahead: 0, .. }));
}

#[actix::test]
async fn who_is_late_after_a_loss_has_not_lost_his_place_when_there_is_another() {
    let mut kit = Kit::on_redis(|row| row.capacity = 1).await;
    let places = kit.crowd(4).await;
    kit.turn().await;
    kit.complete(&kit.pass(places[0]).await).await;
    kit.wipe().await;
    kit.look(places[2]).await;
    kit.clock.advance_ms(20_000);
    assert_eq!(kit.turn().await, [places[2].number]);
    assert!(matches!(kit.look(places[1]).await, TicketStatus::Waiting { ahead: 0, .. }), "late, but in time");
    kit.wipe().await;
    assert!(matches!(kit.look(places[1]).await, TicketStatus::Waiting { ahead: 0, .. }));
    kit.complete(&kit.pass(places[2]).await).await;
    kit.clock.advance_ms(59_000);
    kit.look(places[1]).await;
    kit.clock.advance_ms(1_000);
    assert_eq!(kit.turn().await, [places[1].number]);
    assert_eq!(kit.row().await.admitted_through, places[1].number, "nobody may come back any more");
}

#[actix::test]
async fn a_line_that_was_dismissed_is_not_let_in_by_a_redis_that_forgot_it() {
    let mut kit = Kit::on_redis(|row| (row.capacity, row.sold_out) = (1, "dismiss".to_owned())).await;
    let mut places = kit.crowd(2).await;
    let mut memory = kit.memory().await;
    places.extend(kit.crowd(1).await);
    let queue = kit.queue;
    assert!(matches!(kit.ask(Request::SoldOut { queue }).await, Answer::Done));
    memory.returns().await;
    kit.change(state("open")).await;
    let fresh = kit.crowd(1).await[0];
    kit.clock.advance_ms(20_000);
    assert_eq!(kit.turn().await, [fresh.number]);
    for place in places {
        assert_eq!(kit.look(place).await, TicketStatus::SoldOut);
    }
}
