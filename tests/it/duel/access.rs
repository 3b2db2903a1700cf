//! Who may not, and what may not be now: tokens, forged ids, strangers, wrong states, bounds.

use super::{PACKED, Peer, accepted, connect, open};
use crate::node::start;
use playhouse::testkit::Guest;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

#[actix::test]
async fn who_is_not_proved_gets_401_before_the_upgrade_and_a_ticket_opens_one_socket() {
    let here = start(|_| {}).await;
    let guest = Guest::sign_in(&here.base, "Ann").await.unwrap();
    let status = async |token: Option<&str>, protocol: Option<&str>, query: &str| match open(
        &guest, token, protocol, query,
    )
    .await
    {
        Err(Error::Http(response)) => response.status().as_u16(),
        Ok(_) => 101,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(status(None, None, "").await, 401);
    assert_eq!(status(Some("forged"), None, "").await, 401);
    assert_eq!(status(None, None, "?ticket=guessed").await, 401);
    assert_eq!(status(Some(&guest.access_token), Some("playhouse.v1.json"), "").await, 400, "of /ws");
    assert_eq!(status(Some(&guest.access_token), PACKED, "").await, 101);
    let url = format!("{}/api/v1/ws-tickets", here.base);
    let ticket = reqwest::Client::new().post(url).bearer_auth(&guest.access_token).send().await.unwrap();
    let ticket: Value = ticket.json().await.unwrap();
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(status(None, None, &query).await, 101);
    assert_eq!(status(None, None, &query).await, 401, "twice");
}

#[actix::test]
async fn the_newest_socket_wins_and_the_match_goes_on_on_it() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = accepted(&mut ann, &mut bob).await;
    let mut second = Peer::connect(ann.guest.clone(), None).await;
    assert_eq!(ann.close_code().await, 4001);
    assert_eq!(second.until("match_request_accepted").await["sessionId"], json!(session));
    connect(&mut second, &mut bob, &session).await;
}

#[actix::test]
async fn an_id_that_is_not_the_senders_own_is_refused_in_every_message() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let mut eve = Peer::enter(&here.base, "Eve").await;
    let session = accepted(&mut ann, &mut bob).await;
    let (a, b) = (ann.id.clone(), bob.id.clone());
    let forged = [
        ("join_lobby", json!({"playerId": a, "playerName": "Ann"})),
        ("leave_lobby", json!({"playerId": a})),
        ("leave_lobby", json!({"playerId": "not an id"})),
        ("request_match", json!({"requesterId": a, "targetId": b})),
        ("accept_match", json!({"accepterId": b, "requesterId": a, "sessionId": session})),
        ("decline_match", json!({"declinerId": b, "requesterId": a, "sessionId": session})),
        ("cancel_match_request", json!({"requesterId": a, "targetId": b, "sessionId": session})),
        ("send_sdp_offer", json!({"senderId": a, "receiverId": b, "sdp": "x", "sessionId": session})),
        ("send_sdp_answer", json!({"senderId": b, "receiverId": a, "sdp": "x", "sessionId": session})),
        (
            "send_ice_candidate",
            json!({"senderId": a, "receiverId": b, "candidate": {}, "sessionId": session}),
        ),
        // Her own id, and a session that is not hers.
        ("send_sdp_offer", json!({"senderId": eve.id, "receiverId": b, "sdp": "x", "sessionId": session})),
        (
            "send_ice_candidate",
            json!({"senderId": eve.id, "receiverId": b, "candidate": {}, "sessionId": session}),
        ),
        ("accept_match", json!({"accepterId": eve.id, "requesterId": a, "sessionId": session})),
        ("report_connection", json!({"sessionId": session, "state": "failed"})),
        ("report_result", json!({"sessionId": session, "winnerId": null})),
        ("leave_match", json!({"sessionId": session})),
    ];
    for (name, payload) in forged {
        eve.say(name, payload).await;
        eve.refused(403).await;
    }
    let unknown = PlayerlessIds::new();
    eve.say("leave_match", json!({"sessionId": unknown.session})).await;
    eve.refused(404).await;
    eve.say("request_match", json!({"requesterId": eve.id, "targetId": unknown.player})).await;
    eve.refused(404).await;
    eve.say("request_match", json!({"requesterId": eve.id, "targetId": b})).await;
    eve.refused(409).await;
    ann.sdp("offer", &eve.id, "x", &session).await;
    ann.refused(404).await;
    connect(&mut ann, &mut bob, &session).await;
    assert_eq!(
        eve.transcript.iter().filter(|frame| frame.to_string().contains(&session)).count(),
        12,
        "refusals alone"
    );
}

struct PlayerlessIds {
    session: String,
    player: String,
}

impl PlayerlessIds {
    fn new() -> Self {
        let fresh = || uuid::Uuid::now_v7().to_string();
        Self { session: fresh(), player: fresh() }
    }
}

