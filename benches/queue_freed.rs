//! How soon a freed place is filled: from the request that frees it (a service completes the pass, or its holder leaves) to the push
//! that lets the next in line in, on his socket (issue 7: less than 100 ms, by the event and not by the tick).
//!
//! `cargo bench --all-features --bench queue_freed`, with `--profile dev` for the debug build; `PLAYHOUSE_FREED` is how often, if not 500
//! times each. Nodes, databases and Redis are processes of their own, players have sockets. One place, and three who take turns: who
//! has been in enters again at the end, so each place that is freed has somebody who waits for it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use playhouse::testkit::{PrivatePostgres, PrivateRedis, SocketPlayer};
use process::Process;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    process::Command,
    time::{Duration, Instant},
};
use support::percentile;

const TIMES: usize = 500;
/// Before those that count.
const WARM: usize = 20;
const PEOPLE: usize = 3;
const ADMIN: (&str, &str) = ("root", "a long password for root");
/// Settings: none, or Redis and PostgreSQL.
type Shared = Vec<String>;

fn main() {
    let times = std::env::var("PLAYHOUSE_FREED").map_or(TIMES, |times| times.parse().unwrap());
    actix::System::new().block_on(async {
        println!(
            "{} build, {times} places each: ms from the request that frees one to the push to the next",
            if cfg!(debug_assertions) { "debug" } else { "release" }
        );
        measure("alone, SQLite", &Vec::new(), &[None], times).await;
        let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
        let shared = vec![format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
        measure("Redis and PostgreSQL, one node", &shared, &[None], times).await;
        let apart = [Some(r#"["gateway", "game", "worker", "db"]"#), Some(r#"["queue", "db"]"#)];
        measure("the same, the queue in a process of its own", &shared, &apart, times).await;
    });
}

/// The first of these nodes is whom players and the service talk to.
async fn measure(name: &str, shared: &Shared, nodes: &[Option<&str>], times: usize) {
    let dirs: Vec<_> = nodes.iter().map(|_| tempfile::tempdir().unwrap()).collect();
    make_admin(dirs[0].path(), shared);
    let nodes: Vec<Process> = (nodes.iter().zip(&dirs))
        .map(|(roles, dir)| {
            let roles = roles.map(|roles| format!("node.roles={roles}"));
            let settings: Vec<&str> = shared.iter().chain(&roles).map(String::as_str).collect();
            Process::with(dir.path(), &settings)
        })
        .collect();
    let mut hall = Hall::open(&nodes[0].base()).await;
    println!("  {name}");
    for (what, leaves) in [("a service completes the pass", false), ("its holder leaves", true)] {
        for _ in 0..WARM {
            hall.free(leaves).await;
        }
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            took.push(hall.free(leaves).await.as_secs_f64() * 1_000.0);
        }
        let [p50, p99] = [50, 99].map(|of| percentile(&mut took, of));
        println!("    {what:30} p50 {p50:7.2}   p99 {p99:7.2}   longest {:7.2}", took.last().unwrap());
    }
}

/// The operator's first account; one that is there already is as good.
fn make_admin(dir: &std::path::Path, shared: &Shared) {
    let made = Command::new(env!("CARGO_BIN_EXE_playhouse"))
        .args(["--set", &format!("data.dir={}", dir.display())])
        .args(shared.iter().flat_map(|set| ["--set", set.as_str()]))
        .args(["admin", "create", ADMIN.0])
        .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() || said.contains("taken") || said.contains("exists"), "{said}");
}

/// A queue with one place, who is inside, and who waits.
struct Hall {
    http: reqwest::Client,
    base: String,
    queue: String,
    /// Of the service that completes passes.
    service: String,
    holder: SocketPlayer,
    pass: String,
    waiting: VecDeque<SocketPlayer>,
}

impl Hall {
    async fn open(base: &str) -> Self {
        let http = reqwest::Client::new();
        let call = async |path: &str, token: &str, body: Value| -> Value {
            let url = format!("{base}/api/v1/{path}");
            let request = http.request(Method::POST, url).bearer_auth(token).json(&body);
            request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let body = json!({"username": ADMIN.0, "password": ADMIN.1});
        let admin = text(&call("sessions", "", body).await["tokens"]["access_token"]);
        let day_ms = 86_400_000; // nobody is late, and nobody is dropped
        let body =
            json!({"capacity": 1, "claim_ttl_ms": day_ms, "pass_ttl_ms": day_ms, "abandon_after_ms": day_ms});
        let queue = text(&call("queues", &admin, body).await["queue"]["id"]);
        let body = json!({"name": "box office", "scopes": ["queue.verify"]});
        let service = text(&call("admin/service-tokens", &admin, body).await["token"]);
        let mut people = VecDeque::new();
        let of_this = &queue[queue.len() - 6..]; // others have had names before
        for n in 0..PEOPLE {
            let mut player = SocketPlayer::enter(base, &format!("Guest{n}{of_this}")).await.unwrap();
            // Nodes that have just started may not know each other yet.
            player.insist("queue.enter", json!({"queue": queue})).await.unwrap();
            people.push_back(player);
        }
        let mut holder = people.pop_front().unwrap();
        let admitted = holder.expect("queue.admitted").await.unwrap();
        let pass = text(&admitted["pass"]);
        Self { http, base: base.to_owned(), queue, service, holder, pass, waiting: people }
    }

    /// The place becomes free: how long until the next has it. Who had it stands at the end of the line.
    async fn free(&mut self, leaves: bool) -> Duration {
        let mut next = self.waiting.pop_front().unwrap();
        let queue = json!({"queue": self.queue});
        let url = format!("{}/api/v1/queues/{}/passes/complete", self.base, self.queue);
        let began = Instant::now();
        let frees = async {
            if leaves {
                self.holder.ok("queue.leave", queue.clone()).await.unwrap();
            } else {
                let body = json!({"pass": self.pass});
                let done = self.http.post(url).bearer_auth(&self.service).json(&body).send().await.unwrap();
                assert_eq!(done.status(), 204);
            }
        };
        let comes = async {
            let admitted = next.expect("queue.admitted").await.unwrap();
            (began.elapsed(), admitted["pass"].as_str().unwrap().to_owned())
        };
        let ((), (took, pass)) = futures_util::future::join(frees, comes).await;
        let mut out = std::mem::replace(&mut self.holder, next);
        self.pass = pass;
        out.ok("queue.enter", queue).await.unwrap();
        out.transcript.clear();
        self.waiting.push_back(out);
        took
    }
}
