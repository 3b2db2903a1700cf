//! Those who drop, resume or go for good, and rooms that nobody holds.

use super::table;
use crate::testkit::Stage;
use serde_json::json;

#[actix::test]
async fn a_leader_who_drops_keeps_the_lead_for_fifteen_seconds() {
    let stage = Stage::new();
    let mut players = table(&stage, 3, json!({})).await;
    players[0].drop_connection().await;
    stage.run_ms(14_000).await;
    assert!(!players[1].read().await.contains(&"room.leader_changed".to_owned()));
    stage.run_ms(2_000).await;
    assert_eq!(players[1].expect("room.leader_changed").await["leader"], json!(players[1].id));
}

#[actix::test]
async fn a_waiting_member_who_drops_is_unready_at_once_and_gone_after_the_window() {
    let stage = Stage::new();
    let mut players = table(&stage, 3, json!({})).await;
    players[0].read().await;
    players[2].drop_connection().await;
    assert_eq!(players[0].expect("room.member_connection").await["connected"], false);
    assert_eq!(players[0].expect("room.member_ready").await["ready"], false);
    stage.run_ms(61_000).await;
    assert_eq!(players[0].expect("room.member_left").await["reason"], "dropped");
}

#[actix::test]
async fn the_last_human_s_departure_closes_the_room_after_thirty_seconds() {
    let stage = Stage::new();
    let mut leader = stage.player("Leader").await;
    leader.ok("room.create", json!({})).await;
    leader.ok("room.add_bot", json!({})).await;
    leader.ok("room.leave", json!({})).await;
    assert_eq!(leader.ok("room.list", json!({})).await["rooms"].as_array().map(Vec::len), Some(1));
    stage.run_ms(31_000).await;
    assert_eq!(leader.ok("room.list", json!({})).await["rooms"], json!([]));
    assert!(stage.store.seats().is_empty());
}

#[actix::test]
async fn a_resume_replays_what_was_missed() {
    let stage = Stage::new();
    let mut players = table(&stage, 3, json!({})).await;
    players[1].read().await;
    players[1].drop_connection().await;
    players[0].ok("chat.send", json!({"text": "are you there?"})).await;
    let answer = players[1].resume(&stage).await.expect("resumed");
    assert_eq!(answer["mode"], "replay");
    assert_eq!(players[1].expect("chat.message").await["text"], "are you there?");
}

#[actix::test]
async fn a_newer_session_replaces_the_older_and_finds_its_seat() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    players[1].read().await;
    let before = players[1].id;
    players[1].enter_again(&stage);
    players[1].expect("session.welcome").await;
    let state = players[1].expect("room.state").await;
    assert_eq!(state["you"], json!(before));
    assert!(!players[0].read().await.contains(&"room.member_left".to_owned()));
}

#[actix::test]
async fn a_game_nobody_comes_back_to_is_aborted_and_its_room_goes() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    players[0].ok("room.start", json!({})).await;
    for player in &mut players {
        player.drop_connection().await;
    }
    stage.run_ms(61_000).await;
    assert_eq!(stage.store.matches()[0].ended.as_ref().expect("ended")["winner"], "aborted");
    stage.run_ms(120_000).await;
    assert!(stage.store.seats().is_empty(), "seats are free");
    assert_eq!(stage.cluster.active::<crate::actors::room::RoomActor>(), 0);
}

#[actix::test]
async fn a_room_whose_people_all_went_with_their_node_is_closed_though_nobody_asks_for_it() {
    let stage = Stage::new();
    let mut player = stage.player("Player").await;
    player.ok("room.create", json!({})).await;
    let stage = stage.crash_and_restart();
    let mut other = stage.player("Other").await;
    assert_eq!(other.ok("room.list", json!({})).await["rooms"].as_array().map(Vec::len), Some(1));
    stage.run_ms(3 * 600_000).await;
    assert_eq!(other.ok("room.list", json!({})).await["rooms"], json!([]));
}

#[actix::test]
async fn an_idle_room_is_looked_at_and_stays() {
    let stage = Stage::new();
    let mut player = stage.player("Player").await;
    player.ok("room.create", json!({})).await;
    stage.run_ms(3 * 600_000).await;
    player.ok("room.add_bot", json!({})).await;
}
