//! A player who understands every message: for the seating of rooms and for whole games.
//!
//! Checks what holds for every session (spec 1.1): the first push is `session.welcome` with `seq`
//! 1, `seq` grows by one, every request with an `id` gets exactly one answer. What a message means
//! is for the scenarios. Measured traffic does not pass here; see `fanout`.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::guests::Guest;
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

/// What a request came to.
pub type Outcome = Result<Value, Refusal>;

/// An error answer.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// One of the error codes of spec 1.8.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
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

/// A connected session.
pub struct Player {
    reader: Reader,
    link: Link,
    inbox: VecDeque<Message>,
    next_seq: u64,
    next_id: u32,
    open: HashMap<u32, Instant>,
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
            next_id: 1,
            open: HashMap::new(),
            faults: Vec::new(),
            closed: None,
            welcome: Value::Null,
        })
    }

    /// Sends a request and returns its id; the answer comes by [`Self::next`].
    pub fn send(&mut self, kind: &str, payload: &Value) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        self.open.insert(id, Instant::now());
        self.link.text(json!({"id": id, "type": kind, "payload": payload}).to_string().as_bytes());
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
        self.open.len()
    }

    /// Accepts that the stream goes on after `seq`, as a resume says.
    pub fn continue_after(&mut self, seq: u64) {
        self.next_seq = seq + 1;
    }

    /// Reads once. False: closed.
    async fn receive(&mut self) -> Result<bool> {
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
        Ok(alive)
    }

    fn accept(&mut self, envelope: Envelope) {
        match (envelope.re, envelope.seq) {
            (Some(id), None) => self.accept_answer(id, &envelope.kind, envelope.payload),
            (None, Some(seq)) => {
                if seq != self.next_seq {
                    self.faults.push(format!("{}: seq {seq} instead of {}", envelope.kind, self.next_seq));
                }
                self.next_seq = seq + 1;
                self.inbox.push_back(Message::Push(Push { kind: envelope.kind, payload: envelope.payload }));
            }
            _ => self.faults.push(format!("{}: neither an answer nor a push", envelope.kind)),
        }
    }

    fn accept_answer(&mut self, id: u32, kind: &str, payload: Value) {
        let Some(asked) = self.open.remove(&id) else {
            self.faults.push(format!("an answer to request {id}, which is not open"));
            return;
        };
        let outcome = match kind {
            "ok" => Ok(payload),
            _ => Err(serde_json::from_value(payload)
                .unwrap_or_else(|error| Refusal { code: "?".into(), message: error.to_string() })),
        };
        let took_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.inbox.push_back(Message::Answer { id, outcome, took_us });
    }
}
