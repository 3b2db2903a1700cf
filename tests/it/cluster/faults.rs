//! One fault at a time, while leaders on all nodes play games of Mafia one after another and remember what they know
//! for certain (`leader`).
//!
//! Whoever is cut off goes to another node; whoever is not stays. After each fault every room must be as its leader
//! knows it.

use super::{NODES, Router, Servers};
use crate::{
    figures::{deadline_shift_ms, rooms_back},
    leader::Leader,
    process::Process,
};
use futures_util::future::{join, join_all, try_join_all};
use playhouse::testkit::{Failure, PrivateCluster, PrivateRedis, PrivateSentinel};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Games in play where the number of rooms matters.
const MANY: usize = 100;
pub(super) const SOME: usize = 24;

pub(super) struct Cluster<R = PrivateRedis> {
    pub(super) servers: Servers<R>,
    leaders: Vec<Leader>,
    /// On which node each of them is.
    at: Vec<usize>,
    /// Nodes that take nobody now.
    out: BTreeSet<usize>,
    rounds: u64,
}

impl<R: Router> Cluster<R> {
    async fn start(leaders: usize) -> Self {
        Self::on(Servers::start(&[]), leaders).await
    }

    /// On these servers.
    pub(super) async fn on(servers: Servers<R>, leaders: usize) -> Self {
        let bases = servers.bases();
        let entering = (0..leaders).map(|n| Leader::enter(&bases[n % NODES], n, true));
        let mut entered = try_join_all(entering).await.expect("all enter");
        // All together send so many commands a second, however many they are.
        entered.iter_mut().for_each(|leader| leader.pause = Duration::from_millis(leaders as u64 * 4));
        let at = (0..leaders).map(|n| n % NODES).collect();
        Self { servers, leaders: entered, at, out: BTreeSet::new(), rounds: 0 }
    }

    /// Everybody plays for so long, while `fault` happens to the cluster.
    pub(super) async fn play<T>(&mut self, ms: u64, fault: impl AsyncFnOnce(&mut Servers<R>) -> T) -> T {
        self.rounds += 1;
        let until = Instant::now() + Duration::from_millis(ms);
        let rounds = self.rounds * 1_000;
        let mut rngs: Vec<StdRng> =
            (0..self.leaders.len() as u64).map(|n| StdRng::seed_from_u64(rounds + n)).collect();
        let playing = self.leaders.iter_mut().zip(&mut rngs).map(|(leader, rng)| leader.play(until, rng));
        join(join_all(playing), fault(&mut self.servers)).await.1
    }

    /// Whoever was cut off goes to the next node that takes people; then all rooms are looked at. How long after
    /// `since` each leader had his room again.
    pub(super) async fn all_is_well(&mut self, after: &str, since: Instant) -> Recovery {
        let open: Vec<usize> = (0..NODES).filter(|n| !self.out.contains(n)).collect();
        let bases = self.servers.bases();
        let checks = self.leaders.iter_mut().zip(&mut self.at).enumerate().map(|(n, (leader, at))| {
            let (bases, next) = (&bases, open[n % open.len()]);
            let cut_off = self.out.contains(at);
            async move {
                if cut_off || leader.check().await.is_err() {
                    *at = next;
                    leader.come_back(&bases[next]).await?;
                    leader.check().await?;
                }
                Ok::<_, Failure>(since.elapsed())
            }
        });
        let back = try_join_all(checks).await.unwrap_or_else(|error| panic!("after {after}: {error}"));
        let recovery = Recovery::of(back);
        println!("after {after}: {recovery}");
        recovery
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.leaders.iter().map(|leader| leader.acknowledged).sum()
    }
}

/// How long rooms were away.
pub(super) struct Recovery {
    p99: Duration,
    slowest: Duration,
}

impl Recovery {
    fn of(mut back: Vec<Duration>) -> Self {
        back.sort();
        Self { p99: back[(back.len() - 1) * 99 / 100], slowest: back[back.len() - 1] }
    }
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "all rooms are back, p99 {:.1} s, slowest {:.1} s",
            self.p99.as_secs_f64(),
            self.slowest.as_secs_f64()
        )
    }
}

pub(super) async fn seconds(n: f64) {
    tokio::time::sleep(Duration::from_secs_f64(n)).await;
}

#[actix::test]
async fn a_node_that_is_killed_loses_nothing_and_its_rooms_are_elsewhere_within_ten_seconds() {
    let mut cluster = <Cluster>::start(MANY).await;
    for victim in [0, 1, 2] {
        let died = cluster
            .play(2_500, async |servers| {
                seconds(2.0).await;
                servers.nodes[victim].kill();
                Instant::now()
            })
            .await;
        cluster.out.insert(victim);
        let back = cluster.all_is_well(&format!("the death of node {victim}"), died).await;
        assert!(back.p99 <= rooms_back(), "{back}; {:?} is allowed", rooms_back());
        cluster.servers.nodes[victim].restart();
        cluster.out.clear();
    }
    println!("{} commands acknowledged", cluster.acknowledged());
}

#[actix::test]
async fn a_rolling_restart_tells_everybody_and_takes_nothing_back() {
    let mut cluster = <Cluster>::start(SOME).await; // whole games under it, and how late their phases are: `rolling`
    for node in 0..NODES {
        let gone = cluster
            .play(5_000, async |servers| {
                seconds(1.0).await;
                let status = servers.nodes[node].terminate_gently().await;
                assert!(status.success(), "{status}");
                Instant::now()
            })
            .await;
        let told = |leader: &Leader| leader.me.transcript.iter().any(|f| f["type"] == "session.moving");
        let there = cluster.leaders.iter().zip(&cluster.at).filter(|(_, at)| **at == node);
        assert!(there.map(|(leader, _)| leader).all(told), "all were told to move");
        cluster.out.insert(node);
        cluster.all_is_well(&format!("the restart of node {node}"), gone).await;
        cluster.servers.nodes[node].restart();
        cluster.out.clear();
    }
    let latest = cluster.leaders.iter().map(|leader| leader.latest_phase_ms).max().unwrap();
    println!("{} commands acknowledged, latest phase {latest} ms", cluster.acknowledged());
    assert!(latest <= deadline_shift_ms(), "a deadline was {latest} ms late");
}

