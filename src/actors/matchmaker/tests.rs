//! Matchmaking as players see it, on one node and on many, on virtual time.

mod kit;

use super::*;
use crate::{
    actors::duellist::is_present,
    cluster::PeerNotice,
    ids::PlayerId,
    testkit::{Fault, Stage},
};
use kit::{World, count_found, enter, found, nodes, one};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[actix::test]
async fn two_who_look_are_told_of_one_session_once() {
    let (stage, world) = one().await;
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    let entered = enter(&mut ann).await;
    assert_eq!((&entered["mode"], &entered["region"]), (&json!("duel"), &json!("")));
    stage.run_ms(20_000).await;
    assert_eq!(enter(&mut ann).await, entered, "again changes nothing: he keeps his place");
    enter(&mut bob).await;
    let (of_ann, of_bob) = (found(&mut ann).await, found(&mut bob).await);
    assert_eq!(of_ann, of_bob);
    assert!(of_ann["sessionId"].is_string() && of_ann["mode"] == "duel" && of_ann.get("room_id").is_none());
    assert_eq!(world.begun(), [BTreeSet::from([ann.id, bob.id])]);
    stage.run_ms(60_000).await;
    assert_eq!((count_found(&mut ann).await, count_found(&mut bob).await), (1, 1));
}

#[actix::test]
async fn regions_and_modes_do_not_mix_and_a_region_has_a_name() {
    let (stage, world) = one().await;
    let mut players = Vec::new();
    for (name, payload) in [
        ("Ann", json!({"mode": "duel", "region": "eu"})),
        ("Bob", json!({"mode": "duel", "region": "us"})),
        ("Cid", json!({"mode": "duel"})),
        ("Dan", json!({"mode": "mafia"})),
    ] {
        let mut player = stage.player(name).await;
        player.ok("matchmaking.enter", payload).await;
        players.push(player);
    }
    stage.run_ms(60_000).await;
    assert_eq!(world.begun().len(), 0);
    for region in ["EU", "e u", &"x".repeat(33)] {
        let payload = json!({"mode": "duel", "region": region});
        assert_eq!(players[0].refused("matchmaking.enter", payload).await, "bad_message");
    }
    assert_eq!(players[0].refused("matchmaking.enter", json!({"mode": "chess"})).await, "bad_message");
    players[1].ok("matchmaking.enter", json!({"mode": "duel", "region": "eu"})).await;
    assert_eq!(found(&mut players[0]).await, found(&mut players[1]).await, "he looks elsewhere now");
}

#[actix::test]
async fn who_is_far_off_waits_until_both_windows_have_widened() {
    let (stage, world) = one().await;
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    world.is_worth(&bob, 1_900.0);
    enter(&mut ann).await;
    stage.run_ms(10_000).await;
    enter(&mut bob).await;
    stage.run_ms(14_000).await;
    assert_eq!(world.begun().len(), 0, "400 apart: 100 and 20 a second are not enough for Bob");
    stage.run_ms(1_500).await;
    assert_eq!(world.begun().len(), 1);
}

#[actix::test]
async fn who_leaves_or_drops_is_nobodys_match() {
    let (stage, world) = one().await;
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    enter(&mut ann).await;
    ann.ok("matchmaking.leave", json!({})).await;
    enter(&mut bob).await;
    stage.run_ms(5_000).await;
    bob.drop_connection().await;
    let mut cid = stage.player("Cid").await;
    enter(&mut cid).await;
    stage.run_ms(20_000).await;
    assert_eq!(world.begun().len(), 0);
    enter(&mut ann).await;
    assert_eq!(found(&mut ann).await, found(&mut cid).await);
    bob.resume(&stage).await.expect("his session lives");
    assert_eq!(count_found(&mut bob).await, 0, "who comes back looks no more");
}

