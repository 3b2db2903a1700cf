//! A Redis that loses what it knew: the line forms again, and nobody gains by it.

use super::*;
use crate::queue::tests::Memory;

#[actix::test]
async fn a_line_that_redis_has_lost_forms_in_its_old_order_from_those_who_wait() {
    let mut kit = Kit::redis().await;
    let places = kit.crowd(6, 1).await;
    kit.take(EPOCH, 1, 1).await.expect("taken");
    kit.line.leave(kit.queue, places[4], UnixMs(2)).await.expect("left");
    kit.redis.as_mut().expect("redis").0.restart().expect("restarts");
    let lost = loop {
        match kit.line.look(kit.queue, vec![places[1]], UnixMs(3)).await {
            Err(LineError::Away(_)) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            answer => break answer.expect_err("everything is gone"),
        }
    };
    assert_eq!(lost, LineError::Lost);
    assert_eq!(kit.line.enter(kit.queue, PlayerId::new(), UnixMs(3)).await, Err(LineError::Lost));

    kit.form((1_000_000, 1_000_002), vec![places[0]], 5_000, 9_000).await;
    let fresh = kit.enter(PlayerId::new(), 100).await;
    assert_eq!(fresh.number, 1_000_001, "above every number that was given out");
    for place in [places[5], places[2], places[3], places[1]] {
        assert_eq!(kit.look(place, 100).await, Found::Unknown { may_return: true });
        kit.line.come_back(kit.queue, place, UnixMs(100)).await.expect("back");
    }
    for (ahead, place) in [places[1], places[2], places[3], places[5], fresh].into_iter().enumerate() {
        assert_eq!(kit.look(place, 101).await, Found::Waiting { ahead: ahead as u64 });
    }
    assert_eq!(kit.look(places[0], 101).await, Found::Inside, "who has a pass keeps it");
    assert_eq!(kit.take(EPOCH, 9, 4_999).await.expect("quiet").places, [], "first those who wait come back");
    assert_eq!(kit.take(EPOCH, 1, 5_000).await.expect("taken").places, [places[1]]);

    assert_eq!(kit.line.leave(kit.queue, places[2], UnixMs(5_000)).await, Ok(Gone::Waited));
    let back = kit.line.come_back(kit.queue, places[2], UnixMs(5_001)).await;
    assert_eq!(back, Ok(Found::Left), "who leaves now does not return");
    assert_eq!(kit.look(places[4], 9_000).await, Found::Unknown { may_return: false }, "it is too late");
    let late = kit.line.come_back(kit.queue, places[4], UnixMs(9_000)).await;
    assert_eq!(late, Ok(Found::Unknown { may_return: false }));
}

#[actix::test]
async fn of_two_tickets_of_an_account_the_later_one_comes_back_after_a_loss() {
    let kit = Kit::redis().await;
    let ann = PlayerId::new();
    let (old, new) = (Place { number: 5, account: ann }, Place { number: 9, account: ann });
    let queue = QueueId::new();
    let forming = Forming {
        numbers: (10, 20),
        through: 0,
        inside: Vec::new(),
        quiet_until: UnixMs(0),
        open_until: UnixMs(1_000),
    };
    kit.line.form(queue, forming.clone()).await.expect("formed");
    let back = async |place| kit.line.come_back(queue, place, UnixMs(1)).await.expect("answers");
    assert_eq!(back(old).await, Found::Waiting { ahead: 0 });
    assert_eq!(back(new).await, Found::Waiting { ahead: 0 });
    assert_eq!(back(old).await, Found::Unknown { may_return: false }, "it was given up for the other");
    kit.line.form(queue, Forming { inside: vec![old], ..forming }).await.expect("a second one");
    assert_eq!(kit.line.number_of(queue, ann).await, Ok(Some(9)), "changes nothing");
}

#[actix::test]
async fn numbers_that_sql_was_not_told_of_are_not_given_out_and_late_blocks_are_passed_over() {
    let kit = Kit::redis().await;
    let queue = QueueId::new();
    let forming = Forming {
        numbers: (0, 1),
        through: 0,
        inside: Vec::new(),
        quiet_until: UnixMs(0),
        open_until: UnixMs(0),
    };
    kit.line.form(queue, forming).await.expect("formed");
    let enter =
        async || kit.line.enter(queue, PlayerId::new(), UnixMs(1)).await.map(|entered| entered.number);
    assert_eq!((enter().await, enter().await), (Ok(1), Err(LineError::NoNumbers)));
    kit.line.more(queue, (3, 5)).await.expect("the later of two blocks comes first");
    kit.line.more(queue, (1, 3)).await.expect("the earlier one");
    assert_eq!((enter().await, enter().await, enter().await), (Ok(4), Ok(5), Err(LineError::NoNumbers)));
}

/// A line that was lost with all numbers up to 1,000, at 1 ms; tickets of before may return until 1 s.
async fn formed_again(kit: &Kit, inside: Vec<Place>) -> QueueId {
    let queue = QueueId::new();
    let (quiet_until, open_until) = (UnixMs(0), UnixMs(1_000));
    let forming = Forming { numbers: (1_000, 2_000), through: 0, inside, quiet_until, open_until };
    kit.line.form(queue, forming).await.expect("formed");
    queue
}

