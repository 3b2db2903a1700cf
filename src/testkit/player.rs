//! A player by script: frames in, frames out, and expectations between.

use super::Stage;
use crate::{
    actors::session::{Attached, Detached, Door, Drained, Input, Outgoing, Player},
    auth::SignInId,
    cluster::Pass,
    ids::PlayerId,
    protocol::{ClientFrame, CloseCode, Encoding, messages::Resume},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    task::Poll,
    time::Duration,
};

/// Every frame a socket was sent, in order.
pub type Transcript = Vec<Value>;

/// How long an expectation waits, in virtual time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A player with a connection of his own.
pub struct ScriptedPlayer {
    /// His account.
    pub id: PlayerId,
    /// As shown to others.
    pub nickname: String,
    /// Everything he has been sent, over all his connections.
    pub transcript: Transcript,
    /// Why his connection was closed.
    pub closed: Option<CloseCode>,
    door: Arc<Door>,
    attached: Attached,
    connected: bool,
    unread: VecDeque<Value>,
    next_id: u32,
    last_seq: u64,
    resume_token: String,
}

impl ScriptedPlayer {
    pub(super) fn enter(stage: &Stage, nickname: &str) -> Self {
        let id = PlayerId::new();
        let attached = stage.door.enter(who(id, nickname), Encoding::Json, None);
        Self {
            id,
            nickname: nickname.to_owned(),
            transcript: Vec::new(),
            closed: None,
            door: stage.door.clone(),
            attached,
            connected: true,
            unread: VecDeque::new(),
            next_id: 1,
            last_seq: 0,
            resume_token: String::new(),
        }
    }

    /// Whether he has a connection.
    pub fn is_connected(&self) -> bool {
        self.connected && self.closed.is_none()
    }

    /// The id the next request will have.
    pub fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Sends a request and waits for its answer; pushes that come before stay unread.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Result<Value, Value> {
        let id = self.send(name, payload);
        self.answer_to(id).await
    }

    /// Sends a request that must be answered with `ok`.
    pub async fn ok(&mut self, name: &str, payload: Value) -> Value {
        let who = self.nickname.clone();
        self.ask(name, payload).await.unwrap_or_else(|error| panic!("{who}: {name} was refused: {error}"))
    }

    /// Sends a request that must be refused; its error code.
    pub async fn refused(&mut self, name: &str, payload: Value) -> String {
        let who = self.nickname.clone();
        match self.ask(name, payload).await {
            Ok(ok) => panic!("{who}: {name} was not refused: {ok}"),
            Err(error) => error["code"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Sends a request without waiting; its id.
    pub fn send(&mut self, name: &str, payload: Value) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_with(id, name, payload);
        id
    }

    /// Sends a request under this id, as after a resume.
    pub fn send_with(&self, id: u32, name: &str, payload: Value) {
        let frame = ClientFrame { id: Some(id), name: name.to_owned(), payload };
        if self.attached.handle.addr.try_send(Input(Ok(frame))).is_err() {
            tracing::warn!(player = self.nickname, "the session takes no input");
        }
    }

    /// The answer to this request.
    pub async fn answer_to(&mut self, id: u32) -> Result<Value, Value> {
        let answer = self.wait_for(&format!("the answer to {id}"), |frame| frame["re"] == json!(id)).await;
        if answer["type"] == "error" { Err(answer["payload"].clone()) } else { Ok(answer["payload"].clone()) }
    }

    /// The answer to this request if it comes within so many ms, and the connection lives.
    pub async fn answer_within(&mut self, id: u32, ms: u64) -> Option<Result<Value, Value>> {
        let wanted = |frame: &Value| frame["re"] == json!(id);
        let answer = tokio::time::timeout(Duration::from_millis(ms), async {
            loop {
                if let Some(at) = self.unread.iter().position(wanted) {
                    return self.unread.remove(at);
                }
                if !self.receive().await {
                    return None;
                }
            }
        });
        let answer = answer.await.ok()??;
        let payload = answer["payload"].clone();
        Some(if answer["type"] == "error" { Err(payload) } else { Ok(payload) })
    }

    /// Waits for a push of this type; what came before it is read.
    pub async fn expect(&mut self, name: &str) -> Value {
        let what = format!("a {name}");
        let push = self.wait_for(&what, |frame| frame["type"] == name && frame.get("seq").is_some()).await;
        push["payload"].clone()
    }

    async fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(at) = self.unread.iter().position(&wanted) {
                    let found = self.unread.remove(at).unwrap_or_default();
                    if found.get("seq").is_some() {
                        self.unread.drain(..at); // pushes before it are read
                    }
                    return found;
                }
                if !self.receive().await {
                    panic!("{} waits for {what}, but is cut off: {:?}", self.nickname, self.closed);
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come; unread: {:?}", self.unread),
        }
    }

    /// Reads all that is there now. The pushes' types.
    pub async fn read(&mut self) -> Vec<String> {
        while tokio::time::timeout(Duration::from_millis(1), self.receive()).await == Ok(true) {}
        let unread = std::mem::take(&mut self.unread);
        unread.iter().filter_map(|frame| frame["type"].as_str().map(str::to_owned)).collect()
    }

    /// Reads the socket once; false when it is closed.
    async fn receive(&mut self) -> bool {
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
            self.note(frame);
        }
        self.closed = close;
        drained == Drained::Open
    }

