//! Every route, every role, every kind of token: who gets in. A route that is not in [`WHO`] fails the test.

mod who;

use super::tests::{Guest, Kit, assert_problem, get};
use super::{guard::Access, routes};
use crate::{
    auth::{Principal, Role, SignInId},
    ids::QueueId,
};
use actix_web::{http::Method, test::TestRequest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;
use who::{ANYONE, USER, WHO};

/// A request for a route with an id that nothing has, and a body that nothing takes: whoever gets in is refused by
/// the handler, so that nothing is changed but by routes without body, which are asked by accounts of their own.
fn request(method: &str, path: &str) -> TestRequest {
    let path =
        path.replace("{id}", &Uuid::nil().to_string()).replace("{path:.*}", "x").replace(['{', '}'], "");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    TestRequest::default().method(method).uri(&path)
}

impl Kit {
    /// Somebody new with this role.
    async fn somebody(&self, role: Role) -> Guest {
        let name = format!("{}{}", &role.as_str()[..4], Uuid::new_v4().simple().to_string().split_off(24));
        let guest = self.guest(&name).await;
        if role == Role::User {
            return guest;
        }
        let sql = "UPDATE accounts SET role = $2 WHERE account_id = $1";
        crate::store::write!(self.store.db(), pool => {
            sqlx::query(sql).bind(guest.id.0).bind(role.as_str()).execute(pool).await.expect("updates");
        });
        let tokens = self.state.identity.refresh(&guest.refresh).await.expect("good");
        Guest { access: tokens.access_token, refresh: tokens.refresh_token, ..guest }
    }
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let rows: BTreeSet<(String, &str)> =
        routes::table().iter().map(|row| (row.method.to_string(), row.path)).collect();
    let known: BTreeSet<(String, &str)> =
        WHO.iter().map(|(method, path, _)| ((*method).to_owned(), *path)).collect();
    let missing: Vec<_> = rows.difference(&known).collect();
    let stale: Vec<_> = known.difference(&rows).collect();
    assert!(missing.is_empty(), "say in WHO who may use {missing:?}");
    assert!(stale.is_empty(), "no such routes: {stale:?}");
    assert_eq!(WHO.len(), rows.len(), "a route stands there twice");
}

#[test]
fn the_guards_are_those_of_the_table() {
    for row in routes::table() {
        let declared = match row.access {
            Access::Anyone => ANYONE.to_owned(),
            Access::SignedIn => USER.to_owned(),
            Access::Roles(roles) => roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" "),
            Access::Service(scope) => format!("service:{scope}"),
        };
        let (.., who) = WHO
            .iter()
            .find(|(method, path, _)| *method == row.method.as_str() && *path == row.path)
            .unwrap_or_else(|| panic!("no row for {} {}", row.method, row.path));
        assert_eq!(&declared, who, "{} {}", row.method, row.path);
    }
}

#[actix::test]
async fn every_role_gets_in_where_it_may_and_nowhere_else() {
    let kit = Kit::unlimited().await;
    for (method, path, who) in WHO {
        for role in Role::ALL {
            let somebody = kit.somebody(role).await;
            let (status, body) = kit.ask(somebody.sends(request(method, path))).await;
            let gets_in = *who == ANYONE || who.split(' ').any(|name| name == role.as_str());
            let context = format!("{method} {path} as {role:?}: {status} {body}");
            assert!(status < 500, "{context}");
            if gets_in {
                assert!(
                    status != 403 && body["code"] != "unauthorized" && body["code"] != "invalid_token",
                    "{context}"
                );
            } else if who.starts_with("service:") {
                assert!(status == 401 && body["code"] == "invalid_token", "{context}");
            } else {
                assert!(status == 403 && body["code"] == "forbidden", "{context}");
            }
        }
    }
}

#[actix::test]
async fn no_bad_token_opens_any_route() {
    let kit = Kit::unlimited().await;
    let late = kit.somebody(Role::Admin).await;
    kit.clock.advance_s(901);
    kit.state.identity.poll().await.expect("polled");
    let bad = bad_tokens(&kit).await;
    for (method, path, who) in WHO.iter().filter(|(.., who)| *who != ANYONE) {
        assert_problem(kit.ask(request(method, path)).await, 401, "unauthorized");
        if who.starts_with("service:") {
            continue;
        }
        assert_problem(kit.ask(late.sends(request(method, path))).await, 401, "expired_token");
        for (name, access) in &bad {
            let somebody = Guest { access: access.clone(), ..kit.stranger() };
            let (status, body) = kit.ask(somebody.sends(request(method, path))).await;
            assert!(
                status == 401 && body["code"] == "invalid_token",
                "{name} on {method} {path}: {status} {body}"
            );
        }
    }
}

