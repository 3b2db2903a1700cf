//! SQL of repeated requests: one row a key, which says who serves it and, once it was answered, what (spec 2.2).

use super::{Sql, StoreError, read, write};
use crate::clock::UnixMs;
use uuid::Uuid;

/// What a key belongs to.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct KeyOf {
    pub account: Uuid,
    /// Method and pattern.
    pub route: String,
    pub key: String,
}

/// The answer under a key.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredAnswer {
    pub status: i64,
    pub content_type: Option<String>,
    #[serde(with = "crate::store::wire::bytes")]
    pub answer: Vec<u8>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct IdempotencyRow {
    pub request_hash: Vec<u8>,
    pub leased_until: i64,
    pub status: Option<i64>,
    pub content_type: Option<String>,
    #[serde(with = "crate::store::wire::bytes_if_any")]
    pub answer: Option<Vec<u8>>,
    pub expires_at: i64,
}

impl Sql {
    /// What is known of a key.
    pub(crate) async fn idempotency(&self, of: &KeyOf) -> Result<Option<IdempotencyRow>, StoreError> {
        let sql =
            "SELECT request_hash, leased_until, status, content_type, answer, expires_at FROM idempotency
                   WHERE account_id = $1 AND route = $2 AND key = $3";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(of.account).bind(&of.route).bind(&of.key).fetch_optional(pool).await?
        }))
    }

    /// Takes a key for `worker`, if nobody serves it: the id of its operation, the same at every attempt.
    pub(crate) async fn begin_request(
        &self,
        of: &KeyOf,
        hash: &[u8],
        worker: Uuid,
        (now, leased_until, expires_at): (UnixMs, UnixMs, UnixMs),
    ) -> Result<Option<Uuid>, StoreError> {
        let sql = "INSERT INTO idempotency (account_id, route, key, request_hash, operation_id, worker,
                   leased_until, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                   ON CONFLICT (account_id, route, key) DO UPDATE
                   SET worker = excluded.worker, leased_until = excluded.leased_until
                   WHERE idempotency.status IS NULL AND idempotency.leased_until <= $9
                   AND idempotency.request_hash = excluded.request_hash RETURNING operation_id";
        Ok(write!(self.db(), pool => {
            let take = sqlx::query_scalar(sql).bind(of.account).bind(&of.route).bind(&of.key).bind(hash);
            let take = take.bind(crate::chance::uuid()).bind(worker).bind(leased_until.0).bind(expires_at.0);
            take.bind(now.0).fetch_optional(pool).await?
        }))
    }

    /// Keeps the answer, if `worker` still serves the key.
    pub(crate) async fn finish_request(
        &self,
        of: &KeyOf,
        worker: Uuid,
        answer: &StoredAnswer,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE idempotency SET status = $5, content_type = $6, answer = $7
                   WHERE account_id = $1 AND route = $2 AND key = $3 AND worker = $4 AND status IS NULL";
        let done = write!(self.db(), pool => {
            let keep = sqlx::query(sql).bind(of.account).bind(&of.route).bind(&of.key).bind(worker);
            let keep = keep.bind(answer.status).bind(&answer.content_type).bind(&answer.answer);
            keep.execute(pool).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// It was not served: the next attempt may begin at once, under the same id.
    pub(crate) async fn give_up_request(&self, of: &KeyOf, worker: Uuid) -> Result<(), StoreError> {
        let sql = "UPDATE idempotency SET leased_until = 0
                   WHERE account_id = $1 AND route = $2 AND key = $3 AND worker = $4 AND status IS NULL";
        write!(self.db(), pool => {
            let free = sqlx::query(sql).bind(of.account).bind(&of.route).bind(&of.key).bind(worker);
            free.execute(pool).await?;
        });
        Ok(())
    }

    /// Forgets what has expired; of one key, or of all.
    pub(crate) async fn sweep_requests(&self, of: Option<&KeyOf>, now: UnixMs) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency WHERE expires_at <= $1
                   AND ($2 IS NULL OR (account_id = $2 AND route = $3 AND key = $4))";
        let account = of.map(|of| of.account);
        let (route, key) = (of.map(|of| of.route.as_str()), of.map(|of| of.key.as_str()));
        write!(self.db(), pool => {
            sqlx::query(sql).bind(now.0).bind(account).bind(route).bind(key).execute(pool).await?;
        });
        Ok(())
    }
}
