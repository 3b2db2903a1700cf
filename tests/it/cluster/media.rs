//! Rooms on one node, their video on others (spec 7): packets flow, and go on when the node that carries them dies.

use super::{PrivatePostgres, PrivateRedis};
use crate::process::Process;
use playhouse::{
    media::synthetic::{End, Ends, until},
    testkit::SocketPlayer,
};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use serde_json::json;
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Names of her streams.
const SOUND: u32 = 1_001;
const PICTURES: u32 = 1_002;

/// Sends both streams until it is dropped.
struct Camera(Arc<AtomicBool>);

impl Camera {
    fn run(end: Arc<End>) -> Self {
        let on = Arc::new(AtomicBool::new(true));
        let runs = on.clone();
        actix::spawn(async move {
            for count in 0.. {
                if !runs.load(Relaxed) {
                    return end.close();
                }
                end.send(SOUND, RtpCodecKind::Audio, count, 80, Some(30));
                end.send(PICTURES, RtpCodecKind::Video, count, 1_000, None);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self(on)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Ada's camera is on and Ben receives both streams of it.
async fn meet(ends: &Ends, ada: &mut SocketPlayer, ben: &mut SocketPlayer) -> (Camera, Arc<End>) {
    let (sends, sdp) = ends.publisher(SOUND, PICTURES).await.unwrap();
    ada.insist("media.offer", json!({"pc": "pub", "sdp": sdp})).await.unwrap();
    let answer = ada.expect("media.answer").await.unwrap();
    sends.accept(answer["sdp"].as_str().unwrap()).unwrap();
    let camera = Camera::run(sends);
    let sends_both = |push: &serde_json::Value| {
        push["type"] == "media.state" && push["payload"]["audio"] == true && push["payload"]["video"] == true
    };
    ben.wait_for("both streams", sends_both).await.unwrap();
    ben.insist("media.state", json!({"pc": "sub", "state": "ready"})).await.unwrap();
    let offer = ben.expect("media.offer").await.unwrap();
    assert_eq!(offer["tracks"].as_array().unwrap().len(), 2, "{offer}");
    let (receives, answer) = ends.receiver(offer["sdp"].as_str().unwrap()).await.unwrap();
    ben.insist("media.answer", json!({"pc": "sub", "sdp": answer})).await.unwrap();
    until("packets of both streams", || receives.streams() == 2 && receives.received_in_all().0 > 50).await;
    (camera, receives)
}

/// The nodes that hold connections of players' media.
async fn carriers(nodes: &[Process]) -> Vec<usize> {
    let mut carriers = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with("playhouse_media_connections "));
        if line.is_some_and(|line| line.rsplit(' ').next() != Some("0")) {
            carriers.push(n);
        }
    }
    carriers
}

#[actix::test]
async fn a_room_without_media_of_its_own_uses_another_node_and_a_third_when_that_dies() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let urls = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
    let start = |roles: &str| {
        let roles = format!("node.roles={roles}");
        let media = ["media.enabled=true", "media.udp_port=0"];
        Process::with(dir.path(), &[&urls[0], &urls[1], &roles, media[0], media[1]])
    };
    let rooms = start(r#"["gateway", "game", "queue", "worker", "db"]"#);
    let mut nodes = vec![start(r#"["media", "db"]"#), start(r#"["media", "db"]"#)];

    let mut ada = SocketPlayer::enter(&rooms.base(), "Ada").await.unwrap();
    while nodes_known(&rooms).await != 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let made = ada.insist("room.create", json!({})).await.unwrap();
    let mut ben = SocketPlayer::enter(&rooms.base(), "Ben").await.unwrap();
    ben.insist("room.join", json!({"code": made["room"]["code"]})).await.unwrap();

    let ends = Ends::new(Ipv4Addr::LOCALHOST.into()).unwrap();
    let (camera, receives) = meet(&ends, &mut ada, &mut ben).await;
    tokio::time::sleep(Duration::from_secs(2)).await; // its figures are a second old
    let carrier = carriers(&nodes).await;
    assert_eq!(carrier.len(), 1, "one of the two, and not the room's own");
    ada.forget();
    ben.forget();

    let mut dead = nodes.remove(carrier[0]);
    dead.kill();
    let died = Instant::now();
    for player in [&mut ada, &mut ben] {
        player.expect("media.reset").await.unwrap();
    }
    drop((camera, receives));
    let (_camera, receives) = meet(&ends, &mut ada, &mut ben).await;
    let took = died.elapsed();
    println!("packets flow again {took:?} after the kill");
    assert!(took < crate::figures::rooms_back(), "{took:?}");
    assert_eq!(receives.streams(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(carriers(&nodes).await, [0], "the other one carries them now");
}

async fn nodes_known(node: &Process) -> usize {
    let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("playhouse_nodes ")).unwrap_or_default();
    line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).map_or(0, |n| n as usize)
}
