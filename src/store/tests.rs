//! What the store promises, on SQLite in a folder of its own or on PostgreSQL (`testkit::test_config`).

use super::*;
use crate::{
    clock::{SystemClock, UnixMs},
    ids::{MatchId, PlayerId, RoomId},
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

const KIND: &str = "room";

async fn open(dir: &tempfile::TempDir) -> Store {
    let config = crate::testkit::test_config(dir.path()).await;
    Store::open(&config, Arc::new(SystemClock)).await.expect("opens")
}

fn commit(key: Uuid, fence: Fence, state: &str, rows: Vec<Row>) -> Commit {
    let state = Some(state.as_bytes().to_vec());
    Commit { kind: KIND, key, fence, state, next_wake_at: None, wake_no: 0, rows }
}

#[actix::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let dir = tempfile::tempdir().expect("tempdir");
    let key = Uuid::now_v7();
    let store = open(&dir).await;
    store.commit(commit(key, Fence::Create, "one", vec![])).await.expect("created");
    store.commit(commit(key, Fence::Epoch(1), "two", vec![])).await.expect("changed");
    std::mem::forget(store); // no close: as after kill -9
    let activated = open(&dir).await.activate(KIND, key).await.expect("reads").expect("exists");
    assert_eq!((activated.epoch, activated.version, activated.state), (2, 2, b"two".to_vec()));
}

#[actix::test]
async fn a_match_is_read_back_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (key, account, match_id) = (Uuid::now_v7(), PlayerId::new(), MatchId::new());
    let at = UnixMs(5);
    let started = Row::MatchStarted {
        match_id,
        room: RoomId(key),
        header: json!({"game": "mafia"}),
        participants: vec![account],
        at,
    };
    let entry = |n| Row::MatchEntry { match_id, n, at, body: json!({ "n": n }) };
    store.commit(commit(key, Fence::Create, "s", vec![started, entry(0), entry(1)])).await.expect("played");
    assert!(store.matches_of(account, None, 10).await.expect("reads").is_empty());
    let ended = Row::MatchEnded { match_id, winner: "draw".to_owned(), at, ended: json!({"winner": "draw"}) };
    store.commit(commit(key, Fence::Epoch(1), "s", vec![ended])).await.expect("ended");
    let record = store.match_record(match_id).await.expect("reads").expect("exists");
    assert_eq!(record.entries, [json!({"n": 0}), json!({"n": 1})]);
    assert_eq!(record.participants, [account]);
    assert_eq!(record.ended, Some(json!({"winner": "draw"})));
    assert_eq!(store.matches_of(account, None, 10).await.expect("reads").len(), 1);
}

#[actix::test]
async fn a_closed_store_has_written_all_that_was_queued() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let keys: Vec<Uuid> = (0..500).map(|_| Uuid::now_v7()).collect();
    let all: Vec<_> = keys.iter().map(|key| store.commit(commit(*key, Fence::Create, "s", vec![]))).collect();
    store.close().await;
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert!(store.commit(commit(Uuid::now_v7(), Fence::Create, "s", vec![])).await.is_err());
}

#[actix::test]
async fn a_clock_that_is_off_is_seen() {
    let dir = tempfile::tempdir().expect("tempdir");
    let config = crate::testkit::test_config(dir.path()).await;
    assert!(open(&dir).await.clock_skew_ms().await.expect("answers").abs() < 1_000);
    let an_hour_ago = UnixMs(crate::clock::Clock::now(&SystemClock).0 - 3_600_000);
    let late = Arc::new(crate::clock::TokioClock::starting_at(an_hour_ago));
    let store = Store::open(&config, late).await.expect("opens");
    let skew = store.clock_skew_ms().await.expect("answers");
    assert!((skew - 3_600_000).abs() < 2_000, "{skew} ms");
}

#[actix::test]
async fn of_a_crowd_only_the_fenced_are_refused_and_write_nothing_at_all() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let keys: Vec<Uuid> = (0..150).map(|_| Uuid::now_v7()).collect();
    let made = keys.iter().map(|key| store.commit(commit(*key, Fence::Create, "old", vec![])));
    assert!(futures_util::future::join_all(made).await.iter().all(Result::is_ok));
    let fenced = |n: usize| n % 7 == 3;
    let changes = keys.iter().enumerate().map(|(n, key)| {
        let at = UnixMs(5);
        let (match_id, room, participants) = (MatchId(*key), RoomId(*key), vec![PlayerId(*key)]);
        let started = Row::MatchStarted { match_id, room, header: json!({}), participants, at };
        let entry = |n| Row::MatchEntry { match_id, n, at, body: json!({ "n": n }) };
        let listing = Listing {
            room_id: room,
            code: format!("C{n}"),
            name: "Room".to_owned(),
            game: "mafia".to_owned(),
            visibility: "public".to_owned(),
            status: "waiting".to_owned(),
            members: n as i64,
            capacity: 200,
            settings: json!({}),
            created_at: at,
        };
        let epoch = if fenced(n) { 0 } else { 1 };
        let rows = vec![started, entry(0), entry(1), Row::Listing(listing)];
        store.commit(commit(*key, Fence::Epoch(epoch), "new", rows))
    });
    let changed = futures_util::future::join_all(changes.collect::<Vec<_>>()).await;
    for (n, (key, result)) in keys.iter().zip(changed).enumerate() {
        assert_eq!(result, if fenced(n) { Err(CommitError::Fenced) } else { Ok(()) });
        let state = store.activate(KIND, *key).await.expect("reads").expect("exists").state;
        assert_eq!(state, if fenced(n) { "old" } else { "new" }.as_bytes());
        let record = store.match_record(MatchId(*key)).await.expect("reads");
        assert_eq!(record.map(|record| record.entries.len()), (!fenced(n)).then_some(2));
        let listed = store.room_by_code(&format!("C{n}")).await.expect("reads");
        assert_eq!(listed.is_some(), !fenced(n));
    }
}