    /// Checks what holds for every frame: numbers without gap or repetition.
    fn note(&mut self, frame: Value) {
        if frame["payload"]["code"] == "resume_failed" {
            self.last_seq = 0; // a new session follows
        }
        if let Some(seq) = frame["seq"].as_u64() {
            assert_eq!(seq, self.last_seq + 1, "{}: a push was lost or doubled: {frame}", self.nickname);
            self.last_seq = seq;
        }
        if frame["type"] == "session.welcome" {
            self.resume_token = text(&frame["payload"]["resume_token"]);
        }
        if let Some(last) = frame["payload"]["last_seq"].as_u64() {
            self.last_seq = last;
            self.resume_token = text(&frame["payload"]["resume_token"]);
        }
        self.transcript.push(frame.clone());
        self.unread.push_back(frame);
    }

    /// His connection drops without a word; what was on its way to him is lost.
    pub async fn drop_connection(&mut self) {
        self.detach(false).await;
    }

    /// He closes with 1000.
    pub async fn close(&mut self) {
        self.detach(true).await;
    }

    async fn detach(&mut self, clean: bool) {
        let gone = Detached { attachment: self.attached.attachment, clean };
        let _ = self.attached.handle.addr.send(gone).await; // ended already is as good
        self.connected = false;
        self.unread.clear();
    }

    /// He comes back with his resume token, to this stage or to the one after a crash.
    pub async fn resume(&mut self, stage: &Stage) -> Result<Value, Value> {
        self.door = stage.door.clone();
        (self.closed, self.connected) = (None, true);
        let (id, resume) =
            (self.next_id, Resume { resume_token: self.resume_token.clone(), last_seq: self.last_seq });
        self.next_id += 1;
        let player = who(self.id, &self.nickname);
        self.attached = self.door.resume(player, Encoding::Json, Some(id), resume).await;
        let answer = self.wait_for("the answer to a resume", |frame| frame["re"] == json!(id)).await;
        if answer["type"] == "error" {
            return Err(answer["payload"].clone());
        }
        Ok(answer["payload"].clone())
    }

    /// He tries to come back, and the answer is lost: for him nothing has changed. The node believes that he is there
    /// until the returned one is sent off.
    pub async fn resume_in_vain(&self, stage: &Stage) -> impl Future<Output = ()> + use<> {
        let resume = Resume { resume_token: self.resume_token.clone(), last_seq: self.last_seq };
        let attached = stage.door.resume(who(self.id, &self.nickname), Encoding::Json, None, resume).await;
        async move {
            let gone = Detached { attachment: attached.attachment, clean: false };
            let _ = attached.handle.addr.send(gone).await; // ended already is as good
        }
    }

    /// He comes again without a token: a new session, which replaces the one before.
    pub fn enter_again(&mut self, stage: &Stage) {
        self.door = stage.door.clone();
        (self.closed, self.last_seq, self.connected) = (None, 0, true);
        self.unread.clear();
        self.attached = self.door.enter(who(self.id, &self.nickname), Encoding::Json, None);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn who(id: PlayerId, nickname: &str) -> Player {
    // Each his own address: limits by address are tested over real sockets.
    let n = id.0.as_u128() as u32;
    let pass = Pass { sign_in: SignInId(id.0), epoch: 0 };
    Player { id, nickname: nickname.to_owned(), address: IpAddr::V4(Ipv4Addr::from(n)), pass }
}
