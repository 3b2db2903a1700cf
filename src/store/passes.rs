//! SQL of passes: who was let in by a queue, and until when (spec 3.1).
//!
//! A pass is written in the commit of its queue's actor ([`Row::Admitted`](super::Row)). Its first use, its end and its
//! expiry are single conditional statements: whichever comes first decides, on whatever node.

use super::{Place, Sql, StoreError, read, write};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
};
use uuid::Uuid;

/// A pass that an actor's commit adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewPass {
    /// 128 random bits.
    pub id: Uuid,
    /// Who is let in, and his number.
    pub place: Place,
    /// Until when it must be used first.
    pub expires_at: UnixMs,
}

/// A pass as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct PassRow {
    pub pass_id: Uuid,
    pub number: i64,
    pub account_id: Uuid,
    pub first_used_at: Option<i64>,
    pub expires_at: i64,
    pub ended_at: Option<i64>,
    pub outcome: Option<String>,
}

impl PassRow {
    /// Whether it still opens the door.
    pub fn is_good(&self, now: UnixMs) -> bool {
        self.ended_at.is_none() && now.0 < self.expires_at
    }

    /// Whose it is.
    pub fn place(&self) -> Place {
        Place { number: self.number, account: PlayerId(self.account_id) }
    }
}

const COLUMNS: &str = "pass_id, number, account_id, first_used_at, expires_at, ended_at, outcome";

fn select(which: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM queue_passes WHERE {which}"))
}

impl Sql {
    /// Uses a pass: the first time its second clock begins. `None`: it is none, or is over.
    pub(crate) async fn use_pass(
        &self,
        queue: QueueId,
        pass: Uuid,
        now: UnixMs,
    ) -> Result<Option<PassRow>, StoreError> {
        let row = self.pass(queue, pass).await?;
        let Some(row) = row.filter(|row| row.is_good(now)) else { return Ok(None) };
        if row.first_used_at.is_some() {
            return Ok(Some(row));
        }
        let sql = "UPDATE queue_passes SET first_used_at = $3, expires_at = $3 +
                   (SELECT pass_ttl_ms FROM queues WHERE queues.queue_id = queue_passes.queue_id)
                   WHERE queue_id = $1 AND pass_id = $2 AND first_used_at IS NULL AND ended_at IS NULL
                   AND expires_at > $3";
        write!(self.db(), pool => {
            sqlx::query(sql).bind(queue.0).bind(pass).bind(now.0).execute(pool).await?;
        });
        Ok(self.pass(queue, pass).await?.filter(|row| row.is_good(now))) // another may have been faster
    }

    /// A pass by its id.
    pub(crate) async fn pass(&self, queue: QueueId, pass: Uuid) -> Result<Option<PassRow>, StoreError> {
        let sql = || select("queue_id = $1 AND pass_id = $2");
        // Where the writer writes: what it has just written must be seen.
        Ok(write!(self.db(), pool => {
            sqlx::query_as(sql()).bind(queue.0).bind(pass).fetch_optional(pool).await?
        }))
    }

    /// The passes that these numbers have got.
    pub(crate) async fn passes_of(
        &self,
        queue: QueueId,
        numbers: &[i64],
    ) -> Result<Vec<PassRow>, StoreError> {
        let mut found = Vec::new();
        for number in numbers {
            let sql = || select("queue_id = $1 AND number = $2");
            let row: Option<PassRow> = read!(self.db(), pool => {
                sqlx::query_as(sql()).bind(queue.0).bind(number).fetch_optional(pool).await?
            });
            found.extend(row);
        }
        Ok(found)
    }

    /// The passes that have not ended.
    pub(crate) async fn live_passes(&self, queue: QueueId) -> Result<Vec<PassRow>, StoreError> {
        let sql = || select("queue_id = $1 AND ended_at IS NULL ORDER BY number");
        Ok(write!(self.db(), pool => sqlx::query_as(sql()).bind(queue.0).fetch_all(pool).await?))
    }

