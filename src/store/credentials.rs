//! SQL of how people sign in: user names, passwords (hashed by `auth`), and log-ins that failed.
//!
//! Called by `auth` alone.

use super::{
    AccountRow, AuditEntry, EpochChange, NewSignIn, NicknameKeys, Sql, StoreError, audit,
    epochs::end_sign_in,
    fact,
    identity::{add_account, add_sign_in, registered},
    read, write,
};
use crate::clock::UnixMs;
use uuid::Uuid;

/// What one signs in with.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct CredentialsRow {
    pub account_id: Uuid,
    pub username: String,
    pub username_key: String,
    pub email: Option<String>,
    pub password_hash: String,
}

/// What came of adding credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Added {
    /// They are there.
    Done,
    /// Somebody has the user name.
    UsernameTaken,
    /// Somebody has the nickname.
    NicknameTaken,
    /// The account has a password already, or is gone.
    NotAGuest,
}

/// How log-ins that fail are held up.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct BackOff {
    pub free: i64,
    pub first_ms: i64,
    pub max_ms: i64,
    pub forget_ms: i64,
}

impl BackOff {
    /// The wait after so many failures.
    fn wait_ms(self, failures: i64) -> i64 {
        let doublings = failures - self.free - 1;
        if doublings < 0 {
            return 0;
        }
        self.first_ms.saturating_mul(1 << doublings.min(32)).min(self.max_ms)
    }
}

impl Sql {
    /// Creates an account with a password. Signed in unless made on the machine, which is audited instead.
    pub(crate) async fn create_full_account(
        &self,
        account: &AccountRow,
        keys: NicknameKeys<'_>,
        credentials: &CredentialsRow,
        sign_in: &NewSignIn,
        entry: Option<&AuditEntry>,
    ) -> Result<Added, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if add_account!(tx, account, keys, sign_in.now.0) == 0 {
                return Ok(Added::NicknameTaken);
            }
            if add_credentials!(tx, credentials, sign_in.now.0) == 0 {
                return Ok(Added::UsernameTaken);
            }
            match entry {
                Some(entry) => { audit!(&mut *tx, entry); }
                None => add_sign_in!(tx, account.account_id, sign_in),
            }
            fact!(&mut *tx, &registered(account, sign_in.now));
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(Added::Done)
    }

    /// Gives a guest a user name and a password.
    pub(crate) async fn upgrade_guest(
        &self,
        credentials: &CredentialsRow,
        now: UnixMs,
    ) -> Result<Added, StoreError> {
        let sql =
            "UPDATE accounts SET guest = $2 WHERE account_id = $1 AND guest = $3 AND deleted_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query(sql).bind(credentials.account_id).bind(false).bind(true);
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(Added::NotAGuest);
            }
            if add_credentials!(tx, credentials, now.0) == 0 {
                return Ok(Added::UsernameTaken);
            }
            tx.commit().await?;
        });
        Ok(Added::Done)
    }

    /// By user name.
    pub(crate) async fn credentials(&self, username_key: &str) -> Result<Option<CredentialsRow>, StoreError> {
        let sql = "SELECT account_id, username, username_key, email, password_hash FROM credentials
                   WHERE username_key = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(username_key).fetch_optional(pool).await?))
    }

    /// By account; a guest has none.
    pub(crate) async fn credentials_of(&self, account: Uuid) -> Result<Option<CredentialsRow>, StoreError> {
        let sql = "SELECT account_id, username, username_key, email, password_hash FROM credentials
                   WHERE account_id = $1";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(account).fetch_optional(pool).await?))
    }

    /// Signs an account in.
    pub(crate) async fn add_sign_in(&self, account: Uuid, sign_in: &NewSignIn) -> Result<(), StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            add_sign_in!(tx, account, sign_in);
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(())
    }

    /// Changes the address for mail.
    pub(crate) async fn set_email(&self, account: Uuid, email: Option<&str>) -> Result<(), StoreError> {
        let sql = "UPDATE credentials SET email = $2 WHERE account_id = $1";
        write!(self.db(), pool => { sqlx::query(sql).bind(account).bind(email).execute(pool).await?; });
        Ok(())
    }

    /// Changes a password, if it is still what it was, and ends every other sign-in. `None`: it was changed.
    pub(crate) async fn change_password(
        &self,
        account: Uuid,
        (before, hash): (&str, &str),
        keep: Uuid,
        now: UnixMs,
    ) -> Result<Option<Vec<EpochChange>>, StoreError> {
        let change = "UPDATE credentials SET password_hash = $3, changed_at = $4
                      WHERE account_id = $1 AND password_hash = $2";
        let others = "SELECT sign_in_id FROM sign_ins
                      WHERE account_id = $1 AND sign_in_id <> $2 AND revoked_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query(change).bind(account).bind(before).bind(hash).bind(now.0);
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(None);
            }
            let others: Vec<Uuid> = sqlx::query_scalar(others).bind(account).bind(keep).fetch_all(&mut *tx).await?;
            let mut changes = Vec::new();
            for sign_in in others {
                changes.extend(end_sign_in!(tx, sign_in, now.0));
            }
            tx.commit().await?;
            Ok(Some(changes))
        })
    }

    /// Counts a log-in as failed, for each of `who`, before it is tried: of many at once none slips through.
    /// `Err`: it may not be tried before then (Unix milliseconds), and nothing was counted.
    pub(crate) async fn begin_log_in(
        &self,
        who: &[(Vec<u8>, BackOff)],
        now: UnixMs,
    ) -> Result<Result<(), i64>, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for (who, back_off) in who {
                let forgotten = now.0 - back_off.forget_ms;
                let count = sqlx::query_scalar(COUNT_FAILURE).bind(who).bind(now.0).bind(forgotten);
                let failures: Option<i64> = count.fetch_optional(&mut *tx).await?;
                let Some(failures) = failures else {
                    let sql = "SELECT blocked_until FROM log_in_failures WHERE who = $1";
                    let until = sqlx::query_scalar(sql).bind(who).fetch_one(&mut *tx).await?;
                    return Ok(Err(until));
                };
                let sql = "UPDATE log_in_failures SET blocked_until = $2 WHERE who = $1";
                // Not `now` where there is no wait: another's clock, or his place in the queue, may be behind it.
                let until = Some(back_off.wait_ms(failures)).filter(|wait| *wait > 0).map_or(0, |wait| now.0 + wait);
                sqlx::query(sql).bind(who).bind(until).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(Ok(()))
        })
    }

    /// The log-in did not fail after all: the name's failures are forgotten, the address has one less.
    pub(crate) async fn log_in_succeeded(&self, name: &[u8], address: &[u8]) -> Result<(), StoreError> {
        let fewer = "UPDATE log_in_failures SET failures = failures - 1, blocked_until = 0 WHERE who = $1";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            sqlx::query("DELETE FROM log_in_failures WHERE who = $1").bind(name).execute(&mut *tx).await?;
            sqlx::query(fewer).bind(address).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// Gives the names of accounts free that were deleted before then, and forgets old failures.
    pub(crate) async fn sweep_accounts(
        &self,
        deleted: UnixMs,
        failed: UnixMs,
        changed: UnixMs,
    ) -> Result<(), StoreError> {
        const BATCH: &str =
            "SELECT account_id FROM accounts WHERE deleted_at <= $1 AND nickname <> '' LIMIT 100";
        let gone: Vec<Uuid> =
            read!(self.db(), pool => sqlx::query_scalar(BATCH).bind(deleted.0).fetch_all(pool).await?);
        let nameless = "UPDATE accounts SET nickname = '', nickname_key = $2, nickname_look = $2
                        WHERE account_id = $1";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for account in gone {
                let name = format!("deleted {account}");
                sqlx::query(nameless).bind(account).bind(name).execute(&mut *tx).await?;
                for sql in [
                    "DELETE FROM credentials WHERE account_id = $1",
                    "DELETE FROM oidc_subjects WHERE account_id = $1",
                ] {
                    sqlx::query(sql).bind(account).execute(&mut *tx).await?;
                }
            }
            let sql = "DELETE FROM log_in_failures WHERE last_at <= $1 AND blocked_until <= $1";
            sqlx::query(sql).bind(failed.0).execute(&mut *tx).await?;
            let sql = "DELETE FROM epoch_changes WHERE changed_at <= $1";
            sqlx::query(sql).bind(changed.0).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }
}

