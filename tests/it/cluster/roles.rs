//! Nodes that do not all do the same (spec 8.3): one for players, one for rooms.

use super::{PrivatePostgres, PrivateRedis};
use crate::process::Process;
use playhouse::testkit::{Guest, SocketPlayer};
use serde_json::{Value, json};

async fn readiness(node: &Process) -> Value {
    reqwest::get(format!("{}/readyz", node.admin())).await.unwrap().json().await.unwrap()
}

async fn entities(node: &Process) -> String {
    let text = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with(r#"playhouse_entities{kind="room""#)).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[actix::test]
async fn a_node_for_players_and_one_for_rooms_make_a_cluster() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let shared = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
    let start = |roles: &str| {
        let roles = format!("node.roles={roles}");
        Process::with(dir.path(), &[shared[0].as_str(), shared[1].as_str(), roles.as_str()])
    };
    let house = start(r#"["game", "worker", "db"]"#);
    let front = start(r#"["gateway", "db"]"#);
    assert_eq!(readiness(&front).await["roles"], json!(["gateway", "db"]));
    assert_eq!((front.probe("readyz").await, house.probe("readyz").await), (200, 200));

    let mut ada = SocketPlayer::enter(&front.base(), "Ada").await.unwrap();
    let code = ada.insist("room.create", json!({})).await.unwrap()["room"]["code"].clone();
    let mut ben = SocketPlayer::enter(&front.base(), "Ben").await.unwrap();
    ben.insist("room.join", json!({"code": code})).await.unwrap();
    ben.insist("room.ready", json!({"ready": true})).await.unwrap();
    assert_eq!((entities(&front).await, entities(&house).await), ("0".to_owned(), "1".to_owned()));

    let guest = Guest::sign_in(&house.base(), "Cai").await.unwrap();
    let request = reqwest::Client::new()
        .get(format!("{}/ws", house.base()))
        .bearer_auth(&guest.access_token)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "try_again");
}
