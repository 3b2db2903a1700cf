//! A node of a newer build among ours, and one of an older build: what is said that both know is done, what one does not
//! know is refused politely, and nothing of it harms anybody (spec 6.3).

use super::{
    AskError, Bus as _, NodeInfo, Placement as _,
    bus::{Body, Incoming, Parcel, pack, unpack},
};
use crate::{
    actors::room::{RoomActor, RoomCommand},
    ids::NodeId,
    roles::Role,
    testkit::{Network, NetworkNode, ScriptedPlayer, Stage},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
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

/// As builds before traces and deadlines wrote and read one.
#[derive(Serialize, Deserialize)]
struct OlderParcel {
    v: u16,
    from: NodeId,
    n: u64,
    ask: Option<u64>,
    body: Bytes,
}

/// What such a build could say.
#[derive(Serialize, Deserialize)]
enum OlderBody {
    Command { kind: String, key: uuid::Uuid, command: Bytes },
    Reply(Result<Bytes, AskError>),
}

struct Older {
    me: NodeId,
    bus: NetworkNode,
    incoming: mpsc::Receiver<Incoming>,
    sent: u64,
}

impl Older {
    /// It tells of itself what such a build knew.
    async fn join(stage: &Stage, network: &Network) -> Self {
        let me = NodeId::new();
        let (bus, incoming) = network.join(me);
        let told = json!({"id": me, "address": "a:1", "version": "0.0.9", "load": 0, "draining": false});
        let info: NodeInfo = serde_json::from_value(told).expect("what an older build tells is read");
        assert!(info.takes(Role::Game) && info.takes(Role::Gateway), "it does everything");
        bus.beat(info).await.expect("beats");
        stage.cluster.beat().await;
        Self { me, bus, incoming, sent: 0 }
    }

    fn send(&mut self, to: NodeId, ask: Option<u64>, body: &OlderBody) {
        self.sent += 1;
        let body = pack(body).expect("packed").into();
        let parcel = OlderParcel { v: 1, from: self.me, n: self.sent, ask, body };
        self.bus.send(to, pack(&parcel).expect("packed").into()).expect("sent");
    }

    /// The next that it was sent.
    async fn receive(&mut self) -> (OlderParcel, OlderBody) {
        let Some(Incoming::Parcel(bytes)) = self.incoming.recv().await else { panic!("nothing comes") };
        let parcel: OlderParcel = unpack(&bytes).expect("an older build reads our parcels");
        let body = unpack(&parcel.body).expect("and what is in them");
        (parcel, body)
    }
}

/// A command that all builds know.
fn view(player: &ScriptedPlayer) -> Bytes {
    pack(&json!({"View": {"player_id": player.id}})).expect("packed").into()
}

#[actix::test]
async fn an_older_node_is_asked_in_words_that_it_knows_and_its_refusal_is_understood() {
    let (mut stages, network) = Stage::nodes(1).await;
    let stage = stages.pop().expect("one");
    let ada = stage.player("Ada").await;
    let mut older = Older::join(&stage, &network).await;
    let room = uuid::Uuid::now_v7();
    assert_eq!(older.bus.claim("room", room, older.me, None).await.expect("claims"), older.me);
    let command: RoomCommand = unpack(&view(&ada)).expect("a command");
    let asked = stage.cluster.ask::<RoomActor>(room, command);
    let (parcel, body) = older.receive().await;
    let OlderBody::Command { kind, key, command } = body else { panic!("not a command") };
    assert_eq!((kind.as_str(), key, parcel.from), ("room", room, stage.cluster.me()));
    assert!(unpack::<Value>(&command).is_ok_and(|command| command["View"]["player_id"] == json!(ada.id)));
    older.send(parcel.from, parcel.ask, &OlderBody::Reply(Err(AskError::Unknown)));
    assert_eq!(asked.await.map(drop), Err(AskError::Unknown));
}

#[actix::test]
async fn a_command_of_an_older_node_is_done_and_its_answer_can_be_read_there() {
    let (mut stages, network) = Stage::nodes(1).await;
    let stage = stages.pop().expect("one");
    let mut ada = stage.player("Ada").await;
    let room = ada.ok("room.create", json!({})).await["room"]["room_id"].clone();
    let key = room.as_str().and_then(|id| id.parse().ok()).expect("an id");
    let mut older = Older::join(&stage, &network).await;
    let command = OlderBody::Command { kind: "room".to_owned(), key, command: view(&ada) };
    older.send(stage.cluster.me(), Some(7), &command);
    let (parcel, body) = older.receive().await;
    assert!(matches!(body, OlderBody::Reply(Ok(_))), "done, without a deadline or a trace");
    assert_eq!(parcel.ask, Some(7));
}
