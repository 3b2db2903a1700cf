//! The REST API as a client meets it.

use super::*;
use crate::{
    actors::{room::RoomActor, session::Mutes},
    auth::{Identity, tests::SetClock},
    clock::UnixMs,
    cluster::{Arbiters, Cluster},
    config::Config,
    game::Registry,
    ids::{MatchId, PlayerId, RoomId},
    queue::Queues,
    store::{Commit, Fence, Row, Store},
};
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

mod duels;
mod matches;
mod rewards;
pub(super) mod showtimes;
mod stream;

pub(super) struct Kit {
    pub state: HttpState,
    pub store: Store,
    pub clock: Arc<SetClock>,
    _dir: tempfile::TempDir,
}

impl Kit {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut config = crate::testkit::test_config(dir.path()).await;
        change(&mut config);
        let (config, clock) = (Arc::new(config), SetClock::new());
        let store = Store::open(&config, clock.clone()).await.expect("store");
        let identity = Identity::open(&store, &config, clock.clone()).await.expect("identity");
        let (entities, arbiters) = (Arc::new(store.clone()), Arbiters::current());
        let cluster = Cluster::new(config.clone(), clock.clone(), entities, arbiters, None);
        cluster.register(RoomActor::factory(Registry::standard(), None, Mutes::default()));
        crate::actors::register_duels(&cluster);
        let queues = Queues::embedded(&store, &cluster, identity.queue_secret());
        let state = HttpState::new(identity, store.clone(), config, clock.clone(), cluster, queues);
        Self { state, store, clock, _dir: dir }
    }

    /// Many accounts may be made.
    pub async fn unlimited() -> Self {
        Self::with(|config| config.limits.guests_per_minute = 1e6).await
    }

    /// Nobody yet.
    pub fn stranger(&self) -> Guest {
        Guest { id: PlayerId::new(), access: String::new(), refresh: String::new() }
    }

    pub async fn app(
        &self,
    ) -> impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
        let app = App::new().configure(configure(self.state.clone()));
        init_service(app.wrap(security_headers(0)).wrap(errors())).await
    }

    async fn admin(
        &self,
    ) -> impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
        init_service(App::new().configure(configure_admin(self.state.clone(), None, || (), || true))).await
    }

    /// Status and JSON of an answer.
    pub async fn ask(&self, request: TestRequest) -> (u16, Value) {
        let app = self.app().await;
        let peer = "192.0.2.1:9".parse().expect("address");
        let response = call_service(&app, request.peer_addr(peer).to_request()).await;
        let status = response.status().as_u16();
        let body = read_body(response).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// A guest's id, access and refresh token.
    pub async fn guest(&self, nickname: &str) -> Guest {
        let (status, body) = self.ask(post("/api/v1/accounts/guest", json!({"nickname": nickname}))).await;
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Guest {
            id: text(&body["account"]["id"]).parse().expect("id"),
            access: text(&body["tokens"]["access_token"]),
            refresh: text(&body["tokens"]["refresh_token"]),
        }
    }
}

pub(super) struct Guest {
    pub id: PlayerId,
    pub access: String,
    pub refresh: String,
}

impl Guest {
    pub fn sends(&self, request: TestRequest) -> TestRequest {
        request.insert_header((header::AUTHORIZATION, format!("Bearer {}", self.access)))
    }
}

pub(super) fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

pub(super) fn post(path: &str, body: Value) -> TestRequest {
    TestRequest::post().uri(path).set_json(body)
}

fn rename(nickname: &str) -> TestRequest {
    TestRequest::put().uri("/api/v1/me/nickname").set_json(json!({"nickname": nickname}))
}

fn header_of<B>(response: &ServiceResponse<B>, name: header::HeaderName) -> String {
    let value = response.headers().get(&name).unwrap_or_else(|| panic!("no {name}"));
    value.to_str().expect("text").to_owned()
}

pub(super) fn assert_problem((status, body): (u16, Value), expected: u16, code: &str) {
    assert_eq!(
        (status, &body["code"], &body["status"]),
        (expected, &json!(code), &json!(expected)),
        "{body}"
    );
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
}

#[actix::test]
async fn a_guest_account_has_the_shape_of_the_spec() {
    let kit = Kit::new().await;
    let (status, body) = kit.ask(post("/api/v1/accounts/guest", json!({"nickname": "보라"}))).await;
    assert_eq!(status, 201);
    let account = &body["account"];
    assert_eq!(
        (&account["nickname"], &account["guest"], &account["role"]),
        (&json!("보라"), &json!(true), &json!("USER"))
    );
    let tokens = &body["tokens"];
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    let (status, body) = kit.ask(post("/api/v1/accounts/guest", json!({}))).await;
    assert_eq!(status, 201, "the nickname may be left out: {body}");
}

