//! Matchmaking on three processes: players of different nodes are brought together, and a killed matchmaker forgets nobody.

use super::Servers;
use crate::process::Process;
use playhouse::testkit::{PrivateRedis, SocketPlayer};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

async fn enter(player: &mut SocketPlayer) {
    player.insist("matchmaking.enter", json!({"mode": "duel"})).await.unwrap();
}

async fn found(player: &mut SocketPlayer) -> Value {
    timeout(PATIENCE, player.expect("matchmaking.found")).await.expect("somebody is found").unwrap()
}

/// Whether the account may have ICE servers: it is in a match.
async fn is_present(player: &SocketPlayer) -> bool {
    let url = format!("{}/api/v1/ice-servers", player.guest.base);
    let asked = reqwest::Client::new().get(url).bearer_auth(&player.guest.access_token);
    asked.send().await.unwrap().status().as_u16() == 200
}

async fn holds_matchmaker(node: &Process) -> bool {
    let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let of = |line: &&str| line.starts_with("playhouse_entities{") && line.contains("kind=\"matchmaker\"");
    text.lines().find(of).is_some_and(|line| line.ends_with(" 1"))
}

/// Which node holds the one matchmaker, and those that do not.
async fn holder(servers: &Servers<PrivateRedis>) -> (usize, Vec<usize>) {
    let mut holders = Vec::new();
    for node in &servers.nodes {
        holders.push(holds_matchmaker(node).await);
    }
    let at = holders.iter().position(|holds| *holds).expect("one holds it");
    assert_eq!(holders.iter().filter(|holds| **holds).count(), 1);
    (at, (0..holders.len()).filter(|n| *n != at).collect())
}

#[actix::test]
async fn players_of_different_nodes_get_one_session_and_a_killed_matchmaker_forgets_nobody() {
    let mut servers: Servers<PrivateRedis> = Servers::start(&[]);
    let bases = servers.bases();
    let mut ann = SocketPlayer::enter(&bases[0], "Ann").await.unwrap();
    let mut bob = SocketPlayer::enter(&bases[1], "Bob").await.unwrap();
    assert!(!is_present(&ann).await);
    enter(&mut ann).await;
    sleep(Duration::from_millis(500)).await;
    let (at, others) = holder(&servers).await;
    enter(&mut bob).await;
    let (of_ann, of_bob) = (found(&mut ann).await, found(&mut bob).await);
    assert_eq!(of_ann, of_bob);
    assert!(of_ann["sessionId"].is_string() && of_ann["mode"] == "duel", "{of_ann}");
    assert!(is_present(&ann).await && is_present(&bob).await, "both are in the match, wherever it is");

    let mut cid = SocketPlayer::enter(&bases[others[0]], "Cid").await.unwrap();
    let mut dan = SocketPlayer::enter(&bases[others[1]], "Dan").await.unwrap();
    enter(&mut cid).await;
    sleep(Duration::from_millis(500)).await;
    servers.nodes[at].kill();
    let killed = Instant::now();
    enter(&mut dan).await;
    let (of_cid, of_dan) = (found(&mut cid).await, found(&mut dan).await);
    println!("found {:.1} s after the kill", killed.elapsed().as_secs_f64());
    assert_eq!(of_cid, of_dan);
    assert_ne!(of_cid["sessionId"], of_ann["sessionId"]);
    assert!(killed.elapsed() < Duration::from_secs(20));
}
