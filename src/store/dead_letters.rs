//! Dead letters of the activity stream: what a group could not handle, for staff to look at, retry or drop (spec 2.3).

use super::{AuditEntry, Sql, StoreError, audit, read, write};
use uuid::Uuid;

/// A fact that a group gave up.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct DeadLetter {
    /// By time.
    pub id: Uuid,
    pub fact_id: Uuid,
    pub consumer: String,
    pub kind: String,
    pub at: i64,
    pub body: Vec<u8>,
    pub tries: i64,
    pub error: String,
    pub died_at: i64,
}

/// Which are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct DeadLetterFilter {
    /// Of this group.
    pub consumer: Option<String>,
    /// Facts of this kind.
    pub kind: Option<String>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

const REVIVE: &str = "INSERT INTO outbox (fact_id, consumer, kind, at, body, tries, due_at)
                      SELECT fact_id, consumer, kind, at, body, 0, 0 FROM dead_letters WHERE id = $1
                      ON CONFLICT DO NOTHING";

impl Sql {
    /// Dead letters, newest first.
    pub(crate) async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = "SELECT id, fact_id, consumer, kind, at, body, tries, error, died_at FROM dead_letters
                   WHERE ($1 IS NULL OR consumer = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR id < $3)
                   ORDER BY id DESC LIMIT $4";
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(&filter.consumer).bind(&filter.kind).bind(filter.before);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// One of them.
    pub(crate) async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        let sql = "SELECT id, fact_id, consumer, kind, at, body, tries, error, died_at FROM dead_letters WHERE id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }

    /// Hands a dead letter to its group once more, with all its tries. False: there is no such one.
    pub(crate) async fn retry_dead_letter(&self, id: Uuid, by: &AuditEntry) -> Result<bool, StoreError> {
        let done = self.end_dead_letter(id, true, by).await?;
        self.outbox_has_more();
        Ok(done)
    }

    /// Drops a dead letter for good. False: there is no such one.
    pub(crate) async fn drop_dead_letter(&self, id: Uuid, by: &AuditEntry) -> Result<bool, StoreError> {
        self.end_dead_letter(id, false, by).await
    }

    /// Of two who do this at once one finds nothing: whoever deletes the row has done it.
    async fn end_dead_letter(&self, id: Uuid, revive: bool, by: &AuditEntry) -> Result<bool, StoreError> {
        Ok(write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if revive {
                sqlx::query(REVIVE).bind(id).execute(&mut *tx).await?;
            }
            let gone = sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(&mut *tx).await?;
            if gone.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(&mut *tx, by);
            tx.commit().await?;
            true
        }))
    }
}
