//! The lobby over real sockets: snapshots, deltas, shards, and who is slow.

use super::Peer;
use crate::node::start;
use playhouse::testkit::Guest;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn ids(players: &Value) -> Vec<String> {
    players.as_array().unwrap().iter().map(|player| player["playerId"].as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn a_lobby_shows_who_is_there_by_the_names_of_their_accounts() {
    let here = start(|_| {}).await;
    let mut ann = Peer::enter(&here.base, "Ann").await;
    let mut bob = Peer::connect(Guest::sign_in(&here.base, "Bob").await.unwrap(), None).await;
    bob.say("join_lobby", json!({"playerId": bob.id, "playerName": "Somebody else"})).await;
    let joined = bob.until("lobby_joined").await;
    assert_eq!((&joined["lobby"], &joined["shard"]), (&json!("main"), &json!(0)));
    let shown = bob.until("lobby_update").await;
    let row = json!({"playerId": bob.id, "playerName": "Bob", "status": "available"});
    assert!(shown["players"].as_array().unwrap().contains(&row), "{shown}");
    assert!(ids(&ann.until("lobby_update").await["players"]).contains(&bob.id));
    let mut eve = Peer::connect(Guest::sign_in(&here.base, "Eve").await.unwrap(), None).await;
    eve.join("another").await;
    assert_eq!(ids(&eve.transcript.last().unwrap()["payload"]["players"]), [eve.id.clone()]);
    super::accepted(&mut ann, &mut bob).await;
    loop {
        let shown = ann.until("lobby_update").await;
        if shown["players"].as_array().unwrap().iter().all(|player| player["status"] == "in_match") {
            break;
        }
    }
    drop(bob);
    while ids(&ann.until("lobby_update").await["players"]).len() != 1 {}
}

#[actix::test]
async fn snapshots_keep_their_pace() {
    let here = start(|_| {}).await;
    let mut watcher = Peer::enter(&here.base, "Watcher").await;
    let mut others = Vec::new();
    for n in 0..5 {
        others.push(Peer::enter(&here.base, &format!("Other{n}")).await);
    }
    let (began, mut n) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        n += 1;
        for peer in &mut others {
            let name = if n % 2 == 0 { "leave_lobby" } else { "join_lobby" };
            peer.say(name, json!({"playerId": peer.id})).await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(60), watcher.receive()).await;
    }
    let came = watcher.have_come("lobby_update").await as f64;
    let seconds = began.elapsed().as_secs_f64();
    assert!(came <= 4.0 * seconds + 5.0, "{came} in {seconds} s");
    assert!(came >= 2.0 * seconds, "{came} in {seconds} s");
}

#[actix::test]
async fn deltas_add_up_to_the_snapshot() {
    let here = start(|_| {}).await;
    let mut watcher = Peer::connect(Guest::sign_in(&here.base, "Watcher").await.unwrap(), None).await;
    watcher.say("join_lobby", json!({"playerId": watcher.id, "delta": true})).await;
    let mut version = watcher.until("lobby_joined").await["version"].as_u64().unwrap();
    let mut known: std::collections::BTreeMap<String, Value> = Default::default();
    for player in watcher.until("lobby_update").await["players"].as_array().unwrap() {
        known.insert(player["playerId"].as_str().unwrap().to_owned(), player.clone());
    }
    let mut ann = Peer::enter(&here.base, "Ann").await;
    let mut bob = Peer::enter(&here.base, "Bob").await;
    let gone = Peer::enter(&here.base, "Gone").await;
    drop(gone);
    super::accepted(&mut ann, &mut bob).await;
    let expected = |known: &std::collections::BTreeMap<String, Value>| {
        known.len() == 3 && known.values().filter(|player| player["status"] == "in_match").count() == 2
    };
    while !expected(&known) {
        let delta = watcher.until("lobby_delta").await;
        assert_eq!(delta["version"], version + 1);
        version += 1;
        for player in delta["joined"].as_array().unwrap().iter().chain(delta["changed"].as_array().unwrap()) {
            known.insert(player["playerId"].as_str().unwrap().to_owned(), player.clone());
        }
        for left in delta["left"].as_array().unwrap() {
            known.remove(left.as_str().unwrap());
        }
    }
    assert_eq!(watcher.have_come("lobby_update").await, 1, "the base alone");
}

#[actix::test]
async fn a_full_shard_opens_the_next_and_players_of_both_may_meet() {
    let here = start(|config| config.lobby.capacity = 2).await;
    let mut peers = Vec::new();
    for n in 0..5 {
        peers.push(Peer::enter(&here.base, &format!("Player{n}")).await);
    }
    let shards: Vec<u64> = peers
        .iter()
        .map(|peer| {
            peer.transcript.iter().find(|frame| frame["type"] == "lobby_joined").unwrap()["payload"]["shard"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(shards, [0, 0, 1, 1, 2]);
    let [first, .., last] = &mut peers[..] else { unreachable!() };
    super::accepted(first, last).await;
}

/// One who reads nothing holds up nobody.
#[actix::test]
async fn who_does_not_read_costs_the_others_nothing() {
    let here = start(|config| {
        (config.limits.backlog_soft_bytes, config.limits.backlog_hard_bytes) = (4_096, 16_384);
    })
    .await;
    let mut silent = Peer::connect(Guest::sign_in(&here.base, "Silent").await.unwrap(), None).await;
    silent.say("join_lobby", json!({"playerId": silent.id, "delta": true})).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    for _ in 0..20 {
        let began = Instant::now();
        let session = super::accepted(&mut ann, &mut bob).await;
        bob.say("leave_match", json!({"sessionId": session})).await;
        ann.until("match_failed").await;
        bob.until("match_failed").await;
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}
