//! What waits behind a commit is committed at once, and looks as if each had been alone.

use super::table;
use crate::{
    actors::room::{Caller, RoomActor, RoomCommand, RoomMessage, RoomReply},
    config::Config,
    ids::{PlayerId, RoomId},
    protocol::ErrorCode,
    testkit::{Fault, ScriptedPlayer, Stage},
};
use serde_json::{Value, json};

/// The leader's command is being written, and meanwhile come those of the others. Their ids.
async fn meanwhile(stage: &Stage, players: &mut [ScriptedPlayer], name: &str, payload: &Value) -> Vec<u32> {
    stage.store.inject([Fault::Delay(500)]);
    let slow = players[0].send("room.settings", json!({"vote_ms": 40_000}));
    stage.run_ms(10).await;
    let ids = players[1..].iter_mut().map(|player| player.send(name, payload.clone())).collect();
    stage.run_ms(10).await;
    assert!(players[0].answer_within(slow, 1).await.is_none(), "it is still being written");
    ids
}

async fn of_the_room(player: &mut ScriptedPlayer) -> Value {
    player.read().await;
    player.ok("room.state", json!({})).await;
    player.expect("room.state").await["room"].clone()
}

/// How many commits five commands took, the last four of which waited behind the first.
async fn commits_of_five(decide_together: usize) -> u64 {
    let mut config = Config::default();
    config.room.decide_together = decide_together;
    let stage = Stage::with(config);
    let mut players = table(&stage, 5, json!({})).await;
    players[0].read().await;
    let before = stage.store.commits();
    let ids = meanwhile(&stage, &mut players, "room.ready", &json!({"ready": false})).await;
    stage.run_ms(1_000).await;
    let commits = stage.store.commits() - before;
    for (player, id) in players[1..].iter_mut().zip(ids) {
        player.answer_to(id).await.expect("done");
    }
    let in_order: Vec<PlayerId> = players[1..].iter().map(|player| player.id).collect();
    for player in in_order {
        let told = players[0].expect("room.member_ready").await;
        assert_eq!((&told["player_id"], &told["ready"]), (&json!(player), &json!(false)));
    }
    commits
}

#[actix::test]
async fn what_waits_behind_a_commit_is_committed_at_once_and_told_in_order() {
    assert_eq!(commits_of_five(32).await, 2);
}

#[actix::test]
async fn no_more_than_the_setting_says_is_committed_at_once() {
    assert_eq!(commits_of_five(2).await, 3);
}

#[actix::test]
async fn with_a_setting_of_one_each_is_committed_alone() {
    assert_eq!(commits_of_five(1).await, 5);
}

#[actix::test]
async fn each_is_shown_the_room_as_his_own_command_left_it() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    let code = of_the_room(&mut players[0]).await["code"].clone();
    for n in 0..3 {
        players.push(stage.player(&format!("Late{n}")).await);
    }
    let mut late = players.split_off(1);
    late.remove(0);
    let mut all = vec![players.remove(0)];
    all.append(&mut late);
    let ids = meanwhile(&stage, &mut all, "room.join", &json!({"code": code})).await;
    for (n, (player, id)) in all[1..].iter_mut().zip(ids).enumerate() {
        let room = player.answer_to(id).await.expect("joined")["room"].clone();
        assert_eq!(room["members"].as_array().map(Vec::len), Some(3 + n), "who came after him is pushed");
    }
    assert_eq!(all[1].expect("room.member_joined").await["member"]["nickname"], "Late1");
    assert_eq!(stage.store.seats().len(), 5);
}

/// Three commands that are committed at once meet the fault, and are sent again under the same ids.
async fn three_meet(fault: Fault) {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    let ids = meanwhile(&stage, &mut players, "room.ready", &json!({"ready": false})).await;
    stage.store.inject([fault]);
    stage.run_ms(5_000).await;
    for (player, id) in players[1..].iter_mut().zip(&ids) {
        assert_eq!(player.answer_to(*id).await.expect_err("not known")["code"], "try_again");
    }
    for (player, id) in players[1..].iter_mut().zip(&ids) {
        player.send_with(*id, "room.ready", json!({"ready": false}));
        player.answer_to(*id).await.expect("settled");
    }
    let room = of_the_room(&mut players[0]).await;
    let ready = room["members"].as_array().expect("members").iter().filter(|m| m["ready"] == true);
    assert_eq!(ready.count(), 0, "{room}");
}

#[actix::test]
async fn what_fails_together_fails_each_and_nothing_has_changed() {
    three_meet(Fault::Fail).await;
}

#[actix::test]
async fn what_is_in_doubt_together_was_done_once_if_it_was_done() {
    three_meet(Fault::LoseAnswer).await;
}

#[actix::test]
async fn what_is_in_doubt_together_is_done_if_it_was_not() {
    three_meet(Fault::LoseCommit).await;
}

fn join(player: PlayerId) -> RoomCommand {
    let by = Caller { player_id: player, nickname: "Somebody".to_owned(), session: None, request: None };
    let message = RoomMessage::Join { spectate: false, quick: false, by_code: true, paid: false };
    RoomCommand::Client { by, message }
}

#[actix::test]
async fn who_has_a_seat_elsewhere_is_refused_and_those_who_came_with_him_are_not() {
    let stage = Stage::new();
    let mut players = table(&stage, 1, json!({})).await;
    let room: RoomId =
        serde_json::from_value(of_the_room(&mut players[0]).await["room_id"].clone()).expect("an id");
    let mut elsewhere = stage.player("Elsewhere").await;
    elsewhere.ok("room.create", json!({})).await;
    meanwhile(&stage, &mut players, "", &Value::Null).await;
    let people = [PlayerId::new(), elsewhere.id, PlayerId::new(), PlayerId::new()];
    let asked: Vec<_> =
        people.iter().map(|player| stage.cluster.ask::<RoomActor>(room.0, join(*player))).collect();
    stage.run_ms(1_000).await;
    for (player, reply) in people.iter().zip(futures_util::future::join_all(asked).await) {
        match reply.expect("answered") {
            RoomReply::Refused(refused) if *player == elsewhere.id => {
                assert_eq!(refused.code, ErrorCode::AlreadyInRoom);
            }
            reply => assert!(matches!(reply, RoomReply::Seated), "{reply:?}"),
        }
        assert_eq!(stage.store.seats().get(player) == Some(&room), *player != elsewhere.id);
    }
    players[0].ok("room.ready", json!({"ready": true})).await;
    assert_eq!(of_the_room(&mut players[0]).await["members"].as_array().map(Vec::len), Some(4));
}
