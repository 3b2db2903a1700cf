//! Packets over TCP (spec 5.1): who gets in, what is answered in which encoding, long messages, resume; and in the other
//! files whole games, faults, TLS, the log of connections, and clients of other languages.

mod faults;
mod game;
mod garbage;
mod log;
#[path = "../../../examples/tcp_client.rs"]
#[allow(dead_code)]
pub mod tcp_client;
mod tls;

use crate::node::{Here, PATIENCE, Wire, start};
use playhouse::{
    config::Config,
    protocol::proto::{Ping, ProtoMessage, ProtoRequest},
    testkit::Guest,
};
use playhouse_tcp::{Client, Incoming, PROTOCOL, RESUMES};
use prost::Message as _;
use serde_json::{Value, json};
use std::{collections::VecDeque, io, process::Command};
pub use tcp_client::playhouse_tcp;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A node that listens for packets.
pub async fn start_tcp(adjust: impl FnOnce(&mut Config)) -> Here {
    start(|config| {
        config.tcp.listen = Some("127.0.0.1:0".parse().unwrap());
        config.session_log.linger_ms = 1;
        adjust(config);
    })
    .await
}

pub async fn dial(here: &Here) -> TcpStream {
    TcpStream::connect(here.node.tcp_address.unwrap()).await.unwrap()
}

pub async fn guest(here: &Here, nickname: &str) -> Guest {
    Guest::sign_in(&here.base, nickname).await.unwrap()
}

/// The `result` of a refused connect.
async fn refused(here: &Here, protocol: u16, token: &str) -> String {
    let connect = Client::connect_as(dial(here).await, protocol, token);
    match timeout(PATIENCE, connect).await.unwrap() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => error.to_string(),
        Err(error) => panic!("refused with {error}"),
        Ok(_) => panic!("connected"),
    }
}

/// A player whose packets are read in order; what was not asked for is kept.
pub struct TcpPlayer<S> {
    pub client: Client<S>,
    pub unread: VecDeque<Value>,
    pub closed: Option<(u16, String)>,
}

impl TcpPlayer<TcpStream> {
    /// A new session of this guest, and its welcome.
    pub async fn enter(here: &Here, guest: &Guest) -> (Self, Value) {
        Self::welcomed(Client::connect(dial(here).await, &guest.access_token).await.unwrap()).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TcpPlayer<S> {
    pub fn of(client: Client<S>) -> Self {
        Self { client, unread: VecDeque::new(), closed: None }
    }

    pub async fn welcomed(client: Client<S>) -> (Self, Value) {
        let mut player = Self::of(client);
        let welcome = player.expect("session.welcome").await;
        (player, welcome)
    }

    /// The next thing said, whatever it is.
    pub async fn next(&mut self) -> io::Result<Incoming> {
        timeout(PATIENCE, self.client.next()).await.expect("something in time")
    }

    /// The first message that is wanted; those before it are kept.
    pub async fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).unwrap();
        }
        loop {
            match self.next().await {
                Ok(Incoming::Message(message)) if wanted(&message) => return message,
                Ok(Incoming::Message(message)) => self.unread.push_back(message),
                Ok(Incoming::Pong(..)) => {}
                other => panic!("{other:?} instead of {what}; unread: {:?}", self.unread),
            }
        }
    }

    /// The payload of the first push of this type.
    pub async fn expect(&mut self, name: &str) -> Value {
        self.wait_for(name, |message| message["type"] == name).await["payload"].clone()
    }

    /// The answer to a request.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Value {
        self.client.request(name, payload).await.unwrap();
        let id = self.client.id;
        self.wait_for(name, |message| message["re"] == json!(id)).await
    }

    pub async fn ok(&mut self, name: &str, payload: Value) -> Value {
        let answer = self.ask(name, payload).await;
        assert_eq!(answer["type"], "ok", "{name}: {answer}");
        answer["payload"].clone()
    }

    /// Everything up to the end of the stream; the close, if there was one, is in `closed`.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Ok(Incoming::Message(message)) => messages.push(message),
                Ok(Incoming::Close(code, reason)) => self.closed = Some((code, reason)),
                Ok(_) => {}
                Err(_) => return messages,
            }
        }
    }
}

#[actix::test]
async fn a_token_opens_a_session_and_an_empty_one_makes_a_guest() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Binary").await;
    let (player, welcome) = TcpPlayer::enter(&here, &guest).await;
    assert_eq!((&welcome["player_id"], &welcome["nickname"]), (&json!(guest.id), &json!("Binary")));
    let session = uuid::Uuid::from_bytes(player.client.session);
    assert_eq!(welcome["session_id"], json!(session.to_string()), "the UUID in network order");
    assert!(welcome["server_time"].as_u64().unwrap().abs_diff(player.client.server_time) < 10_000);

    let client = Client::connect(dial(&here).await, "").await.unwrap();
    let (mut stranger, welcome) = TcpPlayer::welcomed(client).await;
    assert!(welcome["nickname"].as_str().is_some_and(|name| name.len() > 1), "{welcome}");
    stranger.ok("room.create", json!({})).await;
}

