//! A player on a real WebSocket: signs in as a guest, asks, expects, drops and resumes.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// How long an expectation waits, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
/// Whatever a real network may do.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A guest's account on a node.
#[derive(Clone, Debug)]
pub struct Guest {
    /// `http://host:port` of the node.
    pub base: String,
    /// His id.
    pub id: String,
    /// His nickname.
    pub nickname: String,
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// For `/sessions/refresh`.
    pub refresh_token: String,
}

impl Guest {
    /// Signs in as a guest.
    pub async fn sign_in(base: &str, nickname: &str) -> Result<Self, Failure> {
        let url = format!("{base}/api/v1/accounts/guest");
        let answer = reqwest::Client::new().post(url).json(&json!({"nickname": nickname})).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", answer.status(), answer.text().await?).into());
        }
        let body: Value = answer.json().await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            base: base.to_owned(),
            id: text(&body["account"]["id"]),
            nickname: text(&body["account"]["nickname"]),
            access_token: text(&body["tokens"]["access_token"]),
            refresh_token: text(&body["tokens"]["refresh_token"]),
        })
    }

    async fn open(&self, query: &str) -> Result<Socket, Failure> {
        let url = format!("{}/ws{query}", self.base.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", self.access_token).parse()?);
        headers.insert("sec-websocket-protocol", "playhouse.v1.json".parse()?);
        Ok(connect_async(request).await?.0)
    }
}

/// A guest with a socket.
pub struct SocketPlayer {
    /// Who.
    pub guest: Guest,
    /// Every frame that he was sent, and in between, under `sent`, what he has sent.
    pub transcript: Vec<Value>,
    /// The close code, once closed.
    pub closed: Option<u16>,
    socket: Socket,
    unread: VecDeque<Value>,
    next_id: u32,
    last_seq: u64,
    resume_token: String,
}

impl SocketPlayer {
    /// A new guest, connected and welcomed.
    pub async fn enter(base: &str, nickname: &str) -> Result<Self, Failure> {
        let guest = Guest::sign_in(base, nickname).await?;
        Self::connect(guest).await
    }

    /// A socket for this guest, welcomed.
    pub async fn connect(guest: Guest) -> Result<Self, Failure> {
        let socket = guest.open("").await?;
        let mut player = Self {
            guest,
            transcript: Vec::new(),
            closed: None,
            socket,
            unread: VecDeque::new(),
            next_id: 1,
            last_seq: 0,
            resume_token: String::new(),
        };
        player.expect("session.welcome").await?;
        Ok(player)
    }

    /// An id for a request, to be known before it is sent: a send that fails, or is given up, may have arrived.
    pub fn new_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Sends a request; its id.
    pub async fn send(&mut self, name: &str, payload: Value) -> Result<u32, Failure> {
        let id = self.new_id();
        self.send_with(id, name, payload).await?;
        Ok(id)
    }

    /// Sends a request under this id, as after a resume.
    pub async fn send_with(&mut self, id: u32, name: &str, payload: Value) -> Result<(), Failure> {
        let frame = json!({"id": id, "type": name, "payload": payload});
        self.send_raw(Message::text(frame.to_string())).await?;
        self.transcript.push(json!({ "sent": frame }));
        Ok(())
    }

    /// Sends any message.
    pub async fn send_raw(&mut self, message: Message) -> Result<(), Failure> {
        Ok(self.socket.send(message).await?)
    }

    /// Sends a request and waits for its answer: `Ok(payload)`, or `Err(payload)` of an error.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Result<Result<Value, Value>, Failure> {
        let id = self.send(name, payload).await?;
        self.answer_to(id).await
    }

    /// Sends a request that must be answered with `ok`.
    pub async fn ok(&mut self, name: &str, payload: Value) -> Result<Value, Failure> {
        let answer = self.ask(name, payload).await?;
        answer.map_err(|error| format!("{} was refused: {error}", name).into())
    }

    /// Sends a request until it is granted: what is refused for the moment is sent again, under the same id.
    pub async fn insist(&mut self, name: &str, payload: Value) -> Result<Value, Failure> {
        let id = self.send(name, payload.clone()).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let error = match self.answer_to(id).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = error["retry_after_ms"].as_u64().filter(|_| tokio::time::Instant::now() < deadline);
            let wait = wait.ok_or_else(|| format!("{name} was refused: {error}"))?;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            self.send_with(id, name, payload.clone()).await?;
        }
    }

    /// The answer to a request.
    pub async fn answer_to(&mut self, id: u32) -> Result<Result<Value, Value>, Failure> {
        let frame = self.wait_for(&format!("the answer to {id}"), |frame| frame["re"] == json!(id)).await?;
        let payload = frame["payload"].clone();
        Ok(if frame["type"] == "error" { Err(payload) } else { Ok(payload) })
    }

    /// Waits for a push of this type; pushes before it are read.
    pub async fn expect(&mut self, name: &str) -> Result<Value, Failure> {
        let push = self.wait_for(name, |frame| frame["type"] == name && frame.get("seq").is_some()).await?;
        Ok(push["payload"].clone())
    }

    /// Waits for the first frame that is wanted; pushes before it are read.
    pub async fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.unread.iter().position(&wanted) {
                let found = self.unread.remove(at).unwrap_or_default();
                if found.get("seq").is_some() {
                    self.unread.drain(..at);
                }
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, self.receive()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => {
                    return Err(format!("waiting for {what}: closed with {:?}", self.closed).into());
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(format!("{what} did not come; unread: {:?}", self.unread).into()),
            }
        }
    }

    /// Reads one message; false when the socket is closed.
    pub async fn receive(&mut self) -> Result<bool, Failure> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                self.note(serde_json::from_str(&text)?)?;
                Ok(true)
            }
            Some(Ok(Message::Close(frame))) => {
                self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                Ok(false)
            }
            Some(Ok(_)) => Ok(true),
            Some(Err(_)) | None => {
                self.closed.get_or_insert(1006);
                Ok(false)
            }
        }
    }

    fn note(&mut self, frame: Value) -> Result<(), Failure> {
        if frame["payload"]["code"] == "resume_failed" {
            self.last_seq = 0;
        }
        if let Some(seq) = frame["seq"].as_u64() {
            if seq != self.last_seq + 1 {
                return Err(format!("after {} came {frame}", self.last_seq).into());
            }
            self.last_seq = seq;
        }
        let payload = &frame["payload"];
        if let Some(token) = payload["resume_token"].as_str() {
            self.resume_token = token.to_owned();
        }
        if let Some(last) = payload["last_seq"].as_u64() {
            self.last_seq = last;
        }
        self.transcript.push(frame.clone());
        self.unread.push_back(frame);
        Ok(())
    }

    /// Forgets what was read and not asked for.
    pub fn forget(&mut self) {
        self.transcript.clear();
        self.unread.clear();
    }

    /// Opens a new socket to the node at `base` and resumes; the old socket is dropped without a word.
    pub async fn resume(&mut self, base: &str) -> Result<Result<Value, Value>, Failure> {
        self.guest.base = base.to_owned();
        self.socket = self.guest.open("?resume=1").await?;
        self.closed = None;
        self.unread.clear();
        let resume = json!({"resume_token": self.resume_token, "last_seq": self.last_seq});
        let id = self.send("session.resume", resume).await?;
        self.answer_to(id).await
    }

    /// Says goodbye with 1000.
    pub async fn close(mut self) -> Result<(), Failure> {
        Ok(self.socket.close(None).await?)
    }
}
