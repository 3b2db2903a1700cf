//! What a room tells the activity stream: each thing once, whatever becomes of the node meanwhile.

use super::table;
use crate::{
    ids::PlayerId,
    liveops::{Fact, MatchFinished},
    testkit::{Fault, Stage},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Whose facts of this kind, in order.
fn whose(facts: &[Fact], kind: &str) -> Vec<PlayerId> {
    facts.iter().filter(|fact| fact.kind == kind).filter_map(|fact| fact.account).collect()
}

fn sorted(mut players: Vec<PlayerId>) -> Vec<PlayerId> {
    players.sort();
    players
}

#[actix::test]
async fn a_whole_game_is_told_once_of_each_person_through_lost_answers_and_a_crash() {
    let short = json!({"vote_ms": 5_000, "day_ms": 1_000, "night_ms": 5_000});
    let mut stage = Stage::new();
    let mut players = table(&stage, 4, short).await;
    let people = sorted(players.iter().map(|player| player.id).collect());
    players[0].ok("room.add_bot", json!({})).await;
    players[0].ok("room.start", json!({})).await;
    stage.store.inject([Fault::LoseAnswer]); // the room reloads from what was written
    stage.run_ms(7_000).await;
    stage = stage.crash_and_restart();
    for player in &mut players {
        player.resume(&stage).await.expect("the old token is good");
    }
    for _ in 0..100 {
        stage.run_ms(10_000).await;
        if players[0].read().await.contains(&"game.over".to_owned()) {
            break;
        }
    }
    let game = stage.store.matches().remove(0);
    let ended = game.ended.expect("the game is over");
    let facts = stage.store.facts();
    assert_eq!(sorted(whose(&facts, "room_joined")), people);
    assert_eq!(sorted(whose(&facts, "game_started")), people, "bots have no account");
    assert_eq!(sorted(whose(&facts, "game_finished")), people);
    let winner = ended["winner"].as_str().expect("a winner");
    let is_winner = |player: &PlayerId| {
        let role = ended["roles"][player.to_string()].as_str().expect("a role");
        winner == if role == "mafia" { "mafia" } else { "citizens" }
    };
    let winners: Vec<PlayerId> = people.iter().copied().filter(is_winner).collect();
    assert_eq!(sorted(whose(&facts, "game_won")), winners, "{ended}");
    let finished: Vec<_> = facts.iter().filter_map(MatchFinished::read).collect();
    assert_eq!(finished.len(), 1, "one fact of all of them");
    assert_eq!(
        (
            sorted(finished[0].winners.clone()),
            sorted([&finished[0].winners[..], &finished[0].losers].concat())
        ),
        (winners, people)
    );
    let ids: BTreeSet<_> = facts.iter().map(|fact| fact.id).collect();
    assert_eq!(ids.len(), facts.len(), "each has an id of its own");
    for fact in &facts {
        assert!(fact.seal().is_ok(), "not of its schema: {fact:?}");
        assert_eq!((&fact.body["game"], fact.body["room_id"].is_string()), (&json!("mafia"), true));
    }
    let matches: BTreeSet<String> =
        facts.iter().filter_map(|fact| fact.body["match_id"].as_str()).map(str::to_owned).collect();
    assert_eq!(matches, [game.header["match_id"].as_str().expect("an id").to_owned()].into());
}

#[actix::test]
async fn who_leaves_dies_and_does_not_finish() {
    let stage = Stage::new();
    let mut players = table(&stage, 5, json!({})).await;
    players[0].ok("room.start", json!({})).await;
    let gone = players[4].id;
    players[4].ok("room.leave", json!({})).await;
    let facts = stage.store.facts();
    assert_eq!(whose(&facts, "player_died"), [gone]);
    let died = facts.iter().find(|fact| fact.kind == "player_died").map(|fact| &fact.body["cause"]);
    assert!(!whose(&facts, "game_finished").contains(&gone));
    assert_eq!(died, Some(&Value::from("left")));
}

#[actix::test]
async fn whoever_watches_has_joined_as_a_spectator() {
    let stage = Stage::new();
    let mut leader = stage.player("Ann").await;
    let room =
        leader.ok("room.create", json!({"settings": {"allow_spectators": true}})).await["room"].clone();
    let mut watcher = stage.player("Bob").await;
    watcher.ok("room.join", json!({"code": room["code"], "spectate": true})).await;
    let facts = stage.store.facts();
    let spectators: Vec<&Value> = facts.iter().map(|fact| &fact.body["spectator"]).collect();
    assert_eq!(
        (whose(&facts, "room_joined"), spectators),
        (vec![leader.id, watcher.id], vec![&json!(false), &json!(true)])
    );
}
