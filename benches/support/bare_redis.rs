//! A bare request and reply over Redis publish/subscribe: what an ask between nodes is held against.
//!
//! Owns its connections, and the thread that answers. Called by `cluster_ask` and `db_role`. Knows no node.

use futures_util::StreamExt as _;
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

/// Answers each request on its own connections: nothing but Redis between the two.
pub fn responder(redis: String) {
    std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let client = redis::Client::open(redis).unwrap();
            let mut publisher = client.get_multiplexed_async_connection().await.unwrap();
            let mut requests = client.get_async_pubsub().await.unwrap();
            requests.subscribe("request").await.unwrap();
            let mut requests = requests.into_on_message();
            while let Some(request) = requests.next().await {
                let _: i64 = publisher.publish("reply", request.get_payload_bytes()).await.unwrap();
            }
        });
    });
}

/// Who asks.
#[derive(Clone)]
pub struct Bare {
    publisher: MultiplexedConnection,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>,
}

impl Bare {
    /// On connections of its own.
    pub async fn new(redis: &str) -> Self {
        let client = redis::Client::open(redis).unwrap();
        let publisher = client.get_multiplexed_async_connection().await.unwrap();
        let waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>> = Arc::default();
        let mut replies = client.get_async_pubsub().await.unwrap();
        replies.subscribe("reply").await.unwrap();
        let answered = waiting.clone();
        actix::spawn(async move {
            let mut replies = replies.into_on_message();
            while let Some(reply) = replies.next().await {
                let n = u64::from_be_bytes(reply.get_payload_bytes().try_into().unwrap());
                if let Some(waiting) = answered.lock().unwrap().remove(&n) {
                    let _ = waiting.send(());
                }
            }
        });
        Self { publisher, waiting }
    }

    /// Asks, and waits for the answer to this number.
    pub async fn ask(&self, n: u64) {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(n, answer);
        let mut publisher = self.publisher.clone();
        let _: i64 = publisher.publish("request", &n.to_be_bytes()[..]).await.unwrap();
        answered.await.unwrap();
    }
}
