//! REST reads through the guard beside a bare actix-web handler that gives the same answers (issue 4).
//!
//! `cargo bench --all-features --bench rest_reads`. A node on SQLite, the bare server and the generator are processes
//! of their own on one machine; rounds of each target alternate between the two servers, and medians are told. The
//! generator writes one request a connection and waits for its answer: keep-alive, no pipelining.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::header, web};
use futures_util::future::join_all;
use process::Process;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use support::{cpu_s, median};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;
const EVENTS: usize = 20;
const WARM: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(3);
/// Read if the node serves them.
const PATHS: [(&str, &str); 3] =
    [("/api/v1/me", "from memory"), ("/api/v1/events", "from SQL"), ("/api/v1/rooms", "from SQL")];
/// Set for the process that is the bare server.
const BARE: &str = "PLAYHOUSE_BENCH_BARE";
const ADMIN: (&str, &str) = ("root", "a long password for root");

fn main() {
    if std::env::var_os(BARE).is_some() {
        return actix::System::new().block_on(serve_bare());
    }
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        make_admin(dir.path());
        let node = Process::start(dir.path());
        let (token, answers) = prepare(&node.base()).await;
        let bare = Bare::start(&answers);
        println!("{CONNECTIONS} connections, {} workers each; medians of {ROUNDS} rounds of {ROUND:?}", workers());
        for (path, from) in PATHS.iter().filter(|(path, _)| answers.contains_key(*path)) {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\n"
            );
            let node_at = node.base().trim_start_matches("http://").parse().unwrap();
            let (mut bares, mut nodes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bares.push(ask(bare.address, bare.child.id(), &request));
                nodes.push(ask(node_at, node.pid(), &request));
            }
            println!("GET {path} ({from}, {} bytes)", answers[*path].body.len());
            tell("bare", &bares, &bares);
            tell("node", &nodes, &bares);
        }
    });
}

fn tell(name: &str, rounds: &[Figures], bares: &[Figures]) {
    let of = |rounds: &[Figures], figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
    let (rate, p99) = (of(rounds, |f| f.rate), of(rounds, |f| f.p99_ms));
    println!(
        "  {name} {rate:8.0} requests/s ({:.2}x)   p99 {p99:6.2} ms ({:.2}x)   CPU µs a request: server {:5.1}, generator {:5.1}",
        rate / of(bares, |f| f.rate),
        p99 / of(bares, |f| f.p99_ms),
        of(rounds, |f| f.server_us),
        of(rounds, |f| f.generator_us),
    );
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

// ---------------------------------------------------------------- what there is to read

/// What the node answers: the bare server gives the same.
struct Answer {
    body: String,
    headers: Vec<(String, String)>,
}

fn make_admin(dir: &Path) {
    let made = Command::new(env!("CARGO_BIN_EXE_playhouse"))
        .args(["--set", &format!("data.dir={}", dir.display()), "admin", "create", ADMIN.0])
        .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A page of active events, a player's token, and what he is answered.
async fn prepare(base: &str) -> (String, HashMap<&'static str, Answer>) {
    let client = reqwest::Client::new();
    let call = async |method: Method, path: &str, token: &str, body: Value| -> Value {
        let request = client.request(method, format!("{base}/api/v1{path}")).bearer_auth(token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let signed_in =
        call(Method::POST, "/sessions", "", json!({"username": ADMIN.0, "password": ADMIN.1})).await;
    let admin = text(&signed_in["tokens"]["access_token"]);
    for n in 0..EVENTS {
        let condition = json!({"all": [{"count": "game_won", "where": {"game": "mafia"}, "gte": 3}, {"days_active": {"gte": 2}}]});
        let event = json!({
            "title": format!("Winners' week {n}"), "description": "Win three games of Mafia on two days.",
            "starts_at": 1_700_000_040_000_u64, "ends_at": 4_000_000_020_000_u64, "condition": condition,
        });
        let event = call(Method::POST, "/events", &admin, event).await;
        let path = format!("/events/{}/status", text(&event["event"]["id"]));
        call(Method::POST, &path, &admin, json!({"status": "active"})).await;
    }
    let guest = call(Method::POST, "/accounts/guest", "", json!({})).await;
    let token = text(&guest["tokens"]["access_token"]);
    let mut answers = HashMap::new();
    for (path, _) in PATHS {
        let answer = client.get(format!("{base}{path}")).bearer_auth(&token).send().await.unwrap();
        if answer.status() != 404 {
            let answer = answer.error_for_status().unwrap();
            let own = |name: &str| ["content-length", "date", "connection"].contains(&name);
            let headers = answer.headers().iter().filter(|(name, _)| !own(name.as_str()));
            let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            let headers = headers.collect();
            answers.insert(path, Answer { headers, body: answer.text().await.unwrap() });
        }
    }
    (token, answers)
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

// ---------------------------------------------------------------- the bare server

struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    /// This program once more, told what to answer.
    fn start(answers: &HashMap<&str, Answer>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(BARE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told: HashMap<_, _> = answers.iter().map(|(path, it)| (path, (&it.body, &it.headers))).collect();
        child.stdin.take().unwrap().write_all(&serde_json::to_vec(&told).unwrap()).unwrap();
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

/// A handler that looks at nothing: the least that actix-web does for such an answer.
async fn serve_bare() {
    let mut told = Vec::new();
    std::io::stdin().read_to_end(&mut told).unwrap();
    type Told = HashMap<String, (String, Vec<(String, String)>)>;
    let told: Told = serde_json::from_slice(&told).unwrap();
    let answers = told.into_iter().map(|(path, (body, headers))| {
        let headers = headers.iter().map(|(name, value)| {
            (
                header::HeaderName::try_from(name.as_str()).unwrap(),
                header::HeaderValue::from_str(value).unwrap(),
            )
        });
        (path, (web::Bytes::from(body), headers.collect::<Vec<_>>()))
    });
    let answers: Arc<HashMap<_, _>> = Arc::new(answers.collect());
    let server = HttpServer::new(move || {
        let routes = answers.keys().map(|path| web::resource(path.as_str()).route(web::get().to(answer)));
        routes.fold(App::new().app_data(web::Data::from(answers.clone())), App::service)
    });
    let server = server.workers(workers()).bind(("127.0.0.1", 0)).unwrap();
    println!("{}", server.addrs()[0]);
    server.run().await.unwrap();
}

type Ready = HashMap<String, (web::Bytes, Vec<(header::HeaderName, header::HeaderValue)>)>;

async fn answer(request: HttpRequest, answers: web::Data<Ready>) -> HttpResponse {
    let (body, headers) = &answers[request.path()];
    let mut response = HttpResponse::Ok();
    for (name, value) in headers {
        response.insert_header((name.clone(), value.clone()));
    }
    response.body(body.clone())
}

// ---------------------------------------------------------------- the generator

/// Of one round.
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

/// How long each answer took. All answers of a connection are equally long.
async fn connection(server: SocketAddr, request: &[u8], until: Instant) -> Vec<Duration> {
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut took, mut buffer, mut length) = (Vec::new(), vec![0; 64 * 1024], None);
    while Instant::now() < until {
        let asked = Instant::now();
        socket.write_all(request).await.unwrap();
        let mut read = 0;
        while length.is_none_or(|length| read < length) {
            let more = socket.read(&mut buffer[read..]).await.unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
            length = length.or_else(|| length_of(&buffer[..read]));
        }
        assert!(length == Some(read) && buffer.starts_with(b"HTTP/1.1 200 "), "an answer like the first");
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
