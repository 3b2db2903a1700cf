//! The grant's way over the stream, turned by hand: there and back, lost anywhere on it, poisoned.

use super::*;
use crate::{
    liveops::{
        claims::granting::{CarryOn, GrantRewards, OverTheStream},
        consumers::{Consumer, Worker},
        relay::Relay,
        running::{ActivityStream, Parts},
        stream::{MemoryStream, Stream},
    },
    store::write,
};
use std::time::Duration;

/// A node's stream.
struct Way {
    stream: Arc<dyn Stream>,
    relay: Relay,
    grants: Worker,
    sagas: Worker,
}

impl Way {
    fn of(kit: &Kit) -> Self {
        let settings = kit.config.activity.clone();
        let (store, clock) = (kit.store.clone(), kit.clock.clone());
        let stream: Arc<dyn Stream> = Arc::new(MemoryStream::new(settings.queue, Duration::from_millis(1)));
        let worker = |consumer: Arc<dyn Consumer>| Worker {
            consumer,
            store: store.clone(),
            stream: stream.clone(),
            clock: clock.clone(),
            settings: settings.clone(),
        };
        let claims = Claims::new(store.clone(), &kit.config, clock.clone());
        Self {
            grants: worker(Arc::new(GrantRewards {
                store: store.clone(),
                clock: clock.clone(),
                asks: (kit.config.rewards.grant_asks, Duration::from_millis(kit.config.rewards.grant_ask_ms)),
            })),
            sagas: worker(Arc::new(CarryOn(claims))),
            stream: stream.clone(),
            relay: Relay {
                store: store.clone(),
                stream: stream.clone(),
                clock: clock.clone(),
                settings: settings.clone(),
            },
        }
    }

    /// The command to the worker, or its result to the saga, whichever is due.
    async fn carry(&self) {
        self.relay.turn().await;
        self.grants.turn().await.expect("the stream is there");
        self.sagas.turn().await.expect("the stream is there");
    }

