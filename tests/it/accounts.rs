//! Accounts over real sockets: whose sessions end, when, and what opens no socket any more.

use crate::{
    node::{Dial, Here, PATIENCE, Wire, start},
    process::Process,
};
use playhouse::{
    auth::Identity,
    clock::SystemClock,
    ids::PlayerId,
    store::Store,
    testkit::{Guest, PrivatePostgres, PrivateRedis},
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const PASSWORD: &str = "correct horse battery";
/// Within this a session must have ended (spec 2.1), and what a busy machine may add.
const WITHIN: Duration = Duration::from_millis(1_000 + 500);

/// A second node's view of the same installation: another process, which the node here hears of by polling alone.
struct Elsewhere {
    identity: Identity,
    _store: Store,
}

impl Elsewhere {
    async fn of(here: &Here) -> Self {
        let config = here.node.cluster.config().clone();
        let store = Store::open(&config, Arc::new(SystemClock)).await.unwrap();
        let identity = Identity::open(&store, &config, Arc::new(SystemClock)).await.unwrap();
        Self { identity, _store: store }
    }
}

async fn post(base: &str, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(format!("{base}{path}")).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn admin(here: &Here) -> String {
    Elsewhere::of(here).await.identity.create_admin("root", PASSWORD).await.unwrap();
    let body = json!({"username": "root", "password": PASSWORD});
    let (status, body) = post(&here.base, "/api/v1/sessions", None, body).await;
    assert_eq!(status, 201, "{body}");
    body["tokens"]["access_token"].as_str().unwrap().to_owned()
}

/// The socket's close code, and how long it took from now.
async fn ends(mut wire: Wire) -> (Option<u16>, Duration) {
    let began = Instant::now();
    tokio::time::timeout(PATIENCE, wire.rest()).await.expect("the socket to be closed");
    (wire.closed, began.elapsed())
}

#[actix::test]
async fn a_ban_ends_the_live_session_and_its_token_opens_no_other() {
    let here = start(|_| ()).await;
    let admin = admin(&here).await;
    let (ann, bob) =
        (Guest::sign_in(&here.base, "Ann").await.unwrap(), Guest::sign_in(&here.base, "Bob").await.unwrap());
    let (wire, _) = Wire::enter(&ann).await;
    let (mut other, _) = Wire::enter(&bob).await;
    let path = format!("/api/v1/admin/accounts/{}/ban", ann.id);
    assert_eq!(post(&here.base, &path, Some(&admin), json!({"reason": "cheats"})).await.0, 204);
    let (code, took) = ends(wire).await;
    assert_eq!(code, Some(4003));
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(Dial::of(&ann).refused(&here.base).await, 401);
    assert_eq!(other.ask(1, "ping", json!({"client_time": 0})).await["type"], "pong", "others play on");
    here.node.stop().await;
}

#[actix::test]
async fn what_another_process_changes_ends_sessions_here_within_a_second() {
    let here = start(|_| ()).await;
    let elsewhere = Elsewhere::of(&here).await;
    let ann = Guest::sign_in(&here.base, "Ann").await.unwrap();
    let (wire, _) = Wire::enter(&ann).await;
    let id: PlayerId = ann.id.parse().unwrap();
    let began = Instant::now();
    elsewhere.identity.sign_out_everywhere(id).await.unwrap();
    let (code, _) = ends(wire).await;
    assert_eq!(code, Some(4003));
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    assert_eq!(Dial::of(&ann).refused(&here.base).await, 401);
    here.node.stop().await;
}

#[actix::test]
async fn a_sign_ins_end_closes_its_own_session_alone() {
    let here = start(|_| ()).await;
    let ann = Guest::sign_in(&here.base, "Ann").await.unwrap();
    let (wire, _) = Wire::enter(&ann).await;
    let request = reqwest::Client::new().delete(format!("{}/api/v1/sessions/current", here.base));
    let response = request.bearer_auth(&ann.access_token).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(ends(wire).await.0, Some(4003));
    assert_eq!(Dial::of(&ann).refused(&here.base).await, 401, "its token opens no socket");

    let body = json!({"username": "bob", "password": PASSWORD});
    let (_, one) = post(&here.base, "/api/v1/accounts", None, body.clone()).await;
    let (_, two) = post(&here.base, "/api/v1/sessions", None, body).await;
    let token = |body: &Value| body["tokens"]["access_token"].as_str().unwrap().to_owned();
    let dial = Dial { token: Some(token(&two)), ..Dial::default() };
    let mut wire = dial.open(&here.base).await.unwrap();
    wire.until("session.welcome").await;
    let request = reqwest::Client::new().delete(format!("{}/api/v1/sessions/current", here.base));
    request.bearer_auth(token(&one)).send().await.unwrap();
    assert_eq!(
        wire.ask(1, "ping", json!({"client_time": 0})).await["type"],
        "pong",
        "the other sign-in plays on"
    );
    here.node.stop().await;
}

/// `playhouse admin …` on the settings of a node's data folder.
fn playhouse(dir: &std::path::Path, args: &[&str], password: Option<&str>) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_playhouse"));
    command.arg("--set").arg(format!("data.dir={}", dir.display())).args(args);
    command.stdin(std::process::Stdio::null());
    if let Some(password) = password {
        command.env(playhouse::operator::PASSWORD_VARIABLE, password);
    }
    command.output().unwrap()
}

#[actix::test]
async fn the_operator_makes_the_first_admin_and_rotates_the_keys_of_a_running_node() {
    let dir = tempfile::tempdir().unwrap();
    let node = Process::with(dir.path(), &["auth.key_settle_s=1"]);
    let made = playhouse(dir.path(), &["admin", "create", "root"], Some(PASSWORD));
    assert!(made.status.success(), "{made:?}");
    for text in [&made.stdout, &made.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(PASSWORD));
    }
    let again = playhouse(dir.path(), &["admin", "create", "ROOT"], Some(PASSWORD));
    assert!(!again.status.success(), "the name is taken");
    assert!(!playhouse(dir.path(), &["admin", "create", "other"], Some("short")).status.success());
    assert!(!playhouse(dir.path(), &["admin", "create", "other"], None).status.success(), "an empty one");

    let body = json!({"username": "root", "password": PASSWORD});
    let (status, signed_in) = post(&node.base(), "/api/v1/sessions", None, body.clone()).await;
    assert_eq!((status, &signed_in["account"]["role"]), (201, &json!("ADMIN")), "{signed_in}");
    let token = |body: &Value| body["tokens"]["access_token"].as_str().unwrap().to_owned();
    let rotated = playhouse(dir.path(), &["--set", "auth.key_settle_s=1", "admin", "rotate-keys"], None);
    assert!(rotated.status.success(), "{rotated:?}");
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, fresh) = post(&node.base(), "/api/v1/sessions", None, body.clone()).await;
        if header(&token(&fresh)) != header(&token(&signed_in)) {
            break; // the new key signs, and the node itself takes its tokens
        }
        assert!(Instant::now() < deadline, "the node did not notice the new key");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let me = reqwest::Client::new().get(format!("{}/api/v1/me", node.base())).bearer_auth(token(&signed_in));
    assert_eq!(me.send().await.unwrap().status().as_u16(), 200, "nobody is signed out");
}

