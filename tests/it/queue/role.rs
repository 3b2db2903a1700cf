//! The queue's role in a process of its own: when that is killed, or frozen, others see that it is down, in time, and that
//! it is back (spec 3.3).

use super::{Api, make_admin, shared, text};
use crate::process::Process;
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis, SocketPlayer};
use serde_json::json;
use std::time::{Duration, Instant};

/// `queue.verify_ms` of the front.
const VERIFY_MS: u64 = 500;

async fn until_it_answers(api: &Api, queue: &str, pass: &str) {
    let began = Instant::now();
    while api.pass(0, "verify", queue, pass).await.unwrap().0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("back after {:?}", began.elapsed());
}

async fn is_down(api: &Api, queue: &str, pass: &str) {
    let began = Instant::now();
    let (status, refused) = api.pass(0, "verify", queue, pass).await.unwrap();
    assert_eq!((status.as_u16(), &refused["code"]), (503, &json!("queue_unavailable")));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(VERIFY_MS + 1_000), "{took:?}");
    println!("down, known after {took:?}");
}

#[actix::test]
async fn a_queue_in_a_process_of_its_own_is_down_when_it_does_not_answer_and_back_when_it_does() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let shared = shared(&redis, &postgres);
    make_admin(dir.path(), &shared);
    let start = |roles: &str| {
        let roles = format!("node.roles={roles}");
        Process::with(dir.path(), &[shared[0].as_str(), shared[1].as_str(), roles.as_str()])
    };
    let front = start(r#"["gateway", "game", "worker", "db"]"#);
    let mut house = start(r#"["queue", "db"]"#);
    let api = Api::new(&[&front]).await;
    let queue = api.queue(json!({"capacity": 1})).await;
    let ada = Guest::sign_in(&front.base(), "Ada").await.unwrap();
    let began = Instant::now();
    let path = format!("queues/{queue}/tickets");
    let ticket = loop {
        let entered =
            api.call(0, reqwest::Method::POST, &path, &ada.access_token, json!(null)).await.unwrap();
        if entered.0 == 201 {
            break entered.1["ticket"].clone();
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{}", entered.1); // the front has not heard of it yet
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let pass = api.admitted(0, &ada, &queue, &ticket).await;
    let mut ben = SocketPlayer::enter(&front.base(), "Ben").await.unwrap();
    let bens = ben.ok("queue.enter", json!({"queue": queue})).await.unwrap();
    until_it_answers(&api, &queue, &pass).await;

    house.signal("-STOP");
    is_down(&api, &queue, &pass).await;
    assert_eq!(api.poll(0, &ada, &queue, &ticket).await.unwrap().0, 503);
    assert_eq!(api.shown(&queue).await["waiting"], json!(null), "operators see that nobody knows");
    house.signal("-CONT");
    until_it_answers(&api, &queue, &pass).await;

    house.kill();
    is_down(&api, &queue, &pass).await;
    house.restart();
    until_it_answers(&api, &queue, &pass).await;
    assert_eq!(api.pass(0, "complete", &queue, &pass).await.unwrap().0, 204);
    let admitted = ben.expect("queue.admitted").await.unwrap();
    assert_eq!(admitted["ticket"], bens["ticket"], "the line was in Redis, and he is told on another node");
    let (status, valid) = api.pass(0, "verify", &queue, &text(&admitted["pass"])).await.unwrap();
    assert_eq!((status.as_u16(), &valid["account"]), (200, &json!(ben.guest.id)));
}
