//! SQL of the installation's secrets and signing keys. What is stored may be sealed: `auth` knows.

use super::{AuditEntry, Sql, StoreError, audit, read, write};
use crate::clock::UnixMs;
use uuid::Uuid;

/// A signing key as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct SigningKeyRow {
    /// Rises: the newest has the highest.
    pub n: i64,
    pub kid: String,
    pub seed: Vec<u8>,
    pub created_at: i64,
}

/// A token of another service, without the token.
#[derive(
    Clone, Debug, PartialEq, serde::Serialize, sqlx::FromRow, schemars::JsonSchema, serde::Deserialize,
)]
pub(crate) struct ServiceTokenRow {
    #[sqlx(rename = "token_id")]
    pub id: Uuid,
    pub name: String,
    #[sqlx(json)]
    pub scopes: Vec<String>,
    pub created_by: Uuid,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
}

impl Sql {
    /// The secret of this name; `candidate` becomes it if there is none yet.
    pub(crate) async fn secret(&self, name: &str, candidate: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sql = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        write!(self.db(), pool => { sqlx::query(sql).bind(name).bind(candidate).execute(pool).await?; });
        let sql = "SELECT value FROM secrets WHERE name = $1";
        Ok(write!(self.db(), pool => sqlx::query_scalar(sql).bind(name).fetch_one(pool).await?))
    }

    /// Writes the same secret in another form, if it still has the one before.
    pub(crate) async fn reseal_secret(
        &self,
        name: &str,
        before: &[u8],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE secrets SET value = $3 WHERE name = $1 AND value = $2";
        write!(self.db(), pool => {
            sqlx::query(sql).bind(name).bind(before).bind(sealed).execute(pool).await?;
        });
        Ok(())
    }

    /// Makes this the signing key if there is none yet.
    pub(crate) async fn add_first_signing_key(
        &self,
        kid: &str,
        seed: &[u8],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO signing_keys (n, kid, seed, created_at) VALUES (1, $1, $2, $3)
                   ON CONFLICT DO NOTHING";
        write!(self.db(), pool => {
            sqlx::query(sql).bind(kid).bind(seed).bind(now.0).execute(pool).await?;
        });
        Ok(())
    }

    /// The signing keys, newest first.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        let sql = "SELECT n, kid, seed, created_at FROM signing_keys ORDER BY n DESC";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// Adds a signing key. Of two at once one fails.
    pub(crate) async fn add_signing_key(
        &self,
        kid: &str,
        seed: &[u8],
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO signing_keys (n, kid, seed, created_at)
                   SELECT COALESCE(MAX(n), 0) + 1, $1, $2, $3 FROM signing_keys";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(sql).bind(kid).bind(seed).bind(now.0).execute(&mut *tx).await?;
            audit!(&mut *tx, entry);
            tx.commit().await?;
        });
        Ok(())
    }

    /// Writes the same seed in another form.
    pub(crate) async fn reseal_key(&self, n: i64, before: &[u8], sealed: &[u8]) -> Result<(), StoreError> {
        let sql = "UPDATE signing_keys SET seed = $3 WHERE n = $1 AND seed = $2";
        write!(self.db(), pool => {
            sqlx::query(sql).bind(n).bind(before).bind(sealed).execute(pool).await?;
        });
        Ok(())
    }

    /// Forgets signing keys below this number.
    pub(crate) async fn drop_signing_keys(&self, below: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM signing_keys WHERE n < $1";
        write!(self.db(), pool => { sqlx::query(sql).bind(below).execute(pool).await?; });
        Ok(())
    }

    /// Stores a service token.
    pub(crate) async fn add_service_token(
        &self,
        token: &ServiceTokenRow,
        hash: &[u8],
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO service_tokens (token_id, name, token_hash, scopes, created_by, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(sql)
                .bind(token.id)
                .bind(&token.name)
                .bind(hash)
                .bind(sqlx::types::Json(&token.scopes))
                .bind(token.created_by)
                .bind(token.created_at)
                .execute(&mut *tx)
                .await?;
            audit!(&mut *tx, entry);
            tx.commit().await?;
        });
        Ok(())
    }

    /// The service token with this hash that was not revoked.
    pub(crate) async fn service_token(&self, hash: &[u8]) -> Result<Option<ServiceTokenRow>, StoreError> {
        let sql = "SELECT token_id, name, scopes, created_by, created_at, revoked_at FROM service_tokens
                   WHERE token_hash = $1 AND revoked_at IS NULL";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(hash).fetch_optional(pool).await?))
    }

    /// All service tokens, newest first.
    pub(crate) async fn service_tokens(
        &self,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ServiceTokenRow>, StoreError> {
        let sql = "SELECT token_id, name, scopes, created_by, created_at, revoked_at FROM service_tokens
                   WHERE $1 IS NULL OR token_id < $1 ORDER BY token_id DESC LIMIT $2";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(before).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// Revokes a service token. `false`: there is none, or it was.
    pub(crate) async fn revoke_service_token(
        &self,
        id: Uuid,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE service_tokens SET revoked_at = $2 WHERE token_id = $1 AND revoked_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if sqlx::query(sql).bind(id).bind(now.0).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(&mut *tx, entry);
            tx.commit().await?;
            Ok(true)
        })
    }
}
