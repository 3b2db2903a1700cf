//! What holds when nodes, stores and sockets fail between two steps.

use super::actors::{accepted, connect, request, sdp};
use crate::{
    actors::duel::DuelActor,
    testkit::{Fault, ScriptedSignaller, Stage},
};
use serde_json::{Value, json};

/// Ann and Bob on the first two of three nodes.
async fn apart(stages: &[Stage]) -> [ScriptedSignaller; 2] {
    let ann = ScriptedSignaller::enter(&stages[0], "Ann").await;
    [ann, ScriptedSignaller::enter(&stages[1], "Bob").await]
}

/// Which stage holds the one match.
fn holder(stages: &[Stage]) -> usize {
    stages.iter().position(|stage| stage.cluster.active::<DuelActor>() > 0).expect("somebody holds it")
}

#[actix::test]
async fn a_node_that_dies_after_the_acceptance_takes_no_match_with_it() {
    the_holder_dies(false).await;
}

#[actix::test]
async fn a_node_that_dies_after_the_offer_takes_no_match_with_it() {
    the_holder_dies(true).await;
}

async fn the_holder_dies(offered: bool) {
    let (mut stages, network) = Stage::nodes(3).await;
    let [mut ann, mut bob] = apart(&stages).await;
    let session = accepted(&mut ann, &mut bob).await;
    if offered {
        sdp("offer", &ann, &bob, &session);
        bob.expect("sdp_offer_received").await;
    }
    let dead = holder(&stages);
    stages[dead].die();
    network.cut_off(stages[dead].cluster.me());
    let stage = stages.swap_remove(dead);
    // Who was on it comes back on another.
    if dead == 0 {
        ann.reconnect(&stages[0]).await;
    } else if dead == 1 {
        bob.reconnect(&stages[0]).await;
    }
    stages[0].run_ms(10_000).await;
    drop(stage);
    assert!(stages.iter().any(|stage| stage.cluster.active::<DuelActor>() == 1), "it is up again");
    if offered {
        sdp("answer", &bob, &ann, &session);
        ann.expect("sdp_answer_received").await;
        for peer in [&ann, &bob] {
            peer.say("report_connection", json!({"sessionId": session, "state": "connected"}));
        }
        ann.expect("match_started").await;
        bob.expect("match_started").await;
    } else {
        connect(&mut ann, &mut bob, &session).await;
    }
}

#[actix::test]
async fn a_node_that_dies_with_everybody_leaves_nobody_in_a_match() {
    let (mut stages, network) = Stage::nodes(2).await;
    let mut ann = ScriptedSignaller::enter(&stages[0], "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stages[0], "Bob").await;
    accepted(&mut ann, &mut bob).await;
    assert_eq!(holder(&stages), 0);
    stages[0].die();
    network.cut_off(stages[0].cluster.me());
    let _dead = stages.swap_remove(0);
    stages[0].run_ms(3_000).await;
    for peer in [&mut ann, &mut bob] {
        peer.reconnect(&stages[0]).await;
        peer.say("join_lobby", json!({"playerId": peer.id}));
    }
    stages[0].run_ms(9_000).await;
    assert!(
        ann.count("match_request_accepted").await >= 2,
        "it goes on, and is told so: {:?}",
        ann.transcript
    );
    stages[0].run_ms(21_000).await;
    assert_eq!(ann.expect("match_failed").await["reason"], "connect_timeout");
    bob.expect("match_failed").await;
    accepted(&mut bob, &mut ann).await;
}

#[actix::test]
async fn a_draining_node_hands_its_matches_over() {
    let (stages, _network) = Stage::nodes(2).await;
    let mut ann = ScriptedSignaller::enter(&stages[1], "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stages[1], "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    ann.say("send_ice_candidate", json!({"senderId": ann.id, "receiverId": bob.id, "candidate": {"candidate": "1"}, "sessionId": session}));
    stages[1].run_ms(10).await;
    stages[1].cluster.drain(std::time::Duration::from_secs(5)).await;
    assert_eq!(stages[0].cluster.active::<DuelActor>(), 1);
    sdp("offer", &ann, &bob, &session);
    bob.expect("sdp_offer_received").await;
    assert_eq!(bob.expect("ice_candidate_received").await["candidate"]["candidate"], "1", "it was not lost");
}

#[actix::test]
async fn a_commit_that_fails_changes_nothing() {
    an_offer_meets(Fault::Fail).await;
}

#[actix::test]
async fn a_commit_whose_answer_is_lost_is_looked_up() {
    an_offer_meets(Fault::LoseAnswer).await;
}

#[actix::test]
async fn a_commit_that_is_lost_is_looked_up() {
    an_offer_meets(Fault::LoseCommit).await;
}

async fn an_offer_meets(fault: Fault) {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stage, "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    stage.store.inject([fault]);
    sdp("offer", &ann, &bob, &session);
    assert_eq!(ann.expect("error").await["code"], 503, "{fault:?}");
    stage.run_ms(1_000).await;
    sdp("offer", &ann, &bob, &session);
    bob.expect("sdp_offer_received").await;
    sdp("answer", &bob, &ann, &session);
    ann.expect("sdp_answer_received").await;
    for peer in [&ann, &bob] {
        peer.say("report_connection", json!({"sessionId": session, "state": "connected"}));
    }
    ann.expect("match_started").await;
    bob.expect("match_started").await;
}

#[actix::test]
async fn an_acceptance_that_cannot_be_committed_holds_nobody() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stage, "Bob").await;
    request(&ann, &bob);
    bob.expect("match_request_received").await;
    stage.store.inject([Fault::Fail]);
    let accept = json!({"accepterId": bob.id, "requesterId": ann.id});
    bob.say("accept_match", accept.clone());
    assert_eq!(bob.expect("error").await["code"], 503);
    bob.say("accept_match", accept);
    ann.expect("match_request_accepted").await;
}

