//! SQL of guests, sign-ins, refresh tokens and tickets.
//!
//! Called by `auth` alone, which decides; this file stores. Secrets of clients arrive here hashed.

use super::{EpochChange, Sql, StoreError, epochs::end_sign_in, fact, look_ups::found, read, write};
use crate::{clock::UnixMs, ids::PlayerId, liveops::Fact};
use serde_json::json;
use uuid::Uuid;

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct AccountRow {
    pub account_id: Uuid,
    pub nickname: String,
    pub guest: bool,
    pub role: String,
    pub epoch: i64,
    /// Unix milliseconds; the largest number is without end.
    pub banned_until: Option<i64>,
    pub ban_reason: Option<String>,
    pub deleted_at: Option<i64>,
}

/// What is unique of a nickname: see `auth::nickname`.
#[derive(Clone, Copy, serde::Serialize)]
pub(crate) struct NicknameKeys<'a> {
    pub key: &'a str,
    pub look: &'a str,
}

/// A new sign-in with its first refresh token.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct NewSignIn {
    pub sign_in_id: Uuid,
    pub token_hash: Vec<u8>,
    pub now: UnixMs,
    pub expires_at: UnixMs,
}

/// A refresh token that is traded for its successor.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Rotate {
    pub token_hash: Vec<u8>,
    pub successor_hash: Vec<u8>,
    pub now: UnixMs,
    pub grace_ms: u64,
    pub expires_at: UnixMs,
}

/// What came of it.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Rotated {
    /// Never issued, expired, or of a sign-in that has ended.
    Refused,
    /// Traded long ago: its sign-in is revoked now, if it was not before.
    Reused(Uuid, Option<EpochChange>),
    /// The account is banned: nothing was traded.
    Barred(AccountRow),
    /// The successor is good; this is whose it is.
    Good { sign_in_id: Uuid, account: AccountRow },
}

/// A ticket that was issued and, with this answer, is no more.
#[derive(Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct TicketRow {
    pub account_id: Uuid,
    pub sign_in_id: Uuid,
    pub origin: Option<String>,
    pub expires_at: i64,
}

