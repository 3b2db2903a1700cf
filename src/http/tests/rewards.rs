//! Events, rewards, claims and wallets as clients meet them; repeated requests.

use super::*;
use crate::{
    liveops::{
        claims::ports::Announce,
        running::{ActivityStream, Parts},
        stream::MemoryStream,
    },
    protocol::Push,
};
use std::{collections::BTreeSet, time::Duration};

/// A whole minute.
const STARTS: i64 = 1_699_999_980_000;
const ENDS: i64 = STARTS + 86_400_000;

struct Nobody;

impl Announce for Nobody {
    fn tell(&self, _: PlayerId, _: Arc<Push>) {}
}

impl Kit {
    /// Carries claims on, as a node does, for as long as this is kept.
    fn works(&self) -> ActivityStream {
        let claims = self.state.claims();
        claims.work(Arc::new(Nobody));
        let settings = self.state.config.activity.clone();
        let stream = Arc::new(MemoryStream::new(settings.queue, Duration::from_millis(settings.poll_ms)));
        let (store, clock) = (self.store.clone(), self.clock.clone());
        ActivityStream::start(&Parts { store, stream, clock, settings }, claims.consumers())
    }

    async fn made(&self, who: &Guest, request: TestRequest, expected: u16) -> Value {
        let (status, body) = self.ask(who.sends(request)).await;
        assert_eq!(status, expected, "{body}");
        body
    }

    /// An active event and a reward of it, by their ids.
    async fn event(&self, operator: &Guest, reward: Value) -> (String, String) {
        let event = json!({"title": "Win", "starts_at": STARTS, "ends_at": ENDS});
        let event = self.made(operator, post("/api/v1/events", event), 201).await["event"]["id"].clone();
        let event = event.as_str().expect("id").to_owned();
        let active = post(&format!("/api/v1/events/{event}/status"), json!({"status": "active"}));
        self.made(operator, active, 200).await;
        let reward = post(&format!("/api/v1/events/{event}/rewards"), reward);
        let reward = self.made(operator, reward, 201).await["reward"]["id"].clone();
        (event, reward.as_str().expect("id").to_owned())
    }
}

fn patch(path: &str, body: Value) -> TestRequest {
    TestRequest::patch().uri(path).set_json(body)
}

fn claim((event, reward): &(String, String), key: &str) -> TestRequest {
    let path = format!("/api/v1/events/{event}/rewards/{reward}/claims");
    TestRequest::post().uri(&path).insert_header(("Idempotency-Key", key))
}

#[actix::test]
async fn staff_see_what_an_account_owns_and_how_claims_went_and_nobody_else_does() {
    let kit = Kit::new().await;
    let _stream = kit.works();
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let gold = kit.event(&operator, points(7)).await;
    let badge = kit.event(&operator, json!({"kind": "badge", "name": "wolf", "amount": 1})).await;
    kit.made(&ann, claim(&gold, "gold"), 201).await;
    kit.made(&ann, claim(&gold, "again"), 201).await; // over the limit: rejected
    kit.made(&ann, claim(&badge, "badge"), 201).await;
    super::play(&kit.store, &[ann.id], true).await;
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    for of in ["wallet", "wallet/ledger", "inventory", "matches"] {
        let path = format!("/api/v1/admin/accounts/{}/{of}", ann.id);
        let own = kit.made(&ann, get(&format!("/api/v1/me/{of}")), 200).await;
        for staff in [&operator, &auditor] {
            assert_eq!(kit.made(staff, get(&path), 200).await, own, "{of}: as its owner sees it");
        }
        assert_ne!(own["items"], json!([]), "{of} shows something");
        assert_problem(kit.ask(ann.sends(get(&path))).await, 403, "forbidden");
        let nobody = format!("/api/v1/admin/accounts/{}/{of}", PlayerId::new());
        assert_problem(kit.ask(auditor.sends(get(&nobody))).await, 404, "not_found");
    }
    let path = "/api/v1/admin/claims/history?hours=1";
    let history = kit.made(&auditor, get(path), 200).await;
    let items = history["items"].as_array().expect("items");
    assert_eq!((items.len(), &history["step_ms"]), (48, &json!(75_000)));
    let newest = json!({"at": items[47]["at"], "granted": 2, "rejected": 1, "compensated": 0, "running": 0});
    assert_eq!((&items[47], &items[46]["granted"]), (&newest, &json!(0)));
    let one = kit.made(&auditor, get(&format!("{path}&event={}", badge.0)), 200).await;
    assert_eq!(one["items"][47]["granted"], 1, "of one event alone");
    kit.clock.advance_s(600);
    kit.state.identity.poll().await.expect("polled");
    let later = kit.made(&auditor, get(path), 200).await;
    let granted: Vec<_> = later["items"].as_array().expect("items").iter().map(|it| &it["granted"]).collect();
    assert_eq!((granted[40], granted[47]), (&json!(2), &json!(0)), "ten minutes ago");
}

