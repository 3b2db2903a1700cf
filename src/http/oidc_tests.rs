//! Sign-in through a provider, as the page does it over REST.

use super::tests::{Kit, assert_problem, get, post};
use crate::{
    auth::tests::SetClock,
    testkit::provider::{Behaviour, Provider, REDIRECT},
};
use serde_json::json;
use std::sync::Arc;

async fn with_provider() -> (Kit, Arc<Provider>) {
    let provider = Provider::start(SetClock::new());
    let kit = Kit::with(|config| {
        config.auth.oidc_issuer = Some(provider.url.clone());
        config.auth.oidc_client_id = Some("playhouse".into());
        config.auth.oidc_redirect_url = Some(REDIRECT.into());
        config.auth.oidc_name = Some("the club".into());
        config.limits.guests_per_minute = 3.0;
    });
    (kit.await, provider)
}

#[actix::test]
async fn a_player_signs_in_through_the_provider_and_is_himself_the_next_time() {
    let (kit, provider) = with_provider().await;
    let (status, body) = kit.ask(get("/api/v1/sessions/oidc")).await;
    assert_eq!((status, &body["provider"]["name"]), (200, &json!("the club")));
    let mut accounts = Vec::new();
    for _ in 0..2 {
        let (status, away) = kit.ask(post("/api/v1/sessions/oidc/start", json!({}))).await;
        assert_eq!(status, 201, "{away}");
        let url = away["authorize_url"].as_str().expect("an address");
        assert!(!url.contains(away["attempt"].as_str().expect("a secret")), "the secret is in no address");
        let back = json!({"attempt": away["attempt"], "state": away["state"], "code": provider.log_in(url)});
        let (status, body) = kit.ask(post("/api/v1/sessions/oidc", back.clone())).await;
        assert_eq!(status, 201, "{body}");
        let access = body["tokens"]["access_token"].as_str().expect("a token");
        let me = get("/api/v1/me").insert_header(("Authorization", format!("Bearer {access}")));
        assert_eq!(kit.ask(me).await.1["account"]["id"], body["account"]["id"]);
        accounts.push(body["account"]["id"].clone());
        assert_problem(kit.ask(post("/api/v1/sessions/oidc", back)).await, 401, "invalid_token");
    }
    assert_eq!(accounts[0], accounts[1]);
}

#[actix::test]
async fn what_goes_wrong_at_the_provider_has_a_name() {
    let (kit, provider) = with_provider().await;
    let (_, away) = kit.ask(post("/api/v1/sessions/oidc/start", json!({}))).await;
    let code = provider.log_in(away["authorize_url"].as_str().expect("an address"));
    let back = |state: &serde_json::Value| json!({"attempt": away["attempt"], "state": state, "code": code});
    let wrong = kit.ask(post("/api/v1/sessions/oidc", back(&json!("another")))).await;
    assert_problem(wrong, 401, "invalid_token");
    provider.behaves(Behaviour { broken: true, ..Behaviour::good("ann") });
    let broken = kit.ask(post("/api/v1/sessions/oidc", back(&away["state"]))).await;
    assert_problem(broken, 502, "provider_away");
    let without = Kit::new().await;
    assert_eq!(without.ask(get("/api/v1/sessions/oidc")).await.1, json!({"provider": null}));
    let start = without.ask(post("/api/v1/sessions/oidc/start", json!({}))).await;
    assert_problem(start, 404, "not_found");
}

#[actix::test]
async fn departures_are_limited_by_address_as_new_accounts_are() {
    let (kit, _provider) = with_provider().await;
    let mut last = (0, json!(null));
    for _ in 0..4 {
        last = kit.ask(post("/api/v1/sessions/oidc/start", json!({}))).await;
    }
    assert_problem(last, 429, "rate_limited");
}
