//! Polls of tickets beside a bare actix-web handler that does one Redis GET, at a short and at a long line (issue 7).
//!
//! `cargo bench --all-features --bench queue_poll`. A node on Redis and PostgreSQL, the bare server, Redis and the generator
//! are processes of their own on one machine; rounds alternate between the targets, and medians are told (`support/reads.rs`). The line is filled
//! through the same script as by players, with accounts that do not exist; the one who polls stands at its end.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "support/reads.rs"]
mod reads;
mod support;

use actix_web::{App, HttpResponse, HttpServer, web};
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis};
use process::Process;
use reads::{Bare, ROUNDS, ask, tell, told, workers};
use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::{Value, json};
use std::{net::SocketAddr, process::Command};

/// Who waits before the one who polls.
const LINES: [usize; 2] = [100, 100_000];
const KEY: &str = "bare";
const ADMIN: (&str, &str) = ("root", "a long password for root");

fn main() {
    if let Some(url) = told() {
        return actix::System::new().block_on(serve_bare(&String::from_utf8(url).unwrap()));
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
        let bare = Bare::start(redis.url().as_bytes());
        let node_at: SocketAddr = node.base().trim_start_matches("http://").parse().unwrap();
        let plain = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
        let (mut bares, mut nodes) = (Vec::new(), vec![Vec::new(); polls.len()]);
        for _ in 0..ROUNDS {
            bares.push(ask(bare.address, bare.pid(), plain));
            for ((_, poll), rounds) in polls.iter().zip(&mut nodes) {
                rounds.push(ask(node_at, node.pid(), &poll.request));
            }
        }
        reads::tell_method();
        tell("bare, one GET", &bares, &bares);
        for ((waiting, _), rounds) in polls.iter().zip(&nodes) {
            tell(&format!("{waiting} waiting"), rounds, &bares);
        }
    });
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
