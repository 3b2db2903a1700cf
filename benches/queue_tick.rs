//! What one round of a queue costs a node that is alone, whose line stands in SQL: few and many who wait, nobody let in and some
//! let in at each tick (issue 7: 10,000 waiting, a round of less than 10 ms).
//!
//! `cargo bench --all-features --bench queue_tick`, with `--profile dev` for the debug build. The node is a process of its own on
//! SQLite and times its rounds itself (`playhouse_queue_turn_seconds`). The line is filled in its database, with accounts that do
//! not exist.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;

use process::Process;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use std::{process::Command, time::Duration};
use uuid::Uuid;

const LINES: [i64; 2] = [100, 10_000];
/// Admissions a second: none, then some.
const RATES: [f64; 2] = [0.0, 5.0];
/// Before the rounds that count: the first reads the whole line.
const WARM: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(20);
const METRIC: &str = "playhouse_queue_turn_seconds";
const ADMIN: (&str, &str) = ("root", "a long password for root");

fn main() {
    actix::System::new().block_on(async {
        println!(
            "{} build, rounds of {MEASURED:?}",
            if cfg!(debug_assertions) { "debug" } else { "release" }
        );
        for waiting in LINES {
            for rate in RATES {
                measure(waiting, rate).await;
            }
        }
    });
}

async fn measure(waiting: i64, rate: f64) {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_playhouse"))
        .args(["--set", &format!("data.dir={}", dir.path().display()), "admin", "create", ADMIN.0])
        .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let node = Process::start(dir.path());
    let http = reqwest::Client::new();
    let call = async |method: Method, path: &str, token: &str, body: Value| -> Value {
        let request =
            http.request(method, format!("{}/api/v1/{path}", node.base())).bearer_auth(token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let body = json!({"username": ADMIN.0, "password": ADMIN.1});
    let signed_in = call(Method::POST, "sessions", "", body).await;
    let admin = signed_in["tokens"]["access_token"].as_str().unwrap();
    // Who is put into the line by hand is not heard of: nobody is dropped while it is measured.
    let mut wish = json!({"capacity": 0, "abandon_after_ms": 86_400_000, "claim_ttl_ms": 86_400_000});
    if rate > 0.0 {
        (wish["capacity"], wish["rate_per_s"]) = (json!(10_000), json!(rate));
    }
    wish["state"] = json!("paused");
    let made = call(Method::POST, "queues", admin, wish).await;
    let queue = made["queue"]["id"].as_str().unwrap().to_owned();
    fill(dir.path(), queue.parse().unwrap(), waiting).await;
    let path = format!("queues/{queue}");
    call(Method::PATCH, &path, admin, json!({"state": "open"})).await;
    let shown = async || call(Method::GET, &path, admin, Value::Null).await["queue"].clone();
    tokio::time::sleep(WARM).await;
    assert_eq!(
        shown().await["waiting"].as_i64().unwrap() + shown().await["active"].as_i64().unwrap(),
        waiting
    );
    let before = figures(&http, &node).await;
    tokio::time::sleep(MEASURED).await;
    let after = figures(&http, &node).await;
    let (rounds, took) = (after.count - before.count, after.sum - before.sum);
    println!(
        "  {waiting:6} waiting, {rate:3.0} let in a second: {rounds:4.0} rounds, mean {:6.2} ms, p50 {:6.2} ms, p99 {:6.2} ms; {} admitted",
        took / rounds * 1_000.0,
        after.p50 * 1_000.0,
        after.p99 * 1_000.0,
        shown().await["admitted"],
    );
}

/// What the node says of its rounds; quantiles are of about the last minute.
#[derive(Default)]
struct Figures {
    count: f64,
    sum: f64,
    p50: f64,
    p99: f64,
}

async fn figures(http: &reqwest::Client, node: &Process) -> Figures {
    let text = http.get(format!("{}/metrics", node.admin())).send().await.unwrap().text().await.unwrap();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{METRIC}{name} ")));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    Figures {
        count: value("_count"),
        sum: value("_sum"),
        p50: value("{quantile=\"0.5\"}"),
        p99: value("{quantile=\"0.99\"}"),
    }
}

/// As the line's own SQL does, but all at once.
async fn fill(dir: &std::path::Path, queue: Uuid, waiting: i64) {
    let options = SqliteConnectOptions::new().filename(dir.join("playhouse.db"));
    let pool = SqlitePool::connect_with(options.busy_timeout(Duration::from_secs(10))).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    for number in 1..=waiting {
        sqlx::query(
            "INSERT INTO queue_line (queue_id, account_id, number, inside) VALUES ($1, $2, $3, FALSE)",
        )
        .bind(queue)
        .bind(Uuid::new_v4())
        .bind(number)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    for (level, bits) in [(1_i64, 6), (2, 12), (3, 18)] {
        for block in 0..=(waiting >> bits) {
            let first = (block << bits).max(1);
            let last = (((block + 1) << bits) - 1).min(waiting);
            sqlx::query("INSERT INTO queue_counts (queue_id, level, block, waiting) VALUES ($1, $2, $3, $4)")
                .bind(queue)
                .bind(level)
                .bind(block)
                .bind(last - first + 1)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
    }
    let numbers = "UPDATE queues SET numbers_to = $2 WHERE queue_id = $1";
    sqlx::query(numbers).bind(queue).bind(waiting).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}
