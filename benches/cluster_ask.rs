//! An ask between two nodes, beside a bare request and reply over Redis publish/subscribe: how much dearer is it?
//!
//! `cargo bench --all-features --bench cluster_ask`. Both ends of each pair are threads of this process with
//! connections of their own, on one private Redis; rounds alternate, one request is in flight at a time, and then 64.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/bare_redis.rs"]
mod bare_redis;
mod support;

use actix::{Actor, Context, Handler};
use bare_redis::Bare;
use futures_util::{StreamExt, stream};
use playhouse::{
    clock::SystemClock,
    cluster::{Activation, Arbiters, Cluster, Entity, Envelope, NodeInfo, PeerNotice, on_redis},
    config::Config,
    ids::NodeId,
    testkit::{MemoryStore, PrivateRedis},
};
use serde::{Deserialize, Serialize};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use support::percentile;
use uuid::Uuid;

const ROUNDS: usize = 5;
const ASKS: usize = 4_000;
const LEASE_MS: u64 = 500;

struct Echo {
    _activation: Activation<Self>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Command {
    Create,
    Echo(u64),
    Told,
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Envelope<Self>> for Echo {
    type Result = ();
    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, _: &mut Self::Context) {
        let n = if let Command::Echo(n) = command { n } else { 0 };
        if let Some(reply) = reply {
            let _ = reply.send(Ok(n));
        }
    }
}

impl Entity for Echo {
    const KIND: &'static str = "echo";
    type Command = Command;
    type Reply = u64;
    fn creates(command: &Command) -> bool {
        matches!(command, Command::Create)
    }
    fn wake(_: i64) -> Command {
        Command::Told
    }
    fn peer(_: PeerNotice) -> Command {
        Command::Told
    }
}

/// A node in the calling thread.
async fn node(redis: &str) -> Cluster {
    let mut config = Config::default();
    config.cluster.lease_ms = LEASE_MS;
    config.cluster.beat_ms = 100;
    let me = NodeInfo::of(NodeId::new(), &config);
    let lease = Duration::from_millis(LEASE_MS);
    let (peering, incoming) = on_redis::join(redis, &config.redis, lease, me).await.expect("Redis");
    let store = Arc::new(MemoryStore::default());
    let cluster =
        Cluster::new(Arc::new(config), Arc::new(SystemClock), store, Arbiters::current(), Some(peering));
    cluster.register::<Echo>(Arc::new(|activation| Ok(Echo { _activation: activation })));
    actix::spawn(cluster.clone().receive(incoming));
    cluster.beat().await;
    actix::spawn(cluster.clone().keep_lease());
    cluster
}

/// The other node, in a thread of its own, with the echo on it.
fn other_node(redis: String, key: Uuid) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let cluster = node(&redis).await;
            cluster.ask::<Echo>(key, Command::Create).await.expect("created");
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    is_ready.recv().unwrap();
}

/// The times of so many asks, so many at once, in µs.
async fn measure<F: Future<Output = ()>>(at_once: usize, ask: impl Fn(u64) -> F) -> Vec<f64> {
    let timed = stream::iter(0..ASKS as u64).map(|n| {
        let asked = ask(n);
        async move {
            let began = Instant::now();
            asked.await;
            began.elapsed().as_secs_f64() * 1e6
        }
    });
    timed.buffer_unordered(at_once).collect().await
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return; // a figure is no test
    }
    let redis = PrivateRedis::start().expect("redis-server");
    let key = Uuid::new_v4();
    other_node(redis.url(), key);
    bare_redis::responder(redis.url());
    actix::System::new().block_on(async {
        let (cluster, bare) = (node(&redis.url()).await, Bare::new(&redis.url()).await);
        tokio::time::sleep(Duration::from_millis(2 * LEASE_MS)).await; // the registry has settled
        for at_once in [1, 64] {
            let (mut asks, mut bares) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bares.extend(measure(at_once, |n| bare.ask(n)).await);
                let ask = |n| {
                    let asked = cluster.ask::<Echo>(key, Command::Echo(n));
                    async move { assert_eq!(asked.await, Ok(n)) }
                };
                asks.extend(measure(at_once, ask).await);
            }
            for p in [50, 99] {
                let (ask, bare) = (percentile(&mut asks, p), percentile(&mut bares, p));
                println!(
                    "{at_once:>3} at once  p{p}: ask {ask:>7.0} µs, bare {bare:>7.0} µs: {:.2} ×",
                    ask / bare
                );
            }
        }
    });
}
