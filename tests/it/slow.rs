//! A member who stops reading while his room floods: his outbox stays bounded, nobody else notices, and he may
//! come back (spec 1.1, slow readers).

use crate::node::{Dial, Here, PATIENCE, Wire, start};
use playhouse::{cluster::SessionHandle, protocol::CloseCode, testkit::Guest};
use serde_json::json;
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// One push is so long that a few hundred fill any kernel's buffers.
const TEXT: usize = 30_000;
const HARD: usize = 128 * 1024;
/// Flooding ends with the close of the slow one, or here.
const MOST: usize = 2_000;

struct Room {
    here: Here,
    /// The first writes; all of them read.
    readers: Vec<Wire>,
    slow: Wire,
    guest: Guest,
    token: serde_json::Value,
    said: usize,
}

impl Room {
    async fn open(slow_grace_ms: u64) -> Self {
        let here = start(|config| {
            config.session.heartbeat_ms = 4_000;
            config.limits.slow_grace_ms = slow_grace_ms;
            config.limits.backlog_hard_bytes = HARD;
            config.limits.chat_chars = TEXT;
            config.limits.chat_burst = 1e6;
            config.limits.messages_burst = 1e6;
        })
        .await;
        let mut readers = Vec::new();
        for name in ["Writer", "Reader", "Listener"] {
            readers.push(Wire::enter(&Guest::sign_in(&here.base, name).await.unwrap()).await.0);
        }
        let made = readers[0].ask(1, "room.create", json!({})).await;
        let join = json!({"room_id": made["payload"]["room"]["room_id"]});
        for reader in &mut readers[1..] {
            assert_eq!(reader.ask(1, "room.join", join.clone()).await["type"], "ok");
        }
        let guest = Guest::sign_in(&here.base, "Slow").await.unwrap();
        let dial = Dial { receive_buffer: Some(4_096), ..Dial::of(&guest) };
        let mut slow = dial.open(&here.base).await.unwrap();
        let token = slow.until("session.welcome").await["payload"]["resume_token"].clone();
        assert_eq!(slow.ask(1, "room.join", join).await["type"], "ok");
        Self { here, readers, slow, guest, token, said: 0 }
    }

    fn handle(&self) -> SessionHandle {
        let all = self.here.node.cluster.hub().all();
        all.into_iter().find(|session| session.player.to_string() == self.guest.id).expect("his session")
    }

    /// One message, read by all who read.
    async fn say(&mut self) {
        let text = format!("{:06}{}", self.said, "x".repeat(TEXT - 6));
        self.said += 1;
        let frame = json!({"type": "chat.send", "payload": {"text": text}});
        self.readers[0].send(frame).await;
        for reader in &mut self.readers {
            let heard = reader.until("chat.message").await;
            assert!(heard["payload"]["text"] == text, "message {} is not the next", self.said);
        }
    }

    /// Floods until the slow one is given up; his heart beats on.
    async fn flood(&mut self) {
        let handle = self.handle();
        while handle.outbox.closing().is_none() {
            assert!(self.said < MOST, "{} bytes wait", handle.outbox.queued_bytes());
            self.say().await;
            assert!(handle.outbox.queued_bytes() <= HARD, "{} bytes wait", handle.outbox.queued_bytes());
            if self.said.is_multiple_of(20) {
                self.slow.raw(Message::Ping(Default::default())).await;
            }
        }
        assert_eq!(handle.outbox.closing(), Some(CloseCode::TooSlow));
        for _ in 0..20 {
            self.say().await; // it goes on for the others
        }
        assert_eq!(handle.outbox.queued_bytes(), 0, "nothing more waits for him");
    }

    /// He is back in his seat and hears what is said next.
    async fn comes_back(&mut self) {
        let mut wire = Dial::resuming(&self.guest).open(&self.here.base).await.unwrap();
        let payload = json!({"resume_token": self.token, "last_seq": 1});
        let answer = wire.ask(1, "session.resume", payload).await;
        assert_eq!(answer["payload"]["mode"], "snapshot", "{answer}");
        let state = wire.frame().await;
        assert_eq!((&state["type"], &state["payload"]["you"]), (&json!("room.state"), &json!(self.guest.id)));
        self.say().await;
        let heard = wire.until("chat.message").await;
        assert!(heard["payload"]["text"].as_str().unwrap().starts_with(&format!("{:06}", self.said - 1)));
    }
}

#[actix::test]
async fn a_slow_member_who_reads_on_reads_1013_and_may_resume() {
    let mut room = Room::open(PATIENCE.as_millis() as u64).await;
    room.flood().await;
    let mut next = 0;
    for frame in room.slow.rest().await {
        if frame["type"] == "chat.message" {
            let said = format!("{next:06}");
            assert!(frame["payload"]["text"].as_str().unwrap().starts_with(&said), "{said} is missing");
            next += 1;
        }
    }
    assert_eq!(room.slow.closed, Some(1013));
    assert!(next > 0 && next < room.said, "{next} of {}", room.said);
    room.comes_back().await;
}

#[actix::test]
async fn a_slow_member_who_never_reads_is_cut_off_and_may_resume() {
    let mut room = Room::open(100).await;
    room.flood().await;
    let parked = Instant::now();
    while room.here.node.cluster.hub().counts().1 == 0 {
        assert!(parked.elapsed() < PATIENCE, "the session still has its socket");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // the server's heartbeat and grace
    }
    room.slow.rest().await;
    assert!(room.slow.closed.is_some(), "the end of the stream, whatever of it arrived");
    room.comes_back().await;
}
