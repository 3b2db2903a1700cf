//! SQL of admission queues (spec 3.1): their settings, the numbers that were given out, their figures.
//!
//! Every change by staff is written with its audit entry, in one transaction. Passes are in `passes`, the line of a node
//! without Redis in `queue_line`.

use super::{AuditEntry, Saved, Sql, StoreError, audit, events::saved, read, write};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
};
use uuid::Uuid;

/// A queue as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct QueueRow {
    pub queue_id: Uuid,
    pub name: String,
    pub state: String,
    pub capacity: i64,
    pub rate_per_s: Option<f64>,
    pub claim_ttl_ms: i64,
    pub pass_ttl_ms: i64,
    pub abandon_after_ms: i64,
    /// What becomes of the line then.
    pub sold_out: String,
    pub sold_out_at: Option<i64>,
    pub dismissed_through: i64,
    pub numbers_to: i64,
    pub admitted_through: i64,
    pub admitted: i64,
    pub no_shows: i64,
    pub expiries: i64,
    pub abandoned: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What of a queue is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct QueueChange {
    pub name: Option<String>,
    pub state: Option<String>,
    pub capacity: Option<i64>,
    /// `Some(None)`: as fast as places are free.
    #[serde(with = "crate::store::wire::twice")]
    pub rate_per_s: Option<Option<f64>>,
    pub claim_ttl_ms: Option<i64>,
    pub pass_ttl_ms: Option<i64>,
    pub abandon_after_ms: Option<i64>,
    pub sold_out: Option<String>,
}

/// Kind of a queue's entity.
pub(crate) const QUEUE: &str = "queue";

impl Sql {
    /// Writes a new queue and its entity; one with this id that is there already is the same.
    pub(crate) async fn create_queue(
        &self,
        queue: &QueueRow,
        entry: &AuditEntry,
    ) -> Result<Saved<QueueRow>, StoreError> {
        let sql =
            "INSERT INTO queues (queue_id, name, state, capacity, rate_per_s, claim_ttl_ms, pass_ttl_ms,
                   abandon_after_ms, sold_out, dismissed_through, numbers_to, admitted_through, line_epoch,
                   admitted, no_shows, expiries, abandoned, created_at, updated_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, 0, 0, 0, 0, $10, $11)
                   ON CONFLICT (queue_id) DO NOTHING RETURNING *";
        let entity = "INSERT INTO entities (kind, key, epoch, version, state, next_wake_at, wake_no)
                      VALUES ($1, $2, 0, 0, $3, NULL, 0) ON CONFLICT DO NOTHING";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query_as(sql).bind(queue.queue_id).bind(&queue.name).bind(&queue.state);
            let insert = insert.bind(queue.capacity).bind(queue.rate_per_s).bind(queue.claim_ttl_ms);
            let insert = insert.bind(queue.pass_ttl_ms).bind(queue.abandon_after_ms).bind(&queue.sold_out);
            let insert = insert.bind(queue.created_at).bind(queue.updated_at);
            let made = saved(insert.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                let state = b"{}".as_slice();
                sqlx::query(entity).bind(QUEUE).bind(queue.queue_id).bind(state).execute(&mut *tx).await?;
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// Changes a queue. One that is opened is no longer sold out.
    pub(crate) async fn change_queue(
        &self,
        id: QueueId,
        change: &QueueChange,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Saved<QueueRow>, StoreError> {
        let sql = "UPDATE queues SET name = COALESCE($2, name), state = COALESCE($3, state),
                   capacity = COALESCE($4, capacity),
                   rate_per_s = CASE WHEN $5 THEN $6 ELSE rate_per_s END,
                   claim_ttl_ms = COALESCE($7, claim_ttl_ms), pass_ttl_ms = COALESCE($8, pass_ttl_ms),
                   abandon_after_ms = COALESCE($9, abandon_after_ms), sold_out = COALESCE($10, sold_out),
                   sold_out_at = CASE WHEN $3 = 'open' THEN NULL ELSE sold_out_at END, updated_at = $11
                   WHERE queue_id = $1 RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query_as(sql).bind(id.0).bind(&change.name).bind(&change.state);
            let update = update.bind(change.capacity).bind(change.rate_per_s.is_some());
            let update = update.bind(change.rate_per_s.flatten()).bind(change.claim_ttl_ms);
            let update = update.bind(change.pass_ttl_ms).bind(change.abandon_after_ms);
            let update = update.bind(&change.sold_out).bind(now.0);
            let made = saved(update.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// A queue by its id.
    pub(crate) async fn queue(&self, id: QueueId) -> Result<Option<QueueRow>, StoreError> {
        let sql = "SELECT * FROM queues WHERE queue_id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id.0).fetch_optional(pool).await?))
    }

    /// Queues, newest first.
    pub(crate) async fn queues(&self, before: Option<Uuid>, limit: u32) -> Result<Vec<QueueRow>, StoreError> {
        let sql = "SELECT * FROM queues WHERE $1 IS NULL OR queue_id < $1 ORDER BY queue_id DESC LIMIT $2";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(before).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// The next `n` numbers of a queue: who asks may give out those above the first and up to the second. `None`: there
    /// is no such queue.
    pub(crate) async fn more_numbers(&self, id: QueueId, n: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = "UPDATE queues SET numbers_to = numbers_to + $2 WHERE queue_id = $1 RETURNING numbers_to";
        let to: Option<i64> =
            write!(self.db(), pool => sqlx::query_scalar(sql).bind(id.0).bind(n).fetch_optional(pool).await?);
        Ok(to.map(|to| (to - n, to)))
    }

    /// Everything that the queue was to sell is sold. Whom its policy dismisses: all up to this number.
    pub(crate) async fn queue_sold_out(
        &self,
        id: QueueId,
        now: UnixMs,
    ) -> Result<Option<QueueRow>, StoreError> {
        let sql = "UPDATE queues SET sold_out_at = COALESCE(sold_out_at, $2),
                   dismissed_through = CASE WHEN sold_out = 'dismiss' THEN numbers_to ELSE dismissed_through END
                   WHERE queue_id = $1 RETURNING *";
        Ok(write!(self.db(), pool => sqlx::query_as(sql).bind(id.0).bind(now.0).fetch_optional(pool).await?))
    }

    /// So many more have abandoned the line.
    pub(crate) async fn queue_abandoned(&self, id: QueueId, n: i64) -> Result<(), StoreError> {
        let sql = "UPDATE queues SET abandoned = abandoned + $2 WHERE queue_id = $1";
        write!(self.db(), pool => { sqlx::query(sql).bind(id.0).bind(n).execute(pool).await?; });
        Ok(())
    }
}

/// Somebody in a line, or let in from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// By arrival.
    pub number: i64,
    /// Whose.
    pub account: PlayerId,
}