    /// What is on its way is lost there, and its node with it.
    async fn lose(&self, on: Lost, kit: &Kit) {
        let now = kit.clock.now();
        match on {
            Lost::BeforeTheStream => {
                let until = now + kit.config.activity.resend_ms;
                kit.store.claim_facts(now, until, 10).await.expect("claims");
            }
            Lost::AfterIt(group) => {
                self.relay.turn().await;
                let lost = self.stream.receive(group, 10).await.expect("the stream is there");
                assert_eq!(lost.len(), 1);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Lost {
    BeforeTheStream,
    AfterIt(&'static str),
}

impl Kit {
    /// As a worker of a node: what is due is carried on.
    async fn carry_on(&self) {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let again_ms = self.config.rewards.lease_ms;
        let grants = OverTheStream { store: store.clone(), clock: clock.clone(), again_ms };
        let settings = Arc::new(self.config.rewards.clone());
        let saga = Saga { steps: store, grants, clock, settings };
        let now = self.clock.now();
        let due = self.store.lease_claims(now, now + self.config.rewards.lease_ms, 100).await;
        for claim in due.expect("leases") {
            saga.run(claim, &|_| ()).await.expect("the database is there");
        }
    }
}

#[actix::test]
async fn a_command_goes_over_the_stream_and_its_result_comes_back() {
    let kit = Kit::new("points", Some(1), 1).await;
    let (way, ann) = (Way::of(&kit), PlayerId::new());
    let id = kit.claim(ann).await;
    kit.carry_on().await;
    assert_eq!(
        (kit.status(id).await.0.as_str(), kit.store.balance(ann).await.expect("reads")),
        ("granting", 0)
    );
    way.carry().await;
    assert_eq!(
        (kit.status(id).await.0.as_str(), kit.store.balance(ann).await.expect("reads")),
        ("granting", 10)
    );
    kit.carry_on().await;
    assert_eq!(
        kit.status(id).await.0,
        "granting",
        "the saga is not woken yet, and its lease has not run out"
    );
    way.carry().await;
    kit.carry_on().await;
    assert_eq!(kit.status(id).await.0, "granted");
    assert_eq!(kit.number("SELECT COUNT(*) FROM outbox WHERE consumer IN ('grants', 'sagas')").await, 0);
    kit.assert_sound().await;
}

#[actix::test]
async fn what_is_lost_on_the_way_is_sent_again_and_granted_once() {
    for (carried, lost) in [
        (0, Lost::BeforeTheStream),
        (0, Lost::AfterIt("grants")),
        (1, Lost::BeforeTheStream),
        (1, Lost::AfterIt("sagas")),
    ] {
        let kit = Kit::new("points", Some(1), 1).await;
        let (dead, ann) = (Way::of(&kit), PlayerId::new());
        let id = kit.claim(ann).await;
        kit.carry_on().await;
        for _ in 0..carried {
            dead.carry().await;
        }
        dead.lose(lost, &kit).await;
        let way = Way::of(&kit);
        way.carry().await;
        kit.carry_on().await;
        assert_eq!(kit.status(id).await.0, "granting", "{lost:?}: nobody knows of it");
        kit.clock.advance_s(6);
        for _ in 0..3 {
            kit.carry_on().await;
            way.carry().await;
        }
        assert_eq!(kit.status(id).await.0, "granted", "{carried} {lost:?}");
        assert_eq!(kit.store.balance(ann).await.expect("reads"), 10, "{carried} {lost:?}");
        kit.assert_sound().await;
    }
}

#[actix::test]
async fn a_poisoned_grant_is_a_dead_letter_and_its_claim_compensated() {
    let kit = Kit::new("points", Some(2), 1).await;
    let (way, ann, bob) = (Way::of(&kit), PlayerId::new(), PlayerId::new());
    let poisoned = kit.claim(ann).await;
    kit.carry_on().await;
    let bodies = "UPDATE outbox SET body = $1 WHERE consumer = 'grants'";
    write!(kit.store.db(), pool => {
        sqlx::query(bodies).bind(vec![0_u8]).execute(pool).await.expect("writes");
    });
    way.carry().await;
    let good = kit.claim(bob).await;
    for _ in 0..2 {
        kit.carry_on().await;
        way.carry().await;
    }
    kit.carry_on().await;
    assert_eq!(kit.status(good).await.0, "granted", "another's is not held up");
    for pause_s in [1, 2, 4, 8] {
        assert_eq!(kit.number("SELECT COUNT(*) FROM dead_letters").await, 0);
        kit.clock.advance_s(pause_s);
        kit.carry_on().await; // looks, and sends nothing again that has its own pauses
        way.carry().await;
    }
    assert_eq!(kit.number("SELECT COUNT(*) FROM dead_letters WHERE consumer = 'grants'").await, 1);
    kit.clock.advance_s(5);
    kit.carry_on().await;
    assert_eq!(kit.status(poisoned).await, ("compensated".to_owned(), Some("grant_failed".to_owned())));
    let command = kit.store.claim(poisoned).await.expect("reads").expect("exists");
    let mended = GrantRewardCommand::of(&command).fact(kit.clock.now()).seal().expect("a fact");
    write!(kit.store.db(), pool => {
        sqlx::query("UPDATE dead_letters SET body = $1").bind(mended).execute(pool).await.expect("writes");
    });
    let letter = kit.store.dead_letters(&Default::default(), 1).await.expect("reads").remove(0);
    let entry = AuditEntry::new(kit.clock.now(), (None, Role::Admin), "test", "test".to_owned(), json!({}));
    assert!(kit.store.retry_dead_letter(letter.id, &entry).await.expect("writes"));
    for _ in 0..2 {
        way.carry().await;
        kit.carry_on().await;
    }
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 0, "what was given up is not given after all");
    assert_eq!(kit.status(poisoned).await.0, "compensated");
    assert_eq!(kit.number("SELECT COUNT(*) FROM outbox WHERE consumer IN ('grants', 'sagas')").await, 0);
    kit.assert_sound().await;
}

/// A node's tasks, as `node` starts them.
pub(super) fn tasks(claims: &Claims, kit: &Kit, clock: crate::clock::SharedClock) -> ActivityStream {
    let settings = kit.config.activity.clone();
    let stream = Arc::new(MemoryStream::new(settings.queue, Duration::from_millis(settings.poll_ms)));
    ActivityStream::start(
        &Parts { store: claims.0.store.clone(), stream, clock, settings },
        claims.consumers(),
    )
}

#[actix::test]
async fn a_claim_is_answered_long_before_its_request_gives_up() {
    let kit = Kit::new("points", None, 1).await;
    let claims = Claims::new(kit.store.clone(), &kit.config, kit.clock.clone());
    claims.work(Arc::new(Told::default()));
    let stream = tasks(&claims, &kit, kit.clock.clone());
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = std::time::Instant::now();
        let made = claims.request(Uuid::now_v7(), PlayerId::new(), (kit.event, kit.reward)).await;
        assert_eq!(made.expect("runs").expect("exists").status, "granted");
        took.push(began.elapsed());
    }
    took.sort();
    println!("a claim takes {:?} in the median, {:?} at most", took[10], took[19]);
    assert!(took[10] < Duration::from_millis(kit.config.rewards.answer_ms / 2), "{took:?}");
    stream.stop().await;
}
