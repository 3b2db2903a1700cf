//! What identity promises, on a database of its own and a clock that the test sets.
//!
//! The database is SQLite in a temporary folder, or a schema of `PLAYHOUSE_TEST_POSTGRES` where that URL is set.

use super::*;
use crate::{
    clock::{Clock, UnixMs},
    ids::PlayerId,
};
use std::sync::atomic::Ordering;

mod profiles;

/// Shows what it was set to. (Tokio's paused clock would run ahead while SQLite's threads work.)
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    /// Some day in 2023.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_700_000_000_000)))
    }

    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

struct Kit {
    identity: Identity,
    store: Store,
    config: Arc<Config>,
    clock: Arc<SetClock>,
    _dir: tempfile::TempDir,
}

impl Kit {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let config = crate::testkit::test_config(dir.path()).await;
        let (config, clock) = (Arc::new(config), SetClock::new());
        let store = Store::open(&config, clock.clone()).await.expect("store");
        let identity = Identity::open(&store, &config, clock.clone()).await.expect("identity");
        Self { identity, store, config, clock, _dir: dir }
    }

    async fn guest(&self, nickname: &str) -> (Account, Tokens) {
        self.identity.create_guest(Some(nickname)).await.expect("free")
    }

    fn principal(&self, tokens: &Tokens) -> Principal {
        self.identity.verify_access(&tokens.access_token).expect("valid")
    }

    async fn rows(&self, table: &'static str) -> i64 {
        let sql = match table {
            "ws_tickets" => "SELECT count(*) FROM ws_tickets",
            "refresh_tokens" => "SELECT count(*) FROM refresh_tokens",
            _ => "SELECT count(*) FROM sign_ins",
        };
        crate::store::read!(self.store.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await.expect("counts"))
    }
}

fn invalid<T>(result: Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken))
}

#[actix::test]
async fn a_guest_is_signed_in_at_once() {
    let kit = Kit::new().await;
    let (account, tokens) = kit.guest("보라").await;
    assert_eq!((account.nickname.as_str(), account.guest, account.role), ("보라", true, Role::User));
    assert_eq!(kit.principal(&tokens).account, account.id);
    assert_eq!(kit.identity.account(account.id).await.expect("exists"), account);
    assert!(invalid(kit.identity.account(PlayerId::new()).await));
}

#[actix::test]
async fn a_guest_without_a_nickname_gets_a_free_one() {
    let kit = Kit::new().await;
    let (one, _) = kit.identity.create_guest(None).await.expect("created");
    let (other, _) = kit.identity.create_guest(None).await.expect("created");
    assert_ne!(one.nickname, other.nickname);
}

#[actix::test]
async fn two_accounts_never_have_nicknames_that_look_the_same() {
    let kit = Kit::new().await;
    kit.guest("Bob").await;
    let twin = "Воb"; // Cyrillic В, о
    assert!(matches!(kit.identity.create_guest(Some(twin)).await, Err(AuthError::NicknameTaken)));
    assert_eq!(kit.identity.nickname_obstacle(twin).await.expect("answers"), Some("taken"));
    assert_eq!(kit.identity.nickname_obstacle("b").await.expect("answers"), Some("too_short"));
    assert_eq!(kit.identity.nickname_obstacle("Ann").await.expect("answers"), None);
}

#[actix::test]
async fn a_rename_frees_the_old_name_and_may_change_its_case() {
    let kit = Kit::new().await;
    let (ann, _) = kit.guest("Ann").await;
    let (bob, _) = kit.guest("Bob").await;
    assert!(matches!(kit.identity.rename(bob.id, "ANN").await, Err(AuthError::NicknameTaken)));
    assert!(matches!(kit.identity.rename(bob.id, "b b").await, Err(AuthError::InvalidNickname(_))));
    assert_eq!(kit.identity.rename(ann.id, "aNN").await.expect("own"), "aNN");
    kit.identity.rename(ann.id, "Anna").await.expect("free");
    assert_eq!(kit.identity.rename(bob.id, "Ann").await.expect("free now"), "Ann");
}

#[actix::test]
async fn a_refresh_token_is_good_for_one_successor() {
    let kit = Kit::new().await;
    let (account, first) = kit.guest("Ann").await;
    let second = kit.identity.refresh(&first.refresh_token).await.expect("good");
    let third = kit.identity.refresh(&second.refresh_token).await.expect("good");
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_ne!(second.refresh_token, third.refresh_token);
    assert_eq!(kit.principal(&third).account, account.id);
    assert_eq!(kit.principal(&third).sign_in, kit.principal(&first).sign_in);
}

