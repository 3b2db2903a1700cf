//! What tests of queues share: a queue's row, and what Redis holds of its line. And what nodes tell each other of queues.

use super::{Queues, Refusal};
use crate::{
    clock::UnixMs,
    config::Config,
    ids::{PlayerId, QueueId},
    store::{AuditEntry, QueueChange, QueueRow, Saved, Store},
    testkit::{Stage, test_config},
};
use std::time::{Duration, Instant};
use uuid::Uuid;
#[cfg(feature = "testkit")]
use {super::RedisLine, crate::testkit::PrivateRedis};

/// What Redis holds of a line at a moment, so that it can lose what it writes afterwards.
#[cfg(feature = "testkit")]
pub(crate) struct Memory {
    redis: crate::cluster::on_redis::Line,
    held: Vec<(String, Option<Vec<u8>>)>,
}

#[cfg(feature = "testkit")]
impl Memory {
    pub(crate) async fn of(server: &PrivateRedis, line: &RedisLine, queue: QueueId) -> Self {
        let config = Config::default().redis;
        let mut redis = crate::cluster::on_redis::connect(&server.url(), &config).await.expect("connects");
        let mut held = Vec::new();
        for key in line.keys(queue) {
            let dumped = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.expect("dumped");
            held.push((key, dumped));
        }
        Self { redis, held }
    }

    /// Everything that was written since is lost.
    pub(crate) async fn returns(&mut self) {
        for (key, dumped) in &self.held {
            let mut steps = redis::pipe();
            steps.del(key).ignore();
            if let Some(dumped) = dumped {
                steps.cmd("RESTORE").arg(key).arg(0).arg(dumped).ignore();
            }
            steps.query_async::<()>(&mut self.redis).await.expect("restored");
        }
    }
}

/// A queue with the settings that one gets who names none.
pub(crate) fn row() -> QueueRow {
    QueueRow {
        queue_id: Uuid::now_v7(),
        name: "A queue".to_owned(),
        state: "open".to_owned(),
        capacity: 2,
        rate_per_s: None,
        claim_ttl_ms: 60_000,
        pass_ttl_ms: 600_000,
        abandon_after_ms: 60_000,
        sold_out: "keep".to_owned(),
        sold_out_at: None,
        dismissed_through: 0,
        numbers_to: 0,
        admitted_through: 0,
        admitted: 0,
        no_shows: 0,
        expiries: 0,
        abandoned: 0,
        created_at: 0,
        updated_at: 0,
    }
}

#[actix::test]
async fn what_is_changed_on_one_node_is_so_on_the_others_at_once() {
    let mut config = Config::default();
    config.media.enabled = false;
    config.queue.settings_ms = 3_600_000; // nobody looks by himself
    let (stages, _network) = Stage::nodes_with(vec![config; 2]).await;
    tokio::time::resume(); // a real database
    let dir = tempfile::tempdir().expect("tempdir");
    let clock = stages[0].cluster.clock().clone();
    let store = Store::open(&test_config(dir.path()).await, clock).await.expect("opens");
    let entry = || {
        let by = (None, crate::auth::Role::Admin);
        AuditEntry::new(UnixMs(1), by, "test", String::new(), serde_json::json!({}))
    };
    let row = QueueRow { sold_out: "dismiss".to_owned(), ..row() };
    assert!(matches!(store.create_queue(&row, &entry()).await, Ok(Saved::Done(_))));
    let queue = QueueId(row.queue_id);
    let [one, other] = [0, 1].map(|n| Queues::embedded(&store, &stages[n].cluster, b"secret"));
    other.enter(queue, PlayerId::new()).await.expect("it is open");

    let refused = async |expected: Option<Refusal>| {
        let began = Instant::now();
        loop {
            let told = other.enter(queue, PlayerId::new()).await.err();
            if told == expected {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{told:?}, not {expected:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for (state, expected) in [("draining", Some(Refusal::Draining)), ("open", None)] {
        let change = QueueChange { state: Some(state.to_owned()), ..QueueChange::default() };
        let changed = store.change_queue(queue, &change, UnixMs(2), &entry()).await;
        assert!(matches!(changed, Ok(Saved::Done(_))), "{changed:?}");
        one.changed(queue).await;
        refused(expected).await;
    }
    assert!(one.sold_out(queue).await);
    refused(Some(Refusal::SoldOut)).await;
}
