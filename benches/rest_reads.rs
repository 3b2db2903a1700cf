//! REST reads through the guard beside a bare actix-web handler that gives the same answers (issue 4).
//!
//! `cargo bench --all-features --bench rest_reads`. A node on SQLite, the bare server and the generator are processes
//! of their own on one machine; rounds of each target alternate between the two servers, and medians are told
//! (`support/reads.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/it/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "support/reads.rs"]
mod reads;
mod support;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::header, web};
use process::Process;
use reads::{Bare, ROUNDS, ask, tell, told, workers};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::HashMap, path::Path, process::Command, sync::Arc};

const EVENTS: usize = 20;
/// Read if the node serves them.
const PATHS: [(&str, &str); 3] =
    [("/api/v1/me", "from memory"), ("/api/v1/events", "from SQL"), ("/api/v1/rooms", "from SQL")];
const ADMIN: (&str, &str) = ("root", "a long password for root");

fn main() {
    if let Some(answers) = told() {
        return actix::System::new().block_on(serve_bare(&answers));
    }
    actix::System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        make_admin(dir.path());
        let node = Process::start(dir.path());
        let (token, answers) = prepare(&node.base()).await;
        let told: HashMap<_, _> = answers.iter().map(|(path, it)| (path, (&it.body, &it.headers))).collect();
        let bare = Bare::start(&serde_json::to_vec(&told).unwrap());
        reads::tell_method();
        for (path, from) in PATHS.iter().filter(|(path, _)| answers.contains_key(*path)) {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\n"
            );
            let node_at = node.base().trim_start_matches("http://").parse().unwrap();
            let (mut bares, mut nodes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bares.push(ask(bare.address, bare.pid(), &request));
                nodes.push(ask(node_at, node.pid(), &request));
            }
            println!("GET {path} ({from}, {} bytes)", answers[*path].body.len());
            tell("bare", &bares, &bares);
            tell("node", &nodes, &bares);
        }
    });
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

/// A handler that looks at nothing: the least that actix-web does for such an answer.
async fn serve_bare(told: &[u8]) {
    type Told = HashMap<String, (String, Vec<(String, String)>)>;
    let told: Told = serde_json::from_slice(told).unwrap();
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
