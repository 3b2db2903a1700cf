//! Full accounts and log-in, as a client meets them.

use super::tests::{Guest, Kit, assert_problem, get, post};
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) fn sign_in(username: &str, password: &str) -> TestRequest {
    post("/api/v1/sessions", json!({"username": username, "password": password}))
}

pub(super) fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

fn patch(body: Value) -> TestRequest {
    TestRequest::patch().uri("/api/v1/me").set_json(body)
}

fn guest_of(body: &Value) -> Guest {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Guest {
        id: text(&body["account"]["id"]).parse().expect("id"),
        access: text(&body["tokens"]["access_token"]),
        refresh: text(&body["tokens"]["refresh_token"]),
    }
}

impl Kit {
    pub(super) async fn account(&self, username: &str) -> Guest {
        let body = json!({"username": username, "password": PASSWORD});
        let (status, body) = self.ask(post("/api/v1/accounts", body)).await;
        assert_eq!(status, 201, "{body}");
        guest_of(&body)
    }

    pub(super) async fn signed_in(&self, username: &str) -> Guest {
        let (status, body) = self.ask(sign_in(username, PASSWORD)).await;
        assert_eq!(status, 201, "{body}");
        guest_of(&body)
    }

    /// As `playhouse admin create` makes one.
    pub(super) async fn root(&self) -> Guest {
        self.state.identity.create_admin("root", PASSWORD).await.expect("created");
        self.signed_in("root").await
    }

    pub(super) async fn staff(&self, by: &Guest, username: &str, role: &str) -> Guest {
        let somebody = self.account(username).await;
        let path = format!("/api/v1/admin/accounts/{}/role", somebody.id);
        assert_eq!(self.ask(by.sends(post(&path, json!({"role": role})))).await.0, 204);
        self.signed_in(username).await
    }

    pub(super) async fn me(&self, who: &Guest) -> (u16, Value) {
        self.ask(who.sends(get("/api/v1/me"))).await
    }

    pub(super) async fn audited(&self, by: &Guest) -> Vec<String> {
        let (_, body) = self.ask(by.sends(get("/api/v1/admin/audit?limit=100"))).await;
        let action = |entry: &Value| entry["action"].as_str().expect("text").to_owned();
        body["items"].as_array().expect("a page").iter().map(action).collect()
    }
}

#[actix::test]
async fn an_account_is_made_and_signed_into() {
    let kit = Kit::new().await;
    let body =
        json!({"username": "Ann", "password": PASSWORD, "email": "ann@example.org", "nickname": "보라"});
    let (status, made) = kit.ask(post("/api/v1/accounts", body)).await;
    assert_eq!(status, 201, "{made}");
    let account = &made["account"];
    assert_eq!(
        (&account["nickname"], &account["guest"], &account["username"], &account["email"]),
        (&json!("보라"), &json!(false), &json!("Ann"), &json!("ann@example.org"))
    );
    let again = kit.signed_in("aNN").await;
    assert_eq!(again.id, guest_of(&made).id);
    assert_eq!(kit.me(&again).await.1["account"]["username"], "Ann");
    let taken = kit.ask(post("/api/v1/accounts", json!({"username": "ANN", "password": PASSWORD}))).await;
    assert_problem(taken, 409, "username_taken");
}

#[actix::test]
async fn what_cannot_be_names_its_field() {
    let kit = Kit::new().await;
    for (body, field, reason) in [
        (json!({"username": "a b", "password": PASSWORD}), "username", "bad_character"),
        (json!({"username": "ann", "password": "ninechars"}), "password", "too_short"),
        (json!({"username": "ann", "password": PASSWORD, "email": "ann"}), "email", "not_an_address"),
        (json!({"username": "ann", "password": PASSWORD, "nickname": "a"}), "nickname", "too_short"),
    ] {
        let (status, problem) = kit.ask(post("/api/v1/accounts", body)).await;
        assert_eq!((status, &problem["field"], &problem["reason"]), (422, &json!(field), &json!(reason)));
    }
    assert_problem(kit.ask(post("/api/v1/accounts", json!({"username": "ann"}))).await, 400, "bad_request");
}