fn points(amount: i64) -> Value {
    json!({"kind": "points", "name": "gold", "amount": amount})
}

#[actix::test]
async fn an_event_goes_its_way_and_players_see_it_while_it_is_active() {
    let kit = Kit::new().await;
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let new = json!({"title": "Win", "starts_at": STARTS, "ends_at": ENDS,
                     "condition": {"count": "game_won", "gte": 3}});
    let event = kit.made(&operator, post("/api/v1/events", new), 201).await["event"].clone();
    assert_eq!((&event["status"], &event["condition"]["gte"]), (&json!("draft"), &json!(3)));
    let path = format!("/api/v1/events/{}", event["id"].as_str().expect("id"));
    let set = |status: &str| operator.sends(post(&format!("{path}/status"), json!({"status": status})));
    assert_problem(kit.ask(ann.sends(get(&path))).await, 404, "not_found");
    assert_problem(kit.ask(set("ended")).await, 409, "invalid_status_change");
    assert_problem(kit.ask(set("over")).await, 422, "invalid_field");
    for status in ["active", "inactive", "active"] {
        assert_eq!(kit.ask(set(status)).await.1["event"]["status"], status);
        let seen = kit.ask(ann.sends(get(&path))).await.0;
        assert_eq!(seen, if status == "active" { 200 } else { 404 });
        let listed = kit.ask(ann.sends(get("/api/v1/events"))).await.1["items"].as_array().map(Vec::len);
        assert_eq!(listed, Some(usize::from(status == "active")));
    }
    let listed = kit.ask(ann.sends(get("/api/v1/events"))).await.1["items"][0].clone();
    assert_eq!(
        listed,
        kit.ask(ann.sends(get(&path))).await.1["event"],
        "a list shows it as it is, its condition too"
    );
    let progress = kit.ask(ann.sends(get(&format!("{path}/progress")))).await.1;
    assert_eq!((&progress["met"], &progress["terms"][0]["need"]), (&json!(false), &json!(3)));
    let renamed = kit.ask(operator.sends(patch(&path, json!({"title": "Win again"})))).await.1;
    assert_eq!(
        (&renamed["event"]["title"], &renamed["event"]["ends_at"]),
        (&json!("Win again"), &json!(ENDS))
    );
    for status in ["inactive", "ended"] {
        assert_eq!(kit.ask(set(status)).await.0, 200);
    }
    assert_problem(kit.ask(set("active")).await, 409, "invalid_status_change");
    assert_problem(kit.ask(operator.sends(patch(&path, json!({"title": "x"})))).await, 409, "event_ended");
    let admin = kit.made_staff("Ada", "ADMIN").await;
    let target = path.trim_start_matches("/api/v1/events/");
    let audit = kit.ask(admin.sends(get(&format!("/api/v1/admin/audit?target=event/{target}")))).await.1;
    let actions: Vec<_> = audit["items"].as_array().expect("items").iter().map(|e| &e["action"]).collect();
    assert_eq!(actions.len(), 7, "created, five ways, changed: {actions:?}");
}

