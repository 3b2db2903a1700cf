//! The WebSocket itself: who gets in, both encodings, bad input, the heartbeat (spec 1.1).

mod resume;

use crate::node::{Dial, Here, Wire, start};
use playhouse::testkit::Guest;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const OURS: &str = "https://play.example";
const OTHER: &str = "https://other.example";

async fn guest(here: &Here, nickname: &str) -> Guest {
    Guest::sign_in(&here.base, nickname).await.unwrap()
}

/// A ticket for this Origin.
async fn ticket(guest: &Guest, origin: &str) -> Dial {
    let url = format!("{}/api/v1/ws-tickets", guest.base);
    let asked = reqwest::Client::new().post(url).bearer_auth(&guest.access_token).header("origin", origin);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let ticket: Value = answer.json().await.unwrap();
    assert_eq!(ticket["expires_in"], 30);
    Dial { query: format!("?ticket={}", ticket["ticket"].as_str().unwrap()), ..Dial::default() }
}

async fn with_origins() -> Here {
    start(|config| config.server.allowed_origins = vec![OURS.to_owned(), OTHER.to_owned()]).await
}

#[actix::test]
async fn a_ticket_opens_one_socket_from_its_own_origin() {
    let here = with_origins().await;
    let guest = guest(&here, "Browser").await;
    let dial = Dial { origin: Some(OURS), ..ticket(&guest, OURS).await };
    let mut wire = dial.open(&here.base).await.unwrap();
    assert_eq!(wire.until("session.welcome").await["payload"]["player_id"], guest.id);
    assert_eq!(dial.refused(&here.base).await, 401, "twice");
}

#[actix::test]
async fn a_ticket_shown_elsewhere_is_used_up() {
    let here = with_origins().await;
    let guest = guest(&here, "Browser").await;
    let stolen = ticket(&guest, OURS).await;
    assert_eq!(Dial { origin: Some(OTHER), ..stolen.clone() }.refused(&here.base).await, 401);
    assert_eq!(Dial { origin: Some(OURS), ..stolen }.refused(&here.base).await, 401);
}

#[actix::test]
async fn who_is_not_proved_gets_401_before_the_upgrade() {
    let here = start(|_| {}).await;
    assert_eq!(Dial::default().refused(&here.base).await, 401);
    let mut forged = guest(&here, "Forger").await.access_token;
    forged.truncate(forged.len() - 8);
    forged.push_str("AAAAAAAA");
    assert_eq!(Dial { token: Some(forged), ..Dial::default() }.refused(&here.base).await, 401);
    assert_eq!(Dial { query: "?ticket=guessed".into(), ..Dial::default() }.refused(&here.base).await, 401);
}

#[actix::test]
async fn a_foreign_origin_gets_403_and_an_unknown_subprotocol_400() {
    let here = start(|_| {}).await;
    let dial = Dial::of(&guest(&here, "Guest").await);
    assert_eq!(Dial { origin: Some("https://evil.example"), ..dial.clone() }.refused(&here.base).await, 403);
    assert_eq!(Dial { protocol: Some("playhouse.v9.xml"), ..dial }.refused(&here.base).await, 400);
}

#[actix::test]
async fn both_encodings_have_the_same_shapes() {
    let here = start(|_| {}).await;
    for (n, protocol) in
        [None, Some("playhouse.v1.json"), Some("playhouse.v1.msgpack")].into_iter().enumerate()
    {
        let guest = guest(&here, &format!("Guest{n}")).await;
        let mut wire = Dial { protocol, ..Dial::of(&guest) }.open(&here.base).await.unwrap();
        let welcome = wire.frame().await;
        assert_eq!((&welcome["type"], &welcome["seq"]), (&json!("session.welcome"), &json!(1)));
        let told = &welcome["payload"];
        assert_eq!((&told["player_id"], &told["nickname"]), (&json!(guest.id), &json!(guest.nickname)));
        assert_eq!((&told["heartbeat_ms"], &told["resume_window_ms"]), (&json!(20_000), &json!(60_000)));
        assert!(
            told["session_id"].is_string()
                && told["resume_token"].is_string()
                && told["server_time"].is_u64()
        );

        let pong = wire.ask(1, "ping", json!({"client_time": 12_345})).await;
        assert_eq!((&pong["type"], &pong["payload"]["client_time"]), (&json!("pong"), &json!(12_345)));
        assert!(pong["payload"]["server_time"].as_i64() >= told["server_time"].as_i64());
        let made = wire.ask(2, "room.create", json!({"name": "방"})).await;
        assert_eq!((&made["type"], &made["payload"]["room"]["name"]), (&json!("ok"), &json!("방")));
        assert_eq!(made["payload"]["room"]["members"][0]["player_id"], guest.id);
        wire.goodbye().await;
    }
}

async fn alive(wire: &mut Wire) {
    assert_eq!(wire.ask(99, "ping", json!({"client_time": 1})).await["type"], "pong");
}

