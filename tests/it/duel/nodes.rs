//! Three nodes on Redis and PostgreSQL: requests that cross between them, one socket an account, and a match whose node is
//! killed between its acceptance and its connection (spec 6.3).

use super::{Peer, accepted, connect};
use crate::{cluster::Servers, process::Process};
use playhouse::testkit::{Guest, PrivateRedis};
use serde_json::json;
use std::time::{Duration, Instant};

/// On which node the one match is.
async fn holder(nodes: &[Process]) -> usize {
    for _ in 0..100 {
        for (n, node) in nodes.iter().enumerate() {
            let metrics =
                reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
            if metrics.contains("playhouse_entities{kind=\"duel\"} 1") {
                return n;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody holds the match");
}

/// Ann offers until it reaches Bob: who gets 503, or nothing, sends again. Then they play, and part. How long after the
/// fault the offer came.
async fn goes_on(ann: &mut Peer, bob: &mut Peer, session: &str, fault: Instant) -> Duration {
    const LONGEST: Duration = Duration::from_secs(10);
    loop {
        ann.sdp("offer", &bob.id, "v=0 offer", session).await;
        let offered = tokio::time::timeout(Duration::from_millis(500), bob.until("sdp_offer_received"));
        if offered.await.is_ok() {
            break;
        }
        assert!(fault.elapsed() < LONGEST, "{:?} {:?}", ann.transcript, bob.transcript);
    }
    let after = fault.elapsed();
    assert!(after < LONGEST, "{after:?}");
    bob.sdp("answer", &ann.id, "v=0 answer", session).await;
    ann.until("sdp_answer_received").await;
    ann.reports("connected", session).await;
    bob.reports("connected", session).await;
    ann.until("match_started").await;
    bob.until("match_started").await;
    ann.say("leave_match", json!({"sessionId": session})).await;
    bob.until("match_ended").await;
    after
}

#[actix::test]
async fn nodes_agree_who_duels_and_which_socket_is_the_newest() {
    let servers: Servers<PrivateRedis> = Servers::start(&[]);
    let bases = servers.bases();
    let mut ann = Peer::enter(&bases[0], "Ann").await;
    let mut bob = Peer::enter(&bases[1], "Bob").await;
    for _ in 0..10 {
        ann.say("request_match", json!({"requesterId": ann.id, "targetId": bob.id})).await;
        bob.say("request_match", json!({"requesterId": bob.id, "targetId": ann.id})).await;
        let told = ann.until("match_request_accepted").await;
        assert_eq!(bob.until("match_request_accepted").await, told, "one session for both");
        let session = told["sessionId"].as_str().unwrap().to_owned();
        match told["requesterId"] == json!(ann.id) {
            true => connect(&mut ann, &mut bob, &session).await,
            false => connect(&mut bob, &mut ann, &session).await,
        }
        ann.say("leave_match", json!({"sessionId": session})).await;
        bob.until("match_ended").await;
        ann.until("match_ended").await;
        tokio::time::sleep(Duration::from_millis(50)).await; // both are told that it is over
    }
    let session = accepted(&mut ann, &mut bob).await;
    let newer = Guest { base: bases[2].clone(), ..ann.guest.clone() };
    let mut newer = Peer::connect(newer, None).await;
    assert_eq!(newer.until("match_request_accepted").await["sessionId"], json!(session));
    assert_eq!(ann.close_code().await, 4001);
    connect(&mut newer, &mut bob, &session).await;
}

#[actix::test]
async fn a_match_outlives_the_node_that_held_it_between_acceptance_and_connection() {
    let mut servers: Servers<PrivateRedis> = Servers::start(&["duel.ended_ms=200"]);
    for round in 0..3 {
        let bases = servers.bases();
        let mut ann = Peer::enter(&bases[round], &format!("Ann{round}")).await;
        let mut bob = Peer::enter(&bases[(round + 1) % 3], &format!("Bob{round}")).await;
        let session = accepted(&mut ann, &mut bob).await;
        let dead = holder(&servers.nodes).await;
        servers.nodes[dead].kill();
        let killed = Instant::now();
        let alive = bases[(dead + 1) % 3].clone();
        if ann.guest.base == bases[dead] {
            ann = ann.reconnect(&alive).await;
        }
        if bob.guest.base == bases[dead] {
            bob = bob.reconnect(&alive).await;
        }
        println!(
            "round {round}: up again {:?} after the kill",
            goes_on(&mut ann, &mut bob, &session, killed).await
        );
        servers.nodes[dead].restart();
        tokio::time::sleep(Duration::from_secs(2)).await; // it is one of them again
    }
}

#[actix::test]
async fn nobody_stays_in_a_match_whose_node_died_with_everybody_on_it() {
    let mut servers: Servers<PrivateRedis> = Servers::start(&[]);
    let bases = servers.bases();
    let mut ann = Peer::enter(&bases[0], "Ann").await;
    let mut bob = Peer::enter(&bases[0], "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    servers.nodes[0].kill();
    let killed = Instant::now();
    let mut ann = ann.reconnect(&bases[1]).await;
    let mut bob = bob.reconnect(&bases[2]).await;
    assert_eq!(ann.until("match_request_accepted").await["sessionId"], json!(session));
    bob.until("match_request_accepted").await;
    println!("told {:?} after the kill", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(12), "{:?}", killed.elapsed());
    ann.say("leave_match", json!({"sessionId": session})).await;
    assert_eq!(bob.until("match_failed").await["reason"], "peer_left");
    ann.join("main").await;
    bob.join("main").await;
    accepted(&mut bob, &mut ann).await;
}

#[actix::test]
async fn a_redis_that_was_wiped_ends_no_match_and_empties_no_lobby() {
    let mut servers: Servers<PrivateRedis> = Servers::start(&["duel.ended_ms=200"]);
    let bases = servers.bases();
    let mut ann = Peer::enter(&bases[0], "Ann").await;
    let mut bob = Peer::enter(&bases[1], "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    servers.redis.restart().unwrap();
    let wiped = Instant::now();
    println!("goes on {:?} after the wipe", goes_on(&mut ann, &mut bob, &session, wiped).await);
    // They are as they were to one who comes now, on a third node.
    let mut cat = Peer::connect(Guest::sign_in(&bases[2], "Cat").await.unwrap(), None).await;
    loop {
        cat.say("join_lobby", json!({"playerId": cat.id, "playerName": "", "lobby": "main"})).await;
        let update = tokio::time::timeout(Duration::from_secs(1), cat.until("lobby_update")).await;
        let update = update.map(|update| update.to_string()).unwrap_or_default();
        if update.contains(&ann.id) && update.contains(&bob.id) {
            break;
        }
        assert!(wiped.elapsed() < Duration::from_secs(30), "{:?}", cat.transcript);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let session = accepted(&mut cat, &mut ann).await;
    connect(&mut cat, &mut ann, &session).await;
}
