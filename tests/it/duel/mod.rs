//! `/ws/signal` over real sockets (spec 4): the flow, who may not, and what holds when sockets and nodes die.

mod access;
mod flow;
mod fuzz;
mod lobby;
mod nodes;

use crate::node::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use playhouse::testkit::Guest;
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

pub const PACKED: Option<&str> = Some("playhouse.signal.v1.msgpack");

/// A player on `/ws/signal`.
pub struct Peer {
    pub guest: Guest,
    pub id: String,
    pub closed: Option<u16>,
    /// Everything that he was sent.
    pub transcript: Vec<Value>,
    unread: VecDeque<Value>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    packed: bool,
}

/// Opens a socket, or says why not.
pub async fn open(
    guest: &Guest,
    token: Option<&str>,
    protocol: Option<&str>,
    query: &str,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let url = format!("{}/ws/signal{query}", guest.base.replacen("http", "ws", 1));
    let mut request = url.into_client_request()?;
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

impl Peer {
    /// A new guest on this node, in JSON, in the lobby `main`.
    pub async fn enter(base: &str, nickname: &str) -> Self {
        let guest = Guest::sign_in(base, nickname).await.unwrap();
        let mut peer = Self::connect(guest, None).await;
        peer.join("main").await;
        peer
    }

    pub async fn connect(guest: Guest, protocol: Option<&str>) -> Self {
        Self::try_connect(guest, protocol).await.unwrap()
    }

    pub async fn try_connect(guest: Guest, protocol: Option<&str>) -> Result<Self, Error> {
        let socket = open(&guest, Some(&guest.access_token), protocol, "").await?;
        let (id, packed) = (guest.id.clone(), protocol == PACKED);
        let (transcript, unread) = (Vec::new(), VecDeque::new());
        Ok(Self { guest, id, closed: None, transcript, unread, socket, packed })
    }

    /// What was read and not asked for is asked for no more.
    pub fn forget(&mut self) {
        self.unread.clear();
    }

    /// Drops the socket without a word and opens another, to the node at `base`.
    pub async fn reconnect(self, base: &str) -> Self {
        let guest = Guest { base: base.to_owned(), ..self.guest.clone() };
        let protocol = self.packed.then_some(PACKED).flatten();
        drop(self);
        Self::connect(guest, protocol).await
    }

    pub async fn join(&mut self, lobby: &str) {
        self.say("join_lobby", json!({"playerId": self.id, "playerName": "ignored", "lobby": lobby})).await;
        self.until("lobby_update").await;
    }

    pub async fn say(&mut self, name: &str, payload: Value) {
        let frame = json!({"type": name, "payload": payload});
        let message = match self.packed {
            true => Message::binary(rmp_serde::to_vec_named(&frame).unwrap()),
            false => Message::text(frame.to_string()),
        };
        let _ = self.socket.send(message).await; // a dead node's socket is noticed by who reads
    }

    pub async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Reads one frame; false once closed.
    pub async fn receive(&mut self) -> bool {
        loop {
            let frame: Value = match self.socket.next().await {
                Some(Ok(Message::Text(text))) if !self.packed => serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Binary(bytes))) if self.packed => rmp_serde::from_slice(&bytes).unwrap(),
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                    return false;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(other)) => panic!("a frame of the wrong kind: {other:?}"),
                Some(Err(_)) | None => {
                    self.closed.get_or_insert(1006);
                    return false;
                }
            };
            assert!(frame.get("seq").is_none() && frame.get("re").is_none(), "{frame}");
            self.transcript.push(frame.clone());
            self.unread.push_back(frame);
            return true;
        }
    }

    /// Waits for the next message of this type; those before it are read.
    pub async fn until(&mut self, name: &str) -> Value {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                while let Some(frame) = self.unread.pop_front() {
                    if frame["type"] == name {
                        return Some(frame["payload"].clone());
                    }
                }
                if !self.receive().await {
                    return None;
                }
            }
        });
        match found.await {
            Ok(Some(payload)) => payload,
            Ok(None) => panic!("waiting for {name}: closed with {:?}", self.closed),
            Err(_) => panic!("{name} did not come; so far {:?}", self.transcript),
        }
    }

    /// The next error, which must have this code.
    pub async fn refused(&mut self, code: u16) -> Value {
        let error = self.until("error").await;
        assert_eq!(error["code"], code, "{error}");
        error
    }

    /// Reads to the close; its code.
    pub async fn close_code(&mut self) -> u16 {
        while tokio::time::timeout(PATIENCE, self.receive()).await.expect("a close in time") {}
        self.closed.unwrap()
    }

    /// Messages of this type that have come, once everything on its way has: lobby messages do not count.
    pub async fn have_come(&mut self, name: &str) -> usize {
        const QUIET: Duration = Duration::from_millis(150);
        while tokio::time::timeout(QUIET, self.receive()).await == Ok(true) {}
        self.transcript.iter().filter(|frame| frame["type"] == name).count()
    }

    /// Asks; the session's id.
    pub async fn request(&mut self, target: &str) -> String {
        self.say("request_match", json!({"requesterId": self.id, "targetId": target})).await;
        let sent = self.until("match_request_sent").await;
        assert_eq!(sent["targetId"], target);
        sent["sessionId"].as_str().unwrap().to_owned()
    }

    pub async fn accept(&mut self, requester: &str, session: &str) {
        let accept = json!({"accepterId": self.id, "requesterId": requester, "sessionId": session});
        self.say("accept_match", accept).await;
    }

    pub async fn sdp(&mut self, kind: &str, receiver: &str, sdp: &str, session: &str) {
        let send = json!({"senderId": self.id, "receiverId": receiver, "sdp": sdp, "sessionId": session});
        self.say(&format!("send_sdp_{kind}"), send).await;
    }

    pub async fn ice(&mut self, receiver: &str, n: usize, session: &str) {
        let candidate = json!({"candidate": format!("candidate:{n} 1 udp 1 192.0.2.1 {n} typ host"), "sdpMid": "0", "sdpMLineIndex": 0});
        let send = json!({"senderId": self.id, "receiverId": receiver, "candidate": candidate, "sessionId": session});
        self.say("send_ice_candidate", send).await;
    }

    pub async fn reports(&mut self, state: &str, session: &str) {
        self.say("report_connection", json!({"sessionId": session, "state": state})).await;
    }
}