#[actix::test]
async fn malformed_input_is_answered_and_the_session_lives() {
    let here = start(|_| {}).await;
    let (mut wire, _) = Wire::enter(&guest(&here, "Clumsy").await).await;
    let deep = format!(r#"{{"id":7,"type":"ping","payload":{{"a":{}{}}}}}"#, "[".repeat(16), "]".repeat(16));
    let cases = [
        ("{".to_owned(), Value::Null, "bad_message"),
        ("[1,2]".to_owned(), Value::Null, "bad_message"),
        (r#"{"id":"7","type":"ping"}"#.to_owned(), Value::Null, "bad_message"),
        (r#"{"id":7}"#.to_owned(), json!(7), "bad_message"),
        (r#"{"id":7,"type":"room.ready","payload":{"ready":"yes"}}"#.to_owned(), json!(7), "bad_message"),
        (r#"{"id":7,"type":"room.ready","payload":[]}"#.to_owned(), json!(7), "bad_message"),
        (r#"{"id":7,"type":"room.fly","payload":{}}"#.to_owned(), json!(7), "unknown_type"),
        (deep, json!(7), "bad_message"),
    ];
    for (text, re, code) in cases {
        wire.raw(Message::text(text.clone())).await;
        let answer = wire.until("error").await;
        assert_eq!((&answer["re"], &answer["payload"]["code"]), (&re, &json!(code)), "{text}: {answer}");
        assert!(answer["payload"]["message"].is_string(), "{answer}");
    }
    wire.raw(Message::binary(vec![0x80])).await;
    assert_eq!(wire.until("error").await["payload"]["code"], "bad_message", "binary on a JSON socket");
    alive(&mut wire).await;
}

#[actix::test]
async fn malformed_messagepack_is_answered_and_the_session_lives() {
    let here = start(|_| {}).await;
    let dial = Dial { protocol: Some("playhouse.v1.msgpack"), ..Dial::of(&guest(&here, "Clumsy").await) };
    let mut wire = dial.open(&here.base).await.unwrap();
    let whole =
        rmp_serde::to_vec_named(&json!({"id": 1, "type": "ping", "payload": {"client_time": 1}})).unwrap();
    let deep = [vec![0x91; 1_000], vec![0xc0]].concat();
    let trailing = [whole.clone(), vec![0xc0]].concat();
    for bytes in
        [whole[..whole.len() - 1].to_vec(), vec![0xc1], vec![0xdf, 255, 255, 255, 255], deep, trailing]
    {
        wire.raw(Message::binary(bytes.clone())).await;
        assert_eq!(wire.until("error").await["payload"]["code"], "bad_message", "{bytes:?}");
    }
    wire.raw(Message::text(r#"{"id":1,"type":"ping","payload":{"client_time":1}}"#)).await;
    assert_eq!(wire.until("error").await["payload"]["code"], "bad_message", "text on a MessagePack socket");
    alive(&mut wire).await;
}

#[actix::test]
async fn a_frame_over_the_bound_closes_with_1009() {
    let here = start(|_| {}).await;
    let (mut wire, _) = Wire::enter(&guest(&here, "Large").await).await;
    let fits = format!(r#"{{"id":1,"type":"room.fly","payload":{{"a":"{}"}}}}"#, "x".repeat(65_000));
    wire.raw(Message::text(fits)).await;
    assert_eq!(wire.answer(1).await["payload"]["code"], "unknown_type");
    wire.raw(Message::text("x".repeat(65_537))).await;
    wire.rest().await;
    assert_eq!(wire.closed, Some(1009));
}

#[actix::test]
async fn flooding_is_rate_limited_then_closed_with_1008() {
    let here = start(|config| {
        config.limits.messages_per_s = 1.0;
        config.limits.messages_burst = 10.0;
    })
    .await;
    let (mut wire, _) = Wire::enter(&guest(&here, "Flood").await).await;
    for id in 1..=200 {
        let ping = json!({"id": id, "type": "ping", "payload": {"client_time": 1}});
        if futures_util::SinkExt::send(&mut wire.socket, Message::text(ping.to_string())).await.is_err() {
            break; // closed already
        }
    }
    let answers = wire.rest().await;
    assert_eq!(wire.closed, Some(1008));
    assert!(
        answers.iter().take(10).all(|answer| answer["type"] == "pong"),
        "the burst is answered: {answers:?}"
    );
    let limited: Vec<_> = answers.iter().filter(|a| a["payload"]["code"] == "rate_limited").collect();
    assert!(limited.len() >= 40, "{}", limited.len());
    assert!(limited.iter().all(|answer| answer["payload"]["retry_after_ms"].is_u64()));
}

#[actix::test]
async fn a_silent_peer_is_dropped_and_one_who_answers_is_not() {
    let here = start(|config| config.session.heartbeat_ms = 400).await;
    let (mut faithful, _) = Wire::enter(&guest(&here, "Faithful").await).await;
    let room = faithful.ask(1, "room.create", json!({})).await["payload"]["room"].clone();
    let silent = guest(&here, "Silent").await;
    let (mut wire, _) = Wire::enter(&silent).await;
    wire.ask(1, "room.join", json!({"room_id": room["room_id"]})).await;
    let dropped = faithful.until("room.member_connection").await; // he answers pings while he waits
    assert_eq!(dropped["payload"], json!({"player_id": silent.id, "connected": false}));
    wire.rest().await; // ends
    let later = tokio::time::timeout(Duration::from_millis(400 * 4), faithful.next()).await;
    assert!(later.is_err(), "nothing more, and no close: {later:?}");
    alive(&mut faithful).await;
}

#[actix::test]
async fn a_node_whose_media_port_is_taken_has_rooms_without_pictures() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (port, pictures) in [(port, false), (0, true)] {
        let here = start(|config| (config.media.enabled, config.media.udp_port) = (true, port)).await;
        let (mut wire, _) = Wire::enter(&guest(&here, "Photographer").await).await;
        let answer = wire.ask(1, "room.create", json!({})).await;
        assert_eq!(answer["payload"]["room"]["settings"]["media"], pictures, "{answer}");
        here.node.stop().await;
    }
}
