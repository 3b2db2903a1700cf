//! SQL of what staff see of accounts and do to them: search, bans, roles. Each change with its audit entry.
//!
//! Called by `auth`, which decides who may.

use super::{
    AuditEntry, EpochChange, Sql, StoreError, audit, browse, epochs::raise_epoch, fact,
    identity::status_fact, read, write,
};
use crate::clock::UnixMs;
use serde::Serialize;
use uuid::Uuid;

/// An account as staff see it.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, schemars::JsonSchema, serde::Deserialize)]
pub(crate) struct StaffAccountRow {
    #[sqlx(rename = "account_id")]
    pub id: Uuid,
    pub nickname: String,
    pub username: Option<String>,
    pub email: Option<String>,
    pub guest: bool,
    pub role: String,
    pub created_at: i64,
    pub banned_until: Option<i64>,
    pub ban_reason: Option<String>,
    pub deleted_at: Option<i64>,
}

/// One sign-in of an account.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, schemars::JsonSchema, serde::Deserialize)]
pub(crate) struct SignInRow {
    #[sqlx(rename = "sign_in_id")]
    pub id: Uuid,
    pub created_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

/// A ban, in force or not.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, schemars::JsonSchema, serde::Deserialize)]
pub(crate) struct BanRow {
    #[sqlx(rename = "ban_id")]
    pub id: Uuid,
    pub reason: String,
    pub by_account: Uuid,
    pub created_at: i64,
    pub ends_at: Option<i64>,
    pub lifted_at: Option<i64>,
}

/// Which accounts are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct AccountQuery {
    /// Nicknames and user names that begin so, folded.
    pub prefix: Option<String>,
    /// This one alone.
    pub id: Option<Uuid>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

impl Sql {
    /// Accounts, newest first.
    pub(crate) async fn find_accounts(
        &self,
        query: &AccountQuery,
        limit: u32,
    ) -> Result<Vec<StaffAccountRow>, StoreError> {
        let pattern = query.prefix.as_deref().map(|prefix| {
            format!("{}%", prefix.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
        });
        Ok(browse!(self.db(), pool => {
            let find = sqlx::query_as(FIND).bind(query.id).bind(&pattern).bind(query.before);
            find.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// The newest sign-ins of an account.
    pub(crate) async fn sign_ins_of(&self, account: Uuid, limit: u32) -> Result<Vec<SignInRow>, StoreError> {
        let sql = "SELECT sign_in_id, created_at, expires_at, revoked_at FROM sign_ins WHERE account_id = $1
                   ORDER BY created_at DESC LIMIT $2";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(account).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// The newest bans of an account.
    pub(crate) async fn bans_of(&self, account: Uuid, limit: u32) -> Result<Vec<BanRow>, StoreError> {
        let sql = "SELECT ban_id, reason, by_account, created_at, ends_at, lifted_at FROM bans
                   WHERE account_id = $1 ORDER BY ban_id DESC LIMIT $2";
        Ok(read!(self.db(), pool => {
            sqlx::query_as(sql).bind(account).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// Bans an account; a ban in force is replaced. `None`: there is no such account.
    pub(crate) async fn ban(
        &self,
        account: Uuid,
        ban: &BanRow,
        entry: &AuditEntry,
    ) -> Result<Option<EpochChange>, StoreError> {
        let mark = "UPDATE accounts SET banned_until = $2, ban_reason = $3 WHERE account_id = $1";
        let lift = "UPDATE bans SET lifted_at = $2 WHERE account_id = $1 AND lifted_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let Some(change) = raise_epoch!(tx, account, ban.created_at) else { return Ok(None) };
            let until = ban.ends_at.unwrap_or(i64::MAX);
            sqlx::query(mark).bind(account).bind(until).bind(&ban.reason).execute(&mut *tx).await?;
            sqlx::query(lift).bind(account).bind(ban.created_at).execute(&mut *tx).await?;
            sqlx::query(ADD_BAN)
                .bind(ban.id)
                .bind(account)
                .bind(&ban.reason)
                .bind(ban.by_account)
                .bind(ban.created_at)
                .bind(ban.ends_at)
                .execute(&mut *tx)
                .await?;
            audit!(&mut *tx, entry);
            fact!(&mut *tx, &status_fact(account, UnixMs(ban.created_at), "banned"));
            tx.commit().await?;
            self.outbox_has_more();
            Ok(Some(change))
        })
    }

    /// Lifts the ban in force. `false`: there is none.
    pub(crate) async fn unban(
        &self,
        account: Uuid,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let clear = "UPDATE accounts SET banned_until = NULL, ban_reason = NULL
                     WHERE account_id = $1 AND banned_until > $2";
        let lift = "UPDATE bans SET lifted_at = $2 WHERE account_id = $1 AND lifted_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if sqlx::query(clear).bind(account).bind(now.0).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(lift).bind(account).bind(now.0).execute(&mut *tx).await?;
            audit!(&mut *tx, entry);
            fact!(&mut *tx, &status_fact(account, now, "active"));
            tx.commit().await?;
            self.outbox_has_more();
            Ok(true)
        })
    }

    /// Gives an account another role. `None`: there is no such account, or it has a guest's sign-in alone.
    pub(crate) async fn set_role(
        &self,
        account: Uuid,
        role: &str,
        now: UnixMs,
        entry: &AuditEntry,
    ) -> Result<Option<EpochChange>, StoreError> {
        let set = "UPDATE accounts SET role = $2 WHERE account_id = $1 AND guest = $3 AND deleted_at IS NULL";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let update = sqlx::query(set).bind(account).bind(role).bind(false);
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(None);
            }
            let change = raise_epoch!(tx, account, now.0);
            audit!(&mut *tx, entry);
            tx.commit().await?;
            Ok(change)
        })
    }
}

const FIND: &str = "SELECT a.account_id, a.nickname, c.username, c.email, a.guest, a.role, a.created_at,
           a.banned_until, a.ban_reason, a.deleted_at
    FROM accounts a LEFT JOIN credentials c ON c.account_id = a.account_id
    WHERE ($1 IS NULL OR a.account_id = $1)
      AND ($2 IS NULL OR a.nickname_key LIKE $2 ESCAPE '\\' OR c.username_key LIKE $2 ESCAPE '\\')
      AND ($3 IS NULL OR a.account_id < $3)
    ORDER BY a.account_id DESC LIMIT $4";

const ADD_BAN: &str = "INSERT INTO bans (ban_id, account_id, reason, by_account, created_at, ends_at)
                       VALUES ($1, $2, $3, $4, $5, $6)";
