//! A node of a newer build among ours: what it says that we know is done, what we do not know is refused politely,
//! and nothing of it harms anybody (spec 6.3).

use super::{
    AskError, Bus as _,
    bus::{Body, Incoming, Parcel, pack},
};
use crate::{
    ids::NodeId,
    testkit::{Network, NetworkNode, ScriptedPlayer, Stage},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// As a newer build may write one.
#[derive(Serialize)]
struct NewerParcel {
    v: u16,
    from: NodeId,
    n: u64,
    ask: Option<u64>,
    body: Bytes,
    mood: &'static str,
}

/// What a newer build may say.
#[derive(Serialize)]
enum NewerBody {
    /// With one field more.
    Command { kind: &'static str, key: uuid::Uuid, command: Bytes, urgency: u8 },
    /// Which we do not know.
    Teleport { to: NodeId },
}

struct Newer {
    me: NodeId,
    bus: NetworkNode,
    incoming: mpsc::Receiver<Incoming>,
    sent: u64,
}

impl Newer {
    fn join(network: &Network) -> Self {
        let me = NodeId::new();
        let (bus, incoming) = network.join(me);
        Self { me, bus, incoming, sent: 0 }
    }

    /// Asks, and what it is answered.
    async fn ask(&mut self, node: NodeId, body: &NewerBody) -> Result<Bytes, AskError> {
        self.sent += 1;
        let (from, n, body) = (self.me, self.sent, pack(body).expect("packed").into());
        let parcel = NewerParcel { v: 2, from, n, ask: Some(n), body, mood: "hopeful" };
        self.bus.send(node, pack(&parcel).expect("packed").into()).expect("sent");
        loop {
            let Some(Incoming::Parcel(bytes)) = self.incoming.recv().await else { panic!("no answer") };
            let parcel = Parcel::read(&bytes).expect("readable");
            if let (Some(ask), Ok(Body::Reply(reply))) = (parcel.ask, parcel.body()) {
                assert_eq!(ask, self.sent);
                return reply;
            }
        }
    }
}

async fn stage() -> (Stage, ScriptedPlayer, uuid::Uuid, Newer) {
    let (mut stages, network) = Stage::nodes(1).await;
    let stage = stages.pop().expect("one");
    let mut ada = stage.player("Ada").await;
    let room = ada.ok("room.create", json!({})).await["room"]["room_id"].clone();
    let key = room.as_str().and_then(|id| id.parse().ok()).expect("an id");
    (stage, ada, key, Newer::join(&network))
}

fn command(key: uuid::Uuid, command: &Value) -> NewerBody {
    NewerBody::Command { kind: "room", key, command: pack(command).expect("packed").into(), urgency: 9 }
}

#[actix::test]
async fn a_message_we_do_not_know_is_refused() {
    let (stage, mut ada, _, mut newer) = stage().await;
    let teleport = NewerBody::Teleport { to: newer.me };
    assert_eq!(newer.ask(stage.cluster.me(), &teleport).await, Err(AskError::Unknown));
    ada.ok("room.ready", json!({"ready": true})).await;
}

#[actix::test]
async fn a_command_we_do_not_know_is_refused_and_its_room_goes_on() {
    let (stage, mut ada, room, mut newer) = stage().await;
    let dance = command(room, &json!({"Dance": {"steps": 3}}));
    assert_eq!(newer.ask(stage.cluster.me(), &dance).await, Err(AskError::Unknown));
    ada.ok("room.ready", json!({"ready": true})).await;
}

#[actix::test]
async fn a_command_with_fields_we_do_not_know_is_done() {
    let (stage, ada, room, mut newer) = stage().await;
    let view = command(room, &json!({"View": {"player_id": ada.id, "in_colour": true}}));
    assert!(newer.ask(stage.cluster.me(), &view).await.is_ok());
}
