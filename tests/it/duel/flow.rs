//! A duel from the request to its result, in both encodings.

use super::{PACKED, Peer, accepted, connect};
use crate::node::start;
use playhouse::testkit::Guest;
use serde_json::json;

#[actix::test]
async fn a_duel_from_request_to_agreed_result_in_both_encodings() {
    let here = start(|_| {}).await;
    for (n, protocols) in [[None, None], [PACKED, PACKED], [None, PACKED]].into_iter().enumerate() {
        let mut peers = Vec::new();
        for (name, protocol) in ["Ann", "Bob"].into_iter().zip(protocols) {
            let guest = Guest::sign_in(&here.base, &format!("{name}{n}")).await.unwrap();
            let mut peer = Peer::connect(guest, protocol).await;
            peer.join(&format!("room {n}")).await;
            peers.push(peer);
        }
        let [ann, bob] = &mut peers[..] else { unreachable!() };
        let winner = bob.id.clone();
        let session = accepted(ann, bob).await;
        connect(ann, bob, &session).await;
        ann.say(
            "report_result",
            json!({"sessionId": session, "winnerId": bob.id, "frames": 3600, "checksum": 7}),
        )
        .await;
        bob.say("report_result", json!({"sessionId": session, "winnerId": bob.id, "checksum": "7"})).await;
        for peer in [ann, bob] {
            let ended = peer.until("match_ended").await;
            assert_eq!((&ended["sessionId"], &ended["reason"]), (&json!(session), &json!("result")));
            assert_eq!(ended["result"]["outcome"], "agreed");
            assert_eq!(ended["result"]["winnerId"], json!(winner));
            peer.until("lobby_update").await;
        }
    }
}

#[actix::test]
async fn candidates_that_come_before_the_description_are_delivered_behind_it_in_order() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = accepted(&mut ann, &mut bob).await;
    for n in 1..=3 {
        ann.ice(&bob.id, n, &session).await;
    }
    assert_eq!(bob.have_come("ice_candidate_received").await, 0, "held");
    ann.sdp("offer", &bob.id, "v=0", &session).await;
    ann.ice(&bob.id, 4, &session).await;
    bob.until("sdp_offer_received").await;
    for n in 1..=4 {
        let got = bob.until("ice_candidate_received").await;
        assert_eq!(got["senderId"], ann.id);
        assert!(got["candidate"]["candidate"].as_str().unwrap().starts_with(&format!("candidate:{n} ")));
    }
    bob.ice(&ann.id, 9, &session).await;
    assert_eq!(ann.have_come("ice_candidate_received").await, 0, "not before his answer");
    bob.sdp("answer", &ann.id, "v=0", &session).await;
    ann.until("sdp_answer_received").await;
    ann.until("ice_candidate_received").await;
}

#[actix::test]
async fn a_request_may_be_declined_taken_back_or_expire() {
    let here = start(|config| config.duel.answer_ms = 300).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = ann.request(&bob.id).await;
    bob.until("match_request_received").await;
    bob.say("decline_match", json!({"declinerId": bob.id, "requesterId": ann.id})).await;
    let declined = ann.until("match_request_declined").await;
    assert_eq!(declined, json!({"declinerId": bob.id, "declinerName": "Bob", "sessionId": session}));
    bob.accept(&ann.id, &session).await;
    let late = bob.refused(409).await;
    assert!(late["message"].as_str().unwrap().contains("declined") && late["sessionId"] == json!(session));

    let session = ann.request(&bob.id).await;
    let cancel = json!({"requesterId": ann.id, "targetId": bob.id, "sessionId": session});
    ann.say("cancel_match_request", cancel).await;
    let cancelled = bob.until("match_request_cancelled").await;
    assert_eq!(cancelled, json!({"requesterId": ann.id, "sessionId": session}));

    let session = ann.request(&bob.id).await;
    for peer in [&mut ann, &mut bob] {
        let failed = peer.until("match_failed").await;
        assert_eq!(failed, json!({"sessionId": session, "reason": "expired"}));
    }
    bob.accept(&ann.id, &session).await;
    bob.refused(410).await;
}