/// Writes a new account. How many rows: none if its nickname is taken.
macro_rules! add_account {
    ($tx:expr, $account:expr, $keys:expr, $now:expr) => {{
        let (account, keys, now): (&$crate::store::AccountRow, $crate::store::NicknameKeys<'_>, i64) =
            ($account, $keys, $now);
        let insert = sqlx::query($crate::store::identity::ADD_ACCOUNT)
            .bind(account.account_id)
            .bind(&account.nickname)
            .bind(keys.key)
            .bind(keys.look)
            .bind(account.guest)
            .bind(&account.role)
            .bind(account.epoch)
            .bind(now);
        insert.execute(&mut *$tx).await?.rows_affected()
    }};
}

/// Writes a new sign-in with its first refresh token, and tells the activity stream of it.
macro_rules! add_sign_in {
    ($tx:expr, $account:expr, $sign_in:expr) => {{
        let (sign_in, account): (&$crate::store::NewSignIn, uuid::Uuid) = ($sign_in, $account);
        let (id, expires_at) = (sign_in.sign_in_id, sign_in.expires_at.0);
        let insert =
            sqlx::query($crate::store::identity::ADD_SIGN_IN).bind(id).bind(account).bind(sign_in.now.0);
        insert.bind(expires_at).execute(&mut *$tx).await?;
        let insert = sqlx::query($crate::store::identity::ADD_TOKEN)
            .bind(&sign_in.token_hash)
            .bind(id)
            .bind(expires_at);
        insert.execute(&mut *$tx).await?;
        $crate::store::fact!(&mut *$tx, &$crate::store::identity::signed_in(account, sign_in.now));
    }};
}
pub(super) use {add_account, add_sign_in};

impl Sql {
    /// An account by its id.
    pub(crate) async fn account(&self, id: PlayerId) -> Result<Option<AccountRow>, StoreError> {
        let db = self.db().clone();
        let look_up = move |ids: Vec<Uuid>| {
            let db = db.clone();
            async move {
                let sql =
                    "SELECT account_id, nickname, guest, role, epoch, banned_until, ban_reason, deleted_at
                           FROM accounts WHERE account_id IN (";
                let accounts: Vec<AccountRow> = found!(&db, sql, ids);
                Ok(accounts.into_iter().map(|account| (account.account_id, account)).collect())
            }
        };
        self.accounts.ask(id.0, look_up).await
    }

    /// Creates an account that is signed in. `false`: its nickname is taken and nothing was written.
    pub(crate) async fn create_account(
        &self,
        account: &AccountRow,
        keys: NicknameKeys<'_>,
        sign_in: &NewSignIn,
    ) -> Result<bool, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            if add_account!(tx, account, keys, sign_in.now.0) == 0 {
                return Ok(false);
            }
            add_sign_in!(tx, account.account_id, sign_in);
            fact!(&mut *tx, &registered(account, sign_in.now));
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(true)
    }

    /// Whether somebody has this nickname, or one like it.
    pub(crate) async fn is_nickname_taken(&self, keys: NicknameKeys<'_>) -> Result<bool, StoreError> {
        let sql = "SELECT account_id FROM accounts WHERE nickname_key = $1 OR nickname_look = $2 LIMIT 1";
        let owner: Option<Uuid> = read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(keys.key).bind(keys.look).fetch_optional(pool).await?
        });
        Ok(owner.is_some())
    }

    /// Renames an account. `false`: the nickname is taken.
    pub(crate) async fn rename(
        &self,
        id: PlayerId,
        nickname: &str,
        keys: NicknameKeys<'_>,
    ) -> Result<bool, StoreError> {
        let sql =
            "UPDATE accounts SET nickname = $2, nickname_key = $3, nickname_look = $4 WHERE account_id = $1";
        let renamed = write!(self.db(), pool => {
            let update = sqlx::query(sql).bind(id.0).bind(nickname).bind(keys.key).bind(keys.look);
            update.execute(pool).await.map(drop)
        });
        match renamed {
            Ok(()) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Marks a refresh token as traded and makes its successor valid, or revokes the sign-in if it was traded
    /// longer ago than the grace. One transaction: of two at once, both get the same successor.
    pub(crate) async fn rotate(&self, it: &Rotate) -> Result<Rotated, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let traded: Option<(Uuid, i64, i64)> = sqlx::query_as(TRADE_TOKEN)
                .bind(&it.token_hash)
                .bind(it.now.0)
                .fetch_optional(&mut *tx)
                .await?;
            let Some((sign_in_id, expires_at, rotated_at)) = traded else { return Ok(Rotated::Refused) };
            if expires_at <= it.now.0 {
                return Ok(Rotated::Refused);
            }
            if UnixMs(rotated_at) + it.grace_ms < it.now {
                let change = end_sign_in!(tx, sign_in_id, it.now.0);
                tx.commit().await?;
                return Ok(Rotated::Reused(sign_in_id, change));
            }
            let prolonged = sqlx::query(PROLONG).bind(sign_in_id).bind(it.expires_at.0).execute(&mut *tx).await?;
            if prolonged.rows_affected() == 0 {
                return Ok(Rotated::Refused);
            }
            let account: AccountRow = sqlx::query_as(OWNER).bind(sign_in_id).fetch_one(&mut *tx).await?;
            if account.banned_until.is_some_and(|until| until > it.now.0) {
                return Ok(Rotated::Barred(account)); // the token stays good for when the ban is over
            }
            sqlx::query(ADD_TOKEN)
                .bind(&it.successor_hash)
                .bind(sign_in_id)
                .bind(it.expires_at.0)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Rotated::Good { sign_in_id, account })
        })
    }

    /// Stores a ticket. `false`: its sign-in has ended, or the account's epoch is another.
    pub(crate) async fn put_ticket(
        &self,
        hash: &[u8],
        ticket: &TicketRow,
        epoch: i64,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO ws_tickets (ticket_hash, account_id, sign_in_id, origin, expires_at)
                   SELECT $1, account_id, sign_in_id, $2, $3 FROM sign_ins
                   WHERE sign_in_id = $4 AND account_id = $5 AND revoked_at IS NULL
                     AND EXISTS (SELECT 1 FROM accounts WHERE account_id = $5 AND epoch = $6)";
        let stored = write!(self.db(), pool => {
            sqlx::query(sql)
                .bind(hash)
                .bind(&ticket.origin)
                .bind(ticket.expires_at)
                .bind(ticket.sign_in_id)
                .bind(ticket.account_id)
                .bind(epoch)
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(stored == 1)
    }

    /// Takes a ticket: of two who present it, one gets it.
    pub(crate) async fn take_ticket(&self, hash: &[u8]) -> Result<Option<TicketRow>, StoreError> {
        let sql = "DELETE FROM ws_tickets WHERE ticket_hash = $1
                   RETURNING account_id, sign_in_id, origin, expires_at";
        Ok(write!(self.db(), pool => sqlx::query_as(sql).bind(hash).fetch_optional(pool).await?))
    }

    /// Forgets what has expired.
    pub(crate) async fn sweep_identity(&self, now: UnixMs) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM ws_tickets WHERE expires_at <= $1",
            "DELETE FROM refresh_tokens WHERE expires_at <= $1",
            "DELETE FROM sign_ins WHERE expires_at <= $1",
        ] {
            write!(self.db(), pool => { sqlx::query(sql).bind(now.0).execute(pool).await?; });
        }
        Ok(())
    }
}

/// What the activity stream is told of an account that is banned, deleted or back.
pub(super) fn status_fact(account: Uuid, now: UnixMs, status: &str) -> Fact {
    Fact::new("user_status_changed", Some(PlayerId(account)), now, json!({"status": status}))
}

/// What the activity stream is told of a new account.
pub(super) fn registered(account: &AccountRow, now: UnixMs) -> Fact {
    Fact::new("user_registered", Some(PlayerId(account.account_id)), now, json!({"guest": account.guest}))
}

/// What it is told of a new sign-in. One that is refreshed is no new one.
pub(super) fn signed_in(account: Uuid, now: UnixMs) -> Fact {
    Fact::new("signed_in", Some(PlayerId(account)), now, json!({}))
}

pub(super) const ADD_ACCOUNT: &str =
    "INSERT INTO accounts (account_id, nickname, nickname_key, nickname_look, guest, role, epoch, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

pub(super) const ADD_SIGN_IN: &str =
    "INSERT INTO sign_ins (sign_in_id, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";

pub(super) const ADD_TOKEN: &str =
    "INSERT INTO refresh_tokens (token_hash, sign_in_id, expires_at) VALUES ($1, $2, $3)
                         ON CONFLICT DO NOTHING";

const TRADE_TOKEN: &str = "UPDATE refresh_tokens SET rotated_at = COALESCE(rotated_at, $2)
                           WHERE token_hash = $1 RETURNING sign_in_id, expires_at, rotated_at";

const PROLONG: &str = "UPDATE sign_ins SET expires_at = $2 WHERE sign_in_id = $1 AND revoked_at IS NULL";

const OWNER: &str = "SELECT a.account_id, a.nickname, a.guest, a.role, a.epoch, a.banned_until, a.ban_reason,
                     a.deleted_at FROM sign_ins s
                     JOIN accounts a ON a.account_id = s.account_id WHERE s.sign_in_id = $1";
