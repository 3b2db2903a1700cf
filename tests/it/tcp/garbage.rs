//! Random and mutated packets without end: the node lives, its memory stays, and another connection is served meanwhile.
//! 200,000 packets; `PLAYHOUSE_FUZZ_PACKETS=1000000` sends more.

use super::{
    TcpPlayer,
    playhouse_tcp::{Client, Incoming, packet},
};
use crate::{fuzz::frames::Mutator, node::PATIENCE, process::Process};
use playhouse::testkit::{Guest, SocketPlayer, free_port};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
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
const BATCH: usize = 500;
const GROWTH_KIB: u64 = 64 * 1024;

fn packets() -> usize {
    std::env::var("PLAYHOUSE_FUZZ_PACKETS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

struct Fuzzer {
    guest: Guest,
    port: u16,
    mutator: Mutator,
    client: Client<TcpStream>,
}

async fn connect(port: u16, token: &str) -> Client<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.set_nodelay(true).unwrap();
    timeout(PATIENCE, Client::connect(socket, token)).await.unwrap().unwrap()
}

impl Fuzzer {
    async fn enter(base: &str, port: u16, seed: u64) -> Self {
        let guest = Guest::sign_in(base, &format!("Fuzzer{seed}")).await.unwrap();
        let mutator = Mutator { rng: StdRng::seed_from_u64(seed), packed: true };
        let client = connect(port, &guest.access_token).await;
        Self { guest, port, mutator, client }
    }

    /// A packet of any id, with what is, was or never was a message.
    fn packet(&mut self) -> Vec<u8> {
        let (_, payload) = self.mutator.next();
        let id = match self.mutator.rng.random_range(0..20) {
            0..12 => 0x0010,
            12..16 => 0x0020,
            16 => 0x0001,
            17 => 0x00ff,
            _ => self.mutator.rng.random(),
        };
        packet(id, &payload)
    }

    async fn send(&mut self, count: usize, sent: &Cell<usize>) {
        for n in 0..count / BATCH {
            let mut bytes = Vec::with_capacity(BATCH * 128);
            for _ in 0..BATCH {
                bytes.extend(self.packet());
            }
            bytes.extend(packet(0x0003, &[&[0; 8][..], &(n as u32).to_le_bytes()].concat()));
            self.exchange(&bytes, n as u32).await;
            sent.set(sent.get() + BATCH);
            if self.mutator.rng.random_bool(0.05) {
                self.break_framing().await;
            }
        }
    }

    /// Writes and reads at once, to the pong of this number.
    async fn exchange(&mut self, bytes: &[u8], number: u32) {
        let mut written = 0;
        loop {
            let stream = self.client.stream();
            if written < bytes.len() {
                match stream.try_write(&bytes[written..]) {
                    Ok(n) => written += n,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => panic!("{error}"),
                }
            }
            let wait = if written < bytes.len() { Duration::from_millis(1) } else { PATIENCE };
            match timeout(wait, self.client.next()).await {
                Ok(Ok(Incoming::Pong(_, _, seq))) if seq == number && written == bytes.len() => return,
                Ok(Ok(Incoming::Close(code, reason))) => panic!("closed with {code}: {reason}"),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => panic!("{error}"),
                Err(_) if written < bytes.len() => {}
                Err(_) => panic!("no pong"),
            }
        }
    }

    /// What is not framed ends the connection; a new one goes on.
    async fn break_framing(&mut self) {
        let mut noise = vec![0; self.mutator.rng.random_range(1..200)];
        self.mutator.rng.fill_bytes(&mut noise);
        if self.mutator.rng.random_bool(0.5) {
            noise.splice(..0, [self.mutator.rng.random_range(0..4), 0, 0x10, 0]);
        }
        let _ = self.client.stream().write_all(&noise).await; // the server may be gone before the last byte
        self.before_the_connect(&noise).await;
        self.client = connect(self.port, &self.guest.access_token).await;
    }

    /// The same from one who never was connected.
    async fn before_the_connect(&mut self, noise: &[u8]) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let _ = socket.write_all(noise).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("ended in time");
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a living process");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[actix::test]
async fn bad_packets_without_end_harm_nobody() {
    let (dir, port, count) = (tempfile::tempdir().unwrap(), free_port(), packets() / SOCKETS as usize);
    let listen = format!("tcp.listen=127.0.0.1:{port}");
    let unlimited =
        ["limits.messages_per_s=1e9", "limits.messages_burst=1e9", "limits.abuse_strikes=1000000000"];
    let roomy =
        ["limits.backlog_hard_bytes=67108864", "cluster.session_mailbox=4096", "limits.chat_burst=1e9"];
    let settings: Vec<&str> = unlimited.into_iter().chain(roomy).chain([&listen[..]]).collect();
    let node = Process::with(dir.path(), &settings);
    let base = node.base();
    let bystander = Guest::sign_in(&base, "Bystander").await.unwrap();
    let (mut bystander, _) = TcpPlayer::welcomed(connect(port, &bystander.access_token).await).await;
    let (fuzzing, sent, began) = (Cell::new(true), Cell::new(0), Instant::now());
    let served = async {
        let mut asked = 0;
        while fuzzing.get() {
            let pong = bystander.ask("ping", json!({"client_time": asked})).await;
            assert_eq!(pong["payload"]["client_time"], asked);
            asked += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asked
    };
    let fuzz = async {
        let mut fuzzers = Vec::new();
        for seed in 0..SOCKETS {
            fuzzers.push(Fuzzer::enter(&base, port, seed).await);
        }
        futures_util::future::join_all(fuzzers.iter_mut().map(|f| f.send(count / 10, &sent))).await;
        let before = resident_kib(node.pid());
        futures_util::future::join_all(fuzzers.iter_mut().map(|f| f.send(count - count / 10, &sent))).await;
        fuzzing.set(false);
        (before, resident_kib(node.pid()))
    };
    let (asked, (before, after)) = futures_util::future::join(served, fuzz).await;
    println!(
        "{} packets in {:?}; {asked} pings meanwhile; {before} KiB, then {after} KiB",
        sent.get(),
        began.elapsed()
    );
    assert!(sent.get() + 8 * BATCH >= packets() && asked > 20, "{} packets, {asked} pings", sent.get());
    assert!(after.saturating_sub(before) < GROWTH_KIB, "{before} KiB grew to {after} KiB");
    SocketPlayer::enter(&base, "Newcomer").await.unwrap().ok("room.create", json!({})).await.unwrap();
    let metrics = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let mut crashes = metrics.lines().filter(|line| line.starts_with("playhouse_entity_crashes_total"));
    assert!(crashes.all(|line| line.ends_with(" 0")), "an entity crashed: {metrics}");
    assert!(metrics.contains("playhouse_tcp_refused_total"), "the figures count what was refused");
}