/// A commit that nobody waits for any more may meet, in one batch, the same command of the owner that came after.
#[actix::test]
async fn of_two_owners_in_one_batch_only_the_later_writes() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (key, player) = (Uuid::now_v7(), PlayerId(Uuid::now_v7()));
    store.commit(commit(key, Fence::Create, "none", vec![])).await.expect("created");
    let epoch = store.activate(KIND, key).await.expect("reads").expect("exists").epoch;
    let reported = |epoch, state: &str| {
        let (room, about, reason) = (RoomId(key), PlayerId(Uuid::now_v7()), state.to_owned());
        let row = Row::Report {
            id: Uuid::now_v7(),
            room,
            by: player,
            about,
            reason,
            log: json!({}),
            at: UnixMs(5),
        };
        commit(key, Fence::Epoch(epoch), state, vec![row])
    };
    let batch = [reported(epoch - 1, "given up"), reported(epoch, "again")];
    let results = writer::write_all(store.db(), &batch, std::time::Duration::from_secs(5)).await;
    assert_eq!(results, [Err(CommitError::Fenced), Ok(())]);
    assert_eq!(store.activate(KIND, key).await.expect("reads").expect("exists").state, b"again");
    let reports = store.reports(moderation::ReportFilter::default(), 10).await.expect("reads");
    assert_eq!(reports.iter().map(|report| report.reason.as_str()).collect::<Vec<_>>(), ["again"]);
}

#[actix::test]
async fn a_database_that_does_not_answer_holds_up_nobody_for_long() {
    let postgres = crate::testkit::PrivatePostgres::start().expect("PostgreSQL");
    let mut config = Config::default();
    config.database.url = Some(postgres.url());
    config.database.timeout_ms = 300;
    let store = Store::open(&config, Arc::new(SystemClock)).await.expect("opens");
    let keys: Vec<Uuid> = (0..100).map(|_| Uuid::now_v7()).collect();
    let create = |key: &Uuid| store.commit(commit(*key, Fence::Create, "s", vec![]));
    create(&keys[0]).await.expect("created");
    postgres.pause();
    let began = std::time::Instant::now();
    let results = futures_util::future::join_all(keys[1..].iter().map(create)).await;
    assert!(results.iter().all(|result| matches!(result, Err(CommitError::Failed(_)))), "{results:?}");
    assert!(began.elapsed().as_secs() < 5, "each is not waited for alone: {:?}", began.elapsed());
    postgres.resume();
    create(&keys[1]).await.expect("by another connection");
}

#[actix::test]
async fn a_crowd_that_reads_holds_up_no_room() {
    let postgres = crate::testkit::PrivatePostgres::start().expect("PostgreSQL");
    let mut config = Config::default();
    config.database.url = Some(postgres.url());
    config.database.timeout_ms = 300;
    let store = Store::open(&config, Arc::new(SystemClock)).await.expect("opens");
    let Db::Postgres { pool, .. } = store.db() else { panic!("not PostgreSQL") };
    let mut crowd = Vec::new();
    while let Ok(connection) = pool.acquire().await {
        crowd.push(connection); // until the next one would wait for too long
    }
    assert!(store.ping().await.is_err(), "one more reader has to wait");
    let key = Uuid::now_v7();
    store.commit(commit(key, Fence::Create, "s", vec![])).await.expect("commits");
    assert!(store.activate(KIND, key).await.expect("activates").is_some());
}

#[actix::test]
async fn the_audit_log_is_read_newest_first_by_actor_and_target() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let entry = |who, action: &str, target: &str| {
        AuditEntry::new(
            UnixMs(5),
            (who, crate::auth::Role::Admin),
            action,
            target.to_owned(),
            json!({"a": 1}),
        )
    };
    let entries = [entry(Some(ann), "one", "x"), entry(Some(bob), "two", "x"), entry(None, "three", "y")];
    for entry in &entries {
        store.audit(entry).await.expect("written");
    }
    let read = async |filter| {
        let entries: Vec<AuditEntry> = store.audit_entries(&filter, 10).await.expect("reads");
        entries.into_iter().map(|entry| entry.action).collect::<Vec<_>>()
    };
    assert_eq!(read(AuditFilter::default()).await, ["three", "two", "one"]);
    assert_eq!(read(AuditFilter { actor: Some(ann.0), ..Default::default() }).await, ["one"]);
    assert_eq!(read(AuditFilter { target: Some("x".into()), ..Default::default() }).await, ["two", "one"]);
    let before = Some(entries[1].id);
    assert_eq!(read(AuditFilter { before, ..Default::default() }).await, ["one"]);
}