/// Entities of a node that have found another owner's epoch in the database, and stopped.
async fn fenced(node: &Process) -> u64 {
    let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let line =
        text.lines().find(|line| line.starts_with(r#"playhouse_entity_fenced_total{kind="room""#)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// The epoch of each room: who raised it last may commit, and nobody else.
async fn epochs(pool: &sqlx::PgPool) -> BTreeMap<uuid::Uuid, i64> {
    let rooms = sqlx::query_as("SELECT key, epoch FROM entities WHERE kind = 'room'");
    rooms.fetch_all(pool).await.unwrap().into_iter().collect()
}

/// That it committed nothing is seen twice: no epoch has changed but by its sleep, so that nothing under its own can have
/// been written, and every room is as its leader was told by the new owner.
#[actix::test]
async fn a_node_that_slept_finds_itself_fenced() {
    let mut cluster = <Cluster>::start(SOME).await;
    let pool = sqlx::PgPool::connect(&cluster.servers.postgres.url()).await.unwrap();
    let before = epochs(&pool).await;
    let asleep = cluster
        .play(10_000, async |servers| {
            seconds(0.5).await;
            servers.nodes[0].signal("-STOP");
            let asleep = Instant::now();
            seconds(9.0).await;
            asleep
        })
        .await;
    cluster.out.insert(0);
    cluster.all_is_well("a node fell asleep", asleep).await;
    cluster.play(20_000, async |_| ()).await;
    let taken = epochs(&pool).await;
    let changed = taken.iter().filter(|(room, epoch)| before[*room] < **epoch).count();
    assert!(changed > 0, "the sleeper held no room: nothing is shown");
    let awake = cluster
        .play(3_000, async |servers| {
            assert!(asleep.elapsed() > Duration::from_secs(28));
            servers.nodes[0].signal("-CONT");
            Instant::now()
        })
        .await;
    cluster.all_is_well("it woke up", awake).await;
    let stopped = fenced(&cluster.servers.nodes[0]).await;
    println!(
        "{changed} rooms of the sleeper were taken over; {stopped} found themselves fenced when it woke"
    );
    assert!(stopped > 0, "none of its rooms tried to go on");
    assert_eq!(epochs(&pool).await, taken, "nobody has taken a room back");
}

#[actix::test]
async fn redis_may_stop_and_forget_everything() {
    let mut cluster = <Cluster>::start(SOME).await;
    let wiped = cluster
        .play(6_000, async |servers| {
            seconds(0.5).await;
            servers.redis.kill();
            seconds(3.0).await;
            servers.redis.restart().unwrap();
            Instant::now()
        })
        .await;
    cluster.all_is_well("Redis was wiped", wiped).await;
    let back = cluster
        .play(12_000, async |servers| {
            servers.redis.pause();
            seconds(10.0).await; // longer than a lease
            assert_eq!(servers.nodes[0].probe("healthz").await, 200, "no reason to kill it");
            assert_eq!(servers.nodes[0].probe("readyz").await, 503, "but to send nobody there");
            servers.redis.resume();
            Instant::now()
        })
        .await;
    cluster.all_is_well("Redis did not answer", back).await;
    assert_eq!(cluster.servers.nodes[0].probe("readyz").await, 200);
}

#[actix::test]
async fn postgresql_may_stop() {
    let mut cluster = <Cluster>::start(SOME).await;
    let back = cluster
        .play(3_000, async |servers| {
            seconds(0.5).await;
            servers.postgres.restart().unwrap();
            Instant::now()
        })
        .await;
    cluster.all_is_well("PostgreSQL was restarted", back).await;
    let back = cluster
        .play(12_000, async |servers| {
            seconds(0.5).await;
            servers.postgres.pause();
            seconds(10.0).await;
            servers.postgres.resume();
            Instant::now()
        })
        .await;
    cluster.all_is_well("PostgreSQL did not answer", back).await;
}

/// Whole games of all leaders, while a server of the group that routes dies.
async fn games_outlive_a_server_of<R: Router>(group: &str, kill: impl FnOnce(&mut R)) {
    let mut cluster = Cluster::<R>::start(SOME).await;
    let died = cluster
        .play(8_000, async |servers| {
            seconds(1.0).await;
            kill(&mut servers.redis);
            Instant::now()
        })
        .await;
    cluster.all_is_well(&format!("a server of {group} died"), died).await;
    let ended = |cluster: &Cluster<R>| cluster.leaders.iter().all(|leader| leader.games_over() > 0);
    let longest = Instant::now() + Duration::from_secs(180); // of a debug build on a busy machine
    while !ended(&cluster) {
        assert!(Instant::now() < longest, "a game has not ended");
        cluster.play(10_000, async |_| ()).await;
    }
    cluster.all_is_well("all have ended a game", Instant::now()).await;
    println!("{} commands acknowledged", cluster.acknowledged());
}

#[actix::test]
async fn games_go_on_while_sentinels_replace_the_master() {
    games_outlive_a_server_of("Sentinel's", PrivateSentinel::kill_master).await;
}

#[actix::test]
async fn games_go_on_while_a_redis_cluster_replaces_a_master() {
    games_outlive_a_server_of("the Redis Cluster", |cluster: &mut PrivateCluster| cluster.kill(0)).await;
}
