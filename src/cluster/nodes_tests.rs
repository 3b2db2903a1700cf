//! What holds for rooms and sessions on many nodes (spec 6.1–6.3), on virtual time and a network that can fail.

use super::{
    Bus as _,
    bus::{Body, Parcel},
};
use crate::{
    actors::room::RoomActor,
    config::Config,
    ids::{NodeId, SessionRef},
    protocol::CloseCode,
    roles::Role,
    store::EpochChange,
    testkit::{Network, ScriptedPlayer, Stage},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Two nodes; a room of Ada's on the first, Ben in it from the second.
async fn two() -> (Stage, Stage, Network, ScriptedPlayer, ScriptedPlayer) {
    let (mut stages, network) = Stage::nodes(2).await;
    let (second, first) = (stages.pop().expect("two"), stages.pop().expect("one"));
    let mut ada = first.player("Ada").await;
    let room = ada.ok("room.create", json!({"settings": SLOW.clone()})).await["room"].clone();
    let mut ben = second.player("Ben").await;
    ben.ok("room.join", json!({"code": room["code"]})).await;
    (first, second, network, ada, ben)
}

/// Phases that last long enough to look at them.
static SLOW: std::sync::LazyLock<Value> =
    std::sync::LazyLock::new(|| json!({"day_ms": 1_000, "vote_ms": 600_000}));

fn rooms(stage: &Stage) -> usize {
    stage.cluster.active::<RoomActor>()
}

async fn say(from: &mut ScriptedPlayer, to: &mut ScriptedPlayer, text: &str) {
    from.ok("chat.send", json!({"text": text})).await;
    loop {
        if to.expect("chat.message").await["text"] == text {
            return;
        }
    }
}

#[actix::test]
async fn a_room_is_on_one_node_and_serves_players_of_both() {
    let (first, second, _, mut ada, mut ben) = two().await;
    assert_eq!((rooms(&first), rooms(&second)), (1, 0));
    assert_eq!(ada.expect("room.member_joined").await["member"]["nickname"], "Ben");
    say(&mut ada, &mut ben, "hello there").await;
    say(&mut ben, &mut ada, "hello here").await;
    assert_eq!(ben.refused("room.start", json!({})).await, "not_leader");
    assert_eq!(ben.refused("room.create", json!({})).await, "already_in_room");
    ben.ok("room.leave", json!({})).await;
    assert_eq!(ada.expect("room.member_left").await["reason"], "left");
}

#[actix::test]
async fn a_node_that_dies_loses_no_acknowledged_command_and_its_rooms_go_on_elsewhere_within_ten_seconds() {
    let (first, second, network, mut ada, mut ben) = two().await;
    for _ in 0..3 {
        ada.ok("room.add_bot", json!({})).await;
    }
    ben.ok("room.ready", json!({"ready": true})).await;
    ada.ok("room.start", json!({})).await;
    first.run_ms(1_500).await;
    ben.ok("game.vote", json!({"suspect": ada.id})).await;
    network.cut_off(first.cluster.me());
    first.die();

    second.run_ms(10_000).await;
    ben.read().await;
    ben.ok("room.state", json!({})).await;
    let state = ben.expect("room.state").await;
    assert_eq!(rooms(&second), 1);
    assert_eq!(state["game"]["phase"], "vote");
    assert_eq!(state["game"]["you"]["choice"], json!(ada.id), "the acknowledged ballot");
    let connected = |id| {
        let members = state["room"]["members"].as_array().expect("members").clone();
        members.iter().find(|m| m["player_id"] == json!(id)).expect("a member")["connected"].clone()
    };
    assert_eq!((connected(ada.id), connected(ben.id)), (json!(false), json!(true)));

    let resumed = ada.resume(&second).await.expect("resumed elsewhere");
    assert_eq!(resumed["mode"], "snapshot");
    assert_eq!(ada.expect("room.state").await["game"]["phase"], "vote");
    say(&mut ada, &mut ben, "I am back").await;
}

#[actix::test]
async fn lost_pushes_are_noticed_and_healed_by_a_snapshot() {
    let (first, _second, network, mut ada, mut ben) = two().await;
    ben.read().await;
    network.lose(1);
    ada.ok("room.settings", json!({"day_ms": 2_000})).await;
    first.run_ms(10).await;
    ada.ok("room.settings", json!({"vote_ms": 3_000})).await;
    let state = ben.expect("room.state").await;
    assert_eq!(state["room"]["settings"]["day_ms"], 2_000);
}

#[actix::test]
async fn a_node_that_still_holds_an_old_copy_of_a_session_does_not_go_on_with_it() {
    let (first, second, network, mut ada, mut ben) = two().await;
    ben.drop_connection().await;
    for text in ["one", "two", "three", "four"] {
        ada.ok("chat.send", json!({"text": text})).await;
    }
    first.run_ms(10).await; // his session keeps them for him
    network.cut_off(second.cluster.me()); // it cannot be asked for it
    first.run_ms(6_000).await;
    assert_eq!(ben.resume(&first).await.expect("resumed")["mode"], "snapshot");
    ben.expect("room.state").await;
    say(&mut ada, &mut ben, "five").await;
    network.reconnect(second.cluster.me());
    second.run_ms(6_000).await;
    ben.resume(&second).await.expect("resumed where the old copy was");
    second.run_ms(100).await;
    let again = ben.read().await.into_iter().filter(|name| name == "chat.message").count();
    assert_eq!(again, 0, "nothing is heard twice");
    say(&mut ada, &mut ben, "six").await;
}

#[actix::test]
async fn a_node_that_wakes_does_not_take_a_player_back_who_has_gone_on_elsewhere() {
    let (first, second, network, mut ada, mut ben) = two().await;
    network.cut_off(second.cluster.me());
    ben.drop_connection().await;
    first.run_ms(6_000).await;
    ben.resume(&first).await.expect("resumed");
    ben.expect("room.state").await;
    network.reconnect(second.cluster.me()); // where his session still is, without a socket
    second.cluster.hub().seek_seats();
    second.run_ms(3_000).await;
    say(&mut ada, &mut ben, "still here").await;
}

#[actix::test]
async fn a_player_who_never_heard_that_he_was_elsewhere_has_his_seat_where_he_is() {
    let (first, second, network, mut ada, mut ben) = two().await;
    network.cut_off(second.cluster.me());
    first.run_ms(6_000).await;
    let notices = ben.resume_in_vain(&first).await;
    first.run_ms(1_000).await;
    network.reconnect(second.cluster.me());
    ben.resume(&second).await.expect("resumed where he was before");
    second.run_ms(3_000).await;
    say(&mut ada, &mut ben, "there you are").await;
    notices.await;
    ben.read().await;
    second.run_ms(70_000).await; // longer than a room waits for one who is gone
    say(&mut ben, &mut ada, "and here I stay").await;
}

#[actix::test]
async fn a_lost_command_is_answered_with_try_again_and_done_when_sent_again() {
    let (_first, second, network, _ada, mut ben) = two().await;
    ben.read().await;
    let id = ben.next_id();
    network.lose(1); // the command itself
    ben.send("room.ready", json!({"ready": true}));
    second.run_ms(6_000).await;
    assert_eq!(ben.answer_to(id).await.expect_err("no answer in time")["code"], "try_again");
    ben.send_with(id, "room.ready", json!({"ready": true}));
    ben.answer_to(id).await.expect("done");
}

#[actix::test]
async fn a_wiped_registry_is_rebuilt_and_no_room_is_put_up_twice() {
    let (first, second, network, mut ada, mut ben) = two().await;
    network.wipe();
    say(&mut ada, &mut ben, "nothing happened").await;
    first.run_ms(8_000).await;
    say(&mut ben, &mut ada, "still nothing").await;
    let mut cai = second.player("Cai").await;
    let state = ada.ok("room.state", json!({})).await;
    assert_eq!(state, json!({}));
    let code = ada.expect("room.state").await["room"]["code"].clone();
    cai.ok("room.join", json!({"code": code})).await;
    assert_eq!((rooms(&first), rooms(&second)), (1, 0));
}

#[actix::test]
async fn a_node_that_was_cut_off_can_commit_nothing_when_it_is_back() {
    let (first, second, network, mut ada, mut ben) = two().await;
    network.cut_off(first.cluster.me());
    second.run_ms(7_000).await;
    ben.ok("room.state", json!({})).await;
    assert_eq!(rooms(&second), 1, "it has taken over");
    ben.ok("room.ready", json!({"ready": true})).await;

    assert_eq!(ada.refused("room.settings", json!({"day_ms": 9_000})).await, "try_again", "it is fenced");
    assert_eq!(rooms(&first), 0, "and stops");

    network.reconnect(first.cluster.me());
    first.run_ms(5_000).await;
    ada.read().await;
    ada.ok("room.state", json!({})).await;
    let room = ada.expect("room.state").await["room"].clone();
    assert_eq!(room["settings"]["day_ms"], 1_000, "nothing of the old owner");
    assert_eq!(room["members"][1]["ready"], true, "what the new owner committed");
    assert_eq!(room["members"][0]["connected"], true, "and its people are found again");
    ada.ok("room.settings", json!({"day_ms": 9_000})).await;
    assert_eq!((rooms(&first), rooms(&second)), (0, 1));
}

#[actix::test]
async fn a_session_resumes_on_another_node_by_replay() {
    let (_first, second, _network, mut ada, mut ben) = two().await;
    ada.read().await;
    ada.drop_connection().await;
    ben.ok("chat.send", json!({"text": "while you were out"})).await;
    let resumed = ada.resume(&second).await.expect("handed over");
    assert_eq!(resumed["mode"], "replay");
    assert_eq!(ada.expect("chat.message").await["text"], "while you were out");
    ada.expect("room.state").await; // what came between the two nodes
    say(&mut ben, &mut ada, "welcome back").await;
    assert_eq!(second.cluster.hub().counts().0, 2);
}

#[actix::test]
async fn a_newer_session_on_another_node_replaces_the_older() {
    let (first, second, _network, mut ada, _ben) = two().await;
    let mut again = second.player("Ada").await;
    again.id = ada.id;
    again.enter_again(&second);
    first.run_ms(10).await;
    ada.read().await;
    assert_eq!(ada.closed, Some(CloseCode::Replaced));
    assert_eq!(first.cluster.hub().counts().0, 0);
}

#[actix::test]
async fn a_session_that_went_to_a_node_which_died_at_once_goes_on_where_it_was() {
    let (first, second, network, mut ada, mut ben) = two().await;
    drop(ada.resume_in_vain(&second).await); // it is there, and his answer is lost
    network.cut_off(second.cluster.me());
    second.die();
    first.run_ms(7_000).await;
    assert_eq!(ada.resume(&first).await.expect("resumed")["mode"], "snapshot");
    assert_eq!(ben.resume(&first).await.expect("resumed")["mode"], "snapshot");
    ben.expect("room.state").await;
    ada.expect("room.state").await;
    say(&mut ada, &mut ben, "nothing is lost").await;
}

#[actix::test]
async fn an_announcement_that_comes_late_replaces_nothing() {
    let (first, second, network, mut ada, mut ben) = two().await;
    let session = first.cluster.hub().session_of(ada.id).expect("there");
    ada.drop_connection().await;
    ada.resume(&second).await.expect("handed over");
    let by = SessionRef { id: session, node: first.cluster.me(), moves: 0 };
    let late = Body::Replaced { session, by: Some(by) };
    let parcel = Parcel::seal(NodeId::new(), 1, None, None, &late).expect("sealed");
    network.join(NodeId::new()).0.send(second.cluster.me(), parcel).expect("sent");
    second.run_ms(100).await;
    say(&mut ben, &mut ada, "still yours").await;
}

#[actix::test]
async fn a_request_for_a_session_that_comes_late_takes_it_from_nobody() {
    let (first, second, network, mut ada, mut ben) = two().await;
    let session = first.cluster.hub().session_of(ada.id).expect("there");
    let until = Some(first.cluster.clock().now());
    first.run_ms(1).await;
    let late = Body::HandOver { session, player: ada.id, until };
    let parcel = Parcel::seal(NodeId::new(), 1, Some(1), None, &late).expect("sealed");
    network.join(NodeId::new()).0.send(first.cluster.me(), parcel).expect("sent");
    second.run_ms(100).await;
    say(&mut ben, &mut ada, "still yours").await;
}

#[actix::test]
async fn new_rooms_go_to_the_node_with_less_to_do() {
    let (mut stages, _network) = Stage::nodes(2).await;
    let (second, first) = (stages.pop().expect("two"), stages.pop().expect("one"));
    for n in 0..120 {
        let mut player = first.player(&format!("Player{n}")).await;
        player.ok("room.create", json!({})).await; // all within one beat
    }
    assert!(rooms(&second) >= 30, "{} of 120 rooms", rooms(&second));
}

/// Nodes with these roles.
async fn with_roles(roles: &[&[Role]]) -> Vec<Stage> {
    let of = |roles: &&[Role]| {
        let mut config = Config::default();
        config.node.roles = roles.to_vec();
        config
    };
    Stage::nodes_with(roles.iter().map(of).collect()).await.0
}

#[actix::test]
async fn rooms_are_put_on_nodes_for_games_alone_and_go_to_such_alone() {
    let stages = with_roles(&[&[Role::Gateway], &[Role::Game], &[Role::Worker], &[Role::Game]]).await;
    let mut ada = stages[0].player("Ada").await;
    ada.ok("room.create", json!({})).await;
    for n in 0..60 {
        let mut player = stages[0].player(&format!("Player{n}")).await;
        player.ok("room.create", json!({})).await;
    }
    let there = |n: usize| rooms(&stages[n]);
    assert_eq!((there(0), there(2), there(1) + there(3)), (0, 0, 61));
    assert!(there(1) > 20 && there(3) > 20, "{} and {}", there(1), there(3));
    stages[1].cluster.drain(Duration::from_secs(5)).await;
    stages[0].run_ms(1_000).await;
    assert_eq!((there(0), there(1), there(2), there(3)), (0, 0, 0, 61), "the only other one for games");
    ada.ok("room.state", json!({})).await;
}

#[actix::test]
async fn without_a_node_for_games_a_room_is_refused_for_now() {
    let stages = with_roles(&[&[Role::Gateway], &[Role::Game]]).await;
    let mut ada = stages[0].player("Ada").await;
    stages[1].cluster.leave().await;
    stages[1].die();
    stages[0].run_ms(7_000).await;
    assert_eq!(ada.refused("room.create", json!({})).await, "try_again");
    assert_eq!(rooms(&stages[0]), 0);
}

#[actix::test]
async fn a_void_epoch_ends_the_accounts_session_on_another_node_at_once() {
    let (first, second, _network, mut ada, mut ben) = two().await;
    let ben_id = ben.id.0;
    let change = |epoch| EpochChange { account_id: ben_id, sign_in_id: None, epoch, changed_at: 0 };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = heard.clone();
    second.cluster.on_epoch_change(Box::new(move |change| hearing.lock().expect("lock").push(*change)));
    first.cluster.spread(change(0));
    first.run_ms(50).await;
    ben.read().await;
    assert_eq!(ben.closed, None, "what he came in with is as new");
    first.cluster.spread(change(1));
    first.run_ms(50).await;
    ben.read().await;
    assert_eq!(ben.closed, Some(CloseCode::AccountEnded));
    assert_eq!(*heard.lock().expect("lock"), [change(0), change(1)], "its tokens are void there too");
    let gone = ada.expect("room.member_connection").await;
    assert_eq!((&gone["player_id"], &gone["connected"]), (&json!(ben.id), &json!(false)));
}
