//! Durable commands: what group commit gains, and what one, two and three nodes do on one Redis and one PostgreSQL.
//!
//! `cargo bench --all-features --bench throughput`. Everything runs on this machine and syncs to its disk; rounds
//! alternate. CPU is of the processes themselves, so that the figures say what limits what.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use futures_util::future::{join_all, try_join_all};
use playhouse::{
    clock::SystemClock,
    config::Config,
    store::{Commit, Fence, Store},
    testkit::{PrivatePostgres, PrivateRedis, SocketPlayer},
};
use process::Process;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{cpu_s, median};
use uuid::Uuid;

const ROUNDS: usize = 3;
const COMMITTERS: usize = 256;
const STATE_BYTES: usize = 2_048;
const LEADERS: usize = 192;
const COMMITS_FOR: Duration = Duration::from_secs(3);
const COMMANDS_FOR: Duration = Duration::from_secs(8);

fn main() {
    actix::System::new().block_on(async {
        group_commit().await;
        nodes().await;
    });
}

// ---------------------------------------------------------------- group commit

async fn group_commit() {
    println!(
        "group commit: {COMMITTERS} entities of {STATE_BYTES} bytes, each committed again as soon as it is"
    );
    let postgres = PrivatePostgres::durable().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, url) in [("PostgreSQL", Some(postgres.url())), ("SQLite", None)] {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (figures, batch) in figures.iter_mut().zip([1, Config::default().database.commit_batch]) {
                let mut config = Config::default();
                (config.database.url, config.database.commit_batch) = (url.clone(), batch);
                config.data.dir = dir.path().to_owned();
                figures.push(commits_a_second(&config).await);
            }
        }
        let [alone, together] = figures.map(median);
        println!(
            "  {name:10} one transaction each {alone:7.0} commits/s   together {together:7.0} commits/s   {:.1}x",
            together / alone
        );
    }
}

async fn commits_a_second(config: &Config) -> f64 {
    let store = Store::open(config, Arc::new(SystemClock)).await.unwrap();
    let commit = |key, fence| Commit {
        kind: "room",
        key,
        fence,
        state: Some(vec![7; STATE_BYTES]),
        next_wake_at: None,
        wake_no: 0,
        rows: Vec::new(),
    };
    let keys: Vec<Uuid> = (0..COMMITTERS).map(|_| Uuid::now_v7()).collect();
    let made = keys.iter().map(|key| store.commit(commit(*key, Fence::Create)));
    try_join_all(made.collect::<Vec<_>>()).await.unwrap();
    let began = Instant::now();
    let committing = keys.iter().map(async |key| {
        let mut done = 0;
        while began.elapsed() < COMMITS_FOR {
            store.commit(commit(*key, Fence::Epoch(1))).await.unwrap();
            done += 1;
        }
        done
    });
    let done: u64 = join_all(committing).await.into_iter().sum();
    let rate = done as f64 / began.elapsed().as_secs_f64();
    store.close().await;
    rate
}

// ---------------------------------------------------------------- nodes

/// CPU seconds of those who take part.
#[derive(Clone, Copy, Default)]
struct Cpu {
    nodes: f64,
    postgres: f64,
    redis: f64,
    clients: f64,
}

async fn nodes() {
    println!("nodes: {LEADERS} leaders on all nodes alike, each changes his room as soon as he is answered");
    let mut figures = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (n, figures) in figures.iter_mut().enumerate() {
            figures.push(commands_a_second(n + 1).await);
        }
    }
    for (n, figures) in figures.iter().enumerate() {
        let of = |figure: fn(&(f64, f64, Cpu)) -> f64| median(figures.iter().map(figure).collect());
        println!(
            "  {} nodes {:6.0} commands/s   p99 {:5.1} ms   CPU µs a command: nodes {:4.0}, PostgreSQL {:4.0}, Redis {:3.0}, clients {:4.0}",
            n + 1,
            of(|f| f.0),
            of(|f| f.1),
            of(|f| f.2.nodes),
            of(|f| f.2.postgres),
            of(|f| f.2.redis),
            of(|f| f.2.clients),
        );
    }
}

/// Commands a second, p99 of their answers in ms, CPU of one in microseconds.
async fn commands_a_second(count: usize) -> (f64, f64, Cpu) {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::durable().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        format!("redis.url={}", redis.url()),
        format!("database.url={}", postgres.url()),
        "limits.messages_per_s=1000000".to_owned(),
        "limits.messages_burst=1000000".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let nodes: Vec<Process> = (0..count).map(|_| Process::with(dir.path(), &settings)).collect();
    let entering = (0..LEADERS).map(async |n| {
        let mut me = SocketPlayer::enter(&nodes[n % count].base(), &format!("Leader{n}")).await?;
        me.insist("room.create", json!({})).await?;
        Ok::<_, playhouse::testkit::Failure>(me)
    });
    let mut leaders = try_join_all(entering).await.unwrap();
    let cpu = || Cpu {
        nodes: nodes.iter().map(|node| cpu_s(node.pid())).sum(),
        postgres: cpu_s(postgres.pid()),
        redis: cpu_s(redis.pid()),
        clients: cpu_s(std::process::id()),
    };
    let (began, before) = (Instant::now(), cpu());
    let playing = leaders.iter_mut().map(async |me| {
        let mut took = Vec::new();
        while began.elapsed() < COMMANDS_FOR {
            let asked = Instant::now();
            me.insist("room.settings", json!({"day_ms": 1_000 + took.len()})).await.unwrap();
            me.forget();
            took.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        took
    });
    let mut took = join_all(playing).await.concat();
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
    took.sort_by(f64::total_cmp);
    let each = |cpu: fn(&Cpu) -> f64| (cpu(&after) - cpu(&before)) / took.len() as f64 * 1e6;
    let cpu = Cpu {
        nodes: each(|c| c.nodes),
        postgres: each(|c| c.postgres),
        redis: each(|c| c.redis),
        clients: each(|c| c.clients),
    };
    (took.len() as f64 / seconds, took[took.len() * 99 / 100], cpu)
}
