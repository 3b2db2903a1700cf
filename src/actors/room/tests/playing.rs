//! At the table: the start, the order of answer and pushes, chat, a whole game.

use super::table;
use crate::testkit::Stage;
use serde_json::{Value, json};

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

#[actix::test]
async fn one_whose_death_ends_the_game_hears_of_the_end_before_he_is_shown_the_room() {
    let stage = Stage::new();
    let times = json!({"day_ms": 1_000, "vote_ms": 1_000, "defence_ms": 1_000, "verdict_ms": 1_000, "final_words_ms": 0});
    let mut players = table(&stage, 4, times).await;
    players[0].ok("room.start", json!({})).await;
    let mut mafia = 0;
    for (n, player) in players.iter_mut().enumerate() {
        if player.expect("game.role").await["role"] == "mafia" {
            mafia = n;
        }
    }
    let accused = players[mafia].id;
    stage.run_ms(1_001).await;
    for player in &mut players {
        player.ok("game.vote", json!({"suspect": accused})).await;
    }
    stage.run_ms(1_001).await;
    players[mafia].read().await;
    for (_, player) in players.iter_mut().enumerate().filter(|(n, _)| *n != mafia) {
        player.ok("game.verdict", json!({"execute": true})).await;
    }
    let told = players[mafia].read().await;
    let at =
        |name: &str| told.iter().position(|told| told == name).unwrap_or_else(|| panic!("{name}: {told:?}"));
    assert!(at("game.death") < at("game.over") && at("game.over") < at("room.state"), "{told:?}");
    assert_eq!(told.iter().filter(|name| *name == "room.state").count(), 1, "{told:?}");
}