/// An ADMIN's token, each spoilt in one way.
async fn bad_tokens(kit: &Kit) -> Vec<(&'static str, String)> {
    let admin = kit.somebody(Role::Admin).await;
    let parts: Vec<&str> = admin.access.split('.').collect();
    let decode = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("json")
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let user = kit.somebody(Role::User).await;
    let user: Vec<&str> = user.access.split('.').collect();
    let mut claims = decode(user[1]);
    claims["role"] = json!("ADMIN");
    let forged = format!("{}.{}.{}", user[0], encode(&claims), user[2]);
    let header = json!({"typ": "JWT", "alg": "none", "kid": decode(parts[0])["kid"]});
    let none = format!("{}.{}.", encode(&header), parts[1]);
    let unsigned = format!("{}.{}.", parts[0], parts[1]);

    let other = Kit::unlimited().await;
    let theirs = other.somebody(Role::Admin).await.access;
    let their_parts: Vec<&str> = theirs.split('.').collect();
    let wrong_key = format!("{}.{}.{}", parts[0], their_parts[1], their_parts[2]);

    let (service, token) = service_token(kit, &["queue.verify"]).await;
    assert_eq!(service.name, "a service");
    let ended = kit.somebody(Role::Admin).await;
    let who = kit.state.identity.verify_access(&ended.access).expect("good");
    kit.state.identity.sign_out(who.sign_in).await.expect("signed out");
    let banned = kit.somebody(Role::Admin).await;
    let ban = crate::auth::Ban { reason: "test".into(), ends_at: None };
    kit.state.identity.ban(&by_nobody(), banned.id, ban).await.expect("banned");
    vec![
        ("a forged role", forged),
        ("alg none", none),
        ("no signature", unsigned),
        ("another installation's", theirs),
        ("another installation's under our key's name", wrong_key),
        ("nonsense", "a.b.c".to_owned()),
        ("a refresh token", admin.refresh.clone()),
        ("a service token", token),
        ("a signed-out one", ended.access),
        ("a banned one", banned.access),
    ]
}

fn by_nobody() -> Principal {
    Principal {
        account: crate::ids::PlayerId::new(),
        sign_in: SignInId(Uuid::nil()),
        role: Role::Admin,
        epoch: 0,
    }
}

async fn service_token(kit: &Kit, scopes: &[&str]) -> (crate::store::ServiceTokenRow, String) {
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    kit.state.identity.issue_service_token(&by_nobody(), "a service", &scopes).await.expect("issued")
}

#[actix::test]
async fn what_is_others_is_not_found_or_refused() {
    let kit = Kit::unlimited().await;
    let (ann, bob) = (kit.somebody(Role::User).await, kit.somebody(Role::User).await);
    let theirs = super::tests::play(&kit.store, &[ann.id], true).await;
    let operator = kit.somebody(Role::Operator).await;
    let made = kit.ask(operator.sends(request("POST", "/api/v1/queues").set_json(json!({})))).await.1;
    let queue: QueueId = made["queue"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let ticket = kit.state.queues.enter(queue, ann.id).await.expect("a ticket").ticket;
    let mut tried = BTreeSet::new();
    let mut other = async |pattern: &'static str, path: String, expected: u16| {
        tried.insert(pattern);
        for (method, _, _) in WHO.iter().filter(|(_, path, _)| *path == pattern) {
            let (status, body) = kit.ask(bob.sends(request(method, &path))).await;
            assert_eq!(status, expected, "{method} {path}: {body}");
        }
    };
    other("/api/v1/matches/{id}", format!("/api/v1/matches/{theirs}"), 404).await;
    let of_queue = format!("/api/v1/queues/{queue}");
    other("/api/v1/queues/{id}", of_queue.clone(), 403).await;
    let nowhere = format!("/api/v1/queues/{}/tickets", Uuid::now_v7());
    other("/api/v1/queues/{queue}/tickets", nowhere, 404).await;
    other("/api/v1/queues/{queue}/tickets/{ticket}", format!("{of_queue}/tickets/{ticket}"), 404).await;
    other("/api/v1/queues/{queue}/passes/complete", format!("{of_queue}/passes/complete"), 401).await;
    other("/api/v1/queues/{queue}/passes/verify", format!("{of_queue}/passes/verify"), 401).await;
    other("/api/v1/admin/accounts/{id}", format!("/api/v1/admin/accounts/{}", ann.id), 403).await;
    for action in
        ["ban", "role", "unban", "wallet", "wallet/ledger", "wallet/top-ups", "inventory", "matches"]
    {
        let pattern =
            WHO.iter().find(|(_, path, _)| path.ends_with(&format!("{{id}}/{action}"))).expect("a row").1;
        other(pattern, format!("/api/v1/admin/accounts/{}/{action}", ann.id), 403).await;
    }
    for pattern in ["/api/v1/admin/dead-letters/{id}", "/api/v1/admin/dead-letters/{id}/retry"] {
        other(pattern, pattern.replace("{id}", &Uuid::now_v7().to_string()), 403).await;
    }
    for (_, pattern, _) in WHO.iter().filter(|(_, path, _)| {
        ["duels", "players", "reports", "rooms"]
            .iter()
            .any(|of| path.starts_with(&format!("/api/v1/admin/{of}/")))
    }) {
        other(pattern, pattern.replace("{id}", &ann.id.to_string()), 403).await;
    }
    let draft = "a draft, or nothing at all: players cannot tell";
    for (method, path, who) in
        WHO.iter().filter(|(_, path, _)| path.contains("events/{") || path.contains("rewards/{"))
    {
        let id = Uuid::now_v7().to_string();
        let at = path.replace("{id}", &id).replace("{event}", &id).replace("{reward}", &id);
        let asked = request(method, &at).insert_header(("Idempotency-Key", "k")).set_json(json!({}));
        let (status, body) = kit.ask(bob.sends(asked)).await;
        let expected = if *who == USER { 404 } else { 403 };
        assert_eq!(status, expected, "{method} {path}, {draft}: {body}");
    }
    // Ratings are for everybody to see: there are none of nobody, and of nothing.
    for (pattern, path) in [
        ("/api/v1/players/{id}/ratings", format!("/api/v1/players/{}/ratings", Uuid::now_v7())),
        ("/api/v1/leaderboards/{mode}", "/api/v1/leaderboards/chess".to_owned()),
    ] {
        other(pattern, path, 404).await;
    }
    no_showtime_and_no_reservation_of_anothers(&kit, &ann, &bob).await;
    let (token, _) = service_token(&kit, &["queue.verify"]).await;
    other("/api/v1/admin/service-tokens/{id}", format!("/api/v1/admin/service-tokens/{}", token.id), 403)
        .await;
    let with_id: BTreeSet<&str> = WHO
        .iter()
        .filter(|(.., who)| *who != ANYONE)
        .map(|(_, path, _)| *path)
        .filter(|path| path.contains('{') && !path.contains("events/{") && !path.contains("rewards/{"))
        .filter(|path| ["showtimes/{", "reservations/{"].iter().all(|of| !path.contains(of)))
        .collect();
    assert_eq!(tried, with_id, "every route that names something is tried on another's");
}

