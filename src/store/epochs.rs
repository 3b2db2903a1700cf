//! SQL of what makes access tokens void before their time: an account's epoch, and the end of a sign-in.
//!
//! Written in the transaction of the change itself by [`raise_epoch!`] and [`end_sign_in!`]; read by each node once a
//! second. Called by `auth` alone.

use super::{Sql, StoreError, fact, identity::status_fact, read, write};
use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Tokens of this account below the epoch, or of this sign-in, are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct EpochChange {
    /// Whose.
    pub account_id: Uuid,
    /// `None`: every sign-in whose token has a lower epoch.
    pub sign_in_id: Option<Uuid>,
    /// The account's epoch since.
    pub epoch: i64,
    /// Unix milliseconds.
    pub changed_at: i64,
}

impl EpochChange {
    /// Voids nothing, for no epoch is lower: who keeps the account in memory looks it up again. Never stored.
    pub(crate) fn of_profile(account_id: Uuid, now: UnixMs) -> Self {
        Self { account_id, sign_in_id: None, epoch: i64::MIN, changed_at: now.0 }
    }
}

/// Raises the epoch of an account in its change's own transaction, and takes its tickets. `None`: no such account.
macro_rules! raise_epoch {
    ($tx:expr, $account:expr, $now:expr) => {{
        let (account_id, changed_at): (uuid::Uuid, i64) = ($account, $now);
        let epoch: Option<i64> = sqlx::query_scalar($crate::store::epochs::RAISE)
            .bind(account_id)
            .fetch_optional(&mut *$tx)
            .await?;
        match epoch {
            None => None,
            Some(epoch) => {
                let change = $crate::store::EpochChange { account_id, sign_in_id: None, epoch, changed_at };
                $crate::store::epochs::note_change!($tx, &change);
                sqlx::query("DELETE FROM ws_tickets WHERE account_id = $1")
                    .bind(account_id)
                    .execute(&mut *$tx)
                    .await?;
                Some(change)
            }
        }
    }};
}

/// Ends a sign-in in a transaction. `None`: it had ended.
macro_rules! end_sign_in {
    ($tx:expr, $sign_in:expr, $now:expr) => {{
        let (sign_in, changed_at): (uuid::Uuid, i64) = ($sign_in, $now);
        let ended: Option<uuid::Uuid> = sqlx::query_scalar($crate::store::epochs::REVOKE)
            .bind(sign_in)
            .bind(changed_at)
            .fetch_optional(&mut *$tx)
            .await?;
        match ended {
            None => None,
            Some(account_id) => {
                let change = $crate::store::EpochChange {
                    account_id,
                    sign_in_id: Some(sign_in),
                    epoch: 0,
                    changed_at,
                };
                $crate::store::epochs::note_change!($tx, &change);
                sqlx::query("DELETE FROM ws_tickets WHERE sign_in_id = $1")
                    .bind(sign_in)
                    .execute(&mut *$tx)
                    .await?;
                Some(change)
            }
        }
    }};
}

macro_rules! note_change {
    ($tx:expr, $change:expr) => {{
        let change: &$crate::store::EpochChange = $change;
        sqlx::query($crate::store::epochs::NOTE)
            .bind(uuid::Uuid::now_v7())
            .bind(change.account_id)
            .bind(change.sign_in_id)
            .bind(change.epoch)
            .bind(change.changed_at)
            .execute(&mut *$tx)
            .await?;
    }};
}
pub(super) use {end_sign_in, note_change, raise_epoch};

pub(super) const RAISE: &str =
    "UPDATE accounts SET epoch = epoch + 1 WHERE account_id = $1 AND deleted_at IS NULL RETURNING epoch";

pub(super) const REVOKE: &str =
    "UPDATE sign_ins SET revoked_at = $2 WHERE sign_in_id = $1 AND revoked_at IS NULL
                                 RETURNING account_id";

pub(super) const REVOKE_ALL: &str =
    "UPDATE sign_ins SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";

pub(super) const NOTE: &str = "INSERT INTO epoch_changes (change_id, account_id, sign_in_id, epoch, changed_at) VALUES ($1, $2, $3, $4, $5)";

impl Sql {
    /// What has changed since then, oldest first.
    pub(crate) async fn epoch_changes(&self, since: UnixMs) -> Result<Vec<EpochChange>, StoreError> {
        let sql = "SELECT account_id, sign_in_id, epoch, changed_at FROM epoch_changes
                   WHERE changed_at >= $1 ORDER BY changed_at";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(since.0).fetch_all(pool).await?))
    }

    /// Ends a sign-in: none of its refresh tokens is good any more. `None`: it had ended.
    pub(crate) async fn end_sign_in(
        &self,
        sign_in: Uuid,
        now: UnixMs,
    ) -> Result<Option<EpochChange>, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let change = end_sign_in!(tx, sign_in, now.0);
            tx.commit().await?;
            Ok(change)
        })
    }

    /// Ends every sign-in of an account. `None`: there is no such account.
    pub(crate) async fn end_all_sign_ins(
        &self,
        account: Uuid,
        now: UnixMs,
    ) -> Result<Option<EpochChange>, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let change = raise_epoch!(tx, account, now.0);
            sqlx::query(REVOKE_ALL).bind(account).bind(now.0).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(change)
        })
    }

    /// Marks an account as deleted: its sign-ins end, what one signs in with and the addresses it came
    /// from are gone, its names stay its own for a
    /// while. `None`: there is no such account.
    pub(crate) async fn delete_account(
        &self,
        account: Uuid,
        now: UnixMs,
    ) -> Result<Option<EpochChange>, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let change = raise_epoch!(tx, account, now.0);
            sqlx::query(REVOKE_ALL).bind(account).bind(now.0).execute(&mut *tx).await?;
            sqlx::query("UPDATE accounts SET deleted_at = $2 WHERE account_id = $1 AND deleted_at IS NULL")
                .bind(account)
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
            for sql in [
                "UPDATE credentials SET email = NULL, password_hash = '' WHERE account_id = $1",
                "UPDATE session_log SET address = NULL WHERE account_id = $1",
            ] {
                sqlx::query(sql).bind(account).execute(&mut *tx).await?;
            }
            fact!(&mut *tx, &status_fact(account, now, "deleted"));
            tx.commit().await?;
            self.outbox_has_more();
            Ok(change)
        })
    }
}
