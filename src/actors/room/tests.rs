//! What rooms promise, in the words of spec 1.2 and 1.5, over whole sessions on virtual time.

use crate::testkit::{Fault, ScriptedPlayer, Stage};
use serde_json::{Value, json};

/// A room of so many people, all but the leader ready. The leader is first.
async fn table(stage: &Stage, people: usize, settings: Value) -> Vec<ScriptedPlayer> {
    let mut players = Vec::new();
    for n in 0..people {
        players.push(stage.player(&format!("Player{n}")).await);
    }
    let room = players[0].ok("room.create", json!({"settings": settings})).await["room"].clone();
    for player in &mut players[1..] {
        player.ok("room.join", json!({"code": room["code"]})).await;
        player.ok("room.ready", json!({"ready": true})).await;
    }
    players
}

#[actix::test]
async fn the_leader_alone_is_told_when_he_may_start() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    assert_eq!(players[0].expect("room.startable").await, json!({"startable": true}));
    players[2].ok("room.ready", json!({"ready": false})).await;
    assert_eq!(players[0].expect("room.startable").await, json!({"startable": false}));
    assert_eq!(players[0].refused("room.start", json!({})).await, "not_startable");
    assert!(!players[1].read().await.contains(&"room.startable".to_owned()));
}

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
async fn an_answer_precedes_the_pushes_it_causes() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    players[0].read().await;
    let id = players[0].send("room.start", json!({}));
    players[0].answer_to(id).await.expect("started");
    let after = players[0].read().await;
    assert_eq!(after[..3], ["room.started", "game.role", "game.phase"].map(str::to_owned), "{after:?}");
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
    assert_eq!(stage.cluster.active::<super::RoomActor>(), 0);
}

#[actix::test]
async fn a_person_and_seven_bots_play_to_the_end() {
    let stage = Stage::new();
    let mut person = stage.player("Person").await;
    person.ok("room.create", json!({})).await;
    for _ in 0..7 {
        person.ok("room.add_bot", json!({})).await;
    }
    person.ok("room.start", json!({})).await;
    for _ in 0..3_000 {
        stage.run_ms(1_000).await;
        let seen = person.read().await;
        if seen.contains(&"game.over".to_owned()) {
            let record = stage.store.matches().remove(0);
            assert!(record.ended.is_some() && record.entries.len() > 10);
            return;
        }
        if seen.contains(&"game.phase".to_owned()) {
            person.send("game.vote", json!({"suspect": null})); // refused in other phases, and that is fine
        }
    }
    panic!("the game did not end");
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

#[actix::test]
async fn only_those_who_are_here_are_muted_and_reported() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    let (stranger, other) = (json!(crate::ids::PlayerId::new()), json!(players[1].id));
    assert_eq!(
        players[0].refused("player.mute", json!({"player_id": stranger, "muted": true})).await,
        "not_allowed"
    );
    let report = |id: &Value| json!({"player_id": id, "reason": "rude"});
    assert_eq!(players[0].refused("player.report", report(&stranger)).await, "not_allowed");
    for _ in 0..4 {
        players[0].ok("player.report", report(&other)).await;
    }
    assert_eq!(players[0].refused("player.report", report(&other)).await, "rate_limited");
}

#[actix::test]
async fn the_muted_are_silent_in_the_history_too() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    players[1].ok("chat.send", json!({"text": "noise"})).await;
    let noisy = players[1].id;
    players[0].ok("player.mute", json!({"player_id": noisy, "muted": true})).await;
    players[0].ok("room.state", json!({})).await;
    assert_eq!(players[0].expect("room.state").await["chat"]["room"], json!([]));
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

#[actix::test]
async fn after_the_end_each_still_sees_his_own_part() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({"vote_ms": 1_000, "day_ms": 1_000, "night_ms": 1_000})).await;
    players[0].ok("room.start", json!({})).await;
    let role = players[0].expect("game.role").await["role"].clone();
    for _ in 0..100 {
        stage.run_ms(10_000).await;
        if players[0].read().await.contains(&"game.over".to_owned()) {
            break;
        }
    }
    players[0].ok("room.state", json!({})).await;
    let game = players[0].expect("room.state").await["game"].clone();
    assert!(game["winner"].is_string(), "{game}");
    assert_eq!(game["you"]["role"], role);
    assert_eq!(game["roles"][players[0].id.to_string()], role);
}
