//! From the outbox to the counter, whatever happens on the way.

use super::*;
use crate::store::{DeadLetter, DeadLetterFilter, Failed};

/// The same test in memory and on a Redis of its own.
macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod in_memory {
            use super::*;
            $(#[actix::test]
            async fn $test() {
                super::$test(Transport::Memory).await;
            })*
        }
        mod on_redis {
            use super::*;
            $(#[actix::test]
            async fn $test() {
                super::$test(Transport::Redis(Box::new(PrivateRedis::start().expect("Redis")))).await;
            })*
        }
    };
}

conformance!(
    a_fact_is_counted_once_however_often_it_is_delivered,
    what_was_sent_and_not_handled_before_a_crash_is_sent_again,
    what_the_transport_has_lost_is_sent_again,
    a_poisoned_fact_holds_up_no_other_and_ends_among_the_dead_letters,
    what_cannot_be_read_is_a_dead_letter_too,
    no_more_is_on_its_way_than_fits,
    a_database_that_is_away_costs_no_try,
    a_consumer_may_panic_or_hang,
);

async fn letters(kit: &Kit) -> Vec<DeadLetter> {
    kit.store.dead_letters(&DeadLetterFilter::default(), 10).await.expect("reads")
}

async fn a_fact_is_counted_once_however_often_it_is_delivered(transport: Transport) {
    let kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    let facts = [kit.won(ann), kit.won(ann), kit.won(ann)];
    kit.add(&facts).await;
    kit.add(&facts).await;
    let (now, later) = (kit.clock.now(), kit.clock.now() + 1_000);
    let claimed = kit.store.claim_facts(now, later, 10).await.expect("claims");
    assert_eq!(claimed.len(), 3);
    for _ in 0..3 {
        kit.stream.send(claimed.clone()).await.expect("sent");
    }
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (3, 0));
    kit.stream.send(claimed).await.expect("sent");
    kit.add(&facts).await; // posted again by a service that never heard the answer
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (3, 0));
}

async fn what_was_sent_and_not_handled_before_a_crash_is_sent_again(transport: Transport) {
    let mut kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    kit.add(&[kit.won(ann), kit.won(ann)]).await;
    kit.crash().await; // between the commit and the delivery
    kit.relay().turn().await;
    let taken = kit.stream.receive(groups::COUNTERS, 1).await.expect("received");
    assert_eq!(taken.len(), 1);
    kit.crash().await; // between the delivery and the effect
    kit.clock.advance_s(31);
    tokio::time::sleep(Duration::from_millis(150)).await; // on Redis the other node's time to finish is over
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (2, 0));
}

async fn what_the_transport_has_lost_is_sent_again(transport: Transport) {
    let mut kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    kit.add(&[kit.won(ann), kit.won(ann), kit.won(ann)]).await;
    kit.relay().turn().await;
    kit.wipe().await;
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (0, 3), "lost on the way");
    kit.clock.advance_s(31);
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (3, 0));
}

async fn a_poisoned_fact_holds_up_no_other_and_ends_among_the_dead_letters(transport: Transport) {
    let kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    let facts: Vec<Fact> = (0..10).map(|_| kit.won(ann)).collect();
    kit.mood(&facts[4], Mood::Errs);
    kit.add(&facts).await;
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (9, 1), "the others are counted at once");
    for (tries, pause_s) in [1, 2, 4, 8].into_iter().enumerate() {
        assert!(letters(&kit).await.is_empty(), "after {} tries", tries + 1);
        kit.clock.advance_s(pause_s - 1);
        assert!(!kit.store.facts_are_due(kit.clock.now()).await.expect("reads"), "before the pause is over");
        kit.clock.advance_s(1);
        let another = kit.won(ann);
        kit.add(&[another]).await;
        kit.run().await;
        assert_eq!(kit.wins(ann).await, 10 + tries as i64, "and those that come later are too");
    }
    let [letter] = &letters(&kit).await[..] else { panic!("one dead letter") };
    assert_eq!((letter.fact_id, letter.tries), (facts[4].id, 5));
    assert_eq!((letter.kind.as_str(), letter.error.as_str()), ("game_won", "it is poisoned"));
    assert_eq!((kit.waiting().await, Fact::open(&letter.body)), (0, Ok(facts[4].clone())));

    let staff = crate::store::AuditEntry::new(
        kit.clock.now(),
        (None, crate::auth::Role::Admin),
        "dead_letter.retried",
        letter.id.to_string(),
        json!({}),
    );
    kit.cheer_up();
    assert_eq!(kit.store.retry_dead_letter(letter.id, &staff).await, Ok(true));
    assert_eq!(kit.store.retry_dead_letter(letter.id, &staff).await, Ok(false), "it is none any more");
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await, letters(&kit).await.len()), (14, 0, 0));
}