#[actix::test]
async fn what_cannot_be_saved_names_its_field() {
    let kit = Kit::new().await;
    let operator = kit.made_staff("Olga", "OPERATOR").await;
    let event = |change: Value| {
        let mut event = json!({"title": "Win", "starts_at": STARTS, "ends_at": ENDS});
        event.as_object_mut().expect("object").extend(change.as_object().expect("object").clone());
        operator.sends(post("/api/v1/events", event))
    };
    for (change, field) in [
        (json!({"title": " "}), "title:"),
        (json!({"title": "a\u{7}"}), "title:"),
        (json!({"starts_at": STARTS + 1}), "starts_at:"),
        (json!({"ends_at": STARTS}), "ends_at:"),
        (json!({"condition": {"all": [{"count": "game_won", "gte": 0}]}}), "condition.all[0].gte:"),
    ] {
        let refused = kit.ask(event(change)).await;
        assert!(refused.1["detail"].as_str().expect("text").starts_with(field), "{refused:?}");
        assert_problem(refused, 422, "invalid_field");
    }
    let ids = kit.event(&operator, points(5)).await;
    let reward = format!("/api/v1/rewards/{}", ids.1);
    for (change, field) in [(json!({"amount": 0}), "amount:"), (json!({"stock": -1}), "stock:")] {
        let refused = kit.ask(operator.sends(patch(&reward, change))).await;
        assert!(refused.1["detail"].as_str().expect("text").starts_with(field), "{refused:?}");
    }
    assert_problem(
        kit.ask(operator.sends(patch(&reward, json!({"kind": "item"})))).await,
        400,
        "bad_request",
    );
    let preview =
        json!({"starts_at": STARTS, "ends_at": ENDS, "condition": {"all": []}, "account": operator.id});
    let preview = kit.made(&operator, post("/api/v1/events/preview", preview), 200).await;
    assert_eq!(
        preview,
        json!({"looked_at": 0, "more": false, "met": 0, "progress": {"met": true, "terms": []}})
    );
}

#[actix::test]
async fn a_claim_fills_the_wallet_and_shows_in_all_histories() {
    let kit = Kit::new().await;
    let _stream = kit.works();
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let ids = kit.event(&operator, json!({"kind": "points", "name": "=gold", "amount": 7, "stock": 5})).await;
    let made = kit.made(&ann, claim(&ids, "one"), 201).await["claim"].clone();
    assert_eq!(
        (&made["status"], &made["amount"], &made["account"]),
        (&json!("granted"), &json!(7), &json!(ann.id))
    );
    let second = kit.made(&ann, claim(&ids, "two"), 201).await["claim"].clone();
    assert_eq!((&second["status"], &second["reason"]), (&json!("rejected"), &json!("limit_reached")));
    let see = async |who: &Guest, path: &str| kit.ask(who.sends(get(path))).await.1;
    assert_eq!(see(&ann, "/api/v1/me/wallet").await, json!({"balance": 7}));
    let entry = see(&ann, "/api/v1/me/wallet/ledger").await["items"][0].clone();
    assert_eq!(
        (&entry["amount"], &entry["reason"], &entry["ref"]),
        (&json!(7), &json!("reward"), &made["id"])
    );
    let mine = see(&ann, "/api/v1/me/claims?limit=1").await;
    assert_eq!(mine["items"], json!([second]));
    let next = mine["next_cursor"].as_str().expect("more");
    assert_eq!(see(&ann, &format!("/api/v1/me/claims?cursor={next}")).await["items"], json!([made]));
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    let filtered = see(&auditor, &format!("/api/v1/admin/claims?status=granted&reward={}", ids.1)).await;
    assert_eq!(filtered["items"], json!([made]));
    let none = see(&auditor, &format!("/api/v1/admin/claims?account={}", operator.id)).await;
    assert_eq!(none["items"], json!([]));
    let bad = kit.ask(auditor.sends(get("/api/v1/admin/claims?status=lost"))).await;
    assert_problem(bad, 400, "bad_request");
    let app = kit.app().await;
    let csv = auditor.sends(get("/api/v1/admin/claims?format=csv")).to_request();
    let csv = read_body(call_service(&app, csv).await).await;
    let csv = String::from_utf8(csv.to_vec()).expect("text");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[2].starts_with(made["id"].as_str().expect("id")) && lines[2].contains(",\"'=gold\",7,granted,")
    );
    let bad = kit.ask(auditor.sends(get("/api/v1/admin/claims?format=xml"))).await;
    assert_problem(bad, 400, "bad_request");
    let left = see(&ann, &format!("/api/v1/rewards/{}", ids.1)).await["reward"]["left"].clone();
    assert_eq!(left, 4);
    let below = operator.sends(patch(&format!("/api/v1/rewards/{}", ids.1), json!({"stock": 0})));
    assert_problem(kit.ask(below).await, 409, "stock_below_taken");
    let free =
        kit.made(&operator, patch(&format!("/api/v1/rewards/{}", ids.1), json!({"stock": null})), 200).await;
    assert_eq!((&free["reward"]["stock"], &free["reward"]["left"]), (&Value::Null, &Value::Null));
}

