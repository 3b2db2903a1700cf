//! Who comes in, and by which door: refusals, bans, codes, quick join.

use super::table;
use crate::testkit::Stage;
use serde_json::json;

#[actix::test]
async fn each_refusal_has_its_name() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    assert_eq!(players[1].refused("room.start", json!({})).await, "not_leader");
    assert_eq!(players[1].refused("room.create", json!({})).await, "already_in_room");
    assert_eq!(players[0].refused("room.settings", json!({"day_ms": 1})).await, "invalid_settings");
    assert_eq!(players[0].refused("game.vote", json!({"suspect": null})).await, "not_allowed");
    let mut stranger = stage.player("Stranger").await;
    assert_eq!(stranger.refused("room.leave", json!({})).await, "not_in_room");
    assert_eq!(stranger.refused("room.join", json!({"code": "XXXXXX"})).await, "room_not_found");
    assert_eq!(stranger.refused("room.join", json!({})).await, "bad_message");
    assert_eq!(stranger.refused("room.fly", json!({})).await, "unknown_type");
    players[0].ok("room.start", json!({})).await;
    let code = players[0].ok("room.state", json!({})).await;
    assert_eq!(code, json!({}));
    let state = players[0].expect("room.state").await;
    assert_eq!(
        stranger.refused("room.join", json!({"code": state["room"]["code"]})).await,
        "game_in_progress"
    );
}

#[actix::test]
async fn a_full_room_and_a_ban_keep_out() {
    let stage = Stage::new();
    let mut leader = stage.player("Leader").await;
    let room = leader.ok("room.create", json!({"capacity": 4})).await["room"].clone();
    let mut bad = stage.player("Bad").await;
    bad.ok("room.join", json!({"room_id": room["room_id"]})).await;
    leader.ok("room.kick", json!({"player_id": bad.id, "ban": true})).await;
    assert_eq!(bad.expect("room.member_left").await["reason"], "banned");
    assert_eq!(bad.refused("room.join", json!({"room_id": room["room_id"]})).await, "banned_from_room");
    for _ in 0..3 {
        leader.ok("room.add_bot", json!({})).await;
    }
    let mut late = stage.player("Late").await;
    assert_eq!(late.refused("room.join", json!({"code": room["code"]})).await, "room_full");
}

#[actix::test]
async fn quick_join_takes_the_fullest_public_waiting_room_else_makes_one() {
    let stage = Stage::new();
    let mut first = stage.player("First").await;
    let made = first.ok("room.quick_join", json!({})).await;
    let mut second = stage.player("Second").await;
    let found = second.ok("room.quick_join", json!({})).await;
    assert_eq!(made["room"]["room_id"], found["room"]["room_id"]);
    assert_eq!(second.refused("room.quick_join", json!({})).await, "already_in_room");
}

#[actix::test]
async fn a_private_room_is_joined_by_code_alone() {
    let stage = Stage::new();
    let mut owner = stage.player("Owner").await;
    let room = owner.ok("room.create", json!({"visibility": "private"})).await["room"].clone();
    let mut guest = stage.player("Guest").await;
    assert_eq!(guest.refused("room.join", json!({"room_id": room["room_id"]})).await, "room_not_found");
    assert_eq!(guest.ok("room.list", json!({})).await["rooms"], json!([]));
    guest.ok("room.join", json!({"code": room["code"]})).await;
}

#[actix::test]
async fn failed_joins_are_limited() {
    let stage = Stage::new();
    let mut guesser = stage.player("Guesser").await;
    for _ in 0..10 {
        assert_eq!(guesser.refused("room.join", json!({"code": "AAAAAA"})).await, "room_not_found");
    }
    assert_eq!(guesser.refused("room.join", json!({"code": "AAAAAB"})).await, "rate_limited");
    stage.run_ms(60_000).await;
    assert_eq!(guesser.refused("room.join", json!({"code": "AAAAAA"})).await, "room_not_found");
}

#[actix::test]
async fn joining_the_room_one_sits_in_shows_it_again() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    players[0].ok("room.start", json!({})).await;
    let state = players[1].ok("room.state", json!({})).await;
    assert_eq!(state, json!({}));
    let code = players[1].expect("room.state").await["room"]["code"].clone();
    let joined = players[1].ok("room.join", json!({"code": code})).await;
    assert_eq!(joined["room"]["code"], code);
    assert_eq!(players[1].expect("room.state").await["game"]["phase"], "day");
    let mut other = stage.player("Other").await;
    let elsewhere = other.ok("room.create", json!({})).await["room"]["code"].clone();
    assert_eq!(players[1].refused("room.join", json!({"code": elsewhere})).await, "already_in_room");
}