#[actix::test]
async fn within_the_grace_a_used_token_brings_the_same_successor() {
    let kit = Kit::new().await;
    let (_, first) = kit.guest("Ann").await;
    let second = kit.identity.refresh(&first.refresh_token).await.expect("good");
    kit.clock.advance_s(30);
    let again = kit.identity.refresh(&first.refresh_token).await.expect("within the grace");
    assert_eq!(again.refresh_token, second.refresh_token);
}

#[actix::test]
async fn two_tabs_at_once_get_the_same_successor() {
    let kit = Kit::new().await;
    let (_, first) = kit.guest("Ann").await;
    let refresh = || kit.identity.refresh(&first.refresh_token);
    let (one, other) = futures_util::future::join(refresh(), refresh()).await;
    assert_eq!(one.expect("good").refresh_token, other.expect("good").refresh_token);
}

#[actix::test]
async fn later_reuse_ends_the_whole_sign_in() {
    let kit = Kit::new().await;
    let (_, first) = kit.guest("Ann").await;
    let second = kit.identity.refresh(&first.refresh_token).await.expect("good");
    kit.clock.advance_s(31);
    assert!(invalid(kit.identity.refresh(&first.refresh_token).await));
    assert!(invalid(kit.identity.refresh(&second.refresh_token).await), "its successor fell with it");
}

#[actix::test]
async fn one_sign_ins_end_leaves_the_others_alone() {
    let kit = Kit::new().await;
    let (_, ann) = kit.guest("Ann").await;
    let (_, bob) = kit.guest("Bob").await;
    let who = kit.principal(&ann);
    kit.identity.sign_out(who.sign_in).await.expect("signs out");
    assert!(invalid(kit.identity.refresh(&ann.refresh_token).await));
    assert!(invalid(kit.identity.verify_access(&ann.access_token)), "its access token neither");
    assert!(invalid(kit.identity.issue_ticket(&who, None).await), "no new sockets either");
    assert!(kit.identity.refresh(&bob.refresh_token).await.is_ok());
}

#[actix::test]
async fn a_refresh_token_expires() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    kit.clock.advance_s(2_592_000);
    assert!(invalid(kit.identity.refresh(&tokens.refresh_token).await));
    for wrong in ["", "x", tokens.access_token.as_str()] {
        assert!(invalid(kit.identity.refresh(wrong).await), "{wrong}");
    }
}

#[actix::test]
async fn a_ticket_is_good_once_even_for_two_at_the_same_time() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    let who = kit.principal(&tokens);
    let ticket = kit.identity.issue_ticket(&who, None).await.expect("issued").ticket;
    let redeem = || kit.identity.redeem_ticket(&ticket, None);
    let (one, other) = futures_util::future::join(redeem(), redeem()).await;
    assert!(one.is_ok() != other.is_ok(), "exactly one gets it");
    assert_eq!(one.or(other).expect("one"), who);
    assert!(invalid(kit.identity.redeem_ticket("x", None).await));
}

#[actix::test]
async fn a_ticket_expires() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    let ticket = kit.identity.issue_ticket(&kit.principal(&tokens), None).await.expect("issued");
    kit.clock.advance_s(30);
    let redeemed = kit.identity.redeem_ticket(&ticket.ticket, None).await;
    assert!(matches!(redeemed, Err(AuthError::ExpiredToken)));
}

#[actix::test]
async fn a_ticket_is_good_from_its_own_origin_alone_and_burns_elsewhere() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    let (who, home) = (kit.principal(&tokens), Some("https://play.example"));
    let ticket = kit.identity.issue_ticket(&who, home).await.expect("issued").ticket;
    assert!(kit.identity.redeem_ticket(&ticket, home).await.is_ok());
    for elsewhere in [Some("https://evil.example"), None] {
        let ticket = kit.identity.issue_ticket(&who, home).await.expect("issued").ticket;
        assert!(invalid(kit.identity.redeem_ticket(&ticket, elsewhere).await));
        assert!(invalid(kit.identity.redeem_ticket(&ticket, home).await));
    }
}

