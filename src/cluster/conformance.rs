//! One suite for every adapter of the store's ports: what [`EntityStore`] and [`RoomIndex`] promise.

use super::{EntityStore, RoomIndex};
use crate::{
    clock::{SystemClock, UnixMs},
    ids::{PlayerId, RoomId},
    store::{Commit, CommitError, Due, Fence, Listing, Row, Store},
    testkit::{MemoryStore, test_config},
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

const KIND: &str = "room";

trait Adapter: EntityStore + RoomIndex {}
impl Adapter for MemoryStore {}
impl Adapter for Store {}

/// A store of its own for each test, and the folder it lies in.
async fn sql() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("tempdir");
    let config = test_config(dir.path()).await;
    (Store::open(&config, Arc::new(SystemClock)).await.expect("opens"), dir)
}

macro_rules! conformance {
    ($($rule:ident;)*) => {
        mod in_memory {
            $(#[actix::test]
            async fn $rule() {
                super::$rule(&super::MemoryStore::default()).await;
            })*
        }
        mod on_sql {
            $(#[actix::test]
            async fn $rule() {
                let (store, _dir) = super::sql().await;
                super::$rule(&store).await;
            })*
        }
    };
}

conformance! {
    an_earlier_owner_is_fenced_and_writes_nothing_at_all;
    one_account_has_one_seat_and_a_refusal_spares_the_batch;
    of_rooms_that_give_seats_at_once_one_that_may_not_spares_the_rest;
    a_code_is_one_room_s;
    lists_page_and_quick_join_prefers_the_fullest;
    reminders_are_due_when_their_time_has_passed;
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

async fn an_earlier_owner_is_fenced_and_writes_nothing_at_all(store: &dyn Adapter) {
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

async fn one_account_has_one_seat_and_a_refusal_spares_the_batch(store: &dyn Adapter) {
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

async fn of_rooms_that_give_seats_at_once_one_that_may_not_spares_the_rest(store: &dyn Adapter) {
    let rooms: Vec<RoomId> = (0..70).map(|_| RoomId::new()).collect();
    for room in &rooms {
        store.commit(commit(room.0, Fence::Create, "old", vec![])).await.expect("made");
    }
    let (fenced, refused, both) = (5, 40, 60);
    let player = |n: usize| PlayerId(Uuid::from_u128(7_000 + n as u128));
    let take = |n: usize| Row::TakeSeat { account: player(n), room: rooms[n] };
    let seated = vec![Row::TakeSeat { account: player(refused), room: rooms[0] }];
    store.commit(commit(rooms[0].0, Fence::Epoch(1), "old", seated)).await.expect("he sits in the first");
    for round in 0..2 {
        let faulty = round == 0; // once with faults, once all well
        let some = || (1..rooms.len()).filter(|n| faulty || ![fenced, refused].contains(n));
        let all: Vec<_> = some()
            .map(|n| {
                let epoch = if faulty && n == fenced { 9 } else { 1 };
                let mut rows = vec![take(n)];
                if n == both {
                    rows.push(Row::FreeSeat { account: player(n), room: rooms[n] }); // he came and went
                }
                store.commit(commit(rooms[n].0, Fence::Epoch(epoch), "new", rows))
            })
            .collect();
        for (n, result) in some().zip(futures_util::future::join_all(all).await) {
            let expected = match n {
                _ if !faulty => Ok(()),
                n if n == fenced => Err(CommitError::Fenced),
                n if n == refused => Err(CommitError::SeatTaken(player(n))),
                _ => Ok(()),
            };
            assert_eq!(result, expected, "room {n}");
            let seat = store.seat_of(player(n)).await.expect("reads");
            let there = expected.is_ok() && n != both;
            assert_eq!(seat == Some(rooms[n]), there, "the seat in room {n}: {seat:?}");
        }
        let free = |n: usize| vec![Row::FreeSeat { account: player(n), room: rooms[n] }];
        let freed = some().map(|n| store.commit(commit(rooms[n].0, Fence::Epoch(1), "free", free(n))));
        assert!(futures_util::future::join_all(freed.collect::<Vec<_>>()).await.iter().all(Result::is_ok));
        for n in some().filter(|n| *n != refused) {
            assert_eq!(store.seat_of(player(n)).await.expect("reads"), None, "room {n}");
        }
        assert_eq!(store.seat_of(player(refused)).await.expect("reads"), Some(rooms[0]));
    }
    for n in [fenced, refused] {
        let state = store.activate(KIND, rooms[n].0).await.expect("reads").expect("exists").state;
        assert_eq!(state, b"free", "room {n}");
    }
}

async fn a_code_is_one_room_s(store: &dyn Adapter) {
    let (first, second) = (RoomId::new(), RoomId::new());
    let make =
        |room: RoomId| commit(room.0, Fence::Create, "s", vec![Row::Listing(listing(room, "ABCDEF", 1))]);
    store.commit(make(first)).await.expect("made");
    assert_eq!(store.commit(make(second)).await, Err(CommitError::CodeTaken));
    assert_eq!(store.room_by_code("ABCDEF".to_owned()).await.expect("reads"), Some(first));
}

async fn lists_page_and_quick_join_prefers_the_fullest(store: &dyn Adapter) {
    let rooms: Vec<RoomId> = (0..5).map(|_| RoomId::new()).collect();
    for (n, room) in rooms.iter().enumerate() {
        let row = Row::Listing(listing(*room, &format!("CODE{n}"), [3, 8, 5, 1, 2][n]));
        store.commit(commit(room.0, Fence::Create, "s", vec![row])).await.expect("made");
    }
    assert_eq!(store.fullest_waiting("mafia".to_owned()).await.expect("reads")[..2], [rooms[2], rooms[0]]);
    let (page, next) = store.list_rooms(Some("waiting"), None, 3).await.expect("reads");
    let (rest, end) = store.list_rooms(Some("waiting"), next, 3).await.expect("reads");
    let seen: Vec<RoomId> = page.iter().chain(&rest).map(|l| l.room_id).collect();
    assert_eq!((seen.len(), end), (5, None));
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(store.list_rooms(Some("playing"), None, 3).await.expect("reads").0.is_empty());
}

async fn reminders_are_due_when_their_time_has_passed(store: &dyn Adapter) {
    let key = Uuid::now_v7();
    let mut waking = commit(key, Fence::Create, "s", vec![]);
    (waking.next_wake_at, waking.wake_no) = (Some(UnixMs(1_000)), 7);
    store.commit(waking).await.expect("made");
    assert!(store.due(KIND, UnixMs(999), 10).await.expect("reads").is_empty());
    assert_eq!(store.due(KIND, UnixMs(1_000), 10).await.expect("reads"), [Due { key, wake_no: 7 }]);
}