#[actix::test]
async fn a_session_is_refreshed_and_ended() {
    let kit = Kit::new().await;
    let guest = kit.guest("Ann").await;
    let refresh = |token: &Value| post("/api/v1/sessions/refresh", json!({"refresh_token": token}));
    let (status, body) = kit.ask(refresh(&json!(guest.refresh))).await;
    assert_eq!((status, &body["tokens"]["token_type"]), (200, &json!("Bearer")));
    let end = guest.sends(TestRequest::delete().uri("/api/v1/sessions/current"));
    assert_eq!(kit.ask(end).await.0, 204);
    assert_problem(kit.ask(refresh(&body["tokens"]["refresh_token"])).await, 401, "invalid_token");
    assert_problem(kit.ask(refresh(&json!("nonsense"))).await, 401, "invalid_token");
}

#[actix::test]
async fn a_ticket_carries_the_origin_that_asked_for_it() {
    let kit = Kit::new().await;
    let guest = kit.guest("Ann").await;
    let ask = guest.sends(TestRequest::post().uri("/api/v1/ws-tickets"));
    let (status, body) = kit.ask(ask.insert_header((header::ORIGIN, "https://play.example"))).await;
    assert_eq!((status, &body["expires_in"]), (201, &json!(30)));
    let ticket = body["ticket"].as_str().expect("ticket");
    let redeemed =
        kit.state.identity.redeem_ticket(ticket, Some("https://play.example")).await.expect("good");
    assert_eq!(redeemed.account, guest.id);
}

#[actix::test]
async fn nicknames_are_asked_for_and_changed() {
    let kit = Kit::new().await;
    let guest = kit.guest("Ann").await;
    let free = |name: &str| get(&format!("/api/v1/nicknames/{name}"));
    assert_eq!(kit.ask(free("%EB%B3%B4%EB%9D%BC")).await, (200, json!({"available": true})));
    assert_eq!(kit.ask(free("ANN")).await, (200, json!({"available": false, "reason": "taken"})));
    assert_eq!(kit.ask(free("a")).await, (200, json!({"available": false, "reason": "too_short"})));
    assert_eq!(kit.ask(guest.sends(rename("보라"))).await, (200, json!({"nickname": "보라"})));
    assert_eq!(kit.ask(guest.sends(get("/api/v1/me/nickname"))).await, (200, json!({"nickname": "보라"})));
    assert_eq!(kit.ask(guest.sends(get("/api/v1/me"))).await.1["account"]["nickname"], "보라");
    kit.guest("Bob").await;
    assert_problem(kit.ask(guest.sends(rename("bob"))).await, 409, "nickname_taken");
    let refused = kit.ask(guest.sends(rename("a\u{202e}b"))).await;
    assert_eq!(refused.1["reason"], "invisible_character");
    assert_problem(refused, 422, "invalid_nickname");
}

#[actix::test]
async fn guests_are_limited_by_address() {
    let kit = Kit::with(|config| {
        config.limits.guests_per_minute = 2.0;
        config.server.trusted_proxies = vec!["192.0.2.1".parse().expect("address")];
    })
    .await;
    let guest =
        |from: &str| post("/api/v1/accounts/guest", json!({})).insert_header(("X-Forwarded-For", from));
    for _ in 0..2 {
        assert_eq!(kit.ask(guest("203.0.113.1")).await.0, 201);
    }
    let app = kit.app().await;
    let peer = "192.0.2.1:9".parse().expect("address");
    let refused = call_service(&app, guest("203.0.113.1").peer_addr(peer).to_request()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = header_of(&refused, header::RETRY_AFTER).parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(kit.ask(guest("203.0.113.2")).await.0, 201, "another address has its own limit");
}

#[actix::test]
async fn every_refusal_is_a_problem_document() {
    let kit = Kit::new().await;
    let guest = || TestRequest::post().uri("/api/v1/accounts/guest");
    let typed = || guest().insert_header((header::CONTENT_TYPE, "application/json"));
    let large = format!("{{\"nickname\": \"{}\"}}", "a".repeat(70_000));
    assert_problem(kit.ask(get("/api/v1/nothing")).await, 404, "not_found");
    assert_problem(kit.ask(get("/api/v1/accounts/guest")).await, 405, "method_not_allowed");
    assert_problem(kit.ask(typed().set_payload("{")).await, 400, "bad_request");
    assert_problem(kit.ask(typed().set_payload("{\"nickname\": 7}")).await, 400, "bad_request");
    assert_problem(kit.ask(typed().set_payload(large)).await, 413, "too_large");
    assert_problem(kit.ask(guest().set_payload("{}")).await, 415, "unsupported_media_type");
}

#[actix::test]
async fn every_answer_has_the_security_headers() {
    let kit = Kit::new().await;
    let app = kit.app().await;
    for path in ["/", "/nothing", "/.well-known/jwks.json", "/api/v1/me"] {
        let response = call_service(&app, get(path).to_request()).await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().expect("text"));
        assert!(
            header(header::CONTENT_SECURITY_POLICY).is_some_and(
                |csp| csp.contains("frame-ancestors 'none'") && csp.contains("form-action 'none'")
            )
        );
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"), "{path}");
        assert_eq!(header(header::REFERRER_POLICY), Some("no-referrer"), "{path}");
        assert!(header(header::CACHE_CONTROL).is_some(), "{path}");
    }
}