#[actix::test]
async fn a_ban_on_one_node_ends_the_session_on_another_at_once_by_the_bus_alone() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (redis_url, database) =
        (format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url()));
    let settings = [redis_url.as_str(), database.as_str(), "auth.epoch_poll_ms=600000"]; // neither asks SQL
    let (one, other) = (Process::with(dir.path(), &settings), Process::with(dir.path(), &settings));
    let made = playhouse(dir.path(), &["--set", &database, "admin", "create", "root"], Some(PASSWORD));
    assert!(made.status.success(), "{made:?}");
    let body = json!({"username": "root", "password": PASSWORD});
    let (_, admin) = post(&one.base(), "/api/v1/sessions", None, body).await;
    let admin = admin["tokens"]["access_token"].as_str().unwrap().to_owned();
    let ann = Guest::sign_in(&other.base(), "Ann").await.unwrap();
    let (wire, _) = Wire::enter(&ann).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await; // a beat: each node knows of the other
    let path = format!("/api/v1/admin/accounts/{}/ban", ann.id);
    assert_eq!(post(&one.base(), &path, Some(&admin), json!({"reason": "cheats"})).await.0, 204);
    let (code, took) = ends(wire).await;
    assert_eq!(code, Some(4003));
    assert!(took < WITHIN, "{took:?}");
    let me = reqwest::Client::new().get(format!("{}/api/v1/me", other.base())).bearer_auth(&ann.access_token);
    assert_eq!(me.send().await.unwrap().status().as_u16(), 401, "its token is void there too");
}
