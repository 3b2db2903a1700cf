//! What the activity stream promises, on SQLite or PostgreSQL, in memory and on Redis alike.
//!
//! The database's time is set by hand, so that pauses and second sendings take no time.

mod delivery;
mod facts;
mod ratings;
mod schemas;

use super::{
    Fact,
    consumers::{ConsumeError, Consumer, Worker},
    counters::{CountActivity, Counters},
    groups,
    relay::Relay,
    stream::{MemoryStream, RedisStream, Stream},
};
use crate::{
    auth::tests::SetClock,
    clock::Clock as _,
    config::{Activity, Config},
    ids::PlayerId,
    store::Store,
    testkit::PrivateRedis,
};
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

/// How a consumer takes a fact.
#[derive(Clone, Copy)]
enum Mood {
    Errs,
    Panics,
    Hangs,
    /// The database is away.
    Away,
}

/// Counts, but for facts that put it into a mood.
struct Moody {
    counts: CountActivity,
    moods: Mutex<HashMap<Uuid, Mood>>,
}

impl Consumer for Moody {
    fn group(&self) -> &'static str {
        groups::COUNTERS
    }

    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let moods = self.moods.lock().expect("no panic");
        let mood = facts.iter().find_map(|fact| moods.get(&fact.id).copied());
        let counted = self.counts.handle(facts);
        async move {
            match mood {
                None => counted.await,
                Some(Mood::Errs) => Err(ConsumeError::Failed("it is poisoned".to_owned())),
                Some(Mood::Panics) => panic!("it is poisoned"),
                Some(Mood::Hangs) => std::future::pending().await,
                Some(Mood::Away) => Err(ConsumeError::Unavailable("the database is away".to_owned())),
            }
        }
        .boxed()
    }
}

enum Transport {
    Memory,
    Redis(Box<PrivateRedis>),
    /// Sentinel or a Redis Cluster, by its URL.
    Many(String),
}

/// A node's activity stream, turned by hand.
struct Kit {
    config: Config,
    store: Store,
    clock: Arc<SetClock>,
    transport: Transport,
    stream: Arc<dyn Stream>,
    consumer: Arc<Moody>,
    _dir: tempfile::TempDir,
}

impl Kit {
    async fn with(transport: Transport, change: impl FnOnce(&mut Activity)) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut config = crate::testkit::test_config(dir.path()).await;
        config.activity.poll_ms = 5;
        config.activity.takeover_ms = 100;
        config.activity.handle_ms = 2_000;
        config.redis.timeout_ms = 400; // who waits for facts waits for a quarter of it
        change(&mut config.activity);
        let clock = SetClock::new();
        let store = Store::open(&config, clock.clone()).await.expect("store");
        let stream = Self::connect(&transport, &config).await;
        let counts = CountActivity::new(store.clone(), clock.clone());
        let consumer = Arc::new(Moody { counts, moods: Mutex::default() });
        Self { config, store, clock, transport, stream, consumer, _dir: dir }
    }

    async fn memory() -> Self {
        Self::with(Transport::Memory, |_| ()).await
    }

    async fn connect(transport: &Transport, config: &Config) -> Arc<dyn Stream> {
        match transport {
            Transport::Memory => {
                let wait = Duration::from_millis(config.activity.poll_ms);
                Arc::new(MemoryStream::new(config.activity.queue, wait))
            }
            Transport::Redis(redis) => Self::join(&redis.url(), config).await,
            Transport::Many(url) => Self::join(url, config).await,
        }
    }

    async fn join(url: &str, config: &Config) -> Arc<dyn Stream> {
        let node = Uuid::new_v4().to_string();
        Arc::new(RedisStream::open(url, config, node).await.expect("Redis"))
    }

    /// The process ends, and begins anew on the same database. Redis goes on.
    async fn crash(&mut self) {
        self.stream = Self::connect(&self.transport, &self.config).await;
    }

    /// Whatever the transport holds is gone.
    async fn wipe(&mut self) {
        if let Transport::Redis(redis) = &mut self.transport {
            redis.kill();
            redis.restart().expect("Redis");
            return;
        }
        self.crash().await;
    }

    fn relay(&self) -> Relay {
        Relay {
            store: self.store.clone(),
            stream: self.stream.clone(),
            clock: self.clock.clone(),
            settings: self.config.activity.clone(),
        }
    }

    fn worker(&self) -> Worker {
        Worker {
            consumer: self.consumer.clone(),
            store: self.store.clone(),
            stream: self.stream.clone(),
            clock: self.clock.clone(),
            settings: self.config.activity.clone(),
        }
    }

    /// A fact that this account won a game, now.
    fn won(&self, account: PlayerId) -> Fact {
        let body = json!({"game": "mafia", "room_id": "r", "match_id": "m", "role": "citizen"});
        Fact::new("game_won", Some(account), self.clock.now(), body)
    }

    async fn add(&self, facts: &[Fact]) {
        self.store.add_facts(facts).await.expect("added");
    }

    fn mood(&self, fact: &Fact, mood: Mood) {
        self.consumer.moods.lock().expect("no panic").insert(fact.id, mood);
    }

    fn cheer_up(&self) {
        self.consumer.moods.lock().expect("no panic").clear();
    }

    /// Sends what is due and handles what comes, until nothing does. Redis may have to be found again first.
    async fn run(&self) {
        while self.relay().turn().await {}
        let mut quiet = 0;
        for _ in 0..100 {
            // The other groups pass over what is not for them, or the stream stays full.
            for group in groups::GROUPS.iter().filter(|group| group.name != groups::COUNTERS) {
                if let Ok(facts) = self.stream.receive(group.name, 100).await {
                    assert!(facts.is_empty());
                }
            }
            match self.worker().turn().await {
                Ok(0) => quiet += 1,
                Ok(_) => quiet = 0,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            if quiet == 2 {
                return;
            }
        }
        panic!("facts without end");
    }

    async fn counters(&self, account: PlayerId) -> Counters {
        self.store.activity(account, None, None).await.expect("reads")
    }

    async fn wins(&self, account: PlayerId) -> i64 {
        self.counters(account).await.count("game_won", &[("game".to_owned(), "mafia".to_owned())].into())
    }

    /// Facts that wait for the group.
    async fn waiting(&self) -> i64 {
        self.store.activity_lag().await.expect("reads").0.first().map_or(0, |lag| lag.facts)
    }
}
