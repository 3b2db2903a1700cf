//! A whole evening: many come within seconds for few places, of whom those inside buy few seats; the queue's processes are
//! killed one after the other meanwhile. `playhouse-load queue` is the crowd and judges what people were told, the
//! database what was kept of it (spec 3.1, 3.2).
//!
//! `PLAYHOUSE_CROWD=50000` brings more, in a minute, for 500 places and 500 seats.

use super::*;
use crate::process::binary;
use std::process::{Child, Command, Stdio};

const PEOPLE: usize = 600;
const SEATS: usize = 40;
const WITHIN_S: u64 = 6;
/// The real size: people, places and seats, seconds in which they come.
const CROWD: (usize, usize, u64) = (50_000, 500, 60);
const ADMIN: (&str, &str) = ("root", "a long password for root");
const SOLD: &str = "SELECT COUNT(*) FROM reservations WHERE status = 'paid'";
/// How long a killed process stays away.
const AWAY: Duration = Duration::from_secs(2);

/// The crowd, which does not outlive the test.
struct Crowd(Child);

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill(); // ended already is as good
        let _ = self.0.wait();
    }
}

impl Crowd {
    fn come(
        bases: &[String],
        (people, seats, within_s): (usize, usize, u64),
        report: &std::path::Path,
    ) -> Self {
        let sockets = (people / 4).clamp(200, 5_000);
        let mut load = Command::new(binary("playhouse-load"));
        load.arg("queue").args(["--admin-name", ADMIN.0]).env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1);
        for (name, value) in [
            ("people", people),
            ("capacity", seats),
            ("seats", seats),
            ("sockets", sockets),
            ("stay-ms", 500),
        ] {
            load.args([format!("--{name}"), value.to_string()]);
        }
        load.args(["--within-s", &within_s.to_string(), "--json"]).arg(report);
        load.args(bases.iter().flat_map(|base| ["--url", base.as_str()]));
        Self(load.stdin(Stdio::null()).spawn().unwrap())
    }

    async fn is_gone(&mut self) -> bool {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.0.try_wait().unwrap().is_some()
    }
}

#[actix::test]
async fn every_seat_is_sold_once_and_nobody_overtakes_while_the_queue_is_killed() {
    let crowd = match std::env::var("PLAYHOUSE_CROWD") {
        Ok(people) => (people.parse().unwrap(), CROWD.1, CROWD.2),
        Err(_) => (PEOPLE, SEATS, WITHIN_S),
    };
    let seats = crowd.1 as i64;
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        shared(&redis, &postgres),
        vec!["server.max_connections=20000".to_owned()],
        vec!["showtimes.hold_ms=10000".to_owned(), "showtimes.expiry_poll_ms=500".to_owned()],
    ]
    .concat();
    let of = |roles: &'static str| settings.iter().map(String::as_str).chain([roles]).collect::<Vec<_>>();
    let mut queues: Vec<Process> =
        (0..2).map(|_| Process::with(dir.path(), &of(r#"node.roles=["queue","db"]"#))).collect();
    let fronts: Vec<Process> = (0..2)
        .map(|_| Process::with(dir.path(), &of(r#"node.roles=["gateway","game","worker","db"]"#)))
        .collect();
    make_admin(&settings);
    let world = World::of(&fronts.iter().collect::<Vec<_>>(), &postgres).await;
    let report = dir.path().join("crowd.json");
    let mut load = Crowd::come(&world.bases, crowd, &report);
    for (n, queue) in queues.iter_mut().enumerate() {
        let sold = seats * (n as i64 + 1) / 3;
        while world.number(SOLD).await < sold {
            assert!(!load.is_gone().await, "the crowd has gone before {sold} seats were sold");
        }
        queue.kill();
        tokio::time::sleep(AWAY).await;
        queue.restart();
    }
    while !load.is_gone().await {}

    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    for row in report["rows"].as_array().unwrap() {
        println!("{} {} {}", row["name"], row["value"], row["unit"]);
    }
    assert_eq!(report["faults"], json!([]));
    let left = "SELECT COUNT(*) FROM reservations WHERE status = 'held'";
    eventually("all holds are over", async || world.number(left).await == 0).await;
    assert_eq!(world.number(SOLD).await, seats, "each seat, and once");
    world.assert_the_books_are_even().await;
}

fn make_admin(settings: &[String]) {
    let made = Command::new(binary("playhouse"))
        .args(settings.iter().flat_map(|set| ["--set", set]))
        .args(["admin", "create", ADMIN.0])
        .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