#[actix::test]
async fn a_guest_becomes_an_account_and_stays_who_he_is() {
    let kit = Kit::new().await;
    let guest = kit.guest("Ann").await;
    let upgrade =
        || guest.sends(post("/api/v1/me/upgrade", json!({"username": "ann", "password": PASSWORD})));
    let (status, body) = kit.ask(upgrade()).await;
    assert_eq!(
        (status, &body["account"]["guest"], &body["account"]["nickname"]),
        (200, &json!(false), &json!("Ann"))
    );
    assert_eq!(kit.me(&guest).await.0, 200, "his token is good as before");
    assert_eq!(kit.signed_in("ann").await.id, guest.id);
    assert_problem(kit.ask(upgrade()).await, 409, "not_a_guest");
    let other = kit.guest("Bob").await;
    let taken = other.sends(post("/api/v1/me/upgrade", json!({"username": "ANN", "password": PASSWORD})));
    assert_problem(kit.ask(taken).await, 409, "username_taken");
    assert_eq!(kit.me(&other).await.1["account"]["guest"], true, "nothing was changed");
}

#[actix::test]
async fn nobody_learns_which_names_there_are() {
    let kit = Kit::with(|config| config.auth.log_in_free = 1).await;
    kit.account("ann").await;
    for _ in 0..2 {
        let wrong = kit.ask(sign_in("ann", "wrong password")).await;
        let nobody = kit.ask(sign_in("nobody", "wrong password")).await;
        assert_eq!(wrong, nobody);
        assert_problem(wrong, 401, "wrong_credentials");
    }
    let wrong = kit.ask(sign_in("ann", "wrong password")).await;
    assert_eq!(wrong, kit.ask(sign_in("nobody", "wrong password")).await);
    assert_problem(wrong, 429, "rate_limited");
}

/// The medians of many tries at real cost: equal but for a few percent.
#[actix::test]
async fn no_such_user_takes_as_long_as_a_wrong_password() {
    let kit = Kit::with(|config| {
        (config.auth.argon2_memory_kib, config.auth.log_in_free, config.auth.log_in_free_address) =
            (4_096, 99, 999);
    })
    .await;
    kit.account("ann").await;
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..21 {
        for (took, name) in took.iter_mut().zip(["ann", "nobody"]) {
            let began = std::time::Instant::now();
            assert_eq!(kit.ask(sign_in(name, "wrong password")).await.0, 401);
            took.push(began.elapsed());
        }
    }
    let [wrong, nobody] = took.map(|mut took| {
        took.sort();
        took[took.len() / 2]
    });
    let difference = wrong.abs_diff(nobody);
    assert!(difference < wrong.max(nobody) / 3 + Duration::from_millis(2), "{wrong:?} and {nobody:?}");
}

#[actix::test]
async fn log_ins_that_fail_wait_longer_and_longer() {
    let kit = Kit::with(|config| config.auth.log_in_free = 2).await;
    kit.account("ann").await;
    let wait = async || {
        let answer = kit.ask(sign_in("ann", PASSWORD)).await;
        let wait = answer.1["retry_after_ms"].as_i64().expect("a wait");
        assert_problem(answer, 429, "rate_limited");
        wait
    };
    for _ in 0..3 {
        assert_eq!(kit.ask(sign_in("ann", "wrong password")).await.0, 401);
    }
    assert_eq!(wait().await, 1_000, "even for the right password");
    kit.clock.advance_s(1);
    assert_eq!(kit.ask(sign_in("ann", "wrong password")).await.0, 401);
    assert_eq!(wait().await, 2_000);
    kit.clock.advance_s(2);
    kit.signed_in("ann").await;
    assert_eq!(kit.ask(sign_in("ann", "wrong password")).await.0, 401, "and all is forgiven");
    assert_eq!(kit.ask(sign_in("ann", "wrong password")).await.0, 401);
}

#[actix::test]
async fn a_free_try_holds_up_nobody_whose_clock_is_behind() {
    let kit = Kit::new().await;
    for _ in 0..2 {
        assert_eq!(kit.ask(sign_in("ann", "wrong password")).await.0, 401);
        kit.clock.advance_s(-1);
    }
}

#[actix::test]
async fn an_address_that_tries_many_names_waits_too() {
    let kit = Kit::with(|config| config.auth.log_in_free_address = 3).await;
    for n in 0..4 {
        assert_eq!(kit.ask(sign_in(&format!("name{n}"), "wrong password")).await.0, 401);
    }
    assert_problem(kit.ask(sign_in("name9", "wrong password")).await, 429, "rate_limited");
}

#[actix::test]
async fn of_many_tries_at_once_no_more_slip_through() {
    let kit = Kit::with(|config| config.auth.log_in_free = 3).await;
    kit.account("ann").await;
    let address = "203.0.113.9".parse().expect("address");
    let tries = (0..20).map(|_| kit.state.identity.sign_in("ann", "wrong password", address));
    let answers = futures_util::future::join_all(tries).await;
    let tried =
        answers.iter().filter(|answer| matches!(answer, Err(crate::auth::AuthError::WrongCredentials)));
    assert_eq!(tried.count(), 4, "three that are free and the one that begins the wait");
}

