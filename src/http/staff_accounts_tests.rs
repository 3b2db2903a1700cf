//! What staff see of accounts and do to them, as a client meets it.

use super::accounts_tests::{PASSWORD, delete, sign_in};
use super::tests::{Guest, Kit, assert_problem, get, post};
use crate::ids::PlayerId;
use serde_json::{Value, json};

#[actix::test]
async fn a_banned_account_is_out_until_the_ban_ends_or_is_lifted() {
    let kit = Kit::new().await;
    let admin = kit.root().await;
    let ann = kit.account("ann").await;
    let path = |action: &str| format!("/api/v1/admin/accounts/{}/{action}", ann.id);
    let now = crate::clock::Clock::now(&*kit.clock).0;
    let ban = |ends_at: Option<i64>| {
        admin.sends(post(&path("ban"), json!({"reason": "cheats", "ends_at": ends_at})))
    };
    let in_vain = kit.ask(ban(Some(now))).await;
    assert_eq!(in_vain.1["field"], "ends_at");
    assert_problem(in_vain, 422, "invalid_field");
    let endless = "x".repeat(kit.state.config.moderation.reason_chars + 1);
    let told = kit.ask(admin.sends(post(&path("ban"), json!({"reason": endless})))).await;
    assert_eq!(told.1["field"], "reason", "no longer than other reasons of staff");
    assert_problem(told, 422, "invalid_field");
    assert_eq!(kit.ask(ban(Some(now + 60_000))).await.0, 204);
    assert_problem(kit.me(&ann).await, 401, "invalid_token");
    let refused = kit.ask(sign_in("ann", PASSWORD)).await;
    assert_eq!(
        (&refused.1["until"], &refused.1["detail"]),
        (&json!(now + 60_000), &json!("the account is banned: cheats"))
    );
    assert_problem(refused, 403, "account_banned");
    let refresh = || post("/api/v1/sessions/refresh", json!({"refresh_token": ann.refresh}));
    assert_problem(kit.ask(refresh()).await, 403, "account_banned");
    kit.clock.advance_s(61);
    assert_eq!(kit.ask(refresh()).await.0, 200, "even a guest would come back");

    kit.state.identity.poll().await.expect("polled");
    assert_eq!(kit.ask(ban(None)).await.0, 204);
    assert_problem(kit.ask(sign_in("ann", PASSWORD)).await, 403, "account_banned");
    let unban = || admin.sends(post(&path("unban"), json!({})));
    assert_eq!(kit.ask(unban()).await.0, 204);
    assert_problem(kit.ask(unban()).await, 404, "not_found");
    kit.signed_in("ann").await;
    let (_, seen) = kit.ask(admin.sends(get(path("").trim_end_matches('/')))).await;
    assert_eq!(seen["bans"].as_array().map(Vec::len), Some(2), "{seen}");
    assert!(seen["bans"][0]["lifted_at"].is_i64() && seen["account"]["banned_until"].is_null(), "{seen}");
    let actions = kit.audited(&admin).await;
    assert_eq!(actions.iter().filter(|action| *action == "account.banned").count(), 2, "{actions:?}");
    assert!(actions.contains(&"account.unbanned".to_owned()));
    assert!(actions.contains(&"account.admin_created".to_owned()));
}

#[actix::test]
async fn a_role_changes_what_one_may_do_with_the_next_token() {
    let kit = Kit::new().await;
    let admin = kit.root().await;
    let ann = kit.account("ann").await;
    let role = |id: PlayerId, role: &str| {
        admin.sends(post(&format!("/api/v1/admin/accounts/{id}/role"), json!({"role": role})))
    };
    assert_eq!(kit.ask(role(ann.id, "OPERATOR")).await.0, 204);
    assert_problem(kit.me(&ann).await, 401, "invalid_token");
    let tokens = kit.state.identity.refresh(&ann.refresh).await.expect("still signed in");
    let ann = Guest { access: tokens.access_token, ..ann };
    assert_eq!(kit.ask(ann.sends(get("/api/v1/admin/accounts"))).await.0, 200);
    assert_problem(kit.ask(role(admin.id, "USER")).await, 409, "not_to_oneself");
    assert_problem(kit.ask(role(PlayerId::new(), "USER")).await, 404, "not_found");
    assert_problem(kit.ask(role(kit.guest("Bob").await.id, "ADMIN")).await, 409, "guest_without_password");
    assert_eq!(kit.ask(role(ann.id, "KING")).await.0, 400);
    assert!(kit.audited(&admin).await.contains(&"account.role_changed".to_owned()));
}

#[actix::test]
async fn staff_find_accounts_by_name_and_id() {
    let kit = Kit::new().await;
    let admin = kit.root().await;
    let auditor = kit.staff(&admin, "eve", "AUDITOR").await;
    for n in 0..3 {
        kit.account(&format!("some_{n}")).await;
    }
    kit.account("someone").await;
    let found = async |query: &str| {
        let (status, body) = kit.ask(auditor.sends(get(&format!("/api/v1/admin/accounts?{query}")))).await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let items = |body: &Value| body["items"].as_array().expect("a page").len();
    assert_eq!(items(&found("query=SOME_").await), 3, "an underscore is no wildcard");
    assert_eq!(items(&found("query=some").await), 4);
    assert_eq!(found(&format!("query={}", admin.id)).await["items"][0]["username"], "root");
    let first = found("query=some&limit=3").await;
    let next = first["next_cursor"].as_str().expect("more");
    assert_eq!((items(&first), items(&found(&format!("query=some&limit=3&cursor={next}")).await)), (3, 1));
    let (_, one) = kit.ask(auditor.sends(get(&format!("/api/v1/admin/accounts/{}", auditor.id)))).await;
    assert_eq!(
        (&one["account"]["role"], one["sign_ins"].as_array().map(Vec::len)),
        (&json!("AUDITOR"), Some(2))
    );
    assert!(!one.to_string().contains("argon2"), "no hash is shown");
}

#[actix::test]
async fn service_tokens_are_issued_listed_and_revoked() {
    let kit = Kit::new().await;
    let admin = kit.root().await;
    let issue = |body: Value| admin.sends(post("/api/v1/admin/service-tokens", body));
    let (status, body) = kit.ask(issue(json!({"name": "quests", "scopes": ["activity.write"]}))).await;
    assert_eq!((status, &body["service_token"]["name"]), (201, &json!("quests")));
    let token = body["token"].as_str().expect("shown once").to_owned();
    assert!(kit.state.identity.verify_service(&token).await.is_ok());
    let (_, list) = kit.ask(admin.sends(get("/api/v1/admin/service-tokens"))).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert!(!list.to_string().contains(&token));
    let id = body["service_token"]["id"].as_str().expect("id");
    let revoke = || admin.sends(delete(&format!("/api/v1/admin/service-tokens/{id}")));
    assert_eq!(kit.ask(revoke()).await.0, 204);
    assert_problem(kit.ask(revoke()).await, 404, "not_found");
    assert!(kit.state.identity.verify_service(&token).await.is_err());
    assert_problem(kit.ask(issue(json!({"name": "x", "scopes": ["all"]}))).await, 422, "invalid_field");
    assert_problem(
        kit.ask(issue(json!({"name": "", "scopes": ["activity.write"]}))).await,
        422,
        "invalid_field",
    );
    let actions = kit.audited(&admin).await;
    for action in ["service_token.issued", "service_token.revoked"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
}
