//! Sign-in through a provider that runs here: the code, the verifier, the ID token, and what is refused.

use super::{AuthError, Departure, Identity, Profile, Return, Tokens, tests::SetClock};
use crate::{
    config::Config,
    ids::PlayerId,
    store::Store,
    testkit::provider::{Behaviour, Provider, REDIRECT},
};
use serde_json::json;
use std::sync::Arc;

struct Kit {
    provider: Arc<Provider>,
    identity: Identity,
    store: Store,
    config: Config,
    clock: Arc<SetClock>,
    _dir: tempfile::TempDir,
}

impl Kit {
    async fn new() -> Self {
        let clock = SetClock::new();
        let provider = Provider::start(clock.clone());
        let dir = tempfile::tempdir().expect("tempdir");
        let mut config: Config = crate::testkit::test_config(dir.path()).await;
        config.auth.oidc_issuer = Some(provider.url.clone());
        config.auth.oidc_client_id = Some("playhouse".into());
        config.auth.oidc_redirect_url = Some(REDIRECT.into());
        let store = Store::open(&config, clock.clone()).await.expect("store");
        let opened = Identity::open(&store, &Arc::new(config.clone()), clock.clone()).await;
        Self { provider, identity: opened.expect("identity"), store, config, clock, _dir: dir }
    }

    async fn departs(&self) -> Departure {
        self.identity.depart_to_provider().await.expect("departs")
    }

    async fn comes_back(&self, from: &Departure, code: String) -> Result<(Profile, Tokens), AuthError> {
        let (attempt, state) = (from.attempt.clone(), from.state.clone());
        self.identity.return_from_provider(Return { attempt, state, code }).await
    }

    /// There and back.
    async fn signs_in(&self, behaviour: Behaviour) -> Result<(Profile, Tokens), AuthError> {
        self.provider.behaves(behaviour);
        let departure = self.departs().await;
        let code = self.provider.log_in(&departure.authorize_url);
        self.comes_back(&departure, code).await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        crate::store::read!(self.store.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await.expect("counts"))
    }
}

fn invalid<T>(result: Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken))
}

#[actix::test]
async fn one_who_comes_back_from_the_provider_is_signed_in_as_the_same_account_each_time() {
    let kit = Kit::new().await;
    let mut seen = Vec::new();
    for subject in ["ann", "ann", "bob"] {
        let (profile, tokens) = kit.signs_in(Behaviour::good(subject)).await.expect("signed in");
        assert!(!profile.account.guest);
        let who = kit.identity.verify_access(&tokens.access_token).expect("good");
        assert_eq!(who.account, profile.account.id);
        kit.identity.refresh(&tokens.refresh_token).await.expect("good");
        seen.push(profile.account.id);
    }
    assert!(seen[0] == seen[1] && seen[1] != seen[2]);
    assert_eq!(kit.provider.asked("configuration"), 1, "what is known is kept");
    let told = "SELECT count(*) FROM outbox WHERE kind = 'signed_in' AND consumer = 'counters'";
    assert_eq!(kit.count(told).await, 3, "each sign-in is a fact");
}

#[actix::test]
async fn two_who_come_for_the_first_time_at_once_are_one_account() {
    let kit = Kit::new().await;
    let (one, other) = (kit.departs().await, kit.departs().await);
    let codes = [kit.provider.log_in(&one.authorize_url), kit.provider.log_in(&other.authorize_url)];
    let [first, second] = codes;
    let (a, b) = tokio::join!(kit.comes_back(&one, first), kit.comes_back(&other, second));
    assert_eq!(a.expect("signed in").0.account.id, b.expect("signed in").0.account.id);
    assert_eq!(kit.count("SELECT count(*) FROM accounts").await, 1);
}

#[actix::test]
async fn an_id_token_that_is_not_what_it_should_be_signs_nobody_in() {
    let kit = Kit::new().await;
    for claims in [
        json!({"nonce": "another's"}),
        json!({"nonce": null}),
        json!({"aud": "another"}),
        json!({"aud": ["playhouse", "another"]}),
        json!({"iss": "https://elsewhere.example"}),
        json!({"exp": 1_699_999_999}),
    ] {
        let spoilt = Behaviour { spoilt: claims.clone(), ..Behaviour::good("ann") };
        let refused = kit.signs_in(spoilt).await;
        assert!(invalid(refused), "{claims}");
    }
    assert!(invalid(kit.signs_in(Behaviour { forged: true, ..Behaviour::good("ann") }).await));
    assert_eq!(kit.count("SELECT count(*) FROM accounts").await, 0);
}

