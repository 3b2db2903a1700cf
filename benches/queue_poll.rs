//! Polls of tickets beside a bare actix-web handler that does one Redis GET, at a short and at a long line (issue 7).
//!
//! `cargo bench --all-features --bench queue_poll`. A node on Redis and PostgreSQL, the bare server, Redis and the generator
//! are processes of their own on one machine; rounds alternate between the targets, and medians are told. The
//! generator writes one request a connection and waits for its answer: keep-alive, no pipelining. The line is filled
//! through the same script as by players, with accounts that do not exist; the one who polls stands at its end.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::future::join_all;
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis};
use process::Process;
use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use support::{cpu_s, median};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;
const WARM: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(3);
/// Who waits before the one who polls.
const LINES: [usize; 2] = [100, 100_000];
/// Set, to Redis' URL, for the process that is the bare server.
const BARE: &str = "PLAYHOUSE_BENCH_BARE";
const KEY: &str = "bare";
const ADMIN: (&str, &str) = ("root", "a long password for root");

fn main() {
    if let Ok(url) = std::env::var(BARE) {
        return actix::System::new().block_on(serve_bare(&url));
    }
    actix::System::new().block_on(async {
        let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let settings = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let sets = settings.iter().flat_map(|set| ["--set", set]);
        let made = Command::new(env!("CARGO_BIN_EXE_playhouse"))
            .args(sets)
            .args(["admin", "create", ADMIN.0])
            .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let node = Process::with(dir.path(), &settings);
        let mut client =
            redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let mut polls = Vec::new();
        for waiting in LINES {
            polls.push((waiting, prepare(&node.base(), &mut client, waiting).await));
        }
        let answer = polls[0].1.body.clone();
        let _: () = redis::cmd("SET").arg(KEY).arg(answer).query_async(&mut client).await.unwrap();
        let bare = Bare::start(&redis.url());
        let node_at: SocketAddr = node.base().trim_start_matches("http://").parse().unwrap();
        let plain = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
        let (mut bares, mut nodes) = (Vec::new(), vec![Vec::new(); polls.len()]);
        for _ in 0..ROUNDS {
            bares.push(ask(bare.address, bare.child.id(), plain));
            for ((_, poll), rounds) in polls.iter().zip(&mut nodes) {
                rounds.push(ask(node_at, node.pid(), &poll.request));
            }
        }
        println!(
            "{CONNECTIONS} connections, {} workers each; medians of {ROUNDS} rounds of {ROUND:?}",
            workers()
        );
        tell("bare, one GET", &bares, &bares);
        for ((waiting, _), rounds) in polls.iter().zip(&nodes) {
            tell(&format!("{waiting} waiting"), rounds, &bares);
        }
    });
}

