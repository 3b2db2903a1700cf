//! The audit log: every change that staff make, in the transaction of the change itself (spec 2.2). Only added to.

use super::{Sql, StoreError, browse, write};
use crate::{auth::Role, clock::UnixMs, ids::PlayerId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema, sqlx::FromRow, serde::Deserialize)]
pub struct AuditEntry {
    /// By time.
    pub id: Uuid,
    /// Unix milliseconds.
    pub at: i64,
    /// Who; `None` on the machine itself.
    pub actor: Option<Uuid>,
    /// As what.
    pub role: String,
    /// `account.banned`, `event.created` …
    pub action: String,
    /// `account/{id}`, `event/{id}` …
    pub target: String,
    /// What changed.
    #[sqlx(json)]
    pub detail: Value,
}

impl AuditEntry {
    /// Staff have put somebody out of a room.
    pub(crate) const ROOM_KICKED: &str = "room.kicked";
    /// Staff have ended a room.
    pub(crate) const ROOM_ENDED: &str = "room.ended";

    /// A change that happens now.
    pub(crate) fn new(
        now: UnixMs,
        (actor, role): (Option<PlayerId>, Role),
        action: &str,
        target: String,
        detail: Value,
    ) -> Self {
        Self {
            id: crate::chance::uuid(),
            at: now.0,
            actor: actor.map(|actor| actor.0),
            role: role.as_str().to_owned(),
            action: action.to_owned(),
            target,
            detail,
        }
    }
}

/// Writes an entry in the transaction of its change: `audit!(&mut *tx, entry)`.
macro_rules! audit {
    ($db:expr, $entry:expr) => {{
        let entry: &$crate::store::AuditEntry = $entry;
        sqlx::query($crate::store::ADD_AUDIT)
            .bind(entry.id)
            .bind(entry.at)
            .bind(entry.actor)
            .bind(&entry.role)
            .bind(&entry.action)
            .bind(&entry.target)
            .bind(sqlx::types::Json(&entry.detail))
            .execute($db)
            .await?
    }};
}
pub(crate) use audit;

/// See [`audit!`].
pub(crate) const ADD_AUDIT: &str = "INSERT INTO audit (id, at, actor, role, action, target, detail)
                                    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Which entries are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct AuditFilter {
    /// Of this actor.
    pub actor: Option<Uuid>,
    /// On this target.
    pub target: Option<String>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

impl Sql {
    /// Writes an entry whose change is not in SQL.
    pub(crate) async fn audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        write!(self.db(), pool => { audit!(pool, entry); });
        Ok(())
    }

    /// Entries, newest first.
    pub(crate) async fn audit_entries(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT id, at, actor, role, action, target, detail FROM audit
                   WHERE ($1 IS NULL OR actor = $1) AND ($2 IS NULL OR target = $2) AND ($3 IS NULL OR id < $3)
                   ORDER BY id DESC LIMIT $4";
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(filter.actor).bind(&filter.target).bind(filter.before);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