#[actix::test]
async fn pages_are_served_with_an_etag_and_not_twice() {
    let kit = Kit::new().await;
    let app = kit.app().await;
    for (path, mime) in [
        ("/", "text/html; charset=utf-8"),
        ("/r/ABCDEF", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/client/playhouse.js", "text/javascript; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
    ] {
        let response = call_service(&app, get(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), mime, "{path}");
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-cache", "{path}");
        let etag = header_of(&response, header::ETAG);
        let again = get(path).insert_header((header::IF_NONE_MATCH, etag)).to_request();
        let again = call_service(&app, again).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(read_body(again).await.is_empty());
    }
    for path in
        ["/assets/test/page.test.js", "/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/assets/"]
    {
        let response = call_service(&app, get(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix::test]
async fn anyone_may_have_the_public_keys() {
    let kit = Kit::new().await;
    let (status, body) = kit.ask(get("/.well-known/jwks.json")).await;
    let key = &body["keys"][0];
    assert_eq!(
        (status, &key["kty"], &key["crv"], &key["alg"]),
        (200, &json!("OKP"), &json!("Ed25519"), &json!("EdDSA"))
    );
    assert!(key.get("d").is_none(), "and nothing private");
}

/// A match of these players, as a room commits it.
pub(super) async fn play(store: &Store, players: &[PlayerId], ended: bool) -> MatchId {
    let (match_id, room, at) = (MatchId::new(), RoomId::new(), UnixMs(1_000));
    let header = json!({"match_id": match_id, "game": "mafia", "seed": "00"});
    let participants = players.to_vec();
    let mut rows = vec![
        Row::MatchStarted { match_id, room, header, participants, at },
        Row::MatchEntry { match_id, n: 0, at, body: json!({"n": 0, "at": at, "effects": []}) },
    ];
    if ended {
        let ended = json!({"ended_at": at, "winner": "citizens", "roles": {}});
        rows.push(Row::MatchEnded { match_id, winner: "citizens".into(), at, ended });
    }
    let (key, state) = (Uuid::now_v7(), Some(Vec::new()));
    let commit =
        Commit { kind: "room", key, fence: Fence::Create, state, next_wake_at: None, wake_no: 0, rows };
    store.commit(commit).await.expect("committed");
    match_id
}

#[actix::test]
async fn a_node_is_ready_when_it_says_so_and_its_database_answers() {
    let kit = Kit::new().await;
    let app = kit.admin().await;
    let status = async |path: &str| call_service(&app, get(path).to_request()).await.status().as_u16();
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 503));
    kit.state.set_ready(true);
    assert_eq!(status("/readyz").await, 200);
    kit.state.set_clock_skew(-1_500);
    assert_eq!(status("/readyz").await, 503, "a clock that is off");
    kit.state.set_clock_skew(900);
    assert_eq!(status("/readyz").await, 200);
    kit.store.close().await;
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 503));
}

#[actix::test]
async fn the_database_being_away_is_503_and_says_when_to_try_again() {
    let kit = Kit::new().await;
    let guest = kit.guest("Ann").await;
    kit.store.close().await;
    let answer = kit.ask(guest.sends(get("/api/v1/me"))).await;
    assert_eq!(answer.1["retry_after_ms"], 1_000);
    assert_problem(answer, 503, "try_again");
}

#[actix::test]
async fn metrics_are_text_for_prometheus() {
    let kit = Kit::new().await;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let (handle, seen) = (recorder.handle(), std::rc::Rc::new(std::cell::Cell::new(0)));
    let counter = seen.clone();
    let observe = move || counter.set(counter.get() + 1);
    let admin = App::new().configure(configure_admin(kit.state.clone(), Some(handle), observe, || true));
    let app = init_service(admin).await;
    let response =
        call_service(&app, TestRequest::default().method(Method::GET).uri("/metrics").to_request()).await;
    assert_eq!((response.status().as_u16(), seen.get()), (200, 1));
    assert!(header_of(&response, header::CONTENT_TYPE).starts_with("text/plain"));
}
