//! Media that fail never stop a game, and what makes no sense is refused (spec 7).

use super::{
    media::{media_config, room_of, short, with_media},
    table,
};
use crate::{
    media::{LinkError, MediaCommand, MediaEvent, Pc, Refusal},
    testkit::{ScriptedPlayer, Stage},
};
use serde_json::{Value, json};

fn offer(sdp: &str) -> Value {
    json!({"pc": "pub", "sdp": sdp})
}

fn answer() -> Value {
    json!({"pc": "sub", "sdp": "v=0"})
}

/// He is told to throw both connections away.
async fn expect_resets(player: &mut ScriptedPlayer) {
    assert_eq!(player.expect("media.reset").await, json!({"pc": "pub"}));
    assert_eq!(player.expect("media.reset").await, json!({"pc": "sub"}));
}

#[actix::test]
async fn what_makes_no_sense_is_refused() {
    let stage = with_media();
    let mut stranger = stage.player("Stranger").await;
    assert_eq!(stranger.refused("media.offer", offer("v=0")).await, "not_in_room");
    let mut players = table(&stage, 2, json!({"allow_spectators": true})).await;
    let me = &mut players[0];
    assert_eq!(me.refused("media.offer", json!({"pc": "sub", "sdp": "v=0"})).await, "bad_message");
    assert_eq!(me.refused("media.offer", json!({"pc": "third", "sdp": "v=0"})).await, "bad_message");
    assert_eq!(me.refused("media.answer", json!({"pc": "pub", "sdp": "v=0"})).await, "bad_message");
    assert_eq!(me.refused("media.answer", answer()).await, "bad_message", "no offer is open");
    assert_eq!(me.refused("media.state", json!({"pc": "sub", "state": "happy"})).await, "bad_message");
    assert_eq!(me.refused("media.reset", json!({})).await, "bad_message");
    assert_eq!(me.refused("media.offer", offer(&"x".repeat(16_385))).await, "too_large");
    me.ok("media.offer", offer(&"x".repeat(16_384))).await;
    let room = room_of(&stage, &players[0]);
    stranger.ok("room.join", json!({"room_id": room, "spectate": true})).await;
    assert_eq!(stranger.refused("media.offer", offer("v=0")).await, "not_allowed", "spectators send nothing");
    stranger.ok("media.state", json!({"pc": "sub", "state": "ready"})).await;
}

#[actix::test]
async fn an_answer_is_taken_once_and_not_after_a_reset() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let me = &mut players[0];
    me.ok("media.state", json!({"pc": "sub", "state": "ready"})).await;
    me.expect("media.offer").await;
    me.ok("media.answer", answer()).await;
    assert_eq!(me.refused("media.answer", answer()).await, "bad_message");
    me.ok("media.reset", json!({"pc": "sub"})).await;
    me.expect("media.offer").await;
    me.ok("media.state", json!({"pc": "sub", "state": "closed"})).await;
    assert_eq!(me.refused("media.answer", answer()).await, "bad_message", "it comes late");
}

#[actix::test]
async fn a_description_that_cannot_be_followed_is_told_to_its_player() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let (room, player) = (room_of(&stage, &players[0]), players[0].id);
    stage.media.happens(room, MediaEvent::Refused { player, pc: Pc::Pub, reason: Refusal::Full });
    assert_eq!(players[0].expect("media.refused").await, json!({"pc": "pub", "reason": "full"}));
}

#[actix::test]
async fn a_signal_that_finds_the_queue_full_is_to_be_sent_again() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    stage.media.fail(Some(LinkError::Busy));
    let refused = players[0].ask("media.offer", offer("v=0")).await.expect_err("refused");
    assert_eq!((&refused["code"], &refused["retry_after_ms"]), (&json!("try_again"), &json!(500)));
    stage.media.fail(None);
    players[0].ok("media.offer", offer("v=0")).await;
    assert_eq!(stage.media.opened(), 1, "nothing was lost but the signal");
}

