//! Nodes that have the database and nodes that have none (spec 5.3): two with the role `db`, two that take players and
//! hold rooms. Leaders play on the latter and remember what they know for certain, while the former die.

use super::{PrivatePostgres, PrivateRedis};
use crate::{leader::Leader, process::Process};
use futures_util::future::{join, join_all, try_join_all};
use playhouse::testkit::SocketPlayer;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LEADERS: usize = 16;

struct House {
    _redis: PrivateRedis,
    postgres: PrivatePostgres,
    db: Vec<Process>,
    games: Vec<Process>,
    leaders: Vec<Leader>,
    rounds: u64,
    _dir: tempfile::TempDir,
}

impl House {
    /// The nodes for games are started first, and wait.
    async fn start() -> Self {
        let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
        let dir = tempfile::tempdir().unwrap();
        // All have the same settings but for their roles: who may not have a connection could open one.
        let shared = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
        let start = |roles: &str| {
            let (path, shared, roles) =
                (dir.path().to_owned(), shared.clone(), format!("node.roles={roles}"));
            std::thread::spawn(move || Process::with(&path, &[&shared[0], &shared[1], &roles]))
        };
        let games = [start(r#"["gateway","game"]"#), start(r#"["gateway","game"]"#)];
        std::thread::sleep(Duration::from_secs(1));
        assert!(!games.iter().any(std::thread::JoinHandle::is_finished), "a node is up without a database");
        let db = [start(r#"["db"]"#), start(r#"["db"]"#)];
        let up = |node: std::thread::JoinHandle<Process>| node.join().unwrap();
        let (games, db): (Vec<_>, Vec<_>) = (games.map(up).into(), db.map(up).into());
        let bases: Vec<String> = games.iter().map(Process::base).collect();
        let entering = (0..LEADERS).map(|n| Leader::enter(&bases[n % bases.len()], n, true));
        let mut leaders = try_join_all(entering).await.expect("all enter");
        leaders.iter_mut().for_each(|leader| leader.pause = Duration::from_millis(20));
        Self { _redis: redis, postgres, db, games, leaders, rounds: 0, _dir: dir }
    }

    /// Everybody plays for so long, while `fault` happens to the db nodes.
    async fn play<T>(&mut self, ms: u64, fault: impl AsyncFnOnce(&mut Vec<Process>) -> T) -> T {
        self.rounds += 1;
        let until = Instant::now() + Duration::from_millis(ms);
        let seed = |n: u64| StdRng::seed_from_u64(self.rounds * 1_000 + n);
        let mut rngs: Vec<StdRng> = (0..LEADERS as u64).map(seed).collect();
        let playing = self.leaders.iter_mut().zip(&mut rngs).map(|(leader, rng)| leader.play(until, rng));
        join(join_all(playing), fault(&mut self.db)).await.1
    }

    /// Every room is as its leader knows it. How long that took for the slowest.
    async fn all_is_well(&mut self, after: &str) {
        let since = Instant::now();
        let checks = self.leaders.iter_mut().map(Leader::check);
        try_join_all(checks).await.unwrap_or_else(|error| panic!("after {after}: {error}"));
        println!("after {after}: all rooms are well within {:.1} s", since.elapsed().as_secs_f64());
    }

    fn acknowledged(&self) -> usize {
        self.leaders.iter().map(|leader| leader.acknowledged).sum()
    }

    /// Questions, batches of commits among them, of which the nodes for games do not know whether they were done.
    async fn in_doubt(&self) -> u64 {
        let counts = join_all(self.games.iter().map(|node| async {
            let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
            assert!(text.contains("playhouse_db_ask_seconds_count{outcome=\"answered\"}"), "{text}");
            let name = "playhouse_db_ask_seconds_count{outcome=\"in_doubt\"} ";
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |count| count.parse().unwrap())
        }));
        counts.await.into_iter().sum()
    }

    /// Connections of nodes to the database.
    async fn connections(&self) -> i64 {
        let pool = sqlx::PgPool::connect(&self.postgres.url()).await.unwrap();
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'playhouse'";
        let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        pool.close().await;
        count
    }

    /// Each match's log is whole: every number once, from 0.
    async fn logs_are_whole(&self) {
        let pool = sqlx::PgPool::connect(&self.postgres.url()).await.unwrap();
        let sql = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN entries = last + 1 THEN 0 ELSE 1 END), 0)::bigint, SUM(entries)::bigint
                   FROM (SELECT match_id, COUNT(*) AS entries, MAX(n) AS last FROM match_entries GROUP BY match_id) logs";
        let (logs, torn, entries): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(&pool).await.unwrap();
        assert!(logs >= LEADERS as i64, "{logs} logs");
        assert_eq!(torn, 0, "of {logs} logs");
        println!("{logs} logs of {entries} entries are whole");
        pool.close().await;
    }
}

async fn readiness(node: &Process) -> (u16, Value) {
    let answer = reqwest::get(format!("{}/readyz", node.admin())).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn seconds(n: f64) {
    tokio::time::sleep(Duration::from_secs_f64(n)).await;
}

#[actix::test]
async fn a_db_node_that_is_killed_loses_nothing_that_was_acknowledged() {
    let mut house = House::start().await;
    assert_eq!(readiness(&house.games[0]).await.0, 200);
    assert!(house.connections().await > 0, "the db nodes have some");
    for victim in [0, 1] {
        house
            .play(4_000, async |db| {
                seconds(2.0).await;
                db[victim].kill();
            })
            .await;
        house.all_is_well(&format!("the death of db node {victim}")).await;
        house.play(2_000, async |_| ()).await;
        house.all_is_well("a while on the other").await;
        house.db[victim].restart();
    }
    house.logs_are_whole().await;
    println!("{} commands acknowledged", house.acknowledged());
}

#[actix::test]
async fn a_db_node_that_is_stopped_leaves_nothing_in_doubt() {
    let mut house = House::start().await;
    let before = house.in_doubt().await; // of the start, when nobody was there to be asked
    for leaves in [0, 1] {
        house
            .play(4_000, async |db| {
                seconds(1.0).await;
                let began = Instant::now();
                assert!(db[leaves].terminate_gently().await.success());
                println!("db node {leaves} took {:.1} s to stop", began.elapsed().as_secs_f64());
            })
            .await;
        house.all_is_well(&format!("db node {leaves} was stopped")).await;
        assert_eq!(house.in_doubt().await, before, "after the stop of db node {leaves}");
        house.db[leaves].restart();
        while readiness(&house.db[leaves]).await.0 != 200 {
            seconds(0.1).await;
        }
        seconds(2.0).await; // all know that it is back
    }
    house.logs_are_whole().await;
    println!("{} commands acknowledged", house.acknowledged());
}

#[actix::test]
async fn without_any_db_node_there_is_a_clear_error_and_nobody_else_has_a_connection() {
    let mut house = House::start().await;
    house
        .play(3_000, async |db| {
            seconds(1.0).await;
            db.iter_mut().for_each(Process::kill);
        })
        .await;
    let gone = Instant::now();
    while house.connections().await > 0 {
        assert!(gone.elapsed() < Duration::from_secs(10), "nodes without the role db have connections");
        seconds(0.2).await;
    }
    let base = house.games[0].base();
    let refused =
        SocketPlayer::enter(&base, "Late").await.err().expect("no database, no account").to_string();
    assert!(refused.contains("503"), "{refused}");
    let asked = Instant::now();
    let answer = house.leaders[0].me.ask("room.add_bot", json!({})).await;
    println!("without a db node a command is answered after {:?}: {answer:?}", asked.elapsed());
    assert!(
        matches!(&answer, Ok(Err(error)) if error["code"] == "try_again" || error["code"] == "not_allowed")
    );
    let (status, why) = readiness(&house.games[0]).await;
    assert_eq!((status, why["database"] == "ok"), (503, false), "{why}");
    println!("not ready: {why}");
    house.db.iter_mut().for_each(Process::restart);
    house.all_is_well("all db nodes were gone").await;
    let began = Instant::now();
    while readiness(&house.games[0]).await.0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(10));
        seconds(0.2).await;
    }
    house.play(2_000, async |_| ()).await;
    house.all_is_well("they are back").await;
    house.logs_are_whole().await;
}
