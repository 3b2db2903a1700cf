//! What a flood of log-ins does to games that run (issue 4): the p99 of their messages with and without it.
//!
//! `cargo bench --all-features --bench log_in_flood`. One node on SQLite; its players' messages are paced, so that
//! nothing but the flood loads it. Rounds without and with the flood alternate; the medians are told.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;

use futures_util::future::{join_all, try_join_all};
use playhouse::testkit::SocketPlayer;
use process::Process;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const PLAYERS: usize = 24;
const ROUND: Duration = Duration::from_secs(4);
/// Between two messages of a player; every eighth changes his room and so is committed.
const PACE: Duration = Duration::from_millis(50);
const DURABLE_EACH: usize = 8;
/// More than have a place in the queue: the rest is refused and tries again.
const ATTACKERS: usize = 128;
const TRY_AGAIN: Duration = Duration::from_millis(1_000); // as the refusal says

/// p99 of messages and of committed messages, in ms.
type Figures = (f64, f64);

fn main() {
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let node = Process::with(
            dir.path(),
            &["auth.log_in_free_address=1000000000", "limits.chat_per_s=1000", "limits.chat_burst=1000"],
        );
        let base = node.base();
        let entering = (0..PLAYERS).map(async |n| {
            let mut me = SocketPlayer::enter(&base, &format!("Leader{n}")).await?;
            me.insist("room.create", json!({})).await?;
            Ok::<_, playhouse::testkit::Failure>(me)
        });
        let mut players = try_join_all(entering).await.unwrap();
        play(&mut players).await; // warm
        let (mut quiet, mut flooded, mut tried) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            quiet.push(play(&mut players).await);
            let over = Arc::new(AtomicBool::new(false));
            let (told, target) = (over.clone(), base.clone());
            // A thread of their own: what they take of the players' own thread would be measured too.
            let attackers = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(flood(&target, &told))
            });
            flooded.push(play(&mut players).await);
            over.store(true, Ordering::Relaxed);
            let wrong = attackers.join().unwrap();
            tried.push(wrong as f64 / ROUND.as_secs_f64());
        }
        let of =
            |figures: &[Figures], which: fn(&Figures) -> f64| median(figures.iter().map(which).collect());
        println!(
            "{PLAYERS} players, {ATTACKERS} who sign in with wrong passwords: {:.0} hashes/s",
            median(tried)
        );
        for (name, which) in [("messages", (|f| f.0) as fn(&Figures) -> f64), ("commits", |f| f.1)] {
            let (before, after) = (of(&quiet, which), of(&flooded, which));
            println!(
                "  {name:9} p99 {before:6.2} ms alone   {after:6.2} ms in the flood   {:.2}x",
                after / before
            );
        }
    });
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn play(players: &mut [SocketPlayer]) -> Figures {
    let began = Instant::now();
    let playing = players.iter_mut().enumerate().map(async |(n, me)| {
        let (mut volatile, mut durable) = (Vec::new(), Vec::new());
        tokio::time::sleep(PACE * u32::try_from(n).unwrap() / u32::try_from(PLAYERS).unwrap()).await;
        let mut pace = tokio::time::interval(PACE);
        for sent in 1.. {
            pace.tick().await;
            if began.elapsed() > ROUND {
                break;
            }
            let asked = Instant::now();
            if sent % DURABLE_EACH == 0 {
                me.insist("room.settings", json!({"day_ms": 1_000 + sent})).await.unwrap();
                durable.push(asked.elapsed().as_secs_f64() * 1e3);
            } else {
                me.insist("chat.send", json!({"text": "x"})).await.unwrap();
                volatile.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            me.forget();
        }
        (volatile, durable)
    });
    let (volatile, durable): (Vec<_>, Vec<_>) = join_all(playing).await.into_iter().unzip();
    (p99(volatile.concat()), p99(durable.concat()))
}

fn p99(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}

/// Names that differ, so that none of them has to wait. How many passwords were checked.
async fn flood(base: &str, over: &AtomicBool) -> u64 {
    let (client, wrong) = (reqwest::Client::new(), AtomicU64::new(0));
    let attacking = (0..ATTACKERS).map(async |_| {
        while !over.load(Ordering::Relaxed) {
            let body = json!({"username": uuid::Uuid::new_v4().simple().to_string(), "password": "a wrong password"});
            let answer = client.post(format!("{base}/api/v1/sessions")).json(&body).send().await.unwrap();
            match answer.status().as_u16() {
                401 => drop(wrong.fetch_add(1, Ordering::Relaxed)),
                503 => tokio::time::sleep(TRY_AGAIN).await,
                status => panic!("{status}"),
            }
        }
    });
    join_all(attacking).await;
    wrong.into_inner()
}