#[actix::test]
async fn rules_that_find_the_queue_full_end_the_media_and_not_the_game() {
    let stage = with_media();
    let mut players = table(&stage, 4, short(json!({"roles": {"doctor": 0}}))).await;
    let room = room_of(&stage, &players[0]);
    players[1].ok("media.offer", offer("v=0")).await;
    players[0].ok("room.start", json!({})).await;
    stage.media.fail(Some(LinkError::Busy));
    while players[0].expect("game.phase").await["phase"] != "night" {}
    assert_eq!(stage.media.policy(room), None, "better no media than by the rules of the day");
    let failed = json!({"player_id": players[1].id, "state": "failed", "audio": false, "video": false});
    while players[0].expect("media.state").await != failed {}
    stage.media.fail(None);
    expect_resets(&mut players[0]).await;
    assert!(
        stage.media.policy(room).expect("anew").streams.iter().all(|s| s.to.is_empty()),
        "one mafioso, alone"
    );
    while players[0].expect("game.phase").await["phase"] != "day" {}
}

#[actix::test]
async fn media_that_are_lost_begin_anew_with_everybody() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let room = room_of(&stage, &players[0]);
    stage.media.happens(room, MediaEvent::Lost);
    for player in &mut players {
        expect_resets(player).await;
    }
    let told = stage.media.told(room);
    assert!(matches!(told[0], MediaCommand::Open { .. }), "{told:?}");
    for player in &players {
        assert!(told.contains(&MediaCommand::Join { player: player.id }));
    }
    stage.media.fail(Some(LinkError::Lost));
    assert_eq!(players[0].refused("media.offer", offer("v=0")).await, "try_again");
    stage.media.fail(None);
    expect_resets(&mut players[0]).await;
}

#[actix::test]
async fn a_room_that_is_put_up_again_tells_all_to_begin_anew() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let room = room_of(&stage, &players[0]);
    players[0].ok("media.offer", offer("v=0")).await;
    let next = stage.crash_and_restart();
    for player in &mut players {
        player.resume(&next).await.expect("resumed");
        expect_resets(player).await;
    }
    assert_eq!(next.media.policy(room).expect("media").streams.len(), 4);
}

#[actix::test]
async fn the_node_that_takes_the_room_over_has_its_media() {
    let (mut stages, network) = Stage::nodes_with(vec![media_config(); 2]).await;
    let (second, first) = (stages.pop().expect("two"), stages.pop().expect("one"));
    let mut ada = first.player("Ada").await;
    let code = ada.ok("room.create", json!({})).await["room"]["code"].clone();
    let mut ben = second.player("Ben").await;
    ben.ok("room.join", json!({"code": code})).await;
    ben.ok("media.offer", offer("v=0")).await;
    ben.expect("media.answer").await; // from the other node
    let room = room_of(&second, &ben);
    assert_eq!((first.media.opened(), second.media.opened()), (1, 0), "where the room is");
    network.cut_off(first.cluster.me());
    first.die();
    second.run_ms(10_000).await;
    expect_resets(&mut ben).await;
    assert_eq!(second.media.opened(), 1);
    ben.ok("media.offer", offer("v=0")).await;
    ben.expect("media.answer").await;
    ada.resume(&second).await.expect("resumed elsewhere");
    expect_resets(&mut ada).await;
    assert_eq!(second.media.policy(room).expect("media").streams.len(), 4);
}

#[actix::test]
async fn a_new_session_begins_its_media_anew() {
    let stage = with_media();
    let mut players = table(&stage, 2, json!({})).await;
    let (room, player) = (room_of(&stage, &players[0]), players[1].id);
    let joins = || stage.media.told(room).iter().filter(|c| **c == MediaCommand::Join { player }).count();
    assert_eq!(joins(), 1);
    players[1].drop_connection().await;
    players[1].resume(&stage).await.expect("resumed");
    assert_eq!(joins(), 1, "connections outlive the socket");
    players[1].enter_again(&stage);
    assert!(players[1].expect("room.state").await["media"].is_object());
    assert_eq!(joins(), 2, "another page has other connections");
}