#[actix::test]
async fn what_has_expired_is_swept() {
    let kit = Kit::new().await;
    let (_, ann) = kit.guest("Ann").await;
    kit.identity.issue_ticket(&kit.principal(&ann), None).await.expect("issued");
    kit.clock.advance_s(31);
    kit.identity.issue_ticket(&kit.principal(&ann), None).await.expect("issued");
    assert_eq!(kit.rows("ws_tickets").await, 1);

    kit.clock.advance_s(2_592_000);
    let (_, bob) = kit.guest("Bob").await;
    kit.identity.issue_ticket(&kit.principal(&bob), None).await.expect("issued");
    assert_eq!((kit.rows("refresh_tokens").await, kit.rows("sign_ins").await), (1, 1), "Bob's");
}

#[actix::test]
async fn keys_and_secrets_outlive_the_process() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    let again = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("identity");
    assert!(again.verify_access(&tokens.access_token).is_ok());
    assert!(again.refresh(&tokens.refresh_token).await.is_ok());
    assert_eq!(again.resume_secret(), kit.identity.resume_secret());
    assert_eq!(again.resume_secret().len(), 32);
    assert_eq!(again.jwks(), kit.identity.jwks());
    let other = Kit::new().await;
    assert_ne!(other.identity.resume_secret(), again.resume_secret());
    assert!(invalid(other.identity.verify_access(&tokens.access_token)));
}

#[actix::test]
async fn nothing_that_a_client_presents_is_stored_in_clear() {
    let kit = Kit::new().await;
    let (_, first) = kit.guest("Ann").await;
    let second = kit.identity.refresh(&first.refresh_token).await.expect("good");
    let ticket = kit.identity.issue_ticket(&kit.principal(&first), None).await.expect("issued").ticket;
    kit.store.close().await;
    if kit.config.database.url.is_some() {
        return; // no file to look into
    }
    let mut file = std::fs::read(kit.config.data.dir.join("playhouse.db")).expect("reads");
    file.extend(std::fs::read(kit.config.data.dir.join("playhouse.db-wal")).unwrap_or_default());
    for secret in [&first.refresh_token, &second.refresh_token, &ticket] {
        let raw = opaque::Opaque::parse(secret).expect("parses").bytes();
        assert!(!contains(&file, secret.as_bytes()) && !contains(&file, &raw));
    }
    assert!(contains(&file, "Ann".as_bytes()), "we looked at the right file");
}

/// The secrets of the installation and the seeds of its keys, as they lie in the database.
async fn stored(kit: &Kit) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> =
        kit.store.signing_keys().await.expect("read").into_iter().map(|row| row.seed).collect();
    for name in ["resume", "refresh"] {
        found.push(kit.store.secret(name, &[]).await.expect("read"));
    }
    found
}

#[actix::test]
async fn keys_that_lay_in_clear_are_sealed_once_there_is_a_secret() {
    let kit = Kit::new().await;
    let (_, tokens) = kit.guest("Ann").await;
    let bare = stored(&kit).await;
    assert!(bare.iter().all(|value| value.len() == 32));
    let open = |secret: Option<&str>| {
        let mut config = Config::clone(&kit.config);
        config.auth.key_secret = secret.map(|secret| crate::config::Secret(secret.repeat(8)));
        let config = Arc::new(config);
        let (store, clock) = (kit.store.clone(), kit.clock.clone());
        async move { Identity::open(&store, &config, clock).await }
    };
    let sealed = open(Some("ours")).await.expect("migrates");
    assert!(sealed.verify_access(&tokens.access_token).is_ok(), "the same key");
    assert_eq!(sealed.resume_secret(), kit.identity.resume_secret());
    let lying = stored(&kit).await;
    assert!(lying.iter().all(|value| value.len() > 32 && !bare.iter().any(|seed| contains(value, seed))));
    sealed.rotate_keys().await.expect("rotated");
    assert!(stored(&kit).await.iter().all(|value| value.len() > 32), "a new one too");
    assert!(open(Some("ours")).await.expect("opens").verify_access(&tokens.access_token).is_ok());
    for wrong in [None, Some("their")] {
        let error = open(wrong).await.err().expect("refused").to_string();
        assert!(error.contains("auth.key_secret"), "{error}");
    }
}