#[actix::test]
async fn who_does_not_come_in_is_told_why() {
    let here = start_tcp(|config| config.tcp.guests = false).await;
    let guest = guest(&here, "Known").await;
    assert_eq!(refused(&here, 2, &guest.access_token).await, "result 1");
    assert_eq!(refused(&here, PROTOCOL, "nonsense").await, "result 2");
    assert_eq!(refused(&here, PROTOCOL, "").await, "result 2", "no guests here");
    let here = start_tcp(|config| config.limits.guests_per_minute = 1.0).await;
    let first = Client::connect(dial(&here).await, "").await.unwrap();
    assert_eq!(refused(&here, PROTOCOL, "").await, "result 3", "another guest, but not now");
    drop(first);
}

#[actix::test]
async fn one_who_comes_while_the_node_stops_is_told_so() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Late").await;
    let mut waiting = dial(&here).await;
    early_ping(&mut waiting).await; // so it is served, and has no session yet
    let Here { node, _dir, .. } = here;
    let stopping = actix::spawn(node.stop());
    tokio::task::yield_now().await;
    let error = Client::connect(waiting, &guest.access_token).await.err().expect("refused");
    assert_eq!(error.to_string(), "result 4");
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

#[actix::test]
async fn websockets_and_packets_share_the_limit() {
    let here = start_tcp(|config| (config.server.max_connections, config.tcp.refusals) = (2, 1)).await;
    let [ann, bob, cid] = [guest(&here, "Ann").await, guest(&here, "Bob").await, guest(&here, "Cid").await];
    let (wire, _) = Wire::enter(&ann).await;
    let (player, _) = TcpPlayer::enter(&here, &bob).await;
    assert_eq!(refused(&here, PROTOCOL, &cid.access_token).await, "result 3");
    assert_eq!(crate::node::Dial::of(&cid).refused(&here.base).await, 503);
    let to_be_told = dial(&here).await; // takes the one place to be told
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let error = Client::connect(dial(&here).await, &cid.access_token).await.err().expect("closed");
    assert_ne!(error.kind(), io::ErrorKind::ConnectionRefused, "without a word");
    drop((to_be_told, wire));
    let connected = async {
        while Client::connect(dial(&here).await, &cid.access_token).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, connected).await.expect("a place comes back");
    drop(player);
}

#[actix::test]
async fn pings_are_answered_before_and_after_the_connect() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Ping").await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest).await;
    player.client.ping(0x0102_0304_0506_0708, 77).await.unwrap();
    let Incoming::Pong(client_time, server_time, seq) = player.next().await.unwrap() else {
        panic!("no pong")
    };
    assert_eq!((client_time, seq), (0x0102_0304_0506_0708, 77));
    assert!(server_time >= player.client.server_time);

    let mut bare = dial(&here).await;
    early_ping(&mut bare).await;
    Client::connect(bare, &guest.access_token).await.unwrap();
}