#[actix::test]
async fn who_is_in_another_match_is_left_out_for_a_while_and_the_other_finds_a_third() {
    let (stage, world) = one().await;
    let mut players = Vec::new();
    for name in ["Ann", "Bob", "Cid"] {
        players.push(stage.player(name).await);
    }
    world.busy.lock().unwrap().insert(players[0].id);
    enter(&mut players[0]).await;
    enter(&mut players[1]).await;
    stage.run_ms(1_000).await;
    assert_eq!(world.begun().len(), 0);
    enter(&mut players[2]).await;
    let of_bob = found(&mut players[1]).await;
    assert_eq!(found(&mut players[2]).await, of_bob);
    world.busy.lock().unwrap().clear();
    let mut dan = stage.player("Dan").await;
    enter(&mut dan).await;
    assert_eq!(found(&mut players[0]).await, found(&mut dan).await, "he still looks");
}

#[actix::test]
async fn players_of_different_nodes_get_one_session() {
    let (stages, _network, world) = nodes(3).await;
    let (mut ann, mut bob) = (stages[0].player("Ann").await, stages[2].player("Bob").await);
    enter(&mut ann).await;
    enter(&mut bob).await;
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
    assert_eq!(world.begun().len(), 1);
}

fn holder(stages: &[Stage]) -> usize {
    stages.iter().position(|stage| stage.cluster.active::<MatchmakerActor>() == 1).expect("one holds it")
}

/// The node of the matchmaker dies; those who look from other nodes are not forgotten, and keep their places.
#[actix::test]
async fn a_matchmaker_that_dies_with_its_node_forgets_nobody_who_still_looks() {
    let (mut stages, network, world) = nodes(3).await;
    let mut first = stages[0].player("First").await;
    enter(&mut first).await;
    stages[0].run_ms(500).await;
    let dead = stages.remove(holder(&stages));
    let (mut ann, mut bob) = (stages[0].player("Ann").await, stages[1].player("Bob").await);
    world.is_worth(&ann, 900.0);
    world.is_worth(&bob, 2_300.0);
    let since = enter(&mut ann).await["since"].clone();
    enter(&mut bob).await;
    first.ok("matchmaking.leave", json!({})).await;
    stages[0].run_ms(30_000).await;
    assert_eq!(world.begun().len(), 0, "1,400 apart");
    network.cut_off(dead.cluster.me());
    dead.die();
    stages[0].run_ms(20_000).await;
    assert_eq!(world.begun().len(), 0, "50 s of waiting are 1,100 points");
    assert_eq!(enter(&mut ann).await["since"], since);
    stages[0].run_ms(18_000).await;
    assert_eq!(world.begun(), [BTreeSet::from([ann.id, bob.id])], "the wait before the crash counts");
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
}

/// A match is committed, and begins; the matchmaker dies before it has said so.
#[actix::test]
async fn a_match_that_was_made_before_the_crash_is_the_match_after_it() {
    let (mut stages, network, world) = nodes(3).await;
    let mut probe = stages[0].player("Probe").await;
    enter(&mut probe).await;
    stages[0].run_ms(500).await;
    let at = holder(&stages);
    probe.ok("matchmaking.leave", json!({})).await;
    *world.silent.lock().unwrap() = usize::MAX;
    let others: Vec<usize> = (0..3).filter(|n| *n != at).collect();
    let (mut ann, mut bob) = (stages[others[0]].player("Ann").await, stages[others[1]].player("Bob").await);
    enter(&mut ann).await;
    enter(&mut bob).await;
    stages[others[0]].run_ms(2_000).await;
    assert_eq!((world.begun().len(), count_found(&mut ann).await), (1, 0), "begun, and nobody knows");
    let dead = stages.remove(at);
    network.cut_off(dead.cluster.me());
    dead.die();
    *world.silent.lock().unwrap() = 0;
    stages[0].run_ms(15_000).await;
    assert_eq!(world.begun().len(), 1, "nobody is in two matches");
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
}