async fn what_cannot_be_read_is_a_dead_letter_too(transport: Transport) {
    let kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    kit.add(&[kit.won(ann), kit.won(ann)]).await;
    let sql = "UPDATE outbox SET body = $1 WHERE fact_id = (SELECT fact_id FROM outbox LIMIT 1)";
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(sql).bind(vec![0xC3_u8, 1, 9, 9, 9, 9, 9, 9, 9, 9, 0]).execute(pool).await.expect("spoilt");
    });
    for _ in 0..5 {
        kit.run().await;
        kit.clock.advance_s(60);
    }
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (1, 0));
    let [letter] = &letters(&kit).await[..] else { panic!("one dead letter") };
    assert_eq!(letter.error, "no schema has the fingerprint 0909090909090909");
}

async fn no_more_is_on_its_way_than_fits(transport: Transport) {
    let kit = Kit::with(transport, |activity| (activity.queue, activity.batch) = (4, 3)).await;
    let ann = PlayerId::new();
    let facts: Vec<Fact> = (0..10).map(|_| kit.won(ann)).collect();
    kit.add(&facts).await;
    for _ in 0..5 {
        kit.relay().turn().await;
    }
    assert_eq!(kit.stream.waiting().await, Ok(4));
    for _ in 0..5 {
        kit.run().await;
    }
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (10, 0));
}

async fn a_database_that_is_away_costs_no_try(transport: Transport) {
    let kit = Kit::with(transport, |_| ()).await;
    let ann = PlayerId::new();
    let fact = kit.won(ann);
    kit.mood(&fact, Mood::Away);
    kit.add(std::slice::from_ref(&fact)).await;
    for _ in 0..3 {
        kit.relay().turn().await;
        let handled = kit.worker().turn().await; // on Redis it is taken over from ourselves
        assert!(handled.is_ok(), "{handled:?}");
        kit.clock.advance_s(31);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    kit.cheer_up();
    kit.run().await;
    assert_eq!((kit.wins(ann).await, kit.waiting().await, letters(&kit).await.len()), (1, 0, 0));
}

async fn a_consumer_may_panic_or_hang(transport: Transport) {
    let kit = Kit::with(transport, |activity| activity.handle_ms = 50).await;
    let ann = PlayerId::new();
    let facts = [kit.won(ann), kit.won(ann), kit.won(ann)];
    kit.mood(&facts[0], Mood::Panics);
    kit.mood(&facts[2], Mood::Hangs);
    kit.add(&facts).await;
    for _ in 0..5 {
        kit.run().await;
        kit.clock.advance_s(60);
    }
    let errors: Vec<String> = letters(&kit).await.into_iter().map(|letter| letter.error).collect();
    let mut errors: Vec<&str> = errors.iter().map(String::as_str).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["the consumer came to no end", "the consumer panicked"]);
    assert_eq!(kit.wins(ann).await, 1);
}

#[actix::test]
async fn sentinels_lead_to_the_stream() {
    let servers = crate::testkit::PrivateSentinel::start().expect("Sentinel");
    let url = servers.url();
    a_fact_is_counted_once_however_often_it_is_delivered(Transport::Many(url)).await;
}

#[actix::test]
async fn a_redis_cluster_carries_the_stream() {
    let servers = crate::testkit::PrivateCluster::start(0).expect("a Redis Cluster");
    let url = servers.url();
    a_fact_is_counted_once_however_often_it_is_delivered(Transport::Many(url.clone())).await;
    what_was_sent_and_not_handled_before_a_crash_is_sent_again(Transport::Many(url)).await;
}

