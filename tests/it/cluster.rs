//! Three nodes as processes on a Redis and a PostgreSQL of the test's own, and what may happen to them (spec 6.3).
//!
//! Leaders on all nodes play games of Mafia one after another and remember what they know for certain (`leader`).
//! Whoever is cut off goes to another node; whoever is not stays. After each fault every room must be as its leader
//! knows it.

use crate::{leader::Leader, process::Process};
use futures_util::future::{join, join_all, try_join_all};
use playhouse::testkit::{PrivatePostgres, PrivateRedis};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const NODES: usize = 3;
const LEADERS: usize = 12;

struct Cluster {
    redis: PrivateRedis,
    postgres: PrivatePostgres,
    nodes: Vec<Process>,
    leaders: Vec<Leader>,
    /// On which node each of them is.
    at: Vec<usize>,
    /// Nodes that take nobody now.
    out: BTreeSet<usize>,
    rounds: u64,
    _dir: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let settings = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let nodes: Vec<Process> = (0..NODES).map(|_| Process::with(dir.path(), &settings)).collect();
        let bases: Vec<String> = nodes.iter().map(Process::base).collect();
        let entering = (0..LEADERS).map(|n| Leader::enter(&bases[n % NODES], n, true));
        let leaders = try_join_all(entering).await.expect("all enter");
        let at = (0..LEADERS).map(|n| n % NODES).collect();
        Self { redis, postgres, nodes, leaders, at, out: BTreeSet::new(), rounds: 0, _dir: dir }
    }

    /// Everybody plays for so long, while `fault` happens to the cluster.
    async fn play<T>(&mut self, ms: u64, fault: impl AsyncFnOnce(&mut Faults<'_>) -> T) -> T {
        self.rounds += 1;
        let until = Instant::now() + Duration::from_millis(ms);
        let rounds = self.rounds * 1_000;
        let mut rngs: Vec<StdRng> = (0..LEADERS as u64).map(|n| StdRng::seed_from_u64(rounds + n)).collect();
        let playing = self.leaders.iter_mut().zip(&mut rngs).map(|(leader, rng)| leader.play(until, rng));
        let mut faults =
            Faults { redis: &mut self.redis, postgres: &mut self.postgres, nodes: &mut self.nodes };
        join(join_all(playing), fault(&mut faults)).await.1
    }

    /// Whoever was cut off goes to the next node that takes people; then all rooms are looked at. How long that took.
    async fn all_is_well(&mut self, after: &str) -> Duration {
        let began = Instant::now();
        let open: Vec<usize> = (0..NODES).filter(|n| !self.out.contains(n)).collect();
        let bases: Vec<String> = self.nodes.iter().map(Process::base).collect();
        let checks = self.leaders.iter_mut().zip(&mut self.at).enumerate().map(|(n, (leader, at))| {
            let (bases, next) = (&bases, open[n % open.len()]);
            let cut_off = self.out.contains(at);
            async move {
                if cut_off || leader.check().await.is_err() {
                    *at = next;
                    leader.come_back(&bases[next]).await?;
                    leader.check().await?;
                }
                Ok::<(), playhouse::testkit::Failure>(())
            }
        });
        try_join_all(checks).await.unwrap_or_else(|error| panic!("after {after}: {error}"));
        began.elapsed()
    }

    fn acknowledged(&self) -> usize {
        self.leaders.iter().map(|leader| leader.acknowledged).sum()
    }
}

/// What can be done to a cluster while people play.
struct Faults<'a> {
    redis: &'a mut PrivateRedis,
    postgres: &'a mut PrivatePostgres,
    nodes: &'a mut Vec<Process>,
}

async fn seconds(n: f64) {
    tokio::time::sleep(Duration::from_secs_f64(n)).await;
}

#[actix::test]
async fn a_node_that_is_killed_loses_nothing_and_its_rooms_are_elsewhere_within_ten_seconds() {
    let mut cluster = Cluster::start().await;
    let mut slowest = Duration::ZERO;
    for victim in [0, 1, 2] {
        cluster
            .play(1_500, async |faults| {
                seconds(1.0).await;
                faults.nodes[victim].kill();
            })
            .await;
        cluster.out.insert(victim);
        let back = cluster.all_is_well(&format!("the death of node {victim}")).await;
        slowest = slowest.max(back);
        cluster.nodes[victim].restart();
        cluster.out.clear();
    }
    println!("{} commands acknowledged; slowest recovery of all rooms: {slowest:?}", cluster.acknowledged());
    assert!(slowest < Duration::from_secs(10) + Duration::from_secs(5), "{slowest:?}");
}

#[actix::test]
async fn a_rolling_restart_loses_nothing() {
    let mut cluster = Cluster::start().await;
    for node in 0..NODES {
        cluster
            .play(4_000, async |faults| {
                seconds(0.5).await;
                let status = faults.nodes[node].terminate_gently().await;
                assert!(status.success(), "{status}");
                faults.nodes[node].restart();
            })
            .await;
        let told = |leader: &Leader| leader.me.transcript.iter().any(|f| f["type"] == "session.moving");
        let there = cluster.leaders.iter().zip(&cluster.at).filter(|(_, at)| **at == node);
        assert!(there.map(|(leader, _)| leader).all(told), "all were told to move");
        let back = cluster.all_is_well(&format!("the restart of node {node}")).await;
        println!("node {node}: all well after {back:?}");
    }
}

#[actix::test]
async fn a_node_that_slept_finds_itself_fenced() {
    let mut cluster = Cluster::start().await;
    cluster
        .play(10_000, async |faults| {
            seconds(0.5).await;
            faults.nodes[0].signal("-STOP");
            seconds(9.0).await;
        })
        .await;
    cluster.out.insert(0);
    cluster.all_is_well("a node fell asleep").await;
    cluster
        .play(3_000, async |faults| {
            faults.nodes[0].signal("-CONT");
        })
        .await;
    cluster.all_is_well("it woke up").await;
}

#[actix::test]
async fn redis_may_stop_and_forget_everything() {
    let mut cluster = Cluster::start().await;
    cluster
        .play(6_000, async |faults| {
            seconds(0.5).await;
            faults.redis.kill();
            seconds(3.0).await;
            faults.redis.restart().unwrap();
        })
        .await;
    cluster.all_is_well("Redis was wiped").await;
    cluster
        .play(9_000, async |faults| {
            faults.redis.pause();
            seconds(6.5).await; // longer than a lease
            assert_eq!(faults.nodes[0].probe("healthz").await, 200, "no reason to kill it");
            assert_eq!(faults.nodes[0].probe("readyz").await, 503, "but to send nobody there");
            faults.redis.resume();
        })
        .await;
    cluster.all_is_well("Redis did not answer").await;
    assert_eq!(cluster.nodes[0].probe("readyz").await, 200);
}

#[actix::test]
async fn postgresql_may_stop() {
    let mut cluster = Cluster::start().await;
    cluster
        .play(6_000, async |faults| {
            seconds(0.5).await;
            faults.postgres.restart().unwrap();
            seconds(2.0).await;
            faults.postgres.pause();
            seconds(2.5).await;
            faults.postgres.resume();
        })
        .await;
    cluster.all_is_well("PostgreSQL was restarted and did not answer").await;
}
