//! Two sockets of one account: replacement, resume, and every way in which a resume fails (spec 1.1).

use super::guest;
use crate::node::{Dial, Here, Wire, start};
use playhouse::testkit::Guest;
use serde_json::{Value, json};

/// A host with a room, and a player who has joined it and then dropped.
struct Dropped {
    here: Here,
    host: Wire,
    guest: Guest,
    token: Value,
    last_seq: u64,
}

impl Dropped {
    async fn with(ring_frames: usize) -> Self {
        let here = start(|config| {
            config.limits.ring_frames = ring_frames;
            config.limits.resume_wait_ms = 300;
            config.limits.chat_burst = 1_000.0;
        })
        .await;
        let (mut host, _) = Wire::enter(&guest(&here, "Host").await).await;
        let room = host.ask(1, "room.create", json!({})).await["payload"]["room"].clone();
        let guest = guest(&here, "Dropped").await;
        let (mut wire, welcome) = Wire::enter(&guest).await;
        wire.ask(1, "room.join", json!({"room_id": room["room_id"]})).await;
        host.ask(2, "chat.send", json!({"text": "before"})).await;
        let last = wire.until("chat.message").await;
        drop(wire);
        assert_eq!(host.until("room.member_connection").await["payload"]["connected"], false);
        let token = welcome["payload"]["resume_token"].clone();
        Self { here, host, guest, token, last_seq: last["seq"].as_u64().unwrap() }
    }

    async fn host_says(&mut self, count: u32) -> Vec<String> {
        let texts: Vec<_> = (0..count).map(|n| format!("missed {n}")).collect();
        for (text, id) in texts.iter().zip(10..) {
            self.host.ask(id, "chat.send", json!({"text": text})).await;
        }
        texts
    }

    /// A socket that has sent this first frame.
    async fn come_back(&self, first: Value) -> Wire {
        let mut wire = Dial::resuming(&self.guest).open(&self.here.base).await.unwrap();
        wire.send(first).await;
        wire
    }

    fn resume(&self, token: &Value) -> Value {
        json!({"id": 5, "type": "session.resume", "payload": {"resume_token": token, "last_seq": self.last_seq}})
    }

    /// `resume_failed`, a new session, and the seat that the account has.
    async fn begins_anew(&self, mut wire: Wire, re: Value) {
        let failed = wire.frame().await;
        assert_eq!((&failed["re"], &failed["payload"]["code"]), (&re, &json!("resume_failed")), "{failed}");
        let welcome = wire.frame().await;
        assert_eq!((&welcome["type"], &welcome["seq"]), (&json!("session.welcome"), &json!(1)));
        assert_ne!(welcome["payload"]["resume_token"], self.token);
        let state = wire.until("room.state").await;
        assert_eq!(state["payload"]["you"], self.guest.id);
    }
}

