//! `kill -9` at random instants while games are played: no acknowledged command is lost or doubled, and the
//! node answers again within two seconds (spec 1.5).
//!
//! Each room's leader keeps a model of what he knows for certain (`leader`), with which the rooms must agree after
//! each restart.

use crate::{
    leader::{Knows, Leader},
    process::Process,
};
use playhouse::testkit::SocketPlayer;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Rooms with a game on all the time: one person, seven bots, one game after another.
const GAMES: usize = 20;
/// Rooms that wait, whose leader adds bots and changes settings.
const WAITING: usize = 4;
const KILLS: usize = 50;
/// Twenty games with phases of seconds: one of them is over long before.
const TO_AN_END: Duration = Duration::from_secs(120);

#[actix::test]
async fn fifty_kills_over_twenty_games_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let mut rng = StdRng::seed_from_u64(9);
    let base = node.base();
    let entering = (0..GAMES + WAITING).map(|n| Leader::enter(&base, n, n < GAMES));
    let mut leaders = futures_util::future::try_join_all(entering).await.expect("all enter");
    let mut slowest = Duration::ZERO;
    let mut killed_in: BTreeMap<String, usize> = BTreeMap::new();
    for kill in 0..KILLS {
        let until = Instant::now() + Duration::from_millis(rng.random_range(5..500));
        let mut rngs: Vec<StdRng> =
            (0..leaders.len()).map(|n| StdRng::seed_from_u64((kill * 100 + n) as u64)).collect();
        let playing = leaders
            .iter_mut()
            .zip(&mut rngs)
            .map(|(leader, rng)| leader.play(until + Duration::from_secs(1), rng));
        let killing = async {
            tokio::time::sleep_until(until.into()).await;
            let died = Instant::now();
            node.kill_and_restart();
            died
        };
        let (_, died) = futures_util::future::join(futures_util::future::join_all(playing), killing).await;
        for leader in &leaders {
            if let Knows::Playing(playing) = &leader.knows {
                let phase = playing.game.phase["phase"].as_str().unwrap_or("between games");
                *killed_in.entry(phase.to_owned()).or_default() += 1;
            }
        }
        let base = node.base();
        let coming = leaders.iter_mut().map(|leader| leader.come_back(&base));
        futures_util::future::try_join_all(coming).await.unwrap_or_else(|e| panic!("after kill {kill}: {e}"));
        slowest = slowest.max(died.elapsed());
        let checks = leaders.iter_mut().map(Leader::check);
        futures_util::future::try_join_all(checks).await.unwrap_or_else(|e| panic!("after kill {kill}: {e}"));
    }
    play_to_an_end(&mut leaders).await;
    let acknowledged: usize = leaders.iter().map(|leader| leader.acknowledged).sum();
    let over: usize = leaders.iter().map(Leader::games_over).sum();
    println!(
        "{acknowledged} commands acknowledged and {over} games ended over {KILLS} kills, in {killed_in:?}; \
         slowest return of all {}: {slowest:?}",
        leaders.len()
    );
    assert!(acknowledged > KILLS * leaders.len(), "only {acknowledged} commands were acknowledged");
    for phase in ["day", "vote", "night"] {
        assert!(killed_in.contains_key(phase), "no kill in {phase}: {killed_in:?}");
    }
}

/// What was killed fifty times can still be played to its end.
async fn play_to_an_end(leaders: &mut [Leader]) {
    let began = Instant::now();
    let mut rng = StdRng::seed_from_u64(1);
    while leaders.iter().all(|leader| leader.games_over() == 0) {
        assert!(began.elapsed() < TO_AN_END, "no game came to its end");
        let until = Instant::now() + Duration::from_secs(1);
        let seeds: Vec<u64> = leaders.iter().map(|_| rng.random()).collect();
        let playing = leaders.iter_mut().zip(seeds).map(async |(leader, seed)| {
            leader.play(until, &mut StdRng::seed_from_u64(seed)).await;
            leader.check().await
        });
        futures_util::future::try_join_all(playing).await.expect("all as it was acknowledged");
    }
}

#[actix::test]
async fn a_graceful_stop_closes_with_1012_and_keeps_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let mut player = SocketPlayer::enter(&node.base(), "Player").await.unwrap();
    let made = player.ok("room.create", json!({})).await.unwrap();
    let status = tokio::task::spawn_blocking(move || {
        let status = node.terminate();
        (node, status)
    });
    while player.receive().await.unwrap() {}
    assert_eq!(player.closed, Some(1012));
    let (mut node, status) = status.await.unwrap();
    assert!(status.success(), "{status}");
    node.restart();
    player.resume(&node.base()).await.unwrap().expect("resumed");
    let state = player.expect("room.state").await.unwrap();
    assert_eq!(state["room"]["room_id"], made["room"]["room_id"]);
}