macro_rules! add_credentials {
    ($tx:expr, $row:expr, $now:expr) => {{
        let row: &CredentialsRow = $row;
        sqlx::query(ADD_CREDENTIALS)
            .bind(row.account_id)
            .bind(&row.username)
            .bind(&row.username_key)
            .bind(&row.email)
            .bind(&row.password_hash)
            .bind($now)
            .execute(&mut *$tx)
            .await?
            .rows_affected()
    }};
}

use add_credentials;

const ADD_CREDENTIALS: &str =
    "INSERT INTO credentials (account_id, username, username_key, email, password_hash, changed_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

/// No row: this name or address is blocked.
const COUNT_FAILURE: &str = "INSERT INTO log_in_failures AS f (who, failures, last_at, blocked_until)
    VALUES ($1, 1, $2, 0) ON CONFLICT (who) DO UPDATE SET
    failures = CASE WHEN f.last_at <= $3 THEN 1 ELSE f.failures + 1 END, last_at = excluded.last_at
    WHERE f.blocked_until <= $2 RETURNING failures";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_the_free_tries_up_to_its_end() {
        let back_off = BackOff { free: 3, first_ms: 1_000, max_ms: 6_000, forget_ms: 0 };
        let waits: Vec<i64> = (1..=8).map(|failures| back_off.wait_ms(failures)).collect();
        assert_eq!(waits, [0, 0, 0, 1_000, 2_000, 4_000, 6_000, 6_000]);
        assert_eq!(back_off.wait_ms(i64::MAX), 6_000);
    }
}
