//! What staff do to a room, as its players see it.

use super::table;
use crate::{
    actors::room::{Moderator, RoomActor, RoomCommand, RoomReply, StaffOrder},
    auth::Role,
    ids::PlayerId,
    store::MuteRow,
    testkit::Stage,
};
use serde_json::json;

fn order(order: StaffOrder) -> RoomCommand {
    RoomCommand::Staff { by: Moderator { account: PlayerId::new(), role: Role::Operator }, order }
}

#[actix::test]
async fn all_are_told_of_a_kick_in_a_game_and_of_the_rooms_end() {
    let stage = Stage::new();
    let mut players = table(&stage, 5, json!({})).await;
    players[0].ok("room.start", json!({})).await;
    let room = stage.store.seats()[&players[0].id];
    let (bad, reason) = (players[4].id, "rude".to_owned());
    let kick = StaffOrder::Kick { player_id: bad, ban: true, reason: reason.clone() };
    let reply = stage.cluster.ask::<RoomActor>(room.0, order(kick)).await;
    assert!(matches!(reply, Ok(RoomReply::Done)), "{reply:?}");
    let left = players[1].expect("room.member_left").await;
    assert_eq!((&left["player_id"], &left["reason"]), (&json!(bad), &json!("banned")));
    assert_eq!(players[4].refused("room.join", json!({"room_id": room})).await, "banned_from_room");
    let reply = stage.cluster.ask::<RoomActor>(room.0, order(StaffOrder::End { reason })).await;
    assert!(matches!(reply, Ok(RoomReply::Done)), "{reply:?}");
    assert_eq!(players[1].expect("room.closed").await["reason"], "ended");
    assert!(stage.store.seats().is_empty(), "all may go elsewhere");
    assert!(stage.store.matches()[0].ended.is_some(), "its match is closed");
    let actions: Vec<_> = stage.store.audit().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["room.kicked", "room.ended"]);
}

#[actix::test]
async fn what_staff_do_is_in_the_log_or_not_done() {
    let stage = Stage::new();
    let mut players = table(&stage, 2, json!({})).await;
    let room = stage.store.seats()[&players[0].id];
    stage.store.inject([crate::testkit::Fault::Fail]);
    let end = StaffOrder::End { reason: "test".into() };
    let reply = stage.cluster.ask::<RoomActor>(room.0, order(end)).await;
    assert!(matches!(reply, Ok(RoomReply::Refused(_))), "{reply:?}");
    assert!(stage.store.audit().is_empty());
    players[0].ok("chat.send", json!({"text": "still here"})).await;
}

#[actix::test]
async fn a_silenced_player_plays_on_but_does_not_chat() {
    let stage = Stage::new();
    let mut players = table(&stage, 4, json!({})).await;
    let now = stage.cluster.clock().now();
    let mute = MuteRow {
        account_id: players[1].id.0,
        reason: "insults".into(),
        ends_at: Some(now.0 + 60_000),
        by_account: PlayerId::new().0,
        at: now.0,
    };
    stage.door.mutes.replace(vec![mute]);
    let refused = players[1].ask("chat.send", json!({"text": "hello"})).await.expect_err("silenced");
    assert_eq!(refused["code"], "muted");
    assert!(refused["message"].as_str().is_some_and(|text| text.ends_with("insults")), "{refused}");
    players[1].ok("room.ready", json!({"ready": false})).await;
    players[2].ok("chat.send", json!({"text": "others may"})).await;
    stage.run_ms(60_000).await;
    players[1].ok("chat.send", json!({"text": "again"})).await;
}

#[actix::test]
async fn staff_reach_a_room_on_another_node() {
    let (stages, _network) = Stage::nodes(2).await;
    let mut player = stages[0].player("Player").await;
    player.ok("room.create", json!({"visibility": "private"})).await;
    let room = stages[0].store.seats()[&player.id];
    let there = &stages[1].cluster;
    assert_eq!(there.nodes().len(), 2);
    let Ok(RoomReply::Watched(shown)) = there.ask::<RoomActor>(room.0, order(StaffOrder::Watch)).await else {
        panic!("the room shows itself");
    };
    assert_eq!(shown["room"]["members"][0]["player_id"], json!(player.id));
    let end = order(StaffOrder::End { reason: "test".into() });
    assert!(matches!(there.ask::<RoomActor>(room.0, end).await, Ok(RoomReply::Done)));
    assert_eq!(player.expect("room.closed").await["reason"], "ended");
}