#[actix::test]
async fn what_is_not_allowed_from_a_state_says_from_which() {
    let here = start(|_| {}).await;
    let (mut ann, mut bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    let session = ann.request(&bob.id).await;
    bob.until("match_request_received").await;
    let says =
        |error: Value, state: &str| assert!(error["message"].as_str().unwrap().contains(state), "{error}");
    ann.sdp("offer", &bob.id, "x", &session).await;
    says(ann.refused(409).await, "requested");
    ann.ice(&bob.id, 1, &session).await;
    says(ann.refused(409).await, "requested");
    ann.reports("connected", &session).await;
    says(ann.refused(409).await, "requested");
    ann.accept(&bob.id, &session).await;
    says(ann.refused(409).await, "requested");
    ann.say("request_match", json!({"requesterId": ann.id, "targetId": bob.id})).await;
    says(ann.refused(409).await, "requested");
    bob.accept(&ann.id, &session).await;
    ann.until("match_request_accepted").await;
    bob.accept(&ann.id, &session).await;
    says(bob.refused(409).await, "accepted");
    bob.sdp("offer", &ann.id, "x", &session).await;
    says(bob.refused(409).await, "accepted");
    bob.sdp("answer", &ann.id, "x", &session).await;
    says(bob.refused(409).await, "accepted");
    ann.reports("connected", &session).await;
    says(ann.refused(409).await, "accepted");
    ann.say("report_result", json!({"sessionId": session, "winnerId": null})).await;
    says(ann.refused(409).await, "accepted");
    connect(&mut ann, &mut bob, &session).await;
    ann.say("report_result", json!({"sessionId": session, "winnerId": PlayerlessIds::new().player})).await;
    ann.refused(400).await;
    ann.say("cancel_match_request", json!({"requesterId": ann.id, "targetId": bob.id, "sessionId": session}))
        .await;
    says(ann.refused(409).await, "connected");
    ann.say("leave_match", json!({"sessionId": session})).await;
    bob.until("match_ended").await;
    bob.say("leave_match", json!({"sessionId": session})).await;
    says(bob.refused(409).await, "ended");
}

#[actix::test]
async fn bad_input_is_refused_by_number_and_ends_nothing() {
    let here =
        start(|config| (config.limits.messages_per_s, config.limits.messages_burst) = (1e3, 1e3)).await;
    let (mut ann, bob) = (Peer::enter(&here.base, "Ann").await, Peer::enter(&here.base, "Bob").await);
    for text in [
        "",
        "{",
        "[]",
        r#"{"type":7}"#,
        r#"{"type":"nothing"}"#,
        r#"{"type":"leave_lobby"}"#,
        r#"{"type":"leave_lobby","payload":[]}"#,
    ] {
        ann.raw(Message::text(text)).await;
        ann.refused(400).await;
    }
    ann.raw(Message::binary(vec![0x80])).await;
    ann.refused(400).await;
    ann.say("request_match", json!({"requesterId": ann.id, "targetId": ann.id})).await;
    ann.refused(400).await;
    ann.say("join_lobby", json!({"playerId": ann.id, "lobby": "x".repeat(33)})).await;
    ann.refused(400).await;
    let session = PlayerlessIds::new().session;
    ann.sdp("offer", &bob.id, &"x".repeat(16_385), &session).await;
    assert_eq!(ann.refused(413).await["sessionId"], session);
    let candidate = json!({"candidate": "x".repeat(2_048)});
    ann.say(
        "send_ice_candidate",
        json!({"senderId": ann.id, "receiverId": bob.id, "candidate": candidate, "sessionId": session}),
    )
    .await;
    ann.refused(413).await;
    ann.join("main").await;
    ann.raw(Message::text("x".repeat(70_000))).await;
    ann.refused(413).await;
    assert_eq!(ann.close_code().await, 1009);
}

#[actix::test]
async fn who_sends_too_much_is_told_so_and_then_closed() {
    let here = start(|config| config.limits.abuse_strikes = 5).await;
    let mut ann = Peer::enter(&here.base, "Ann").await;
    for _ in 0..60 {
        ann.say("leave_lobby", json!({"playerId": ann.id})).await;
    }
    ann.refused(429).await;
    assert_eq!(ann.close_code().await, 1008);
}

#[actix::test]
async fn open_requests_are_bounded_and_a_match_makes_the_others_void() {
    let here = start(|config| config.duel.requests = 2).await;
    let mut ann = Peer::enter(&here.base, "Ann").await;
    let mut others = Vec::new();
    for n in 0..3 {
        others.push(Peer::enter(&here.base, &format!("Other{n}")).await);
    }
    let first = ann.request(&others[0].id).await;
    ann.request(&others[1].id).await;
    ann.say("request_match", json!({"requesterId": ann.id, "targetId": others[2].id})).await;
    ann.refused(429).await;
    let asked = others[2].request(&ann.id).await;
    others[0].accept(&ann.id, &first).await;
    ann.until("match_request_accepted").await;
    others[1].until("match_request_cancelled").await;
    assert_eq!(others[2].until("match_request_declined").await["sessionId"], asked);
}

#[actix::test]
async fn a_node_that_stops_says_503_and_closes() {
    let here = start(|_| {}).await;
    let mut ann = Peer::enter(&here.base, "Ann").await;
    let stopping = actix::spawn(here.node.stop());
    ann.refused(503).await;
    assert_eq!(ann.close_code().await, 1012);
    drop(ann);
    stopping.await.unwrap();
}
