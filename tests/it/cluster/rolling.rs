//! A rolling restart under whole games: `playhouse-load mafia` plays on three nodes with eight people at each table,
//! spread over the nodes, and every node is restarted once while all the games are on.
//!
//! The load generator judges what the players were told, the store what was kept of it.
//!
//! `PLAYHOUSE_ROLLING_GAMES` plays fewer or more of them.

use super::{NODES, Servers};
use crate::{figures::deadline_shift_ms, process::binary};
use serde_json::Value;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const GAMES: u64 = 100;
const PHASE_MS: u64 = 3_000;
/// How long the tables may take to fill.
const SEATING: Duration = Duration::from_secs(120);
/// Between one restart and the next.
const BETWEEN: Duration = Duration::from_secs(2);

/// The load generator, which does not outlive the test.
struct Load(Child);

impl Load {
    fn start(bases: &[String], games: u64, report: &Path) -> Self {
        let mut load = Command::new(binary("playhouse-load"));
        load.args(["mafia", "--games", &games.to_string(), "--phase-ms", &PHASE_MS.to_string(), "--json"]);
        load.arg(report).args(bases.iter().flat_map(|base| ["--url", base.as_str()]));
        Self(load.stdin(Stdio::null()).spawn().unwrap())
    }

    async fn end(mut self) -> bool {
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill(); // ended already is as good
        let _ = self.0.wait();
    }
}

/// What the store holds of games: how many have begun, ended, and ended with a winner or a draw.
async fn stored(pool: &sqlx::PgPool) -> (i64, i64, i64) {
    let counts = "SELECT count(*), count(ended_at), count(*) FILTER (WHERE winner <> 'aborted') FROM matches";
    sqlx::query_as(counts).fetch_one(pool).await.unwrap()
}

#[actix::test]
async fn a_rolling_restart_under_whole_games_loses_none_and_shifts_no_deadline() {
    let games = std::env::var("PLAYHOUSE_ROLLING_GAMES").map_or(GAMES, |games| games.parse().unwrap());
    let mut servers = <Servers>::start(&[]);
    let pool = sqlx::PgPool::connect(&servers.postgres.url()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("load.json");
    let began = Instant::now();
    let all = i64::try_from(games).unwrap();
    let mut load = Load::start(&servers.bases(), games, &file);
    while stored(&pool).await.0 < all {
        assert!(load.0.try_wait().unwrap().is_none(), "the load generator has given up");
        assert!(began.elapsed() < SEATING, "the games do not begin: {:?}", stored(&pool).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{games} games are on after {:.1} s", began.elapsed().as_secs_f64());
    for node in 0..NODES {
        assert_eq!(stored(&pool).await, (all, 0, 0), "not all games were on when node {node} went");
        let asked = Instant::now();
        let status = servers.nodes[node].terminate_gently().await;
        let went = asked.elapsed();
        assert!(status.success(), "{status}");
        servers.nodes[node].restart();
        println!(
            "node {node} went in {:.1} s, is back after {:.1} s",
            went.as_secs_f64(),
            asked.elapsed().as_secs_f64()
        );
        tokio::time::sleep(BETWEEN).await;
    }
    let good = load.end().await;
    println!("played for {:.1} s", began.elapsed().as_secs_f64());
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    judge(&report, games);
    assert!(good, "the load generator says: {}", report["faults"]);
    assert_eq!(stored(&pool).await, (all, all, all), "as stored");
}

fn judge(report: &Value, games: u64) {
    let details = &report["details"];
    println!("{} {} shift {} ms", details["games"], details["resumes"], details["deadline_shift_ms"]);
    assert_eq!(report["faults"], serde_json::json!([]), "{details}");
    let told = |name: &str| details["games"][name].as_u64().unwrap();
    assert_eq!((told("started"), told("ended"), told("lost")), (games, games, 0), "{details}");
    let resumes = &details["resumes"];
    // Each player was on one of the nodes, and every node went once: nobody but who was out of his game by then
    // has come through on one socket.
    let players = games * 8;
    assert!(resumes["count"].as_u64() >= Some(players), "{resumes} of {players} players");
    assert_eq!(resumes["refused"], 0, "a resume was refused without a cause");
    let shift = details["deadline_shift_ms"].as_i64().unwrap();
    assert!(shift <= deadline_shift_ms(), "a deadline was {shift} ms late");
}