#[actix::test]
async fn a_node_that_stops_hands_its_matchmaker_over() {
    let (mut stages, _network, world) = nodes(3).await;
    let mut probe = stages[0].player("Probe").await;
    enter(&mut probe).await;
    stages[0].run_ms(500).await;
    let at = holder(&stages);
    probe.ok("matchmaking.leave", json!({})).await;
    let stopping = stages.remove(at);
    let mut ann = stages[0].player("Ann").await;
    enter(&mut ann).await;
    stages[0].run_ms(5_000).await;
    stopping.cluster.drain(std::time::Duration::from_secs(5)).await;
    let mut bob = stages[1].player("Bob").await;
    enter(&mut bob).await;
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
    assert_eq!((world.begun().len(), stopping.cluster.active::<MatchmakerActor>()), (1, 0));
}

async fn one_match_in_spite_of(fault: Fault) {
    let (stage, world) = one().await;
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    enter(&mut ann).await;
    stage.run_ms(1_000).await;
    stage.store.inject([fault]);
    enter(&mut bob).await;
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
    stage.run_ms(30_000).await;
    assert_eq!(world.begun().len(), 1);
    assert_eq!((count_found(&mut ann).await, count_found(&mut bob).await), (1, 1));
}

#[actix::test]
async fn a_match_that_could_not_be_written_was_not_made() {
    one_match_in_spite_of(Fault::Fail).await;
}

#[actix::test]
async fn a_match_that_may_have_been_written_is_looked_up() {
    one_match_in_spite_of(Fault::LoseAnswer).await;
}

#[actix::test]
async fn a_full_pool_takes_nobody_and_who_waits_outside_comes_in_later() {
    let mut config = crate::config::Config::default();
    config.media.enabled = false;
    config.matchmaking.pool = 1;
    let (stage, world) = (Stage::with(config), World::default());
    world.at(&stage);
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    enter(&mut ann).await;
    stage.run_ms(500).await;
    enter(&mut bob).await;
    stage.run_ms(5_000).await;
    assert_eq!(world.begun().len(), 0);
    ann.ok("matchmaking.leave", json!({})).await;
    stage.run_ms(1_000).await; // Bob has the place
    enter(&mut ann).await;
    stage.run_ms(5_000).await;
    assert_eq!(world.begun().len(), 0);
    bob.ok("matchmaking.leave", json!({})).await;
    stage.run_ms(1_000).await;
    bob.ok("matchmaking.leave", json!({})).await;
    assert_eq!(ann.ok("matchmaking.leave", json!({})).await, json!({}), "who does not look has left already");
}

/// Forty players on three nodes, some of whom leave: everybody who stays is in one match, with one other.
#[actix::test]
async fn a_crowd_is_paired_without_a_remainder() {
    let (stages, _network, world) = nodes(3).await;
    let mut players = Vec::new();
    for n in 0..40 {
        let mut player = stages[n % 3].player(&format!("P{n}")).await;
        world.is_worth(&player, 1_200.0 + 15.0 * n as f64);
        enter(&mut player).await;
        players.push(player);
    }
    stages[0].run_ms(60_000).await;
    let begun = world.begun();
    let all: BTreeSet<PlayerId> = begun.iter().flatten().copied().collect();
    assert_eq!((begun.len(), all.len()), (20, 40));
    for player in &mut players {
        assert_eq!(count_found(player).await, 1);
    }
}

#[actix::test]
async fn an_idle_matchmaker_is_put_away_and_comes_back() {
    let (stage, world) = one().await;
    let mut ann = stage.player("Ann").await;
    enter(&mut ann).await;
    stage.run_ms(300_000).await;
    assert_eq!(stage.cluster.active::<MatchmakerActor>(), 1, "she waits");
    ann.ok("matchmaking.leave", json!({})).await;
    stage.run_ms(300_000).await;
    assert_eq!(stage.cluster.active::<MatchmakerActor>(), 0);
    let mut bob = stage.player("Bob").await;
    enter(&mut ann).await;
    enter(&mut bob).await;
    assert_eq!(found(&mut ann).await, found(&mut bob).await);
    assert_eq!(world.begun().len(), 1);
}

