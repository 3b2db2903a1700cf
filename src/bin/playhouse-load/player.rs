//! A player who understands every message: for the seating of rooms and for whole games.
//!
//! Checks what holds for every session (spec 1.1): the first push is `session.welcome` with `seq`
//! 1, `seq` grows by one, every request with an `id` gets exactly one answer (`requests`). What a message
//! means is for the scenarios; how one comes back after a loss is in `comeback`. Measured traffic does not
//! pass here; see `fanout`.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::comeback::Nodes;
use crate::guests::Guest;
use crate::requests::{self, Answered, Outcome, Requests};
use crate::target::Target;
use crate::wire::{self, CLOSE, CLOSE_NORMAL, Link, Opening, PING, Reader, TEXT};

/// The subprotocol spoken here.
pub const SUBPROTOCOL: &str = "playhouse.v1.json";

/// One message from the server.
#[derive(Debug)]
pub enum Message {
    /// A push, in order.
    Push(Push),
    /// The answer to request `id`, and how many microseconds it took.
    Answer { id: u32, outcome: Outcome, took_us: u64 },
}

/// A push of the server.
#[derive(Debug)]
pub struct Push {
    /// Its type, `game.phase`.
    pub kind: String,
    /// Its content.
    pub payload: Value,
}

#[derive(Deserialize)]
struct Envelope {
    seq: Option<u64>,
    re: Option<u32>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Value,
}

/// A session and its present socket.
pub struct Player {
    reader: Reader,
    link: Link,
    inbox: VecDeque<Message>,
    next_seq: u64,
    pub(crate) requests: Requests,
    /// The resume on its way, and its answer.
    resuming: Option<(u32, Option<Outcome>)>,
    /// How the last resume went, for the text of a fault.
    resumed_by: String,
    /// How the first socket was opened.
    pub(crate) opening: Opening,
    /// Where he may be, and is.
    pub(crate) nodes: Nodes,
    /// For `session.resume`.
    pub(crate) resume_token: Value,
    /// His node has said that it goes.
    pub(crate) told_to_move: bool,
    /// When the socket was lost.
    pub(crate) lost: Option<Instant>,
    /// Breaches of the protocol seen so far.
    pub faults: Vec<String>,
    /// Close code, once the server has closed.
    pub closed: Option<u16>,
    /// `session.welcome`.
    pub welcome: Value,
}

impl Player {
    /// Connects with the guest's token and waits for the welcome.
    pub async fn connect(target: &Target, guest: &Guest) -> Result<Self> {
        Self::connect_by(Self::opening(target, guest)).await
    }

    /// As [`Self::connect`], to the node for this `place`, and ready to go on at the others.
    pub async fn connect_at(target: &Target, guest: &Guest, place: usize) -> Result<Self> {
        let nodes = Nodes::new(target.authorities(), place);
        let opening = Opening { authority: nodes.here().to_owned(), ..Self::opening(target, guest) };
        Ok(Self { nodes, ..Self::connect_by(opening).await? })
    }

    /// How `guest` connects to `target`.
    pub fn opening(target: &Target, guest: &Guest) -> Opening {
        Opening {
            authority: target.authority().to_owned(),
            path: "/ws".to_owned(),
            token: Some(guest.token.clone()),
            subprotocol: Some(SUBPROTOCOL),
            ..Opening::default()
        }
    }

    /// Connects and waits for the welcome.
    pub async fn connect_by(opening: Opening) -> Result<Self> {
        let mut player = Self::attach(&opening).await?;
        let Some(Message::Push(first)) = player.next().await? else { bail!("closed before the welcome") };
        ensure!(first.kind == "session.welcome", "the first push is {}, not session.welcome", first.kind);
        player.welcome = first.payload;
        Ok(player)
    }

    /// Connects and waits for nothing, as a resuming player must.
    pub async fn attach(opening: &Opening) -> Result<Self> {
        let (reader, link) = wire::open(opening).await?;
        Ok(Self {
            reader,
            link,
            inbox: VecDeque::new(),
            next_seq: 1,
            requests: Requests::default(),
            resuming: None,
            resumed_by: String::new(),
            nodes: Nodes::new([opening.authority.clone()].into(), 0),
            opening: opening.clone(),
            resume_token: Value::Null,
            told_to_move: false,
            lost: None,
            faults: Vec::new(),
            closed: None,
            welcome: Value::Null,
        })
    }

    /// Sends a request and returns its id; the answer comes by [`Self::next`].
    pub fn send(&mut self, kind: &str, payload: &Value) -> u32 {
        let (id, frame) = self.requests.ask(kind, payload);
        self.link.text(frame.as_bytes());
        id
    }

    /// Sends a request and waits for its answer; what is pushed meanwhile waits for [`Self::next`].
    pub async fn request(&mut self, kind: &str, payload: Value) -> Result<Outcome> {
        let asked = self.send(kind, &payload);
        let mut scanned = 0;
        loop {
            let answered = |m: &Message| matches!(m, Message::Answer { id, .. } if *id == asked);
            let found = self.inbox.iter().skip(scanned).position(answered);
            if let Some(Message::Answer { outcome, .. }) =
                found.and_then(|at| self.inbox.remove(scanned + at))
            {
                return Ok(outcome);
            }
            scanned = self.inbox.len();
            ensure!(self.receive().await?, "closed ({:?}) before the answer to {kind}", self.closed);
        }
    }

    /// Like [`Self::request`], for requests that must be granted.
    pub async fn must(&mut self, kind: &str, payload: Value) -> Result<Value> {
        self.request(kind, payload).await?.with_context(|| kind.to_owned())
    }

