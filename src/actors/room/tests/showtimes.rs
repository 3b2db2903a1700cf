//! Rooms of showtimes (spec 3.2): a paid seat lets in, and nothing else does.

use super::*;
use crate::{
    cluster::ShowtimeDoor,
    ids::{PlayerId, RoomId},
};
use uuid::Uuid;

/// A showtime that starts in so many seconds.
fn showtime(stage: &Stage, in_s: u64, paid: &[PlayerId]) -> Uuid {
    let (id, room_id) = (Uuid::now_v7(), RoomId::new());
    let starts_at = stage.cluster.clock().now() + in_s * 1_000;
    let room = json!({"capacity": 4, "settings": {"day_ms": 60_000}});
    let door = ShowtimeDoor { room_id, title: "The final".to_owned(), starts_at, room, paid: false };
    stage.store.opens_showtime(id, door, paid.to_vec());
    id
}

#[actix::test]
async fn a_paid_seat_opens_the_room_of_its_showtime_and_lets_others_who_have_one_in() {
    let stage = Stage::new();
    let (mut ann, mut bob, mut cat) =
        (stage.player("Ann").await, stage.player("Bob").await, stage.player("Cat").await);
    let id = showtime(&stage, 0, &[ann.id, bob.id]);
    let room = ann.ok("room.join", json!({"showtime": id})).await["room"].clone();
    assert_eq!((&room["name"], &room["visibility"]), (&json!("The final"), &json!("private")));
    assert_eq!((&room["capacity"], &room["settings"]["day_ms"]), (&json!(4), &json!(60_000)));
    assert_eq!(cat.refused("room.join", json!({"showtime": id})).await, "seat_required");
    let by_code = json!({"code": room["code"]});
    assert_eq!(cat.refused("room.join", by_code.clone()).await, "seat_required");
    let watching = json!({"code": room["code"], "spectate": true});
    assert_eq!(cat.refused("room.join", watching).await, "seat_required");
    assert_eq!(cat.refused("room.join", json!({"room_id": room["room_id"]})).await, "room_not_found");
    assert_eq!(bob.refused("room.join", by_code).await, "seat_required", "he comes by his seat");
    let joined = bob.ok("room.join", json!({"showtime": id})).await["room"].clone();
    assert_eq!(joined["members"].as_array().map(Vec::len), Some(2));
    let again = bob.ok("room.join", json!({"showtime": id})).await["room"].clone();
    assert_eq!(again["room_id"], room["room_id"], "he is shown his room again");
    let kick = json!({"player_id": bob.id});
    assert_eq!(ann.refused("room.kick", kick).await, "not_allowed", "the leader does not undo a payment");
}

#[actix::test]
async fn the_room_opens_shortly_before_its_showtime_and_again_after_it_was_empty() {
    let stage = Stage::new();
    let mut ann = stage.player("Ann").await;
    let id = showtime(&stage, 3_600, &[ann.id]);
    assert_eq!(ann.refused("room.join", json!({"showtime": id})).await, "doors_closed");
    tokio::time::sleep(std::time::Duration::from_secs(2_701)).await;
    let first = ann.ok("room.join", json!({"showtime": id})).await["room"].clone();
    ann.ok("room.leave", json!({})).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await; // it has closed
    let second = ann.ok("room.join", json!({"showtime": id})).await["room"].clone();
    assert_eq!(second["room_id"], first["room_id"]);
    assert_ne!(second["created_at"], first["created_at"]);
    let unknown = json!({"showtime": Uuid::nil()});
    assert_eq!(ann.refused("room.join", unknown).await, "room_not_found");
}

#[actix::test]
async fn all_who_have_paid_may_come_at_once() {
    let stage = Stage::new();
    let mut players = Vec::new();
    for n in 0..4 {
        players.push(stage.player(&format!("Player{n}")).await);
    }
    let paid: Vec<PlayerId> = players.iter().map(|player| player.id).collect();
    let id = showtime(&stage, 0, &paid);
    let joins = players.iter_mut().map(|player| player.ok("room.join", json!({"showtime": id})));
    let rooms = futures_util::future::join_all(joins).await;
    assert!(rooms.iter().all(|it| it["room"]["room_id"] == rooms[0]["room"]["room_id"]));
}