fn tell(name: &str, rounds: &[Figures], bares: &[Figures]) {
    let of = |rounds: &[Figures], figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
    let (rate, p99) = (of(rounds, |f| f.rate), of(rounds, |f| f.p99_ms));
    println!(
        "  {name:16} {rate:8.0} polls/s ({:.2}x)   p99 {p99:6.2} ms ({:.2}x)   CPU µs a poll: server {:5.1}, generator {:5.1}",
        rate / of(bares, |f| f.rate),
        p99 / of(bares, |f| f.p99_ms),
        of(rounds, |f| f.server_us),
        of(rounds, |f| f.generator_us),
    );
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

// ---------------------------------------------------------------- the line

/// A poll, and what it is answered.
struct Poll {
    request: String,
    body: String,
}

/// A paused queue with so many in it, and one more who polls.
async fn prepare(base: &str, redis: &mut MultiplexedConnection, waiting: usize) -> Poll {
    let http = reqwest::Client::new();
    let call = async |method: Method, path: &str, token: &str, body: Value| -> Value {
        let request = http.request(method, format!("{base}/api/v1/{path}")).bearer_auth(token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let body = json!({"username": ADMIN.0, "password": ADMIN.1});
    let admin = text(&call(Method::POST, "sessions", "", body).await["tokens"]["access_token"]);
    // Who is put into the line by hand is not heard of: nobody is dropped while it is measured.
    let body = json!({"state": "paused", "abandon_after_ms": 86_400_000});
    let queue = text(&call(Method::POST, "queues", &admin, body).await["queue"]["id"]);
    let guest = async |name: &str| Guest::sign_in(base, name).await.unwrap();
    let tickets = format!("queues/{queue}/tickets");
    let first = guest(&format!("First{waiting}")).await;
    call(Method::POST, &tickets, &first.access_token, Value::Null).await; // the line is there now
    fill(redis, &queue, waiting - 1).await;
    let last = guest(&format!("Last{waiting}")).await;
    let ticket = call(Method::POST, &tickets, &last.access_token, Value::Null).await;
    assert_eq!(ticket["ahead"], json!(waiting));
    let path = format!("{tickets}/{}", text(&ticket["ticket"]));
    let answer =
        http.get(format!("{base}/api/v1/{path}")).bearer_auth(&last.access_token).send().await.unwrap();
    let request = format!(
        "GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: */*\r\n\r\n",
        last.access_token
    );
    Poll { request, body: answer.text().await.unwrap() }
}

/// As the line's own script does, but many at once.
async fn fill(redis: &mut MultiplexedConnection, queue: &str, more: usize) {
    let script = redis::Script::new(
        r"
        local next = tonumber(redis.call('HGET', KEYS[1], 'next'))
        for i = 3, #ARGV do
            next = next + 1
            redis.call('ZADD', KEYS[2], next, ARGV[i])
            redis.call('ZADD', KEYS[3], ARGV[1], ARGV[i])
        end
        redis.call('HSET', KEYS[1], 'next', next, 'limit', next + ARGV[2])
        ",
    );
    let key = |name: &str| format!("playhouse:queue:{{{queue}}}:{name}");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().to_string();
    let mut left = more;
    while left > 0 {
        let some = left.min(1_000);
        let mut call = script.prepare_invoke();
        call.key(key("meta")).key(key("line")).key(key("seen")).arg(&now).arg(1_000);
        for _ in 0..some {
            call.arg(uuid::Uuid::new_v4().as_bytes().as_slice());
        }
        call.invoke_async::<()>(redis).await.unwrap();
        left -= some;
    }
}

// ---------------------------------------------------------------- the bare server

struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    /// This program once more.
    fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(BARE, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().parse().unwrap() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One GET, and its value as the answer.
async fn serve_bare(url: &str) {
    let redis = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(redis.clone())).route("/", web::get().to(answer))
    });
    let server = server.workers(workers()).bind(("127.0.0.1", 0)).unwrap();
    println!("{}", server.addrs()[0]);
    server.run().await.unwrap();
}

async fn answer(redis: web::Data<MultiplexedConnection>) -> HttpResponse {
    let mut redis = MultiplexedConnection::clone(&redis);
    let body: String = redis::cmd("GET").arg(KEY).query_async(&mut redis).await.unwrap();
    HttpResponse::Ok().content_type("application/json").body(body)
}

// ---------------------------------------------------------------- the generator

/// Of one round.
#[derive(Clone)]
struct Figures {
    rate: f64,
    p99_ms: f64,
    server_us: f64,
    generator_us: f64,
}

/// On a thread of its own, so that nothing else is measured.
fn ask(server: SocketAddr, pid: u32, request: &str) -> Figures {
    let run = |length| {
        std::thread::scope(|threads| {
            let asking = threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let until = Instant::now() + length;
                    join_all((0..CONNECTIONS).map(|_| connection(server, request.as_bytes(), until)))
                        .await
                        .concat()
                })
            });
            asking.join().unwrap()
        })
    };
    run(WARM);
    let cpu = || (cpu_s(pid), cpu_s(std::process::id()));
    let (began, before) = (Instant::now(), cpu());
    let mut took = run(ROUND);
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
    took.sort_unstable();
    let count = took.len() as f64;
    Figures {
        rate: count / seconds,
        p99_ms: took[took.len() * 99 / 100].as_secs_f64() * 1e3,
        server_us: (after.0 - before.0) / count * 1e6,
        generator_us: (after.1 - before.1) / count * 1e6,
    }
}

/// How long each answer took.
async fn connection(server: SocketAddr, request: &[u8], until: Instant) -> Vec<Duration> {
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut took, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    while Instant::now() < until {
        let asked = Instant::now();
        socket.write_all(request).await.unwrap();
        let (mut read, mut length) = (0, None);
        while length.is_none_or(|length| read < length) {
            let more = socket.read(&mut buffer[read..]).await.unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
            length = length.or_else(|| length_of(&buffer[..read]));
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&buffer[..read]));
        took.push(asked.elapsed());
    }
    took
}

/// Of a whole answer, once its head is there.
fn length_of(start: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(start).ok()?.split_once("\r\n\r\n")?.0;
    let says = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
    let body = head.lines().find_map(says).expect("an answer of known length");
    Some(head.len() + 4 + body)
}