#[actix::test]
async fn who_enters_a_lost_line_before_he_shows_his_ticket_gets_his_old_place_back() {
    let kit = Kit::redis().await;
    let queue = formed_again(&kit, Vec::new()).await;
    let enter = async |account| {
        let number = kit.line.enter(queue, account, UnixMs(1)).await.expect("entered").number;
        Place { number, account }
    };
    let back = async |place| kit.line.come_back(queue, place, UnixMs(2)).await.expect("answers");
    let (early, ann) = (enter(PlayerId::new()).await, PlayerId::new());
    let (old, new) = (Place { number: 5, account: ann }, enter(ann).await);
    assert!(new.number > early.number);
    assert_eq!(back(old).await, Found::Waiting { ahead: 0 });
    assert_eq!(back(new).await, Found::Unknown { may_return: false }, "it is no second place");
    assert_eq!(enter(ann).await, old, "one ticket an account");
    let ahead = kit.line.look(queue, vec![old, early], UnixMs(3)).await.expect("looked").found;
    assert_eq!(ahead, [Found::Waiting { ahead: 0 }, Found::Waiting { ahead: 1 }]);
}

#[actix::test]
async fn who_has_been_in_since_a_loss_comes_in_by_no_ticket_of_before() {
    let kit = Kit::redis().await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let bobs = Place { number: 900, account: bob };
    let queue = formed_again(&kit, vec![bobs]).await;
    let back = async |account| {
        let place = Place { number: 7, account };
        kit.line.come_back(queue, place, UnixMs(3)).await.expect("answers")
    };
    kit.line.enter(queue, ann, UnixMs(1)).await.expect("entered");
    let take = Take { epoch: EPOCH, most: 1, pace: 0.0, admitted_per_s: 0.0, now: UnixMs(2), known: 0 };
    let places = kit.line.take(queue, take).await.expect("taken").places;
    assert_eq!(places[0].account, ann);
    assert_eq!(back(ann).await, Found::Unknown { may_return: false }, "he is inside");
    kit.line.release(queue, [places.clone(), vec![bobs]].concat()).await.expect("released");
    for account in [ann, bob] {
        assert_eq!(back(account).await, Found::Unknown { may_return: false }, "he was inside");
    }
    let cat = PlayerId::new();
    kit.line.enter(queue, cat, UnixMs(4)).await.expect("entered");
    let places = kit.line.take(queue, Take { now: UnixMs(5), ..take }).await.expect("taken").places;
    kit.line.put_back(queue, EPOCH, UnixMs(6), places).await.expect("it was not committed");
    assert_eq!(back(cat).await, Found::Waiting { ahead: 0 }, "and so she has not been in");
}

#[actix::test]
async fn a_line_that_has_lost_its_last_writes_is_lost_to_all_who_know_of_them() {
    let kit = Kit::redis().await;
    let (server, line) = kit.redis.as_ref().expect("redis");
    let mut places = kit.crowd(3, 1).await;
    let mut memory = Memory::of(server, line, kit.queue).await;
    places.extend(kit.crowd(2, 1).await);
    memory.returns().await;
    let lost = Err(LineError::Lost);
    assert_eq!(kit.line.enter(kit.queue, PlayerId::new(), UnixMs(2)).await.map(|_| ()), lost);
    assert_eq!(kit.line.look(kit.queue, vec![places[0]], UnixMs(2)).await.map(|_| ()), lost);
    assert_eq!(kit.take(EPOCH, 1, 2).await.map(|_| ()), lost);
    assert_eq!(kit.line.figures(kit.queue).await.map(|_| ()), lost);
    let other = RedisLine::open(&server.url(), &kit.config).await.expect("another node");
    assert_eq!(other.figures(kit.queue).await.map(|figures| figures.0), Ok(3), "it knows of none");
    assert_eq!(other.look(kit.queue, vec![places[4]], UnixMs(2)).await.map(|_| ()), lost, "but by a ticket");
    assert_eq!(other.known(kit.queue), places[4].number);

    kit.form((1_000_000, 2_000_000), vec![places[0]], 3, 9).await;
    kit.form((2_000_000, 3_000_000), Vec::new(), 30, 90).await; // of another node: it is there already
    assert_eq!(kit.look(places[4], 3).await, Found::Unknown { may_return: true });
    for (place, ahead) in [(places[4], 2), (places[3], 2)] {
        let back = kit.line.come_back(kit.queue, place, UnixMs(3)).await;
        assert_eq!(back, Ok(Found::Waiting { ahead }), "who waits still has not lost his place");
    }
    assert_eq!(kit.enter(PlayerId::new(), 4).await.number, 1_000_001);
    assert_eq!(kit.look(places[0], 4).await, Found::Inside);
    let taken = kit.take(EPOCH, 9, 4).await.expect("taken");
    let numbers: Vec<i64> = taken.places.iter().map(|place| place.number).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 1_000_001]);
}

#[actix::test]
async fn whose_number_was_let_in_or_dismissed_before_a_loss_does_not_come_back() {
    let kit = Kit::redis().await;
    let queue = QueueId::new();
    let (quiet_until, open_until) = (UnixMs(0), UnixMs(1_000));
    let forming =
        Forming { numbers: (1_000, 2_000), through: 4, inside: Vec::new(), quiet_until, open_until };
    kit.line.form(queue, forming).await.expect("formed");
    let back = async |number| {
        let place = Place { number, account: PlayerId::new() };
        kit.line.come_back(queue, place, UnixMs(1)).await.expect("answers")
    };
    assert_eq!(back(4).await, Found::Unknown { may_return: false });
    assert_eq!(back(5).await, Found::Waiting { ahead: 0 });
    assert_eq!(kit.line.dismiss(queue).await, Ok(1));
    assert_eq!(back(6).await, Found::Unknown { may_return: false }, "nor who is dismissed after it");
}