    /// How many passes have not ended.
    pub(crate) async fn count_live_passes(&self, queue: QueueId) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM queue_passes WHERE queue_id = $1 AND ended_at IS NULL";
        Ok(write!(self.db(), pool => sqlx::query_scalar(sql).bind(queue.0).fetch_one(pool).await?))
    }

    /// Ends a pass, whoever's it is. `None`: it had ended.
    pub(crate) async fn end_pass(
        &self,
        queue: QueueId,
        pass: Uuid,
        outcome: &str,
        now: UnixMs,
    ) -> Result<Option<Place>, StoreError> {
        let sql = "UPDATE queue_passes SET ended_at = $3, outcome = $4
                   WHERE queue_id = $1 AND pass_id = $2 AND ended_at IS NULL RETURNING number, account_id";
        let ended: Option<(i64, Uuid)> = write!(self.db(), pool => {
            sqlx::query_as(sql).bind(queue.0).bind(pass).bind(now.0).bind(outcome).fetch_optional(pool).await?
        });
        count_ended(outcome, u64::from(ended.is_some()));
        Ok(ended.map(|(number, account)| Place { number, account: PlayerId(account) }))
    }

    /// Ends what is over by the clock, and counts it: who had a place until now.
    pub(crate) async fn end_overdue_passes(
        &self,
        queue: QueueId,
        now: UnixMs,
    ) -> Result<Vec<Place>, StoreError> {
        let any = "SELECT 1 FROM queue_passes WHERE queue_id = $1 AND ended_at IS NULL AND expires_at <= $2 LIMIT 1";
        let sql = "UPDATE queue_passes SET ended_at = $2,
                   outcome = CASE WHEN first_used_at IS NULL THEN 'no_show' ELSE 'expired' END
                   WHERE queue_id = $1 AND ended_at IS NULL AND expires_at <= $2
                   RETURNING number, account_id, outcome";
        let count =
            "UPDATE queues SET no_shows = no_shows + $2, expiries = expiries + $3 WHERE queue_id = $1";
        let found: Option<i32> = read!(self.db(), pool => {
            sqlx::query_scalar(any).bind(queue.0).bind(now.0).fetch_optional(pool).await?
        });
        if found.is_none() {
            return Ok(Vec::new()); // each second, of each queue: no reason to write
        }
        let ended: Vec<(i64, Uuid, String)> = write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let ended: Vec<(i64, Uuid, String)> =
                sqlx::query_as(sql).bind(queue.0).bind(now.0).fetch_all(&mut *tx).await?;
            let no_shows = ended.iter().filter(|ended| ended.2 == "no_show").count() as i64;
            let expiries = ended.len() as i64 - no_shows;
            sqlx::query(count).bind(queue.0).bind(no_shows).bind(expiries).execute(&mut *tx).await?;
            tx.commit().await?;
            ended
        });
        for outcome in ["no_show", "expired"] {
            count_ended(outcome, ended.iter().filter(|ended| ended.2 == outcome).count() as u64);
        }
        let place = |(number, account, _)| Place { number, account: PlayerId(account) };
        Ok(ended.into_iter().map(place).collect())
    }

    /// Forgets passes that ended before then, and who left a line before then.
    pub(crate) async fn sweep_queues(&self, ended: UnixMs, left: UnixMs) -> Result<(), StoreError> {
        write!(self.db(), pool => {
            sqlx::query("DELETE FROM queue_passes WHERE ended_at < $1").bind(ended.0).execute(pool).await?;
            sqlx::query("DELETE FROM queue_left WHERE at < $1").bind(left.0).execute(pool).await?;
        });
        Ok(())
    }
}

/// For operators: how passes end, of all queues.
fn count_ended(outcome: &str, n: u64) {
    metrics::counter!("playhouse_queue_passes_ended_total", "outcome" => outcome.to_owned()).increment(n);
}