#[actix::test]
async fn an_export_is_whole_or_refused() {
    let kit = Kit::with(|config| (config.rewards.export_rows, config.rewards.export_page) = (5, 2)).await;
    let _stream = kit.works();
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let ids = kit.event(&operator, points(7)).await;
    let app = kit.app().await;
    for n in 1..=6 {
        kit.made(&ann, claim(&ids, &format!("key-{n}")), 201).await;
        let request = operator.sends(get("/api/v1/admin/claims?format=csv")).to_request();
        let response = call_service(&app, request).await;
        let (status, body) = (response.status().as_u16(), read_body(response).await);
        let text = String::from_utf8(body.to_vec()).expect("text");
        if n <= 5 {
            let lines: BTreeSet<&str> = text.lines().collect();
            assert_eq!((status, lines.len(), text.lines().count()), (200, n + 1, n + 1), "{text}");
        } else {
            let problem: Value = serde_json::from_str(&text).expect("a problem");
            assert_problem((status, problem), 400, "too_many_rows");
        }
    }
    let fewer = kit.ask(operator.sends(get("/api/v1/admin/claims?format=csv&status=granted"))).await;
    assert_eq!(fewer.0, 200, "a narrower question is answered");
}

#[actix::test]
async fn players_may_not_do_what_is_for_staff() {
    let kit = Kit::new().await;
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    let ids = kit.event(&operator, points(5)).await;
    let event = format!("/api/v1/events/{}", ids.0);
    for who in [&ann, &auditor] {
        for request in [
            post("/api/v1/events", json!({})),
            post("/api/v1/events/preview", json!({})),
            patch(&event, json!({})),
            post(&format!("{event}/status"), json!({})),
            post(&format!("{event}/rewards"), json!({})),
            patch(&format!("/api/v1/rewards/{}", ids.1), json!({})),
        ] {
            assert_problem(kit.ask(who.sends(request)).await, 403, "forbidden");
        }
    }
    assert_problem(kit.ask(ann.sends(get("/api/v1/admin/claims"))).await, 403, "forbidden");
    let others = get(&format!("{event}/progress?account={}", auditor.id));
    assert_problem(kit.ask(ann.sends(others)).await, 403, "forbidden");
}

#[actix::test]
async fn fifty_equal_requests_at_once_are_one_claim_with_fifty_equal_answers() {
    let kit = Kit::new().await;
    let _stream = kit.works();
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let reward = json!({"kind": "points", "name": "gold", "amount": 7, "per_account_limit": 100});
    let ids = kit.event(&operator, reward).await;
    let answers = (0..50).map(|_| kit.ask(ann.sends(claim(&ids, "again"))));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers[0].0, 201, "{:?}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(kit.ask(ann.sends(get("/api/v1/me/wallet"))).await.1["balance"], 7);
    let mine = kit.ask(ann.sends(get("/api/v1/me/claims"))).await.1;
    assert_eq!(mine["items"].as_array().map(Vec::len), Some(1));
    kit.clock.advance_s(86_399);
    let ann = kit.again(ann).await;
    assert_eq!(kit.ask(ann.sends(claim(&ids, "again"))).await, answers[0], "for a day");
    kit.clock.advance_s(2);
    assert_ne!(kit.ask(ann.sends(claim(&ids, "again"))).await.1, answers[0].1, "then it is forgotten");
}