/// What is staff's to do is refused; another's reservation is not there.
async fn no_showtime_and_no_reservation_of_anothers(kit: &Kit, ann: &Guest, bob: &Guest) {
    let operator = kit.somebody(Role::Operator).await;
    let (showtime, seat) = super::tests::showtimes::made(kit, &operator, 0).await;
    let held = super::tests::showtimes::held(kit, ann, &showtime, &seat).await;
    for (method, path, who) in
        WHO.iter().filter(|(_, path, _)| path.contains("showtimes/{") || path.contains("reservations/{"))
    {
        let of = if path.contains("showtimes/{") { &showtime } else { &held };
        let at = path.replace("{id}", of).replace("{seat}", &Uuid::nil().to_string());
        let asked = request(method, &at).insert_header(("Idempotency-Key", "k")).set_json(json!({}));
        let (status, body) = kit.ask(bob.sends(asked)).await;
        let expected = match *who {
            USER if path.contains("reservations") => 404,
            USER => 200,
            _ => 403,
        };
        assert_eq!(status, expected, "{method} {path}: {body}");
    }
}

#[actix::test]
async fn a_services_token_opens_its_scope_alone_until_it_is_revoked() {
    use actix_web::{App, HttpResponse, test, web};
    let kit = Kit::unlimited().await;
    let route = Access::Service("queue.verify").protect(web::get().to(HttpResponse::Ok));
    let app = App::new().app_data(web::Data::new(kit.state.clone())).route("/verify", route);
    let app = test::init_service(app).await;
    let ask = async |token: &str| {
        let request = get("/verify").insert_header(("Authorization", format!("Bearer {token}")));
        test::call_service(&app, request.to_request()).await.status().as_u16()
    };
    let (row, token) = service_token(&kit, &["queue.verify"]).await;
    let (_, other) = service_token(&kit, &["activity.write"]).await;
    let admin = kit.somebody(Role::Admin).await;
    assert_eq!((ask(&token).await, ask(&other).await, ask(&admin.access).await), (200, 403, 401));
    kit.state.identity.revoke_service_token(&by_nobody(), row.id).await.expect("revoked");
    assert_eq!(ask(&token).await, 401);
}

#[actix::test]
async fn a_node_that_hears_nothing_refuses_staff_but_not_players() {
    let kit = Kit::unlimited().await;
    let (admin, user) = (kit.somebody(Role::Admin).await, kit.somebody(Role::User).await);
    let audit = || admin.sends(get("/api/v1/admin/audit"));
    kit.clock.advance_s(30);
    assert_eq!(kit.ask(audit()).await.0, 200);
    kit.clock.advance_s(1);
    assert_problem(kit.ask(audit()).await, 503, "try_again");
    assert_eq!(kit.ask(user.sends(get("/api/v1/me"))).await.0, 200);
    kit.state.identity.poll().await.expect("polled");
    assert_eq!(kit.ask(audit()).await.0, 200, "and it hears again");
}