    /// The next message; none once the server has closed.
    pub async fn next(&mut self) -> Result<Option<Message>> {
        loop {
            if let Some(message) = self.inbox.pop_front() {
                return Ok(Some(message));
            }
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }

    /// Ends the session in good order and waits until the server has closed too.
    pub async fn leave(mut self) -> Result<()> {
        self.link.close(CLOSE_NORMAL);
        while self.receive().await.unwrap_or(false) {}
        Ok(())
    }

    /// Gives up the halves and the `seq` that must come next.
    pub fn into_parts(self) -> (Reader, Link, u64) {
        // Pushes not yet looked at have been counted already: `next_seq` is behind them.
        (self.reader, self.link, self.next_seq)
    }

    /// Requests without an answer so far.
    pub fn unanswered(&self) -> usize {
        self.requests.count()
    }

    /// Accepts that the stream goes on after `seq`, as a resume says.
    pub fn continue_after(&mut self, seq: u64) {
        self.next_seq = seq + 1;
    }

    /// `seq` of the last push.
    pub(crate) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// Takes these halves for his socket, asks for his session there, and waits for the answer.
    pub(crate) async fn resume_on(&mut self, reader: Reader, link: Link, ask: &Value) -> Result<Outcome> {
        (self.reader, self.link, self.closed) = (reader, link, None);
        let (id, frame) = self.requests.ask_to_resume(ask);
        self.resuming = Some((id, None));
        self.link.text(frame.as_bytes());
        loop {
            if let Some((_, Some(answer))) = self.resuming.take_if(|(_, answer)| answer.is_some()) {
                return Ok(answer);
            }
            ensure!(self.receive_once().await?, "closed ({:?}) before the answer to a resume", self.closed);
        }
    }

    /// Sends all that is not answered on the present socket.
    pub(crate) fn repeat_all(&mut self) {
        for frame in self.requests.repeat_all() {
            self.link.text(frame.as_bytes());
        }
    }

    /// Reads, and asks again meanwhile what is due. False: closed.
    async fn receive(&mut self) -> Result<bool> {
        loop {
            for frame in self.requests.repeat_due() {
                self.link.text(frame.as_bytes());
            }
            let Some(due) = self.requests.next_due() else { return self.receive_once().await };
            if let Ok(received) = timeout_at(due, self.receive_once()).await {
                return received;
            }
        }
    }

    /// Reads once. False: closed. Cancel-safe, as the reader is.
    async fn receive_once(&mut self) -> Result<bool> {
        if self.closed.is_some() {
            return Ok(false);
        }
        let mut texts = Vec::new();
        let (link, closed) = (&self.link, &mut self.closed);
        let read = self.reader.read(|frames| {
            for frame in frames {
                match frame.opcode {
                    TEXT => texts.push(serde_json::from_slice::<Envelope>(frame.payload)),
                    PING => {
                        link.pong(frame.payload);
                    }
                    CLOSE => *closed = Some(frame.close_code()),
                    _ => {}
                }
            }
        });
        let alive = matches!(read.await, Ok(bytes) if bytes > 0);
        for envelope in texts {
            self.accept(envelope.context("the server sent what is no message")?);
        }
        if !alive {
            const ABNORMAL: u16 = 1006;
            self.closed.get_or_insert(ABNORMAL);
        }
        self.lost = self.closed.map(|_| Instant::now());
        Ok(alive)
    }

    fn accept(&mut self, envelope: Envelope) {
        match (envelope.re, envelope.seq) {
            (Some(id), None) => self.accept_answer(id, &envelope.kind, envelope.payload),
            (None, Some(seq)) => {
                if seq != self.next_seq {
                    let (expected, since) = (self.next_seq, &self.resumed_by);
                    self.faults.push(format!("{}: seq {seq} instead of {expected}{since}", envelope.kind));
                }
                self.next_seq = seq + 1;
                self.told_to_move |= envelope.kind == "session.moving";
                if envelope.kind == "session.welcome" {
                    self.resume_token = envelope.payload["resume_token"].clone();
                }
                self.inbox.push_back(Message::Push(Push { kind: envelope.kind, payload: envelope.payload }));
            }
            _ => self.faults.push(format!("{}: neither an answer nor a push", envelope.kind)),
        }
    }

    fn accept_answer(&mut self, id: u32, kind: &str, payload: Value) {
        let outcome = requests::outcome(kind, payload);
        if self.resuming.as_ref().is_some_and(|(resuming, _)| *resuming == id) {
            self.accept_resume(&outcome);
            self.resuming = Some((id, Some(outcome)));
            return;
        }
        match self.requests.answered(id, &outcome) {
            Answered::Now(took_us) => self.inbox.push_back(Message::Answer { id, outcome, took_us }),
            Answered::Later | Answered::Again => {}
            Answered::Unasked => self.faults.push(format!("an answer to request {id}, which is not open")),
        }
    }

    /// The session goes on where the answer says, or a new one begins: what follows is numbered so.
    fn accept_resume(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(resumed) => {
                let (mode, asked) = (&resumed["mode"], self.last_seq());
                self.resumed_by = format!(", resumed by {mode} after {asked} with {}", resumed["last_seq"]);
                self.next_seq = resumed["last_seq"].as_u64().unwrap_or_default() + 1;
                self.resume_token = resumed["resume_token"].clone();
            }
            Err(refusal) if refusal.code == "resume_failed" => self.next_seq = 1,
            Err(_) => {}
        }
    }
}
