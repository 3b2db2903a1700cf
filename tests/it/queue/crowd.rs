//! A crowd in a queue of three nodes, one of which is killed again and again: what every client has seen is held against
//! what a queue promises.

use super::{Api, make_admin, shared, text};
use crate::process::Process;
use futures_util::future::{join, join_all};
use playhouse::{
    queue::history::{At, History},
    testkit::{Guest, PrivatePostgres, PrivateRedis},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const NODES: usize = 3;
const CROWD: usize = 90;
const CAPACITY: usize = 6;
const KILLS: usize = 3;
const LONGEST: Duration = Duration::from_secs(150);

struct Watch {
    history: RefCell<History>,
    began: Instant,
}

impl Watch {
    fn now(&self) -> At {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

/// From one node to the next until it is answered.
async fn insist(
    api: &Api,
    watch: &Watch,
    node: usize,
    method: Method,
    path: &str,
    token: &str,
    body: &Value,
) -> (At, Value) {
    for n in node.. {
        let sent = watch.now();
        match api.call(n, method.clone(), path, token, body.clone()).await {
            Some((status, answer)) if status.is_success() => return (sent, answer),
            // 408: an idle connection was closed just as it was used again.
            Some((status, answer)) if !status.is_server_error() && status.as_u16() != 408 => {
                panic!("{path}: {status} {answer}")
            }
            _ => assert!(watch.began.elapsed() < LONGEST, "{path}: no answer"),
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    unreachable!("a range without end")
}

/// Enters, twice perhaps, polls, is in for a moment, and goes. Some give up half-way. Whether he was in.
async fn visit(api: &Api, watch: &Watch, who: &Guest, queue: &str, n: usize) -> bool {
    let mut rng = StdRng::seed_from_u64(n as u64);
    let token = &who.access_token;
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..3_000))).await;
    let path = format!("queues/{queue}/tickets");
    let enter = |node| insist(api, watch, node, Method::POST, &path, token, &Value::Null);
    let ((_, one), (_, two)) = join(enter(n), enter(n + 1)).await;
    assert_eq!(one["ticket"], two["ticket"], "a double click on two nodes");
    let (number, ticket) = (one["number"].as_i64().unwrap(), text(&one["ticket"]));
    let path = format!("queues/{queue}/tickets/{ticket}");
    for polls in 0.. {
        let (sent, status) = insist(api, watch, n + polls, Method::GET, &path, token, &Value::Null).await;
        match status["status"].as_str().unwrap() {
            "waiting" if n % 9 == 4 && polls == 2 => {
                insist(api, watch, n, Method::DELETE, &path, token, &Value::Null).await;
                return false;
            }
            "waiting" => watch.history.borrow_mut().waiting(number, sent),
            "admitted" => {
                let pass = text(&status["pass"]);
                watch.history.borrow_mut().admitted(number, &pass, watch.now());
                let body = json!({"pass": pass});
                let path = |what: &str| format!("queues/{queue}/passes/{what}");
                let verify = path("verify");
                let (_, valid) = insist(api, watch, n, Method::POST, &verify, &api.service, &body).await;
                assert_eq!(valid["account"], json!(who.id));
                tokio::time::sleep(Duration::from_millis(rng.random_range(50..300))).await;
                watch.history.borrow_mut().ended(&pass, watch.now());
                insist(api, watch, n, Method::POST, &path("complete"), &api.service, &body).await;
                return true;
            }
            other => panic!("number {number}: {other}"),
        }
        assert!(watch.began.elapsed() < LONGEST, "number {number} was never in");
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..500))).await;
    }
    unreachable!("a range without end")
}

#[actix::test]
async fn a_crowd_comes_in_in_order_and_never_too_many_at_once_while_nodes_are_killed() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let settings = shared(&redis, &postgres);
    make_admin(dir.path(), &settings);
    let all: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut nodes: Vec<Process> = (0..NODES).map(|_| Process::with(dir.path(), &all)).collect();
    let api = Api::new(&nodes.iter().collect::<Vec<_>>()).await;
    let queue = api.queue(json!({"capacity": CAPACITY})).await;
    let mut guests = Vec::new();
    for n in 0..CROWD {
        guests.push(Guest::sign_in(&api.bases[n % NODES], &format!("Guest{n}")).await.unwrap());
    }
    let watch = Watch { history: RefCell::default(), began: Instant::now() };
    let over = AtomicBool::new(false);
    let visiting = async {
        let visits = guests.iter().enumerate().map(|(n, who)| visit(&api, &watch, who, &queue, n));
        let inside = join_all(visits).await.into_iter().filter(|inside| *inside).count();
        over.store(true, Ordering::Relaxed);
        inside
    };
    let killing = async {
        let mut kills = 0;
        while kills < KILLS && !over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            nodes[kills % NODES].kill_and_restart();
            kills += 1;
        }
        kills
    };
    let (inside, kills) = join(visiting, killing).await;
    let shown = watch.history.borrow().judge(CAPACITY);
    println!("{inside} of {CROWD} were in after {:?}, {kills} kills; {shown:?}", watch.began.elapsed());
    assert_eq!(shown.faults, [""; 0]);
    assert_eq!(shown.admitted, inside);
    assert_eq!(inside, CROWD - CROWD / 9, "and nobody was lost");
    assert!(kills > 0, "nothing has happened");
}
