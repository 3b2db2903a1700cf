//! SQL of sign-in through an OpenID Connect provider: who has gone there, and whose account is whose.
//!
//! Called by `auth` alone, which decides. What the page keeps arrives here hashed.

use super::{
    AccountRow, NewSignIn, NicknameKeys, Sql, StoreError, fact,
    identity::{add_account, add_sign_in, registered},
    read, write,
};
use crate::clock::UnixMs;
use uuid::Uuid;

/// One who has gone to the provider.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct OidcAttempt {
    pub nonce: String,
    pub verifier: String,
    pub expires_at: i64,
}

impl Sql {
    /// Remembers one who goes to the provider, and forgets those who never came back.
    pub(crate) async fn begin_oidc(
        &self,
        attempt_hash: &[u8],
        attempt: &OidcAttempt,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let add =
            "INSERT INTO oidc_attempts (attempt_hash, nonce, verifier, expires_at) VALUES ($1, $2, $3, $4)";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let add = sqlx::query(add).bind(attempt_hash).bind(&attempt.nonce).bind(&attempt.verifier);
            add.bind(attempt.expires_at).execute(&mut *tx).await?;
            let sql = "DELETE FROM oidc_attempts WHERE expires_at <= $1";
            sqlx::query(sql).bind(now.0).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// Takes an attempt: it is good once.
    pub(crate) async fn take_oidc(&self, attempt_hash: &[u8]) -> Result<Option<OidcAttempt>, StoreError> {
        let sql = "DELETE FROM oidc_attempts WHERE attempt_hash = $1 RETURNING nonce, verifier, expires_at";
        Ok(write!(self.db(), pool => sqlx::query_as(sql).bind(attempt_hash).fetch_optional(pool).await?))
    }

    /// The account of this subject.
    pub(crate) async fn oidc_account(&self, issuer: &str, subject: &str) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT account_id FROM oidc_subjects WHERE issuer = $1 AND subject = $2";
        Ok(read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(issuer).bind(subject).fetch_optional(pool).await?
        }))
    }

    /// Creates the account of this subject, signed in. `false`: the nickname is taken, or the subject came a moment
    /// ago.
    pub(crate) async fn create_oidc_account(
        &self,
        account: &AccountRow,
        keys: NicknameKeys<'_>,
        (issuer, subject): (&str, &str),
        sign_in: &NewSignIn,
    ) -> Result<bool, StoreError> {
        let add = "INSERT INTO oidc_subjects (issuer, subject, account_id) VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if add_account!(tx, account, keys, sign_in.now.0) == 0 {
                return Ok(false);
            }
            let add = sqlx::query(add).bind(issuer).bind(subject).bind(account.account_id);
            if add.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            add_sign_in!(tx, account.account_id, sign_in);
            fact!(&mut *tx, &registered(account, sign_in.now));
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(true)
    }
}
