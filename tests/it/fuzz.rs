//! A million random and mutated frames on `/ws`, in both encodings: the node lives, another room's chat goes on
//! unharmed, and its memory stays (spec 1.1). Frames are made by hand and pipelined: no client library is as fast.

pub mod frames;

use crate::{node::PATIENCE, process::Process};
use frames::{Mutator, frame};
use playhouse::testkit::{Guest, SocketPlayer};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const SOCKETS: u64 = 4;
const FRAMES: usize = 250_000;
/// Sent before the node's memory is first looked at.
const WARM_UP: usize = 25_000;
/// Frames sent before their sender waits for the node to have read them.
const BATCH: usize = 500;
const GROWTH_KIB: u64 = 64 * 1024;
const PONG: u8 = 0x8a;

/// One fuzzing socket.
struct Fuzzer {
    guest: Guest,
    mutator: Mutator,
    tcp: TcpStream,
    received: Received,
}

/// What the server sent: frames are stepped over, pongs noticed.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    pongs: u64,
    awaited: u64,
}

impl Received {
    fn take(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        let mut at = 0;
        while let Some((opcode, whole)) = header(&self.bytes[at..]) {
            if self.bytes.len() < at + whole {
                break;
            }
            self.pongs += u64::from(opcode == PONG);
            at += whole;
        }
        self.bytes.drain(..at);
    }
}

/// Opcode and whole length of a server's frame.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let (opcode, len) = (*bytes.first()?, *bytes.get(1)?);
    Some(match len {
        126 => (opcode, 4 + u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize),
        127 => (opcode, 10 + u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (opcode, 2 + short as usize),
    })
}

impl Fuzzer {
    async fn enter(base: &str, seed: u64) -> Self {
        let guest = Guest::sign_in(base, &format!("Fuzzer{seed}")).await.unwrap();
        let mutator = Mutator { rng: StdRng::seed_from_u64(seed), packed: seed % 2 == 1 };
        let tcp = open(&guest, mutator.packed).await;
        Self { guest, mutator, tcp, received: Received::default() }
    }

    async fn reopen(&mut self) {
        self.tcp = open(&self.guest, self.mutator.packed).await;
        self.received = Received::default();
    }

    /// Sends this many frames, and waits now and then until the server has read them.
    async fn send(&mut self, count: usize, sent: &Cell<usize>) {
        for _ in 0..count / BATCH {
            let mut bytes = Vec::with_capacity(BATCH * 128);
            for _ in 0..BATCH {
                let (text, payload) = self.mutator.next();
                frame(&mut bytes, if text { 0x81 } else { 0x82 }, &payload);
            }
            frame(&mut bytes, 0x89, b"");
            self.received.awaited += 1;
            self.exchange(&bytes)
                .await
                .unwrap_or_else(|error| panic!("after {} frames: {error}", sent.get()));
            sent.set(sent.get() + BATCH);
            if self.mutator.rng.random_bool(0.05) {
                self.break_framing().await;
            }
        }
    }

    /// Writes and reads at once, to the pong.
    async fn exchange(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let (mut reading, mut writing) = self.tcp.split();
        let received = &mut self.received;
        let read = async {
            let mut chunk = vec![0; 64 * 1024];
            while received.pongs < received.awaited {
                match timeout(PATIENCE, reading.read(&mut chunk)).await?? {
                    0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                    n => received.take(&chunk[..n]),
                }
            }
            Ok(())
        };
        futures_util::future::try_join(writing.write_all(bytes), read).await.map(|_| ())
    }

    /// What is not WebSocket, or too large, ends the socket; a new one goes on.
    async fn break_framing(&mut self) {
        let bytes = self.mutator.broken_framing();
        let _ = self.tcp.write_all(&bytes).await; // the server may be gone before the last byte
        self.reopen().await;
    }
}

/// A handshake by hand: not a byte of what follows may be lost in a library's buffer.
async fn open(guest: &Guest, packed: bool) -> TcpStream {
    let (host, token) = (guest.base.trim_start_matches("http://"), &guest.access_token);
    let protocol = if packed { "playhouse.v1.msgpack" } else { "playhouse.v1.json" };
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let mut tcp = TcpStream::connect(host).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, tcp.read_u8()).await.unwrap().unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    tcp
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a living process");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Two who talk in turns until all frames are sent; how much they said.
async fn chat(speakers: &mut [SocketPlayer; 2], fuzzing: &Cell<bool>) -> usize {
    let mut said = 0;
    while fuzzing.get() {
        let text = format!("word {said}");
        speakers[said % 2].ok("chat.send", json!({"text": text})).await.unwrap();
        for speaker in &mut *speakers {
            let heard = speaker.expect("chat.message").await.unwrap();
            assert_eq!(heard["text"], text, "what {} heard", speaker.guest.nickname);
            speaker.transcript.clear();
        }
        said += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    said
}

async fn speakers(base: &str) -> [SocketPlayer; 2] {
    let mut first = SocketPlayer::enter(base, "Speaker1").await.unwrap();
    let mut second = SocketPlayer::enter(base, "Speaker2").await.unwrap();
    let made = first.ok("room.create", json!({"visibility": "private"})).await.unwrap();
    second.ok("room.join", json!({"code": made["room"]["code"]})).await.unwrap();
    [first, second]
}

#[actix::test]
async fn a_million_bad_frames_harm_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let unlimited = [
        "messages_per_s=1e9",
        "messages_burst=1e9",
        "abuse_strikes=1000000000",
        "chat_per_s=1e9",
        "chat_burst=1e9",
        "backlog_hard_bytes=16777216",
    ];
    let settings: Vec<_> = unlimited.iter().map(|set| format!("limits.{set}")).collect();
    let settings: Vec<_> =
        settings.iter().map(String::as_str).chain(["cluster.session_mailbox=4096"]).collect();
    let node = Process::with(dir.path(), &settings);
    let base = node.base();
    let mut speakers = speakers(&base).await;
    let (fuzzing, sent, began) = (Cell::new(true), Cell::new(0), Instant::now());
    let fuzz = async {
        let mut fuzzers = Vec::new();
        for seed in 0..SOCKETS {
            fuzzers.push(Fuzzer::enter(&base, seed).await);
        }
        futures_util::future::join_all(fuzzers.iter_mut().map(|f| f.send(WARM_UP, &sent))).await;
        let before = resident_kib(node.pid());
        futures_util::future::join_all(fuzzers.iter_mut().map(|f| f.send(FRAMES - WARM_UP, &sent))).await;
        fuzzing.set(false);
        (before, resident_kib(node.pid()))
    };
    let (said, (before, after)) = futures_util::future::join(chat(&mut speakers, &fuzzing), fuzz).await;
    println!(
        "{} frames in {:?}; {said} messages; {before} KiB, then {after} KiB",
        sent.get(),
        began.elapsed()
    );
    assert!(sent.get() >= 1_000_000);
    assert!(said > 100, "only {said} messages were said meanwhile");
    assert!(after.saturating_sub(before) < GROWTH_KIB, "{before} KiB grew to {after} KiB");
    still_sound(&node).await;
}

/// The node takes newcomers, and nothing crashed.
async fn still_sound(node: &Process) {
    let mut newcomer = SocketPlayer::enter(&node.base(), "Newcomer").await.unwrap();
    newcomer.ok("room.create", json!({})).await.unwrap();
    let metrics = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("playhouse_refusals_total"), "{metrics}");
    let mut crashes = metrics.lines().filter(|line| line.starts_with("playhouse_entity_crashes_total"));
    assert!(crashes.all(|line| line.ends_with(" 0")), "an entity crashed: {metrics}");
}
