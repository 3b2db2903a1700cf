//! What a store that fails or forgets, a repeated command and a crash may change: nothing that was acknowledged.

use super::table;
use crate::testkit::{Fault, Stage};
use serde_json::json;

#[actix::test]
async fn a_repeated_command_is_answered_again_not_applied_again() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    let id = players[0].send("room.add_bot", json!({}));
    players[0].answer_to(id).await.expect("added");
    players[0].drop_connection().await;
    players[0].resume(&stage).await.expect("resumed");
    players[0].send_with(id, "room.add_bot", json!({}));
    players[0].answer_to(id).await.expect("answered again");
    players[0].ok("room.state", json!({})).await;
    let state = players[0].expect("room.state").await;
    assert_eq!(state["room"]["members"].as_array().map(Vec::len), Some(5));
}

#[actix::test]
async fn a_commit_that_certainly_failed_changes_nothing_and_says_try_again() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    players[1].read().await;
    stage.store.inject([Fault::Fail]);
    assert_eq!(players[1].refused("room.ready", json!({"ready": false})).await, "try_again");
    assert!(players[1].read().await.is_empty());
    players[1].ok("room.ready", json!({"ready": false})).await;
}

/// The leader adds a bot, the commit meets the fault, and he sends it again under the same id.
async fn a_doubt_is_settled_by_the_same_id(fault: Fault) {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    stage.store.inject([fault]);
    let id = players[0].send("room.add_bot", json!({}));
    let refused = players[0].answer_to(id).await.expect_err("in doubt");
    assert_eq!(refused["code"], "try_again");
    stage.run_ms(1_000).await;
    players[0].send_with(id, "room.add_bot", json!({}));
    players[0].answer_to(id).await.expect("settled");
    players[0].read().await; // with the snapshot of the reloaded room
    players[0].ok("room.state", json!({})).await;
    let state = players[0].expect("room.state").await;
    assert_eq!(state["room"]["members"].as_array().map(Vec::len), Some(3));
}

#[actix::test]
async fn a_commit_whose_answer_was_lost_is_not_doubled() {
    a_doubt_is_settled_by_the_same_id(Fault::LoseAnswer).await;
}

#[actix::test]
async fn a_commit_that_was_lost_is_not_missing() {
    a_doubt_is_settled_by_the_same_id(Fault::LoseCommit).await;
}

async fn a_create_in_doubt(fault: Fault) {
    let stage = Stage::new();
    let mut player = stage.player("Player").await;
    stage.store.inject([fault]);
    let id = player.send("room.create", json!({}));
    assert_eq!(player.answer_to(id).await.expect_err("in doubt")["code"], "try_again");
    stage.run_ms(1_000).await;
    player.send_with(id, "room.create", json!({}));
    let made = player.answer_to(id).await.expect("settled");
    player.ok("room.add_bot", json!({})).await;
    let rooms = player.ok("room.list", json!({})).await["rooms"].clone();
    assert_eq!(rooms.as_array().map(Vec::len), Some(1), "one room, not two");
    assert_eq!(rooms[0]["room_id"], made["room"]["room_id"]);
}

#[actix::test]
async fn a_create_whose_answer_was_lost_is_answered_again() {
    a_create_in_doubt(Fault::LoseAnswer).await;
}

#[actix::test]
async fn a_create_that_was_lost_is_done() {
    a_create_in_doubt(Fault::LoseCommit).await;
}

#[actix::test]
async fn chat_goes_on_while_a_commit_is_under_way() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    stage.store.inject([Fault::Delay(1_500)]);
    let slow = players[0].send("room.add_bot", json!({}));
    players[1].ok("chat.send", json!({"text": "meanwhile"})).await;
    assert_eq!(players[0].expect("chat.message").await["text"], "meanwhile");
    players[0].answer_to(slow).await.expect("done at last");
}

#[actix::test]
async fn after_a_crash_the_game_is_in_its_phase_and_the_token_still_good() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({"day_ms": 20_000, "vote_ms": 20_000})).await;
    players[0].ok("room.start", json!({})).await;
    stage.run_ms(21_000).await;
    let suspect = players[1].id;
    players[0].ok("game.vote", json!({"suspect": suspect})).await;

    let stage = stage.crash_and_restart();
    for player in &mut players {
        let answer = player.resume(&stage).await.expect("the old token is good");
        assert_eq!(answer["mode"], "snapshot");
        let state = player.expect("room.state").await;
        assert_eq!(state["game"]["phase"], "vote");
        assert_eq!(state["game"]["votes"]["tally"][suspect.to_string()].as_array().map(Vec::len), Some(1));
    }
    players[2].ok("game.vote", json!({"suspect": suspect})).await;
}

#[actix::test]
async fn overdue_deadlines_fire_after_a_restart_with_nobody_there() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({"day_ms": 20_000})).await;
    players[0].ok("room.start", json!({})).await;
    let stage = stage.crash_and_restart();
    stage.run_ms(21_000).await;
    let answer = players[0].resume(&stage).await.expect("within the window after the restart");
    assert_eq!(answer["mode"], "snapshot");
    assert_eq!(players[0].expect("room.state").await["game"]["phase"], "vote");
}