/// A request that is accepted; its session.
pub async fn accepted(ann: &mut Peer, bob: &mut Peer) -> String {
    let session = ann.request(&bob.id).await;
    let asked = bob.until("match_request_received").await;
    assert_eq!(
        asked,
        json!({"requesterId": ann.id, "requesterName": ann.guest.nickname, "sessionId": session})
    );
    bob.accept(&ann.id, &session).await;
    let told = ann.until("match_request_accepted").await;
    assert_eq!((&told["accepterId"], &told["accepterName"]), (&json!(bob.id), &json!(bob.guest.nickname)));
    assert_eq!((&told["sessionId"], &told["requesterId"]), (&json!(session), &json!(ann.id)));
    session
}

/// And connected.
pub async fn connect(ann: &mut Peer, bob: &mut Peer, session: &str) {
    ann.sdp("offer", &bob.id, "v=0 offer", session).await;
    assert_eq!(bob.until("sdp_offer_received").await["sdp"], "v=0 offer");
    bob.sdp("answer", &ann.id, "v=0 answer", session).await;
    assert_eq!(ann.until("sdp_answer_received").await["sdp"], "v=0 answer");
    ann.reports("connected", session).await;
    bob.reports("connected", session).await;
    let others = [bob.guest.clone(), ann.guest.clone()];
    for (peer, other) in [ann, bob].into_iter().zip(others) {
        let started = peer.until("match_started").await;
        let expected = json!({"opponentId": other.id, "opponentName": other.nickname, "sessionId": session});
        assert_eq!(started, expected);
    }
}