#[actix::test]
async fn a_password_is_changed_and_other_devices_are_signed_out() {
    let kit = Kit::new().await;
    let here = kit.account("ann").await;
    let there = kit.signed_in("ann").await;
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        here.sends(TestRequest::put().uri("/api/v1/me/password").set_json(body))
    };
    assert_problem(kit.ask(change("wrong password", "another password")).await, 401, "wrong_credentials");
    assert_problem(kit.ask(change(PASSWORD, "short")).await, 422, "invalid_field");
    assert_eq!(kit.ask(change(PASSWORD, "another password")).await.0, 204);
    assert_eq!(kit.me(&here).await.0, 200);
    assert_problem(kit.me(&there).await, 401, "invalid_token");
    assert!(kit.state.identity.refresh(&there.refresh).await.is_err());
    assert_problem(kit.ask(sign_in("ann", PASSWORD)).await, 401, "wrong_credentials");
    assert_eq!(kit.ask(sign_in("ann", "another password")).await.0, 201);
    let guest = kit.guest("Bob").await;
    let body = json!({"current_password": "x", "new_password": PASSWORD});
    let put = guest.sends(TestRequest::put().uri("/api/v1/me/password").set_json(body));
    assert_problem(kit.ask(put).await, 409, "guest_without_password");
}

#[actix::test]
async fn a_profile_is_changed_and_seen_at_once() {
    let kit = Kit::new().await;
    let ann = kit.account("ann").await;
    assert_eq!(kit.me(&ann).await.1["account"]["email"], Value::Null);
    let (status, body) = kit.ask(ann.sends(patch(json!({"nickname": "Anna", "email": "a@b"})))).await;
    assert_eq!(
        (status, &body["account"]["nickname"], &body["account"]["email"]),
        (200, &json!("Anna"), &json!("a@b"))
    );
    assert_eq!(kit.ask(ann.sends(patch(json!({"email": ""})))).await.1["account"]["email"], Value::Null);
    assert_eq!(kit.me(&ann).await.1["account"]["nickname"], "Anna");
    assert_problem(kit.ask(ann.sends(patch(json!({"email": "nonsense"})))).await, 422, "invalid_field");
}

#[actix::test]
async fn a_deleted_account_is_gone_and_its_names_are_free_after_a_while() {
    let kit = Kit::new().await;
    let ann = kit.account("ann").await;
    let rename = TestRequest::put().uri("/api/v1/me/nickname").set_json(json!({"nickname": "Anna"}));
    assert_eq!(kit.ask(ann.sends(rename)).await.0, 200);
    assert_eq!(kit.ask(ann.sends(delete("/api/v1/me"))).await.0, 204);
    assert_problem(kit.me(&ann).await, 401, "invalid_token");
    assert!(kit.state.identity.refresh(&ann.refresh).await.is_err());
    assert_problem(kit.ask(sign_in("ann", PASSWORD)).await, 401, "wrong_credentials");
    let again =
        || post("/api/v1/accounts", json!({"username": "ann", "password": PASSWORD, "nickname": "Anna"}));
    assert_problem(kit.ask(again()).await, 409, "username_taken");
    kit.clock.advance_s(2_592_000);
    let other = kit.guest("Bob").await;
    assert_eq!(kit.ask(other.sends(post("/api/v1/ws-tickets", json!({})))).await.0, 201); // sweeps
    let (status, body) = kit.ask(again()).await;
    assert_eq!(status, 201, "{body}");
    assert_ne!(guest_of(&body).id, ann.id);
}

#[actix::test]
async fn signing_out_voids_the_access_token_too() {
    let kit = Kit::new().await;
    let (one, other) = (kit.account("ann").await, kit.signed_in("ann").await);
    assert_eq!(kit.ask(one.sends(delete("/api/v1/sessions/current"))).await.0, 204);
    assert_problem(kit.me(&one).await, 401, "invalid_token");
    assert_eq!(kit.me(&other).await.0, 200);
    let third = kit.signed_in("ann").await;
    assert_eq!(kit.ask(third.sends(delete("/api/v1/sessions"))).await.0, 204);
    for gone in [&other, &third] {
        assert_problem(kit.me(gone).await, 401, "invalid_token");
        assert!(kit.state.identity.refresh(&gone.refresh).await.is_err());
    }
    assert_eq!(kit.me(&kit.signed_in("ann").await).await.0, 200);
}
