//! A player of duels by script: on `/ws/signal` without a socket, on a stage's virtual time.

use super::Stage;
use crate::{
    actors::{
        session::{Detached, Drained, Input, Outgoing, Player},
        signal::{SignalAttached, SignalDoor},
    },
    auth::SignInId,
    cluster::Pass,
    ids::PlayerId,
    protocol::{ClientFrame, CloseCode, Encoding},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    task::Poll,
    time::Duration,
};

/// How long an expectation waits, in virtual time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A player with a signal session of his own.
pub struct ScriptedSignaller {
    /// His account.
    pub id: PlayerId,
    /// As shown to others.
    pub nickname: String,
    /// Everything he has been sent, over all his sessions.
    pub transcript: Vec<Value>,
    /// Why his socket was closed.
    pub closed: Option<CloseCode>,
    attached: SignalAttached,
    unread: VecDeque<Value>,
}

impl ScriptedSignaller {
    /// A new player on this stage, in the lobby `main`.
    pub async fn enter(stage: &Stage, nickname: &str) -> Self {
        let mut player = Self::connect(stage, PlayerId::new(), nickname);
        player.say("join_lobby", json!({"playerId": player.id}));
        player.expect("lobby_update").await;
        player
    }

    /// A session for this account.
    pub fn connect(stage: &Stage, id: PlayerId, nickname: &str) -> Self {
        let attached = open(stage, id, nickname);
        let nickname = nickname.to_owned();
        Self { id, nickname, transcript: Vec::new(), closed: None, attached, unread: VecDeque::new() }
    }

    /// His socket drops, if it has not, and he opens another, on this stage.
    pub async fn reconnect(&mut self, stage: &Stage) {
        self.drop_connection().await;
        self.closed = None;
        self.attached = open(stage, self.id, &self.nickname);
    }

    /// His socket drops without a word.
    pub async fn drop_connection(&mut self) {
        let gone = Detached { attachment: self.attached.attachment, clean: false };
        let _ = self.attached.handle.addr.send(gone).await; // ended already is as good
        self.unread.clear();
    }

    /// Sends a message.
    pub fn say(&self, name: &str, payload: Value) {
        let frame = ClientFrame { id: None, name: name.to_owned(), payload };
        if self.attached.handle.addr.try_send(Input(Ok(frame))).is_err() {
            tracing::warn!(player = self.nickname, "the session takes no input");
        }
    }

    /// Waits for a message of this type; what came before it is read.
    pub async fn expect(&mut self, name: &str) -> Value {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                while let Some(frame) = self.unread.pop_front() {
                    if frame["type"] == name {
                        return frame["payload"].clone();
                    }
                }
                if !self.receive().await {
                    panic!("{} waits for {name}, but is cut off: {:?}", self.nickname, self.closed);
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("{}: {name} did not come; so far {:?}", self.nickname, self.transcript),
        }
    }

    /// Reads all that is there now; how many messages of this type there have ever been.
    pub async fn count(&mut self, name: &str) -> usize {
        while tokio::time::timeout(Duration::from_millis(1), self.receive()).await == Ok(true) {}
        self.transcript.iter().filter(|frame| frame["type"] == name).count()
    }

    /// Reads the socket once; false when it is closed.
    pub async fn receive(&mut self) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let (mut frames, mut close) = (Vec::new(), None);
        let (outbox, attachment) = (self.attached.handle.outbox.clone(), self.attached.attachment);
        let drained = std::future::poll_fn(|cx| {
            let drained = outbox.poll_drain(attachment, cx, &mut |item, _| match item {
                Outgoing::Message(head, tail) => frames.push([head, tail].concat()),
                Outgoing::Close(code, _) => close = Some(code),
                Outgoing::Ping | Outgoing::Pong(_) => {}
            });
            if frames.is_empty() { drained } else { Poll::Ready(Drained::Open) }
        })
        .await;
        for frame in frames {
            let frame: Value = serde_json::from_slice(&frame).unwrap_or_else(|e| panic!("not JSON: {e}"));
            self.transcript.push(frame.clone());
            self.unread.push_back(frame);
        }
        self.closed = close;
        drained == Drained::Open
    }
}

fn open(stage: &Stage, id: PlayerId, nickname: &str) -> SignalAttached {
    let n = id.0.as_u128() as u32;
    let pass = Pass { sign_in: SignInId(id.0), epoch: 0 };
    let player = Player { id, nickname: nickname.to_owned(), address: IpAddr::V4(Ipv4Addr::from(n)), pass };
    SignalDoor::new(stage.cluster.clone()).enter(player, Encoding::Json)
}
