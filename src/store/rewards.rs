//! SQL of rewards. Stock and limits are constraints of the tables; [`super::claims`] takes of them.

use super::{
    AuditEntry, Sql, StoreError, audit,
    events::{Saved, saved},
    read, write,
};
use crate::clock::UnixMs;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// A reward as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct RewardRow {
    pub reward_id: Uuid,
    pub event_id: Uuid,
    pub kind: String,
    pub name: String,
    pub amount: i64,
    pub stock: Option<i64>,
    pub taken: i64,
    pub per_account_limit: i64,
    #[sqlx(json(nullable))]
    pub condition: Option<Value>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What of a reward is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct RewardChange {
    pub name: Option<String>,
    pub amount: Option<i64>,
    #[serde(with = "crate::store::wire::twice")]
    pub stock: Option<Option<i64>>,
    pub per_account_limit: Option<i64>,
    #[serde(with = "crate::store::wire::twice")]
    pub condition: Option<Option<Value>>,
}

impl Sql {
    /// Writes a new reward of an event that has not ended. `Missing`: there is no such event.
    pub(crate) async fn create_reward(
        &self,
        reward: &RewardRow,
        entry: &AuditEntry,
    ) -> Result<Saved<RewardRow>, StoreError> {
        let sql = "INSERT INTO rewards (reward_id, event_id, kind, name, amount, stock, taken,
                   per_account_limit, condition, created_at, updated_at)
                   SELECT $1, event_id, $3, $4, $5, $6, 0, $7, $8, $9, $9 FROM events
                   WHERE event_id = $2 AND status <> 'ended' RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query_as(sql).bind(reward.reward_id).bind(reward.event_id).bind(&reward.kind);
            let insert = insert.bind(&reward.name).bind(reward.amount).bind(reward.stock);
            let insert = insert.bind(reward.per_account_limit).bind(reward.condition.as_ref().map(Json));
            let insert = insert.bind(reward.created_at);
            let made = saved(insert.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// Changes a reward. `Refused`: more of it is taken than the new stock.
    pub(crate) async fn change_reward(
        &self,
        id: Uuid,
        change: &RewardChange,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Saved<RewardRow>, StoreError> {
        let sql = "UPDATE rewards SET name = COALESCE($2, name), amount = COALESCE($3, amount),
                   stock = CASE WHEN $4 THEN $5 ELSE stock END,
                   per_account_limit = COALESCE($6, per_account_limit),
                   condition = CASE WHEN $7 THEN $8 ELSE condition END, updated_at = $9
                   WHERE reward_id = $1 RETURNING *";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query_as(sql).bind(id).bind(&change.name).bind(change.amount);
            let update = update.bind(change.stock.is_some()).bind(change.stock.flatten());
            let update = update.bind(change.per_account_limit).bind(change.condition.is_some());
            let update = update.bind(change.condition.as_ref().and_then(Option::as_ref).map(Json)).bind(now.0);
            let made = saved(update.fetch_optional(&mut *tx).await)?;
            if matches!(made, Saved::Done(_)) {
                audit!(&mut *tx, entry);
                tx.commit().await?;
            }
            Ok(made)
        })
    }

    /// A reward by its id.
    pub(crate) async fn reward(&self, id: Uuid) -> Result<Option<RewardRow>, StoreError> {
        let sql = "SELECT * FROM rewards WHERE reward_id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?))
    }

    /// Rewards of an event, oldest first.
    pub(crate) async fn rewards(
        &self,
        event: Uuid,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RewardRow>, StoreError> {
        let sql = "SELECT * FROM rewards WHERE event_id = $1 AND ($2 IS NULL OR reward_id > $2)
                   ORDER BY reward_id LIMIT $3";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(event).bind(after).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