#[actix::test]
async fn what_one_node_took_and_did_not_finish_another_takes_over() {
    let redis = PrivateRedis::start().expect("Redis");
    let mut kit = Kit::with(Transport::Redis(Box::new(redis)), |_| ()).await;
    let ann = PlayerId::new();
    kit.add(&[kit.won(ann), kit.won(ann)]).await;
    kit.relay().turn().await;
    assert_eq!(kit.stream.receive(groups::COUNTERS, 10).await.expect("received").len(), 2);
    kit.crash().await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    kit.run().await; // the outbox has not sent again: its time has not come
    assert_eq!((kit.wins(ann).await, kit.waiting().await), (2, 0));
}

#[actix::test]
async fn a_late_delivery_of_a_dead_letter_has_no_effect_and_its_retry_has_one() {
    let kit = Kit::memory().await;
    let ann = PlayerId::new();
    let fact = kit.won(ann);
    kit.add(std::slice::from_ref(&fact)).await;
    let failing =
        || kit.store.fact_failed((groups::COUNTERS, fact.id), "no", kit.clock.now(), &kit.config.activity);
    for _ in 0..4 {
        assert!(matches!(failing().await, Ok(Failed::Again(_))));
    }
    assert_eq!(failing().await, Ok(Failed::Dead));
    assert_eq!(failing().await, Ok(Failed::Gone));
    assert_eq!(kit.store.count_facts(std::slice::from_ref(&fact), kit.clock.now()).await, Ok(0));
    let id = letters(&kit).await[0].id;
    let staff = crate::store::AuditEntry::new(
        kit.clock.now(),
        (None, crate::auth::Role::Admin),
        "dead_letter.retried",
        id.to_string(),
        json!({}),
    );
    assert_eq!(kit.store.retry_dead_letter(id, &staff).await, Ok(true));
    kit.run().await;
    assert_eq!(kit.wins(ann).await, 1);
}

#[actix::test]
async fn of_a_batch_each_fact_that_waits_counts_once_and_no_other() {
    let kit = Kit::memory().await;
    let players: Vec<PlayerId> = (0..3).map(|_| PlayerId::new()).collect();
    let facts: Vec<Fact> = (0..150).map(|n| kit.won(players[n % 3])).collect();
    kit.add(&facts[..140]).await;
    let now = kit.clock.now();
    assert_eq!(kit.store.count_facts(&facts[..70], now).await, Ok(70));
    kit.add(&facts[..10]).await; // told again: they were handled
    let twice: Vec<Fact> = facts.iter().chain(&facts[100..120]).cloned().collect();
    assert_eq!(
        kit.store.count_facts(&twice, now).await,
        Ok(70),
        "ten never waited, 70 were counted, some came twice"
    );
    assert_eq!(kit.store.count_facts(&facts, now).await, Ok(0));
    let mut wins = Vec::new();
    for player in players {
        wins.push(kit.wins(player).await);
    }
    assert_eq!((wins, kit.waiting().await), (vec![47, 47, 46], 0));
}

#[actix::test]
async fn what_was_handled_long_ago_is_forgotten() {
    let kit = Kit::memory().await;
    let ann = PlayerId::new();
    let fact = kit.won(ann);
    kit.add(std::slice::from_ref(&fact)).await;
    kit.run().await;
    let (long_ago, now) = (crate::clock::UnixMs(0), kit.clock.now() + 1);
    kit.store.sweep_activity(long_ago, long_ago).await.expect("swept");
    kit.add(std::slice::from_ref(&fact)).await;
    kit.run().await;
    assert_eq!(kit.wins(ann).await, 1, "known");
    kit.store.sweep_activity(now, long_ago).await.expect("swept");
    kit.add(&[fact]).await;
    kit.run().await;
    assert_eq!(kit.wins(ann).await, 2, "forgotten");
    kit.store.sweep_activity(long_ago, now + 60_000).await.expect("swept");
    assert_eq!(kit.counters(ann).await, Counters::default());
}