#[actix::test]
async fn requests_that_cross_become_one_match() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    for round in 0..10 {
        let back = json!({"requesterId": bob.id, "targetId": ann.id});
        let there = json!({"requesterId": ann.id, "targetId": bob.id});
        if round % 2 == 0 {
            ann.say("request_match", there).await;
            bob.say("request_match", back).await;
        } else {
            bob.say("request_match", back).await;
            ann.say("request_match", there).await;
        }
        let told = [ann.until("match_request_accepted").await, bob.until("match_request_accepted").await];
        assert_eq!(told[0], told[1], "one session for both");
        let session = told[0]["sessionId"].as_str().unwrap().to_owned();
        let first = told[0]["requesterId"] == json!(ann.id);
        let (offerer, answerer) = if first { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
        connect(offerer, answerer, &session).await;
        offerer.say("leave_match", json!({"sessionId": session})).await;
        for peer in [offerer, answerer] {
            let ended = peer.until("match_ended").await;
            assert_eq!(ended["reason"], "peer_left");
            assert_eq!(ended["result"], json!({"outcome": "abandoned", "winnerId": null}));
        }
    }
}

#[actix::test]
async fn a_match_that_is_not_connected_fails_and_frees_both() {
    let here = start(|config| (config.duel.connect_ms, config.duel.return_ms) = (600, 200)).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = accepted(&mut ann, &mut bob).await;
    for peer in [&mut ann, &mut bob] {
        let failed = peer.until("match_failed").await;
        assert_eq!(failed, json!({"sessionId": session, "reason": "connect_timeout"}));
    }
    let session = accepted(&mut ann, &mut bob).await;
    ann.sdp("offer", &bob.id, "v=0", &session).await;
    bob.until("sdp_offer_received").await;
    bob.reports("failed", &session).await;
    assert_eq!(ann.until("match_failed").await["reason"], "connection_failed");
    bob.until("match_failed").await;

    let session = accepted(&mut ann, &mut bob).await;
    let guest = bob.guest.clone();
    drop(bob);
    let failed = ann.until("match_failed").await;
    assert_eq!(failed, json!({"sessionId": session, "reason": "peer_lost"}));
    let mut bob = Peer::connect(guest, None).await;
    bob.join("main").await;
    accepted(&mut ann, &mut bob).await;
}

#[actix::test]
async fn who_comes_back_in_time_is_told_where_the_match_stands() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = accepted(&mut ann, &mut bob).await;
    ann.sdp("offer", &bob.id, "v=0 offer", &session).await;
    ann.ice(&bob.id, 1, &session).await;
    bob.until("ice_candidate_received").await;
    let mut bob = bob.reconnect(&here.base).await;
    assert_eq!(bob.until("match_request_accepted").await["accepterId"], bob.id);
    assert_eq!(bob.until("sdp_offer_received").await["sdp"], "v=0 offer");
    bob.until("ice_candidate_received").await;
    bob.sdp("answer", &ann.id, "v=0 answer", &session).await;
    ann.until("sdp_answer_received").await;
    ann.reports("connected", &session).await;
    bob.reports("connected", &session).await;
    ann.until("match_started").await;
    let mut bob = bob.reconnect(&here.base).await;
    assert_eq!(bob.until("match_started").await["opponentId"], ann.id, "it goes on");
    bob.say("report_result", json!({"sessionId": session, "winnerId": null})).await;
    ann.say("report_result", json!({"sessionId": session, "winnerId": ann.id})).await;
    assert_eq!(bob.until("match_ended").await["result"]["outcome"], "disputed");
}

#[actix::test]
async fn one_report_is_believed_if_it_concedes_and_not_if_it_claims() {
    let here = start(|config| config.duel.report_ms = 200).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    for (winner, outcome) in [(ann.id.clone(), "unreported"), (bob.id.clone(), "agreed")] {
        let session = accepted(&mut ann, &mut bob).await;
        connect(&mut ann, &mut bob, &session).await;
        ann.say("report_result", json!({"sessionId": session, "winnerId": winner})).await;
        let ended = bob.until("match_ended").await;
        assert_eq!(ended["result"]["outcome"], outcome);
        assert_eq!(
            ended["result"]["winnerId"],
            if outcome == "agreed" { json!(winner) } else { json!(null) }
        );
        ann.until("match_ended").await;
    }
}
