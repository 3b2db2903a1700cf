//! SQL of events. Every change by staff is written with its audit entry, in one transaction.

use super::{AuditEntry, Sql, StoreError, audit, browse, read, write};
use crate::clock::{MINUTE_MS, UnixMs};
use serde_json::{Value, value::RawValue};
use sqlx::types::Json;
use uuid::Uuid;

/// An event as it is stored, its condition read or, in lists, as the text that it is.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "C: serde::Serialize", deserialize = "C: serde::de::DeserializeOwned"))]
pub(crate) struct EventRow<C = Value> {
    pub event_id: Uuid,
    pub title: String,
    pub description: String,
    pub starts_at: i64,
    pub ends_at: i64,
    pub status: String,
    #[sqlx(json)]
    #[serde(with = "crate::store::wire::json")]
    pub condition: C,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What of an event is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct EventChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub condition: Option<Value>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Saved<T> {
    /// As it is now.
    Done(T),
    /// There is no such thing, or it is not in the status that the change needs.
    Missing,
    /// A constraint of the table forbids it.
    Refused,
}

/// A change that a CHECK forbids is the caller's mistake, and nothing was written.
pub(super) fn saved<T>(changed: sqlx::Result<Option<T>>) -> Result<Saved<T>, StoreError> {
    match changed {
        Ok(Some(row)) => Ok(Saved::Done(row)),
        Ok(None) => Ok(Saved::Missing),
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => Ok(Saved::Refused),
        Err(error) => Err(error.into()),
    }
}

impl Sql {
    /// Writes a new event. `Refused`: it ends before it starts.
    pub(crate) async fn create_event(
        &self,
        event: &EventRow,
        entry: &AuditEntry,
    ) -> Result<Saved<EventRow>, StoreError> {
        let sql = "INSERT INTO events (event_id, title, description, starts_at, ends_at, status, condition,
                   created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query_as(sql).bind(event.event_id).bind(&event.title).bind(&event.description);
            let insert = insert.bind(event.starts_at).bind(event.ends_at).bind(&event.status);
            let insert = insert.bind(Json(&event.condition)).bind(event.created_at).bind(event.updated_at);
            let made = saved(insert.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// Changes an event that has not ended.
    pub(crate) async fn change_event(
        &self,
        id: Uuid,
        change: &EventChange,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Saved<EventRow>, StoreError> {
        let sql = "UPDATE events SET title = COALESCE($2, title), description = COALESCE($3, description),
                   starts_at = COALESCE($4, starts_at), ends_at = COALESCE($5, ends_at),
                   condition = COALESCE($6, condition), updated_at = $7
                   WHERE event_id = $1 AND status <> 'ended' RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query_as(sql).bind(id).bind(&change.title).bind(&change.description);
            let update = update.bind(change.starts_at).bind(change.ends_at);
            let update = update.bind(change.condition.as_ref().map(Json)).bind(now.0);
            let made = saved(update.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// Brings an event from one status to another. `Missing`: it is not in the first.
    pub(crate) async fn move_event(
        &self,
        id: Uuid,
        (from, to): (&str, &str),
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Saved<EventRow>, StoreError> {
        let sql = "UPDATE events SET status = $3, updated_at = $4 WHERE event_id = $1 AND status = $2
                   RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query_as(sql).bind(id).bind(from).bind(to).bind(now.0);
            let made = saved(update.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// An event by its id.
    pub(crate) async fn event(&self, id: Uuid) -> Result<Option<EventRow>, StoreError> {
        let sql = "SELECT * FROM events WHERE event_id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }

    /// Events in this status, or in any, newest first.
    pub(crate) async fn events(
        &self,
        status: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<EventRow<Box<RawValue>>>, StoreError> {
        let sql = "SELECT * FROM events WHERE ($1 IS NULL OR status = $1) AND ($2 IS NULL OR event_id < $2)
                   ORDER BY event_id DESC LIMIT $3";
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(status).bind(before).bind(i64::from(limit));
            query.fetch_all(pool).await?
        }))
    }

    /// Accounts with any activity in `[from, to)` minutes, at most so many.
    pub(crate) async fn active_accounts(
        &self,
        from: UnixMs,
        to: UnixMs,
        limit: u32,
    ) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT DISTINCT account_id FROM activity_counters WHERE minute >= $1 AND minute < $2
                   ORDER BY account_id LIMIT $3";
        let (from, to) = (from.0.div_euclid(MINUTE_MS), to.0.div_euclid(MINUTE_MS));
        Ok(browse!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(from).bind(to).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