#[actix::test]
async fn a_resume_replays_exactly_what_was_missed() {
    let mut dropped = Dropped::with(256).await;
    let texts = dropped.host_says(5).await;
    let mut wire = dropped.come_back(dropped.resume(&dropped.token)).await;
    let answer = wire.frame().await;
    assert_eq!((&answer["re"], &answer["type"]), (&json!(5), &json!("ok")), "{answer}");
    assert_eq!(answer["payload"]["mode"], "replay");
    assert_eq!(answer["payload"]["last_seq"], dropped.last_seq);
    assert!(answer["payload"]["session_id"].is_string() && answer["payload"]["server_time"].is_u64());
    dropped.host.ask(100, "chat.send", json!({"text": "after"})).await;
    let (mut heard, mut seq) = (Vec::new(), dropped.last_seq);
    while heard.last().is_none_or(|text| text != "after") {
        let push = wire.frame().await;
        seq += 1;
        assert_eq!(push["seq"], seq, "{push}");
        assert_ne!(push["type"], "room.state", "the pushes are enough");
        if push["type"] == "chat.message" {
            heard.push(push["payload"]["text"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(heard, [texts, vec!["after".to_owned()]].concat());
}

#[actix::test]
async fn a_resume_past_the_ring_gets_one_snapshot() {
    let mut dropped = Dropped::with(4).await;
    let texts = dropped.host_says(10).await;
    let mut wire = dropped.come_back(dropped.resume(&dropped.token)).await;
    let answer = wire.frame().await;
    assert_eq!(answer["payload"]["mode"], "snapshot", "{answer}");
    let state = wire.frame().await;
    assert_eq!(state["type"], "room.state");
    assert_eq!(state["seq"], answer["payload"]["last_seq"].as_u64().unwrap() + 1);
    let chat = state["payload"]["chat"]["room"].as_array().unwrap();
    let said: Vec<_> = chat.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(said[1..], texts, "all of them, once");
    dropped.host.ask(100, "chat.send", json!({"text": "after"})).await;
    assert_eq!(wire.until("chat.message").await["payload"]["text"], "after");
}

#[actix::test]
async fn a_resume_moves_the_session_from_an_older_socket() {
    let here = start(|_| {}).await;
    let guest = guest(&here, "Mover").await;
    let (mut older, welcome) = Wire::enter(&guest).await;
    let mut newer = Dial::resuming(&guest).open(&here.base).await.unwrap();
    let payload = json!({"resume_token": welcome["payload"]["resume_token"], "last_seq": 1});
    let answer = newer.ask(5, "session.resume", payload).await;
    assert_eq!(answer["payload"]["mode"], "replay", "{answer}");
    assert_eq!(answer["payload"]["session_id"], welcome["payload"]["session_id"]);
    older.rest().await;
    assert_eq!(older.closed, Some(4001));
}

#[actix::test]
async fn a_newer_session_replaces_the_older() {
    let here = start(|_| {}).await;
    let guest = guest(&here, "Twice").await;
    let (mut older, first) = Wire::enter(&guest).await;
    let (_newer, second) = Wire::enter(&guest).await;
    assert_ne!(first["payload"]["session_id"], second["payload"]["session_id"]);
    let rest = older.rest().await;
    assert_eq!(rest.iter().map(|frame| &frame["type"]).collect::<Vec<_>>(), ["session.replaced"]);
    assert_eq!(older.closed, Some(4001));
}

#[actix::test]
async fn a_forged_token_resumes_nothing() {
    let dropped = Dropped::with(256).await;
    let wire = dropped.come_back(dropped.resume(&json!("a.b.c"))).await;
    dropped.begins_anew(wire, json!(5)).await;
}

#[actix::test]
async fn a_token_of_somebody_else_resumes_nothing() {
    let dropped = Dropped::with(256).await;
    let (_other, welcome) = Wire::enter(&guest(&dropped.here, "Other").await).await;
    let wire = dropped.come_back(dropped.resume(&welcome["payload"]["resume_token"])).await;
    dropped.begins_anew(wire, json!(5)).await;
}

#[actix::test]
async fn a_first_frame_that_is_no_resume_begins_a_new_session() {
    let dropped = Dropped::with(256).await;
    let wire = dropped.come_back(json!({"id": 9, "type": "room.list", "payload": {}})).await;
    dropped.begins_anew(wire, json!(9)).await;
}

#[actix::test]
async fn no_first_frame_in_time_begins_a_new_session() {
    let dropped = Dropped::with(256).await;
    let wire = Dial::resuming(&dropped.guest).open(&dropped.here.base).await.unwrap();
    dropped.begins_anew(wire, Value::Null).await;
}

#[actix::test]
async fn a_clean_close_ends_the_session_at_once() {
    let here = start(|_| {}).await;
    let guest = guest(&here, "Polite").await;
    let (wire, welcome) = Wire::enter(&guest).await;
    wire.goodbye().await;
    let mut again = Dial::resuming(&guest).open(&here.base).await.unwrap();
    let payload = json!({"resume_token": welcome["payload"]["resume_token"], "last_seq": 1});
    let answer = again.ask(5, "session.resume", payload).await;
    assert_eq!(answer["payload"]["code"], "resume_failed");
    assert_eq!(again.frame().await["type"], "session.welcome");
}
