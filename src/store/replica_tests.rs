//! Lists are read from a replica of a real PostgreSQL while it is near, and from the primary when it is not.

use super::*;
use crate::{
    clock::{SystemClock, UnixMs},
    ids::PlayerId,
    testkit::PrivatePostgres,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const LAG_MS: u64 = 400;

struct Servers {
    primary: PrivatePostgres,
    standby: PrivatePostgres,
    store: Store,
}

/// A store whose replica is well.
async fn open() -> Servers {
    let primary = PrivatePostgres::start().expect("PostgreSQL");
    let standby = primary.standby().expect("a standby");
    let mut config = Config::default();
    config.database.url = Some(primary.url());
    config.database.replicas = vec![standby.url()];
    (config.database.replica_check_ms, config.database.replica_lag_ms) = (20, LAG_MS);
    config.database.timeout_ms = 1_000;
    let store = Store::open(&config, Arc::new(SystemClock)).await.expect("opens");
    until(|| is_read_from(&store)).await;
    Servers { primary, standby, store }
}

fn is_read_from(store: &Store) -> bool {
    let Db::Postgres { replicas, .. } = store.db() else { panic!("not PostgreSQL") };
    replicas.pick().is_some()
}

/// Polls what other processes decide.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come about");
}

async fn note(store: &Store, action: &str) {
    let who = (Some(PlayerId::new()), crate::auth::Role::Admin);
    let entry = AuditEntry::new(UnixMs(5), who, action, "x".to_owned(), json!({}));
    store.audit(&entry).await.expect("written");
}

async fn actions(store: &Store) -> Result<Vec<String>, StoreError> {
    let entries = store.audit_entries(&AuditFilter::default(), 10).await?;
    Ok(entries.into_iter().map(|entry: AuditEntry| entry.action).collect())
}

#[actix::test]
async fn lists_are_read_from_a_replica_and_what_decides_is_not() {
    let Servers { primary, standby: _standby, store } = open().await;
    note(&store, "one").await;
    for _ in 0..500 {
        if actions(&store).await.expect("reads") == ["one"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    primary.pause();
    assert_eq!(actions(&store).await.expect("the replica answers"), ["one"]);
    let balance = tokio::time::timeout(Duration::from_millis(200), store.balance(PlayerId::new())).await;
    primary.resume();
    assert!(balance.is_err(), "points are asked of the primary: {balance:?}");
}

#[actix::test]
async fn a_replica_that_dies_is_read_around_at_once() {
    let Servers { primary: _primary, mut standby, store } = open().await;
    note(&store, "one").await;
    standby.stop();
    assert_eq!(actions(&store).await.expect("the primary answers"), ["one"]);
    until(|| !is_read_from(&store)).await;
    standby.restart().expect("comes back");
    until(|| is_read_from(&store)).await;
}

#[actix::test]
async fn a_replica_that_lags_is_not_read_from_until_it_has_caught_up() {
    let Servers { primary: _primary, standby, store } = open().await;
    let replica = sqlx::PgPool::connect(&standby.url()).await.expect("connects");
    sqlx::query("SELECT pg_wal_replay_pause()").execute(&replica).await.expect("paused");
    until(|| !is_read_from(&store)).await;
    note(&store, "late").await;
    assert_eq!(actions(&store).await.expect("the primary answers"), ["late"]);
    sqlx::query("SELECT pg_wal_replay_resume()").execute(&replica).await.expect("goes on");
    until(|| is_read_from(&store)).await;
    assert_eq!(actions(&store).await.expect("the replica has caught up"), ["late"]);
}
