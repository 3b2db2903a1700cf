//! Media on another node, on virtual time and a network that can fail.

use super::*;
use crate::{
    config::Config,
    game::MediaKind,
    ids::PlayerId,
    media::{
        ClientSignal, MediaState, Pc, PcState, PeerState, Policy, RoomStats, ServerSignal, Stream, Track,
    },
    testkit::{Network, ScriptedPlayer, Stage},
};
use serde_json::json;

fn roles(roles: &[Role]) -> Config {
    let mut config = Config::default();
    config.node.roles = roles.to_vec();
    config
}

/// A node for rooms without media, and two for media alone.
async fn three() -> (Stage, Vec<Stage>, Network) {
    let rooms = roles(&[Role::Gateway, Role::Game, Role::Queue, Role::Worker, Role::Db]);
    let media = || roles(&[Role::Media, Role::Db]);
    let (mut stages, network) = Stage::nodes_with(vec![rooms, media(), media()]).await;
    (stages.remove(0), stages, network)
}

/// A room of Ada's and Ben's, both ready to receive; and its id.
async fn room(stage: &Stage) -> (RoomId, ScriptedPlayer, ScriptedPlayer) {
    let mut ada = stage.player("Ada").await;
    let room = ada.ok("room.create", json!({})).await["room"].clone();
    let mut ben = stage.player("Ben").await;
    ben.ok("room.join", json!({"code": room["code"]})).await;
    for player in [&mut ada, &mut ben] {
        player.ok("media.state", json!({"pc": "sub", "state": "ready"})).await;
    }
    ada.ok("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await;
    stage.run_ms(10).await;
    let id = room["room_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    (RoomId(id), ada, ben)
}

#[actix::test]
async fn what_is_said_both_ways_crosses_as_it_is() {
    let player = PlayerId::new();
    let policy =
        Policy { streams: vec![Stream { from: player, kind: MediaKind::Audio, to: vec![PlayerId::new()] }] };
    let state = ClientSignal::State { pc: Pc::Pub, state: PcState::Ready, audio: Some(true), video: None };
    let commands = [
        MediaCommand::Open { policy: policy.clone() },
        MediaCommand::Join { player },
        MediaCommand::Signal { player, signal: ClientSignal::Offer { sdp: "v=0\r\n".into() } },
        MediaCommand::Signal { player, signal: ClientSignal::Answer { sdp: "v=0".into() } },
        MediaCommand::Signal { player, signal: state },
        MediaCommand::Signal { player, signal: ClientSignal::Reset { pc: Pc::Sub } },
        MediaCommand::SetPolicy { policy },
        MediaCommand::Leave { player },
        MediaCommand::Stats,
        MediaCommand::Close,
    ];
    for command in commands {
        let crossed: Option<MediaCommand> = packed(&command).and_then(|bytes| read(&bytes));
        assert_eq!(crossed, Some(command));
    }
    let track = Track { mid: "0".into(), player_id: player, kind: MediaKind::Video };
    let offer = ServerSignal::Offer { sdp: "v=0".into(), tracks: vec![track] };
    let events = [
        MediaEvent::Signal { player, signal: offer },
        MediaEvent::Signal { player, signal: ServerSignal::Answer { sdp: "v=0".into() } },
        MediaEvent::Signal { player, signal: ServerSignal::Reset { pc: Pc::Pub } },
        MediaEvent::State {
            player,
            state: PeerState { state: MediaState::Connected, audio: true, video: false },
        },
        MediaEvent::Speaking { player, speaking: true },
        MediaEvent::Refused { player, pc: Pc::Pub, reason: Refusal::Full },
        MediaEvent::Stats { stats: RoomStats { players: 3, ..RoomStats::default() } },
        MediaEvent::Lost,
    ];
    for event in events {
        let crossed: Option<MediaEvent> = packed(&event).and_then(|bytes| read(&bytes));
        assert_eq!(crossed, Some(event));
    }
}

#[actix::test]
async fn a_node_without_media_has_its_rooms_carried_by_another() {
    let (rooms, media, _network) = three().await;
    let (id, mut ada, mut ben) = room(&rooms).await;
    let carriers = media.iter().filter(|stage| stage.media.policy(id).is_some()).count();
    assert_eq!((carriers, rooms.media.opened()), (1, 0), "one of the two");
    ada.expect("media.answer").await;
    assert_eq!(ben.expect("media.offer").await["tracks"], json!([]), "nobody sends yet");
    assert_eq!(ben.expect("media.offer").await["tracks"][0]["player_id"], json!(ada.id));
    let carrier = media.iter().find(|stage| stage.media.policy(id).is_some()).expect("one");
    assert!(carrier.media.forwards(id, ada.id, MediaKind::Audio, ben.id));
    ada.ok("room.leave", json!({})).await;
    rooms.run_ms(10).await;
    assert!(!carrier.media.forwards(id, ada.id, MediaKind::Audio, ben.id), "the rules cross at once");
    ben.ok("room.settings", json!({"media": false})).await;
    rooms.run_ms(10).await;
    assert_eq!((carrier.media.policy(id), carrier.cluster.lines()), (None, 0), "closed with the line");
}

#[actix::test]
async fn when_the_node_that_carries_them_dies_they_are_begun_anew_on_another_within_ten_seconds() {
    let (rooms, mut media, network) = three().await;
    let (id, mut ada, mut ben) = room(&rooms).await;
    let carrier = media.iter().position(|stage| stage.media.policy(id).is_some()).expect("one");
    let dead = media.remove(carrier);
    network.cut_off(dead.cluster.me());
    dead.die();
    rooms.run_ms(10_000).await;
    for player in [&mut ada, &mut ben] {
        assert_eq!(player.expect("media.reset").await["pc"], "pub");
        assert_eq!(player.expect("media.reset").await["pc"], "sub");
    }
    assert!(media[0].media.forwards(id, ada.id, MediaKind::Video, ben.id), "by the same rules");
    ada.ok("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await;
    ada.expect("media.answer").await;

    network.cut_off(media[0].cluster.me());
    media[0].die();
    rooms.run_ms(10_000).await;
    assert_eq!(ada.refused("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await, "try_again");
    ada.ok("chat.send", json!({"text": "the game goes on"})).await;
    network.reconnect(dead.cluster.me());
    let back = dead.another(&network).await;
    rooms.run_ms(5_000).await;
    ada.expect("media.reset").await;
    assert!(back.media.forwards(id, ada.id, MediaKind::Video, ben.id), "as soon as there is a node again");
}

#[actix::test]
async fn what_is_lost_between_them_begins_them_anew() {
    let (rooms, media, network) = three().await;
    let (id, mut ada, mut ben) = room(&rooms).await;
    let opened = || media.iter().map(|stage| stage.media.opened()).sum::<u64>();
    assert_eq!(opened(), 1);
    ben.read().await;
    network.lose(1);
    ben.ok("room.leave", json!({})).await; // the rule, and then that he has left
    rooms.run_ms(5_000).await;
    assert_eq!(opened(), 2, "a rule may have been lost");
    ada.expect("media.reset").await;
    let policies: Vec<_> = media.iter().filter_map(|stage| stage.media.policy(id)).collect();
    assert_eq!(policies.len(), 1, "and the media of before are closed");
}

#[actix::test]
async fn a_signal_that_the_other_node_has_no_room_for_is_refused_and_a_rule_ends_the_media() {
    let (rooms, media, _network) = three().await;
    let (id, mut ada, _ben) = room(&rooms).await;
    let carrier = media.iter().find(|stage| stage.media.policy(id).is_some()).expect("one");
    carrier.media.fail(Some(LinkError::Busy));
    ada.ok("media.offer", json!({"pc": "pub", "sdp": "v=0"})).await;
    assert_eq!(ada.expect("media.refused").await["reason"], "busy");
    carrier.media.fail(None);
    rooms.run_ms(2_000).await;
    assert!(carrier.media.policy(id).is_some(), "the room's media are as they were");
}