#[actix::test]
async fn keys_rotate_and_nobody_is_signed_out() {
    let kit = Kit::new().await;
    let other = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("another node");
    let (_, before) = kit.guest("Ann").await;
    let kid = |tokens: &Tokens| tokens.access_token.split('.').next().expect("a header").to_owned();
    kit.identity.rotate_keys().await.expect("rotated");
    kit.identity.poll().await.expect("polled");
    assert_eq!(kit.identity.jwks()["keys"].as_array().map(Vec::len), Some(2), "shown at once");
    let (_, meanwhile) = kit.guest("Bob").await;
    assert_eq!(kid(&meanwhile), kid(&before), "but does not sign yet");
    kit.clock.advance_s(60);
    let (_, after) = kit.guest("Eve").await;
    assert_ne!(kid(&after), kid(&before));
    assert!(
        invalid(Ok(()).and(other.verify_access(&after.access_token))),
        "a node that has not polled for a minute"
    );
    other.poll().await.expect("polled");
    for tokens in [&before, &after] {
        assert!(other.verify_access(&tokens.access_token).is_ok());
    }
    kit.clock.advance_s(960);
    kit.identity.poll().await.expect("polled");
    other.poll().await.expect("polled");
    assert_eq!(kit.identity.jwks()["keys"].as_array().map(Vec::len), Some(1), "the old one has gone");
    assert_eq!(other.jwks(), kit.identity.jwks());
    assert!(other.refresh(&before.refresh_token).await.is_ok(), "and still nobody is signed out");
}

#[actix::test]
async fn another_node_learns_by_polling_what_is_void() {
    let kit = Kit::new().await;
    let other = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("another node");
    let (_, ann) = kit.guest("Ann").await;
    let (bob_account, bob) = kit.guest("Bob").await;
    kit.identity.sign_out(kit.principal(&ann).sign_in).await.expect("signs out");
    kit.identity.sign_out_everywhere(bob_account.id).await.expect("signs out");
    for tokens in [&ann, &bob] {
        assert!(invalid(kit.identity.verify_access(&tokens.access_token)), "here at once");
        assert!(other.verify_access(&tokens.access_token).is_ok(), "there not yet");
    }
    assert_eq!(other.poll().await.expect("polled").len(), 2);
    for tokens in [&ann, &bob] {
        assert!(invalid(other.verify_access(&tokens.access_token)));
    }
    let late = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("a node that starts");
    assert!(invalid(late.verify_access(&bob.access_token)));
}

#[actix::test]
async fn a_ticket_does_not_outlive_the_epoch_it_was_asked_under() {
    let kit = Kit::new().await;
    let (account, tokens) = kit.guest("Ann").await;
    let who = kit.principal(&tokens);
    let ticket = kit.identity.issue_ticket(&who, None).await.expect("issued");
    kit.identity.sign_out_everywhere(account.id).await.expect("signs out");
    assert!(invalid(kit.identity.redeem_ticket(&ticket.ticket, None).await));
    assert!(invalid(kit.identity.issue_ticket(&who, None).await));
    assert!(invalid(kit.identity.admit_to_play(&who).await));
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[actix::test]
async fn each_sign_in_is_a_fact_and_makes_its_day_an_active_one() {
    let kit = Kit::new().await;
    let told = "SELECT body FROM outbox WHERE kind = 'signed_in' AND consumer = 'counters'";
    let told = async || -> Vec<crate::liveops::Fact> {
        let bodies: Vec<Vec<u8>> = crate::store::read!(kit.store.db(), pool => {
            sqlx::query_scalar(told).fetch_all(pool).await.expect("reads")
        });
        bodies.iter().map(|body| crate::liveops::Fact::open(body).expect("a fact")).collect()
    };
    let (guest, tokens) = kit.guest("Ann").await;
    kit.identity.refresh(&tokens.refresh_token).await.expect("good");
    assert_eq!(told().await.len(), 1, "a refresh is no sign-in");
    let new = NewAccount { username: "ann", password: "long enough", email: None, nickname: None };
    kit.identity.upgrade(&kit.principal(&tokens), new).await.expect("upgraded");
    assert_eq!(told().await.len(), 1, "nor is an upgrade: the tokens stay");
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    assert!(kit.identity.sign_in("ann", "not the password", address).await.is_err());
    for _ in 0..2 {
        kit.clock.advance_s(86_400);
        kit.identity.sign_in("ann", "long enough", address).await.expect("good");
    }
    let facts = told().await;
    assert_eq!(facts.len(), 3);
    kit.store.count_facts(&facts, kit.clock.now()).await.expect("counted");
    assert_eq!(kit.store.activity(guest.id, None, None).await.expect("reads").days_active, 3);
}