/// With real matches: who is in one is present, and is in no other until it is over.
#[actix::test]
async fn a_pair_is_in_a_match_that_is_accepted_and_in_no_other() {
    let stage = Stage::new();
    let (mut ann, mut bob) = (stage.player("Ann").await, stage.player("Bob").await);
    enter(&mut ann).await;
    enter(&mut bob).await;
    let first = found(&mut ann).await;
    assert_eq!(found(&mut bob).await, first);
    for player in [&ann, &bob] {
        assert_eq!(is_present(&stage.cluster, player.id).await, Ok(true));
    }
    let mut cid = stage.player("Cid").await;
    assert_eq!(is_present(&stage.cluster, cid.id).await, Ok(false));
    enter(&mut ann).await;
    enter(&mut cid).await;
    stage.run_ms(10_000).await;
    assert_eq!((count_found(&mut ann).await, count_found(&mut cid).await), (1, 0));
    stage.run_ms(30_000).await; // nobody came to `/ws/signal`: the match has failed
    assert_eq!((count_found(&mut ann).await, count_found(&mut cid).await), (2, 1));
    let again = ann.transcript.iter().rfind(|frame| frame["type"] == "matchmaking.found");
    assert_ne!(again.map(|frame| &frame["payload"]), Some(&first));
}

#[actix::test]
async fn six_who_look_for_mafia_meet_in_one_room() {
    let stage = Stage::new();
    let mut players = Vec::new();
    for n in 0..6 {
        let mut player = stage.player(&format!("P{n}")).await;
        player.ok("matchmaking.enter", json!({"mode": "mafia"})).await;
        stage.run_ms(10).await;
        players.push(player);
    }
    let mut rooms = BTreeSet::new();
    let mut room = Value::Null;
    for player in &mut players {
        let found = found(player).await;
        assert!(found.get("sessionId").is_none() && found["mode"] == "mafia", "{found}");
        rooms.insert(found["room_id"].as_str().expect("a room").to_owned());
        room = player.ok("room.join", json!({"room_id": found["room_id"]})).await["room"].clone();
    }
    assert_eq!((rooms.len(), room["members"].as_array().map(Vec::len)), (1, Some(6)));
    assert_eq!(room["leader"], json!(players[0].id), "who has waited longest leads");
    assert_eq!(players[1].refused("matchmaking.enter", json!({"mode": "mafia"})).await, "already_in_room");
}

#[actix::test]
async fn four_will_do_for_mafia_after_a_while_and_one_who_sat_down_elsewhere_is_left_out() {
    let stage = Stage::new();
    let mut players = Vec::new();
    for n in 0..5 {
        let mut player = stage.player(&format!("P{n}")).await;
        player.ok("matchmaking.enter", json!({"mode": "mafia"})).await;
        stage.run_ms(10).await;
        players.push(player);
    }
    players[0].ok("room.create", json!({})).await;
    stage.run_ms(19_000).await;
    assert_eq!(count_found(&mut players[1]).await, 0);
    stage.run_ms(2_000).await;
    let leader = found(&mut players[1]).await;
    for player in &mut players[2..] {
        assert_eq!(found(player).await, leader);
        player.ok("room.join", json!({"room_id": leader["room_id"]})).await;
    }
    assert_eq!(count_found(&mut players[0]).await, 0);
}

#[test]
fn notices_of_others_are_commands_too() {
    let notice = <MatchmakerActor as crate::cluster::Entity>::peer(PeerNotice::Drain);
    assert_eq!(notice.label(), "peer");
    assert_ne!(key_of(MatchMode::Duel, "eu"), key_of(MatchMode::Mafia, "eu"));
}
