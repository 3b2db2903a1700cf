//! What tests of queues share: a queue's row, and what Redis holds of its line.

use super::RedisLine;
use crate::{config::Config, ids::QueueId, store::QueueRow, testkit::PrivateRedis};
use uuid::Uuid;

/// What Redis holds of a line at a moment, so that it can lose what it writes afterwards.
pub(crate) struct Memory {
    redis: crate::cluster::on_redis::Line,
    held: Vec<(String, Option<Vec<u8>>)>,
}

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
