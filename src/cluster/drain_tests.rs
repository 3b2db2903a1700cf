//! Going in good order, and commits that arrive when their entity is somebody else's, on virtual time (spec 6.3).

use crate::{
    actors::{room::RoomActor, session::SessionNotice},
    protocol::CloseCode,
    testkit::{Fault, ScriptedPlayer, Stage},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

const LONGEST: Duration = Duration::from_secs(5);

fn rooms(stage: &Stage) -> usize {
    stage.cluster.active::<RoomActor>()
}

#[actix::test]
async fn a_draining_node_hands_its_rooms_over_and_gets_no_new_ones() {
    let (stages, _network) = Stage::nodes(3).await;
    let (going, other) = (&stages[0], &stages[1]);
    let mut ada = going.player("Ada").await;
    let made = ada.ok("room.create", json!({"settings": {"day_ms": 7_000}})).await;
    assert_eq!(rooms(going), 1);
    going.cluster.drain(LONGEST).await;
    other.run_ms(1_500).await; // a beat: all know
    assert_eq!(rooms(going), 0, "handed over");
    ada.read().await;
    ada.ok("room.state", json!({})).await;
    let room = ada.expect("room.state").await["room"].clone();
    assert_eq!((&room["code"], &room["settings"]["day_ms"]), (&made["room"]["code"], &json!(7_000)));
    for n in 0..40 {
        let from = [going, other][n % 2];
        from.player(&format!("Late{n}")).await.ok("room.create", json!({})).await;
    }
    assert_eq!(rooms(going), 0, "none is placed there, not even by its own players");
    assert_eq!(rooms(other) + rooms(&stages[2]), 41);
}

#[actix::test]
async fn players_of_a_node_that_stops_leave_it_at_moments_of_their_own() {
    let (stages, _network) = Stage::nodes(2).await;
    let longest = stages[0].cluster.config().cluster.moving_ms;
    let mut players: Vec<ScriptedPlayer> = Vec::new();
    for n in 0..50 {
        players.push(stages[0].player(&format!("Player{n}")).await);
    }
    stages[0].cluster.drain(LONGEST).await;
    for session in stages[0].cluster.hub().all() {
        assert!(session.addr.try_send(SessionNotice::NodeStops).is_ok());
    }
    let mut moments = BTreeSet::new();
    for player in &mut players {
        let in_ms = player.expect("session.moving").await["in_ms"].as_u64().expect("ms");
        assert!(in_ms <= longest, "{in_ms}");
        moments.insert(in_ms);
    }
    assert!(moments.len() > 30, "spread over {longest} ms: {moments:?}");
    let (first, last) = (moments.first().expect("one"), moments.last().expect("one"));
    assert!(last - first > longest / 2, "{moments:?}");
    stages[0].run_ms(longest + 100).await;
    for player in &mut players {
        player.read().await;
        assert_eq!(player.closed, Some(CloseCode::Restart), "told when, and closed then");
    }
    assert_eq!(players[0].resume(&stages[1]).await.expect("goes on")["mode"], "replay");
}

#[actix::test]
async fn a_commit_that_arrives_after_its_room_was_taken_over_changes_nothing() {
    let (stages, network) = Stage::nodes(2).await;
    let (first, second) = (&stages[0], &stages[1]);
    let mut ada = first.player("Ada").await;
    let room = ada.ok("room.create", json!({"settings": {"day_ms": 1_000}})).await["room"].clone();
    let mut ben = second.player("Ben").await;
    ben.ok("room.join", json!({"code": room["code"]})).await;
    first.store.inject([Fault::Late(9_000)]);
    ada.send("room.settings", json!({"day_ms": 9_000}));
    first.run_ms(10).await;
    network.cut_off(first.cluster.me());
    second.run_ms(7_000).await;
    ben.ok("room.ready", json!({"ready": true})).await;
    assert_eq!(rooms(second), 1, "taken over while the commit is on its way");
    let commits = first.store.commits();
    first.run_ms(4_000).await; // now it has arrived
    assert_eq!(first.store.commits(), commits, "it was refused");
    network.reconnect(first.cluster.me());
    first.run_ms(5_000).await;
    ben.read().await;
    ben.ok("room.state", json!({})).await;
    let room = ben.expect("room.state").await["room"].clone();
    assert_eq!(room["settings"]["day_ms"], 1_000);
    assert_eq!((rooms(first), rooms(second)), (0, 1));
}
