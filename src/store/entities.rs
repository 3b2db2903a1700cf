//! Entities: taking ownership, and those that want to be woken.

use super::{Activated, Due, Sql, StoreError, read, write_entity};
use crate::clock::UnixMs;
use sqlx::Row as _;
use uuid::Uuid;

impl Sql {
    /// Raises the epoch and reads the state in one statement, which fences every earlier owner for good.
    pub async fn activate(&self, kind: &str, key: Uuid) -> Result<Option<Activated>, StoreError> {
        let sql = "UPDATE entities SET epoch = epoch + 1 WHERE kind = $1 AND key = $2
                   RETURNING epoch, version, state";
        write_entity!(self.db(), pool => {
            let row = sqlx::query(sql).bind(kind).bind(key).fetch_optional(pool).await?;
            row.map(|row| Ok(Activated {
                epoch: row.try_get("epoch")?,
                version: row.try_get("version")?,
                state: row.try_get("state")?,
            })).transpose()
        })
    }

    /// Entities whose `next_wake_at` has passed, longest overdue first.
    pub async fn due(&self, kind: &str, now: UnixMs, limit: u32) -> Result<Vec<Due>, StoreError> {
        let sql = "SELECT key, wake_no FROM entities WHERE kind = $1 AND next_wake_at <= $2
                   ORDER BY next_wake_at LIMIT $3";
        read!(self.db(), pool => {
            let rows = sqlx::query(sql).bind(kind).bind(now.0).bind(i64::from(limit)).fetch_all(pool).await?;
            rows.iter().map(|row| Ok(Due { key: row.try_get("key")?, wake_no: row.try_get("wake_no")? })).collect()
        })
    }
}
