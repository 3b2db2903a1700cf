//! One node with the role `db` on PostgreSQL, and a node without it that asks (spec 5.3): how many queries a second, and
//! how much later is an answer than beside the database?
//!
//! `cargo bench --all-features --bench db_role`. The db node is a thread of this process with its own connections, as is who
//! answers the bare request over Redis publish/subscribe beside it; Redis and PostgreSQL are private. Latencies are
//! taken one question at a time, in rounds that alternate; queries a second with many at once.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/bare_redis.rs"]
mod bare_redis;
mod support;

use bare_redis::Bare;
use futures_util::{StreamExt, future::join_all, stream};
use playhouse::{
    clock::SystemClock,
    cluster::{Arbiters, Cluster, NodeInfo, on_redis},
    config::Config,
    ids::{NodeId, PlayerId},
    roles::Role,
    store::{Commit, Fence, Store},
    testkit::{MemoryStore, PrivatePostgres, PrivateRedis},
};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use support::percentile;
use uuid::Uuid;

const ROUNDS: usize = 5;
const ASKS: usize = 2_000;
const AT_ONCE: [usize; 3] = [16, 64, 256];
const MANY: usize = 20_000;
const ENTITIES: usize = 1_000;
const COMMITS_EACH: usize = 10;

fn config(redis: &str, postgres: &str, roles: &[Role]) -> Config {
    let mut config = Config::default();
    config.redis.url = Some(redis.to_owned());
    config.database.url = Some(postgres.to_owned());
    config.node.roles = roles.to_vec();
    config
}

/// A node in the calling thread.
async fn node(config: &Config) -> Cluster {
    let me = NodeInfo::of(NodeId::new(), config);
    let lease = Duration::from_millis(config.cluster.lease_ms);
    let redis = config.redis.url.clone().unwrap();
    let (peering, incoming) = on_redis::join(&redis, &config.redis, lease, me).await.expect("Redis");
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(SystemClock);
    let cluster = Cluster::new(Arc::new(config.clone()), clock, store, Arbiters::current(), Some(peering));
    actix::spawn(cluster.clone().receive(incoming));
    cluster
}

/// The node that has the database, in a thread of its own.
fn db_node(config: Config) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let store = Store::open(&config, Arc::new(SystemClock)).await.expect("PostgreSQL");
            let cluster = node(&config).await;
            cluster.serve_database(Arc::new(store.served(&config).unwrap()));
            cluster.beat().await;
            actix::spawn(cluster.clone().keep_lease());
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    is_ready.recv().unwrap();
}

/// The times of so many, one after the other, in µs.
async fn measure<F: Future<Output = ()>>(ask: impl Fn(u64) -> F) -> Vec<f64> {
    let mut times = Vec::with_capacity(ASKS);
    for n in 0..ASKS as u64 {
        let began = Instant::now();
        ask(n).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times
}

async fn latencies(remote: &Store, local: &Store, bare: &Bare) {
    let (mut remotes, mut locals, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    let account = PlayerId::new();
    let read = |store: &Store| {
        let store = store.clone();
        async move { assert_eq!(store.seat_of(account).await, Ok(None)) }
    };
    for _ in 0..ROUNDS {
        bares.extend(measure(|n| bare.ask(n)).await);
        locals.extend(measure(|_| read(local)).await);
        remotes.extend(measure(|_| read(remote)).await);
    }
    for p in [50, 99] {
        let [remote, local, bare] = [&mut remotes, &mut locals, &mut bares].map(|times| percentile(times, p));
        println!(
            "  1 at once  p{p}: through the db node {remote:>6.0} µs, beside the database {local:>6.0} µs, bare {bare:>6.0} µs; \
             added {:>6.0} µs: {:.2} ×",
            remote - local,
            (remote - local) / bare
        );
    }
}

async fn queries_per_second(name: &str, store: &Store) {
    for at_once in AT_ONCE {
        let began = Instant::now();
        let asked = stream::iter(0..MANY).map(|_| async {
            let began = Instant::now();
            store.seat_of(PlayerId::new()).await.expect("answered");
            began.elapsed().as_secs_f64() * 1e6
        });
        let mut times: Vec<f64> = asked.buffer_unordered(at_once).collect().await;
        let per_second = MANY as f64 / began.elapsed().as_secs_f64();
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        println!(
            "{at_once:>3} at once  {name}: {per_second:>6.0} queries/s, p50 {p50:>6.0} µs, p99 {p99:>6.0} µs"
        );
    }
}

/// Entities that each commit again as soon as they are answered.
async fn commits_per_second(name: &str, store: &Store) {
    let commit = |key, fence| Commit {
        kind: "room",
        key,
        fence,
        state: Some(vec![7; 2_000]),
        next_wake_at: None,
        wake_no: 0,
        rows: Vec::new(),
    };
    let keys: Vec<Uuid> = (0..ENTITIES).map(|_| Uuid::now_v7()).collect();
    join_all(keys.iter().map(|key| store.commit(commit(*key, Fence::Create)))).await;
    let began = Instant::now();
    let entities = keys.iter().map(|key| async {
        for _ in 0..COMMITS_EACH {
            store.commit(commit(*key, Fence::Epoch(1))).await.expect("committed");
        }
    });
    join_all(entities).await;
    let per_second = (ENTITIES * COMMITS_EACH) as f64 / began.elapsed().as_secs_f64();
    println!("{ENTITIES} entities of 2 kB  {name}: {per_second:>6.0} commits/s");
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return; // a figure is no test
    }
    let (redis, postgres) =
        (PrivateRedis::start().expect("redis-server"), PrivatePostgres::durable().unwrap());
    db_node(config(&redis.url(), &postgres.url(), &[Role::Db]));
    bare_redis::responder(redis.url());
    actix::System::new().block_on(async {
        let config = config(&redis.url(), &postgres.url(), &[Role::Gateway, Role::Game]);
        let cluster = node(&config).await;
        cluster.beat().await;
        actix::spawn(cluster.clone().keep_lease());
        let remote = Store::elsewhere(&config, Arc::new(SystemClock));
        remote.reach(Arc::new(cluster));
        let local = Store::open(&config, Arc::new(SystemClock)).await.expect("PostgreSQL");
        remote.ping().await.expect("a db node");
        let bare = Bare::new(&redis.url()).await;
        latencies(&remote, &local, &bare).await;
        queries_per_second("through the db node", &remote).await;
        queries_per_second("beside the database", &local).await;
        commits_per_second("through the db node", &remote).await;
        commits_per_second("beside the database", &local).await;
    });
}