impl Kit {
    /// The same account with a new token.
    async fn again(&self, guest: Guest) -> Guest {
        let refresh = post("/api/v1/sessions/refresh", json!({"refresh_token": guest.refresh}));
        let tokens = self.ask(refresh).await.1["tokens"].clone();
        let text = |name: &str| tokens[name].as_str().expect("text").to_owned();
        Guest { access: text("access_token"), refresh: text("refresh_token"), ..guest }
    }
}

#[actix::test]
async fn a_key_is_one_request_of_one_account() {
    let kit = Kit::new().await;
    let _stream = kit.works();
    let (operator, ann, bob) =
        (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await, kit.guest("Bob").await);
    let ids = kit.event(&operator, points(7)).await;
    let without = TestRequest::post().uri(&format!("/api/v1/events/{}/rewards/{}/claims", ids.0, ids.1));
    assert_problem(kit.ask(ann.sends(without)).await, 400, "idempotency_key_required");
    for key in [String::new(), "a b".to_owned(), "k".repeat(129)] {
        assert_problem(kit.ask(ann.sends(claim(&ids, &key))).await, 400, "invalid_idempotency_key");
    }
    let longest = "k".repeat(128);
    let first = kit.made(&ann, claim(&ids, &longest), 201).await;
    let other_body = claim(&ids, &longest).set_json(json!({"x": 1}));
    assert_problem(kit.ask(ann.sends(other_body)).await, 422, "idempotency_key_reused");
    let other_path = claim(&(ids.0.clone(), ann.id.to_string()), &longest);
    assert_problem(kit.ask(ann.sends(other_path)).await, 422, "idempotency_key_reused");
    let of_bob = kit.made(&bob, claim(&ids, &longest), 201).await;
    assert_ne!(of_bob["claim"]["id"], first["claim"]["id"], "another account's key is another");
    let unknown = claim(&(ids.0.clone(), ann.id.to_string()), "unknown");
    assert_problem(kit.ask(ann.sends(unknown)).await, 404, "not_found");
}

#[actix::test]
async fn a_request_whose_node_died_is_served_anew_under_the_same_id() {
    let kit = Kit::new().await;
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let ids = kit.event(&operator, points(7)).await;
    let app = kit.app().await;
    let call = call_service(&app, ann.sends(claim(&ids, "k")).to_request());
    let gone = tokio::time::timeout(std::time::Duration::from_millis(300), call).await;
    assert!(gone.is_err(), "no worker runs: it waits, and then its client is gone");
    let before = kit.store.claims(&Default::default(), 10).await.expect("reads");
    assert_eq!((before.len(), before[0].status.as_str()), (1, "requested"));
    let sql = "UPDATE idempotency SET worker = $1, leased_until = 0"; // what served it is dead
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(sql).bind(Uuid::now_v7()).execute(pool).await.expect("updates");
    });
    let _stream = kit.works();
    let body = kit.made(&ann, claim(&ids, "k"), 201).await;
    assert_eq!(body["claim"]["id"], json!(before[0].claim_id));
    assert_eq!(kit.store.claims(&Default::default(), 10).await.expect("reads").len(), 1);
}

#[actix::test]
async fn other_posts_take_keys_too() {
    let kit = Kit::new().await;
    let operator = kit.made_staff("Olga", "OPERATOR").await;
    let new = || {
        let event = json!({"title": "Win", "starts_at": STARTS, "ends_at": ENDS});
        post("/api/v1/events", event).insert_header(("Idempotency-Key", "k"))
    };
    let first = kit.made(&operator, new(), 201).await;
    assert_eq!(kit.made(&operator, new(), 201).await, first);
    let events = kit.ask(operator.sends(get("/api/v1/events"))).await.1;
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1));
}
