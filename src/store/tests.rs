//! What the store promises, on SQLite in a folder of its own.

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
    let mut config = Config::default();
    config.data.dir = dir.path().to_owned();
    Store::open(&config, Arc::new(SystemClock)).await.expect("opens")
}

fn commit(key: Uuid, fence: Fence, state: &str, rows: Vec<Row>) -> Commit {
    let state = Some(state.as_bytes().to_vec());
    Commit { kind: KIND, key, fence, state, next_wake_at: None, wake_no: 0, rows }
}

fn listing(room_id: RoomId, code: &str, members: i64) -> Listing {
    Listing {
        room_id,
        code: code.to_owned(),
        name: "A room".to_owned(),
        game: "mafia".to_owned(),
        visibility: "public".to_owned(),
        status: "waiting".to_owned(),
        members,
        capacity: 8,
        settings: json!({"day_ms": 1}),
        created_at: UnixMs(1),
    }
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
async fn an_earlier_owner_is_fenced_and_writes_nothing_at_all() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (key, account) = (Uuid::now_v7(), PlayerId::new());
    store.commit(commit(key, Fence::Create, "one", vec![])).await.expect("created");
    store.activate(KIND, key).await.expect("reads");
    let rows = vec![Row::FreeSeat { account, room: RoomId(key) }];
    let late = store.commit(commit(key, Fence::Epoch(1), "late", rows)).await;
    assert_eq!(late, Err(CommitError::Fenced));
    let seat = vec![Row::TakeSeat { account, room: RoomId(key) }];
    assert_eq!(store.commit(commit(key, Fence::Epoch(1), "late", seat)).await, Err(CommitError::Fenced));
    assert_eq!(store.seat_of(account).await.expect("reads"), None);
    assert_eq!(store.activate(KIND, key).await.expect("reads").expect("exists").state, b"one");
}

#[actix::test]
async fn one_account_has_one_seat_and_a_refusal_spares_the_batch() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let account = PlayerId::new();
    let keys: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let take = |key: &Uuid| vec![Row::TakeSeat { account, room: RoomId(*key) }];
    let all = keys.iter().map(|key| store.commit(commit(*key, Fence::Create, "s", take(key))));
    let results = futures_util::future::join_all(all).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
    assert!(results.iter().all(|r| r.is_ok() || *r == Err(CommitError::SeatTaken(account))));
    let held = store.seat_of(account).await.expect("reads").expect("seated");
    let again = commit(held.0, Fence::Epoch(1), "s", take(&held.0));
    store.commit(again).await.expect("the same seat again is fine");
    for key in keys.iter().filter(|key| **key != held.0) {
        assert_eq!(store.activate(KIND, *key).await.expect("reads"), None, "a refused room was never made");
    }
}

#[actix::test]
async fn a_code_is_one_room_s() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let (first, second) = (RoomId::new(), RoomId::new());
    let make = |room: RoomId| commit(room.0, Fence::Create, "s", vec![Row::Listing(listing(room, "ABCDEF", 1))]);
    store.commit(make(first)).await.expect("made");
    assert_eq!(store.commit(make(second)).await, Err(CommitError::CodeTaken));
    assert_eq!(store.room_by_code("ABCDEF").await.expect("reads"), Some(first));
}

#[actix::test]
async fn lists_page_and_quick_join_prefers_the_fullest() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let rooms: Vec<RoomId> = (0..5).map(|_| RoomId::new()).collect();
    for (n, room) in rooms.iter().enumerate() {
        let row = Row::Listing(listing(*room, &format!("CODE{n}"), [3, 8, 5, 1, 2][n]));
        store.commit(commit(room.0, Fence::Create, "s", vec![row])).await.expect("made");
    }
    assert_eq!(store.fullest_waiting("mafia").await.expect("reads")[..2], [rooms[2], rooms[0]]);
    let (page, next) = store.list_rooms(Some("waiting"), None, 3).await.expect("reads");
    let (rest, end) = store.list_rooms(Some("waiting"), next.as_deref(), 3).await.expect("reads");
    let seen: Vec<RoomId> = page.iter().chain(&rest).map(|l| l.room_id).collect();
    assert_eq!((seen.len(), end), (5, None));
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(store.list_rooms(Some("playing"), None, 3).await.expect("reads").0.is_empty());
}

#[actix::test]
async fn reminders_are_due_when_their_time_has_passed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(&dir).await;
    let key = Uuid::now_v7();
    let mut waking = commit(key, Fence::Create, "s", vec![]);
    (waking.next_wake_at, waking.wake_no) = (Some(UnixMs(1_000)), 7);
    store.commit(waking).await.expect("made");
    assert!(store.due(KIND, UnixMs(999), 10).await.expect("reads").is_empty());
    assert_eq!(store.due(KIND, UnixMs(1_000), 10).await.expect("reads"), [Due { key, wake_no: 7 }]);
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
    assert!(store.matches_of(account, 10).await.expect("reads").is_empty());
    let ended = Row::MatchEnded { match_id, winner: "draw".to_owned(), at, ended: json!({"winner": "draw"}) };
    store.commit(commit(key, Fence::Epoch(1), "s", vec![ended])).await.expect("ended");
    let record = store.match_record(match_id).await.expect("reads").expect("exists");
    assert_eq!(record.entries, [json!({"n": 0}), json!({"n": 1})]);
    assert_eq!(record.participants, [account]);
    assert_eq!(record.ended, Some(json!({"winner": "draw"})));
    assert_eq!(store.matches_of(account, 10).await.expect("reads").len(), 1);
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