#[actix::test]
async fn the_first_to_go_for_long_fails_it_and_five_seconds_are_not_long() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stage, "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    bob.drop_connection().await;
    stage.run_ms(4_900).await;
    bob.reconnect(&stage).await;
    bob.expect("match_request_accepted").await;
    assert_eq!(ann.count("match_failed").await, 0);
    bob.drop_connection().await;
    stage.run_ms(5_100).await;
    let failed = json!({"sessionId": session, "reason": "peer_lost"});
    assert_eq!(ann.expect("match_failed").await, failed);
}

/// Parcels between nodes may be lost: what a match has to say is said again, or its clock ends it.
#[actix::test]
async fn lost_parcels_leave_nobody_in_a_match() {
    let (stages, network) = Stage::nodes(3).await;
    for lost in 1..12 {
        let [mut ann, mut bob] = apart(&stages).await;
        request(&ann, &bob);
        let asked = bob.expect("match_request_received").await;
        network.lose(lost);
        bob.say(
            "accept_match",
            json!({"accepterId": bob.id, "requesterId": ann.id, "sessionId": asked["sessionId"]}),
        );
        stages[0].run_ms(60_000).await;
        network.lose(0);
        stages[0].run_ms(60_000).await;
        let over = |frames: &[Value]| {
            frames.iter().any(|frame| {
                let name = frame["type"].as_str().unwrap_or_default();
                ["match_failed", "match_request_cancelled", "match_request_declined"].contains(&name)
            })
        };
        ann.count("").await;
        bob.count("").await;
        assert!(
            over(&ann.transcript) && over(&bob.transcript),
            "{lost}: {:?} {:?}",
            ann.transcript,
            bob.transcript
        );
        accepted(&mut ann, &mut bob).await;
    }
}

#[actix::test]
async fn a_request_does_not_outlive_its_players_for_long() {
    let stage = Stage::new();
    let mut ann = ScriptedSignaller::enter(&stage, "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stage, "Bob").await;
    request(&ann, &bob);
    bob.expect("match_request_received").await;
    bob.drop_connection().await;
    stage.run_ms(1_000).await;
    bob.reconnect(&stage).await;
    let asked = bob.expect("match_request_received").await;
    assert_eq!(asked["requesterId"], json!(ann.id), "he is told again");
    ann.drop_connection().await;
    stage.run_ms(5_100).await;
    assert_eq!(bob.expect("match_request_cancelled").await["sessionId"], asked["sessionId"]);
    ann.reconnect(&stage).await;
    bob.say("join_lobby", json!({"playerId": bob.id}));
    bob.expect("lobby_update").await;
    request(&ann, &bob);
    bob.expect("match_request_received").await;
    bob.drop_connection().await;
    stage.run_ms(5_100).await;
    assert_eq!(ann.expect("match_failed").await["reason"], "peer_lost");
}

#[actix::test]
async fn a_connected_match_whose_node_died_with_everybody_is_found_again_by_a_report() {
    let (mut stages, network) = Stage::nodes(2).await;
    let mut ann = ScriptedSignaller::enter(&stages[0], "Ann").await;
    let mut bob = ScriptedSignaller::enter(&stages[0], "Bob").await;
    let session = accepted(&mut ann, &mut bob).await;
    connect(&mut ann, &mut bob, &session).await;
    stages[0].die();
    network.cut_off(stages[0].cluster.me());
    let _dead = stages.swap_remove(0);
    stages[0].run_ms(7_000).await;
    for peer in [&mut ann, &mut bob] {
        peer.reconnect(&stages[0]).await;
        peer.say("report_result", json!({"sessionId": session, "winnerId": null}));
    }
    assert_eq!(ann.expect("match_ended").await["result"]["outcome"], "agreed");
    bob.expect("match_ended").await;
}