/// A ping of one who is not connected.
async fn early_ping(bare: &mut TcpStream) {
    bare.write_all(&playhouse_tcp::packet(3, &[9; 12])).await.unwrap();
    let mut pong = [0; 24];
    timeout(PATIENCE, bare.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!((&pong[..4], &pong[4..12], &pong[20..]), (&[24, 0, 4, 0][..], &[9; 8][..], &[9; 4][..]));
}

#[actix::test]
async fn one_is_answered_in_the_encoding_of_ones_last_request() {
    let here = start_tcp(|_| {}).await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest(&here, "Both").await).await;
    assert_eq!(player.ask("ping", json!({"client_time": 5})).await["payload"]["client_time"], 5);
    let ping = ProtoRequest { id: Some(90), ping: Some(Ping { client_time: 6 }), ..Default::default() };
    player.client.proto_request(&ping.encode_to_vec()).await.unwrap();
    let Incoming::Proto(bytes) = player.next().await.unwrap() else { panic!("not in Protocol Buffers") };
    let message = ProtoMessage::decode(&bytes[..]).unwrap();
    assert_eq!((message.re, message.r#type.as_str()), (Some(90), "pong"));
    assert_eq!(message.pong.as_ref().unwrap().client_time, 6);
    let create =
        ProtoRequest { id: Some(91), r#type: "room.create".into(), payload_json: "{}".into(), ping: None };
    player.client.proto_request(&create.encode_to_vec()).await.unwrap();
    let Incoming::Proto(bytes) = player.next().await.unwrap() else { panic!("not in Protocol Buffers") };
    let message = ProtoMessage::decode(&bytes[..]).unwrap();
    let payload: Value = serde_json::from_str(&message.payload_json).unwrap();
    assert!(message.r#type == "ok" && payload["room"]["room_id"].is_string(), "{message:?}");
    player.unread.clear();
    assert_eq!(player.ok("room.ready", json!({"ready": true})).await, json!({}), "in MessagePack again");
}

#[actix::test]
async fn a_message_too_long_for_a_packet_comes_in_parts() {
    let here = start_tcp(|config| {
        config.limits.chat_chars = 30_000;
        config.limits.chat_burst = 1e6;
        config.limits.chat_history_bytes = 1 << 20;
        config.limits.backlog_hard_bytes = 4 << 20;
    })
    .await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest(&here, "Talker").await).await;
    player.ok("room.create", json!({})).await;
    for n in 0..10 {
        player.ok("chat.send", json!({"text": format!("{n}{}", "말".repeat(20_000))})).await;
    }
    player.unread.clear();
    player.ok("room.state", json!({})).await;
    let state = player.expect("room.state").await;
    let said = state["chat"]["room"].as_array().unwrap();
    assert_eq!(said.len(), 10);
    assert!(said.iter().all(|chat| chat["text"].as_str().unwrap().chars().count() == 20_001));
    player.client.proto_request(&room_state(500)).await.unwrap();
    loop {
        let Incoming::Proto(bytes) = player.next().await.unwrap() else { continue };
        let message = ProtoMessage::decode(&bytes[..]).unwrap();
        if message.r#type == "room.state" {
            assert!(bytes.len() > 500_000 && message.payload_json.contains("9말"), "{}", bytes.len());
            break;
        }
    }
}

fn room_state(id: u32) -> Vec<u8> {
    ProtoRequest { id: Some(id), r#type: "room.state".into(), ..Default::default() }.encode_to_vec()
}

#[actix::test]
async fn a_session_goes_on_over_packets_and_over_a_websocket() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Wanderer").await;
    let (mut player, welcome) = TcpPlayer::enter(&here, &guest).await;
    player.ok("room.create", json!({})).await;
    player.ok("chat.send", json!({"text": "hello"})).await;
    drop(player);
    let resume = json!({"resume_token": welcome["resume_token"], "last_seq": 1});
    let client =
        Client::connect_as(dial(&here).await, PROTOCOL | RESUMES, &guest.access_token).await.unwrap();
    assert_eq!(client.session, [0; 16], "which session it is the answer to session.resume says");
    let mut player = TcpPlayer::of(client);
    let resumed = player.ok("session.resume", resume).await;
    assert_eq!((&resumed["mode"], &resumed["session_id"]), (&json!("replay"), &welcome["session_id"]));
    assert_eq!(player.expect("chat.message").await["text"], "hello");
    let token = resumed["resume_token"].clone();
    let dial = crate::node::Dial::resuming(&guest);
    let mut wire = dial.open(&here.base).await.unwrap();
    let resumed = wire.ask(9, "session.resume", json!({"resume_token": token, "last_seq": 1})).await;
    assert_eq!(resumed["payload"]["session_id"], welcome["session_id"], "{resumed}");
    player.rest().await;
    assert_eq!(player.closed.map(|(code, _)| code), Some(4001));
}

#[actix::test]
async fn a_newer_session_replaces_one_over_packets_and_a_stop_closes_it() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Twice").await;
    let (mut old, _) = TcpPlayer::enter(&here, &guest).await;
    let (mut new, _) = TcpPlayer::enter(&here, &guest).await;
    assert!(old.rest().await.iter().any(|message| message["type"] == "session.replaced"));
    assert_eq!(old.closed.map(|(code, _)| code), Some(4001));
    let stopping = actix::spawn(here.node.stop());
    new.rest().await;
    assert_eq!(new.closed.as_ref().map(|(code, _)| *code), Some(1012));
    drop(new);
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

#[actix::test]
async fn the_rust_example_speaks_with_a_node_as_a_guest_and_as_somebody() {
    let here = start_tcp(|_| {}).await;
    let address = here.node.tcp_address.unwrap().to_string();
    let guest = guest(&here, "Ferris").await;
    for (token, who) in [("", None), (guest.access_token.as_str(), Some(json!(guest.id)))] {
        let made = tcp_client::speak(&address, token).await.unwrap();
        let room = &made["payload"]["room"];
        assert_eq!(room["name"], "over TCP", "{made}");
        assert!(who.is_none_or(|who| room["leader"] == who), "{made}");
    }
}

#[actix::test]
async fn the_python_example_speaks_with_a_node() {
    let here = start_tcp(|_| {}).await;
    let guest = guest(&here, "Snake").await;
    let output = python(&here, &[&guest.access_token]).await;
    assert_eq!(output["welcome"]["player_id"], json!(guest.id), "{output}");
    assert_eq!(output["welcome"]["session_id"], output["session"]);
    assert_eq!(output["pong"][2], 7);
    assert_eq!(output["made"]["payload"]["room"]["name"], "파이썬");
}

/// What `clients/python/playhouse_tcp.py` prints.
pub async fn python(here: &Here, arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python/playhouse_tcp.py");
    let address = here.node.tcp_address.unwrap();
    let mut command = Command::new("python3");
    command.arg(script).arg(address.ip().to_string()).arg(address.port().to_string()).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("python3")).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
