//! The trace of a request in the log lines of whoever handles it, on whichever node (spec 6.4).

use crate::{
    actors::room::RoomActor,
    telemetry::Named,
    testkit::{ScriptedPlayer, Stage},
};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing::subscriber::DefaultGuard;

/// The JSON lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn gather() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || to.clone())
            .json()
            .map_event_format(|json| Named::new(json, Some("north")))
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn all(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text");
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect()
    }

    /// The traces of the lines whose field is so.
    fn traces(&self, field: &str, value: &str) -> Vec<Value> {
        let lines = self.all().into_iter();
        lines.filter(|line| line["fields"][field] == value).map(|line| line["trace_id"].clone()).collect()
    }
}

/// Two nodes; a room of Ada's on the first, Ben in it from the second.
async fn two() -> (Stage, Stage, ScriptedPlayer, ScriptedPlayer) {
    let (mut stages, _) = Stage::nodes(2).await;
    let (second, first) = (stages.pop().expect("two"), stages.pop().expect("one"));
    let mut ada = first.player("Ada").await;
    let room = ada.ok("room.create", json!({})).await["room"].clone();
    let mut ben = second.player("Ben").await;
    ben.ok("room.join", json!({"code": room["code"]})).await;
    (first, second, ada, ben)
}

#[actix::test]
async fn a_command_carries_its_trace_to_the_room_on_another_node() {
    let (lines, _guard) = Lines::gather();
    let (first, second, _ada, mut ben) = two().await;
    let rooms = |stage: &Stage| stage.cluster.active::<RoomActor>();
    assert_eq!((rooms(&first), rooms(&second)), (1, 0));
    ben.ok("chat.send", json!({"text": "volatile"})).await;
    ben.ok("room.ready", json!({"ready": true})).await;
    for message in ["room.join", "chat.send", "room.ready"] {
        let command = lines.traces("command", message);
        assert_eq!(command.len(), 1, "{message}");
        assert_eq!(command[0].as_str().map(str::len), Some(32), "{message}");
        assert_eq!(lines.traces("name", message), command, "{message}: session and room");
    }
    let mut all = lines.traces("message", "a request");
    all.sort_by_key(ToString::to_string);
    let requests = all.len();
    all.dedup();
    assert_eq!(all.len(), requests, "each request has a trace of its own");
    assert!(lines.all().iter().all(|line| line["node"] == "north"), "and each line says who wrote it");
}

#[actix::test]
async fn a_command_that_waits_behind_anothers_commit_keeps_its_own_trace() {
    let (lines, _guard) = Lines::gather();
    let (_first, _second, _ada, mut ben) = two().await;
    let ready = ben.send("room.ready", json!({"ready": true}));
    let start = ben.send("room.start", json!({}));
    ben.answer_to(ready).await.expect("done");
    ben.answer_to(start).await.expect_err("he does not lead");
    assert_eq!(lines.traces("message", "refused"), lines.traces("name", "room.start"));
}
