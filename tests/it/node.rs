//! A node in this process, and bare sockets on it: whatever a `SocketPlayer` would not do.

use futures_util::{SinkExt, StreamExt};
use playhouse::{config::Config, game::Registry, node::Node, testkit::Guest};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// How long anything may take that must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A node on free ports with a data folder of its own.
pub struct Here {
    pub node: Node,
    pub base: String,
    pub _dir: tempfile::TempDir,
}

/// Starts a node with these settings.
pub async fn start(adjust: impl FnOnce(&mut Config)) -> Here {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.admin.listen = config.server.listen;
    config.server.workers = 1;
    config.data.dir = dir.path().to_owned();
    config.media.enabled = false;
    config.cluster.watchdog_ms = 0; // would end all tests of this process
    config.limits.guests_per_minute = 1e6;
    adjust(&mut config);
    let node = Node::start(config, Registry::standard()).await.unwrap();
    let base = format!("http://{}", node.address);
    Here { node, base, _dir: dir }
}

/// How a socket is asked for.
#[derive(Clone, Default)]
pub struct Dial {
    pub query: String,
    pub origin: Option<&'static str>,
    pub token: Option<String>,
    pub protocol: Option<&'static str>,
    /// `SO_RCVBUF`, before the connection.
    pub receive_buffer: Option<u32>,
}

impl Dial {
    /// As this guest, in JSON.
    pub fn of(guest: &Guest) -> Self {
        Self { token: Some(guest.access_token.clone()), ..Self::default() }
    }

    pub fn resuming(guest: &Guest) -> Self {
        Self { query: "?resume=1".into(), ..Self::of(guest) }
    }

    pub async fn open(&self, base: &str) -> Result<Wire, Error> {
        let url = format!("{}/ws{}", base.replacen("http", "ws", 1), self.query);
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        if let Some(origin) = self.origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        if let Some(token) = &self.token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(protocol) = self.protocol {
            headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        let tcp = TcpSocket::new_v4()?;
        if let Some(bytes) = self.receive_buffer {
            tcp.set_recv_buffer_size(bytes)?;
        }
        let tcp = tcp.connect(base.trim_start_matches("http://").parse().unwrap()).await?;
        let (socket, _) = client_async(request, tcp).await?;
        let packed = self.protocol == Some("playhouse.v1.msgpack");
        Ok(Wire { socket, packed, closed: None })
    }

    /// The HTTP status of a refused upgrade.
    pub async fn refused(&self, base: &str) -> u16 {
        match self.open(base).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("refused with {error}"),
            Ok(_) => panic!("the socket was opened"),
        }
    }
}

/// A bare socket: sees every frame in order.
pub struct Wire {
    pub socket: WebSocketStream<TcpStream>,
    pub closed: Option<u16>,
    packed: bool,
}

impl Wire {
    /// A socket of this guest and its welcome.
    pub async fn enter(guest: &Guest) -> (Self, Value) {
        let mut wire = Dial::of(guest).open(&guest.base).await.unwrap();
        let welcome = wire.until("session.welcome").await;
        (wire, welcome)
    }

    pub async fn send(&mut self, frame: Value) {
        let message = if self.packed {
            Message::binary(rmp_serde::to_vec_named(&frame).unwrap())
        } else {
            Message::text(frame.to_string())
        };
        self.raw(message).await;
    }

    pub async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Says goodbye and waits for the other side.
    pub async fn goodbye(mut self) {
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        self.socket.close(Some(frame)).await.unwrap();
        self.rest().await;
    }

    /// The next frame; `None` once the socket is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) if !self.packed => {
                    return Some(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Binary(bytes))) if self.packed => {
                    return Some(rmp_serde::from_slice(&bytes).unwrap());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(other)) => panic!("a frame of the wrong kind: {other:?}"),
                Some(Err(_)) | None => {
                    self.closed.get_or_insert(1006);
                    return None;
                }
            }
        }
    }

    /// The frame that must come now.
    pub async fn frame(&mut self) -> Value {
        let frame = self.next().await;
        frame.unwrap_or_else(|| panic!("closed with {:?}", self.closed))
    }

    /// Reads on to a frame of this type.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == name {
                return frame;
            }
        }
    }

    /// Reads on to the answer of this request.
    pub async fn answer(&mut self, id: u32) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["re"] == json!(id) {
                return frame;
            }
        }
    }

    pub async fn ask(&mut self, id: u32, name: &str, payload: Value) -> Value {
        self.send(json!({"id": id, "type": name, "payload": payload})).await;
        self.answer(id).await
    }

    /// Everything up to the close.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}
