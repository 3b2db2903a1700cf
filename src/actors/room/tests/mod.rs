//! What rooms promise, in the words of spec 1.2 and 1.5, over whole sessions on virtual time.

mod committing;
mod entering;
mod facts;
mod leaving;
mod media;
mod media_faults;
mod playing;
mod showtimes;
mod staffed;
mod together;

use crate::testkit::{ScriptedPlayer, Stage};
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