#[actix::test]
async fn state_attempt_and_code_belong_together_and_are_good_once() {
    let kit = Kit::new().await;
    let (one, other) = (kit.departs().await, kit.departs().await);
    let code = kit.provider.log_in(&one.authorize_url);
    let crossed = Departure { state: other.state.clone(), ..one.clone() };
    assert!(invalid(kit.comes_back(&crossed, code.clone()).await), "the state of another attempt");
    let guessed = Departure { attempt: "guessed".into(), ..one.clone() };
    assert!(invalid(kit.comes_back(&guessed, code.clone()).await), "who reads the redirect has no attempt");
    let injected = kit.comes_back(&other, code.clone()).await;
    assert!(invalid(injected), "a code of another attempt: its verifier is another, and the code is gone");
    assert!(invalid(kit.comes_back(&one, code).await));
    let two = kit.departs().await;
    let code = kit.provider.log_in(&two.authorize_url);
    assert!(kit.comes_back(&two, code.clone()).await.is_ok());
    assert!(invalid(kit.comes_back(&two, code).await), "replayed");
    assert_eq!(kit.count("SELECT count(*) FROM oidc_attempts").await, 0);
}

#[actix::test]
async fn who_takes_too_long_begins_anew_and_is_forgotten() {
    let kit = Kit::new().await;
    let late = kit.departs().await;
    let code = kit.provider.log_in(&late.authorize_url);
    kit.clock.advance_s(600);
    assert!(matches!(kit.comes_back(&late, code).await, Err(AuthError::ExpiredToken)));
    let (_never_back, _) = (kit.departs().await, kit.clock.advance_s(600));
    kit.departs().await;
    assert_eq!(kit.count("SELECT count(*) FROM oidc_attempts").await, 1);
}

#[actix::test]
async fn a_banned_account_stays_out_and_a_deleted_one_too_until_it_is_forgotten() {
    let kit = Kit::new().await;
    let (ann, _) = kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    let ban = "UPDATE accounts SET banned_until = $2 WHERE account_id = $1";
    let set = async |until: Option<i64>| {
        crate::store::write!(kit.store.db(), pool => {
            sqlx::query(ban).bind(ann.account.id.0).bind(until).execute(pool).await.expect("updates");
        });
    };
    set(Some(i64::MAX)).await;
    assert!(matches!(kit.signs_in(Behaviour::good("ann")).await, Err(AuthError::Banned { .. })));
    set(None).await;
    assert!(kit.signs_in(Behaviour::good("ann")).await.is_ok());
    kit.identity.delete(ann.account.id).await.expect("deleted");
    assert!(invalid(kit.signs_in(Behaviour::good("ann")).await));
    let now = crate::clock::Clock::now(&*kit.clock);
    kit.store.sweep_accounts(now, now, now).await.expect("swept");
    let (again, _) = kit.signs_in(Behaviour::good("ann")).await.expect("somebody new");
    assert_ne!(again.account.id, ann.account.id);
}

#[actix::test]
async fn a_key_that_the_provider_made_since_is_asked_for_once() {
    let kit = Kit::new().await;
    kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    kit.provider.rotates();
    kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    assert_eq!(kit.provider.asked("keys"), 2);
    kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    assert_eq!(kit.provider.asked("keys"), 2);
    kit.clock.advance_s(3_600);
    kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    assert_eq!(kit.provider.asked("keys"), 3, "what is known is kept for auth.oidc_keep_s");
}

#[actix::test]
async fn a_provider_that_is_away_or_broken_is_said_to_be() {
    let kit = Kit::new().await;
    let broken = Behaviour { broken: true, ..Behaviour::good("ann") };
    assert!(matches!(kit.signs_in(broken).await, Err(AuthError::ProviderAway)));
    let mut config = kit.config.clone();
    config.auth.oidc_issuer = Some("http://127.0.0.1:1".into());
    let away = Identity::open(&kit.store, &Arc::new(config), kit.clock.clone()).await.expect("identity");
    assert!(matches!(away.depart_to_provider().await, Err(AuthError::ProviderAway)));
}

#[actix::test]
async fn without_a_provider_there_is_no_such_way_and_half_of_its_settings_stop_the_start() {
    let kit = Kit::new().await;
    assert_eq!(kit.identity.sign_in_provider().map(|it| it.name).as_deref(), Some("127.0.0.1"));
    let mut config = kit.config.clone();
    config.auth.oidc_client_id = None;
    let half = Identity::open(&kit.store, &Arc::new(config.clone()), kit.clock.clone()).await;
    assert!(matches!(half, Err(AuthError::Bug(_))));
    (config.auth.oidc_issuer, config.auth.oidc_redirect_url) = (None, None);
    let none = Identity::open(&kit.store, &Arc::new(config), kit.clock.clone()).await.expect("identity");
    assert!(none.sign_in_provider().is_none());
    assert!(matches!(none.depart_to_provider().await, Err(AuthError::NotFound(_))));
}

#[actix::test]
async fn who_has_no_password_has_no_address_for_mail_either() {
    let kit = Kit::new().await;
    let (ann, _) = kit.signs_in(Behaviour::good("ann")).await.expect("signed in");
    let id: PlayerId = ann.account.id;
    let refused = kit.identity.change_profile(id, None, Some("ann@example.org")).await;
    assert!(matches!(refused, Err(AuthError::Conflict(_))));
    assert!(kit.identity.change_profile(id, Some("Anna"), None).await.is_ok());
}
