//! A node alone: its line is in SQL, and survives it.

use super::{Api, make_admin, text};
use crate::process::Process;
use playhouse::testkit::{Guest, SocketPlayer};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[actix::test]
async fn from_the_ticket_to_the_next_in_line_over_http_and_sockets() {
    let dir = tempfile::tempdir().unwrap();
    make_admin(dir.path(), &[]);
    let node = Process::start(dir.path());
    let api = Api::new(&[&node]).await;
    let queue = api.queue(json!({"name": "Cup final", "capacity": 1, "abandon_after_ms": 30_000})).await;
    let ada = Guest::sign_in(&node.base(), "Ada").await.unwrap();
    let ticket = api.enter(0, &ada, &queue).await;
    assert_eq!((&ticket["number"], &ticket["ahead"]), (&json!(1), &json!(0)));
    assert_eq!(api.enter(0, &ada, &queue).await["ticket"], ticket["ticket"], "a double click");
    let pass = api.admitted(0, &ada, &queue, &ticket["ticket"]).await;

    let mut ben = SocketPlayer::enter(&node.base(), "Ben").await.unwrap();
    let bens = ben.ok("queue.enter", json!({"queue": queue})).await.unwrap();
    let cai = Guest::sign_in(&node.base(), "Cai").await.unwrap();
    let cais = api.enter(0, &cai, &queue).await;
    assert_eq!((&bens["ahead"], &cais["ahead"]), (&json!(0), &json!(1)));
    let (status, theirs) = api.poll(0, &cai, &queue, &bens["ticket"]).await.unwrap();
    assert_eq!((status.as_u16(), &theirs["code"]), (404, &json!("not_found")), "another's ticket");

    let (status, valid) = api.pass(0, "verify", &queue, &pass).await.unwrap();
    assert_eq!((status.as_u16(), valid), (200, json!({"valid": true, "account": ada.id})));
    let (status, refused) = api.pass(0, "verify", &queue, &text(&ticket["ticket"])).await.unwrap();
    assert_eq!((status.as_u16(), &refused["code"]), (403, &json!("invalid_pass")));

    let freed = Instant::now();
    let (status, _) = api.pass(0, "complete", &queue, &pass).await.unwrap();
    assert_eq!(status, 204);
    let admitted = ben.expect("queue.admitted").await.unwrap();
    println!("a freed place was filled, and told of, after {:?}", freed.elapsed());
    assert!(freed.elapsed() < Duration::from_millis(900), "at the release, not at the next tick");
    assert_eq!((&admitted["queue"], &admitted["ticket"]), (&json!(queue), &bens["ticket"]));
    assert_eq!(api.pass(0, "complete", &queue, &pass).await.unwrap().0, 204, "said again");
    assert_eq!(api.pass(0, "verify", &queue, &pass).await.unwrap().0, 403);
    assert_eq!(api.status(0, &ada, &queue, &ticket["ticket"]).await, json!({"status": "expired"}));
    let bens_pass = text(&admitted["pass"]);
    assert_eq!(api.pass(0, "verify", &queue, &bens_pass).await.unwrap().1["account"], json!(ben.guest.id));

    ben.ok("queue.leave", json!({"queue": queue})).await.unwrap();
    api.admitted(0, &cai, &queue, &cais["ticket"]).await;
    let shown = api.shown(&queue).await;
    let of = |field: &str| shown[field].clone();
    assert_eq!((of("waiting"), of("active"), of("admitted")), (json!(0), json!(1), json!(3)));
}

#[actix::test]
async fn operators_rule_it_live_and_a_restart_keeps_the_line() {
    let dir = tempfile::tempdir().unwrap();
    make_admin(dir.path(), &[]);
    let mut node = Process::start(dir.path());
    let api = Api::new(&[&node]).await;
    let queue = api.queue(json!({"capacity": 1, "state": "paused"})).await;
    let mut guests = Vec::new();
    for n in 0..4 {
        let guest = Guest::sign_in(&node.base(), &format!("Guest{n}")).await.unwrap();
        let ticket = api.enter(0, &guest, &queue).await["ticket"].clone();
        guests.push((guest, ticket));
    }
    assert_eq!(api.shown(&queue).await["waiting"], 4);
    node.kill_and_restart();
    let path = format!("queues/{queue}/tickets/{}", text(&guests[1].1));
    let left = api.call(0, Method::DELETE, &path, &guests[1].0.access_token, Value::Null).await.unwrap();
    assert_eq!(left.0, 204);
    for ((guest, ticket), ahead) in guests.iter().zip([Some(0), None, Some(1), Some(2)]) {
        let status = api.status(0, guest, &queue, ticket).await;
        match ahead {
            Some(ahead) => {
                assert_eq!((&status["status"], &status["ahead"]), (&json!("waiting"), &json!(ahead)))
            }
            None => assert_eq!(status["status"], "left"),
        }
    }
    assert_eq!(api.change(&queue, json!({"state": "open", "rate_per_s": 50})).await["rate_per_s"], 50.0);
    let first = api.admitted(0, &guests[0].0, &queue, &guests[0].1).await;
    node.kill_and_restart();
    assert_eq!(api.pass(0, "verify", &queue, &first).await.unwrap().0, 200, "a pass outlives the node");
    api.change(&queue, json!({"capacity": 3, "rate_per_s": null})).await;
    for (guest, ticket) in &guests[2..] {
        api.admitted(0, guest, &queue, ticket).await;
    }
    let audit = api.must(0, Method::GET, "admin/audit?limit=10", &api.admin, Value::Null).await;
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["queue.changed", "queue.changed", "queue.created"]);
    for (field, bad) in [("state", json!("shut")), ("capacity", json!(-1)), ("rate_per_s", json!(0))] {
        let path = format!("queues/{queue}");
        let refused = api.call(0, Method::PATCH, &path, &api.admin, json!({field: bad})).await.unwrap();
        assert_eq!((refused.0.as_u16(), &refused.1["code"]), (422, &json!("invalid_field")), "{field}");
    }
}
