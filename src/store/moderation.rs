//! What moderators look at and do: reports, mutes, and the players they find. Changes carry their audit entry in
//! the same transaction.

use super::{AuditEntry, Sql, StoreError, audit, browse, read, write};
use crate::clock::UnixMs;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

/// A player's report of another.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct Report {
    /// By time.
    pub id: Uuid,
    /// Where it was made.
    pub room_id: Uuid,
    /// Who reports.
    pub by_account: Uuid,
    /// His nickname now.
    pub by_nickname: Option<String>,
    /// Whom.
    pub about: Uuid,
    /// His nickname now; none of a bot.
    pub about_nickname: Option<String>,
    /// In the words of who reports.
    pub reason: String,
    /// Unix ms.
    pub at: i64,
    /// Unix ms; none while it is open.
    pub resolved_at: Option<i64>,
    /// The moderator.
    pub resolved_by: Option<Uuid>,
    /// What he found.
    pub note: Option<String>,
}

/// An account that may not chat.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct MuteRow {
    /// Whose.
    pub account_id: Uuid,
    /// What he is told.
    pub reason: String,
    /// Unix ms; none until it is lifted.
    pub ends_at: Option<i64>,
    /// The moderator.
    pub by_account: Uuid,
    /// Unix ms.
    pub at: i64,
}

/// A mute as staff see it in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct MutedRow {
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub mute: MuteRow,
    /// Whose it is, as people see him.
    pub nickname: Option<String>,
}

/// An account as staff find it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
pub(crate) struct PlayerRow {
    /// The account.
    pub id: Uuid,
    /// As people see it.
    pub nickname: String,
    /// Whether it has no password.
    pub guest: bool,
    /// What it may do.
    pub role: String,
    /// Unix ms.
    pub created_at: i64,
    /// Where it has its seat now.
    pub room_id: Option<Uuid>,
}

/// Which reports are asked for.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReportFilter {
    /// Open ones, or resolved ones.
    pub resolved: Option<bool>,
    /// About this account.
    pub about: Option<Uuid>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

macro_rules! report_columns {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.room_id, r.by_account, b.nickname AS by_nickname, r.about, a.nickname AS about_nickname,
             r.reason, r.at, r.resolved_at, r.resolved_by, r.note FROM reports r
             LEFT JOIN accounts b ON b.account_id = r.by_account LEFT JOIN accounts a ON a.account_id = r.about ",
            $rest
        )
    };
}

const PLAYERS: &str = "SELECT a.account_id AS id, a.nickname, a.guest, a.role, a.created_at, s.room_id
                       FROM accounts a LEFT JOIN seats s ON s.account_id = a.account_id
                       WHERE ($1 IS NULL OR a.account_id = $1) AND ($2 = '' OR LOWER(a.nickname) LIKE $2 ESCAPE '!')
                       AND ($3 IS NULL OR a.account_id < $3) ORDER BY a.account_id DESC LIMIT $4";

/// A pattern of LIKE, with `!` as its escape, for what has this text in it, whatever its case.
pub(super) fn like(text: &str) -> String {
    let plain = |c: char| if "!%_".contains(c) { format!("!{c}") } else { c.to_string() };
    let text: String = text.to_lowercase().chars().map(plain).collect();
    format!("%{text}%")
}

/// Reports.
impl Sql {
    /// Reports, newest first, without their logs.
    pub(crate) async fn reports(&self, filter: ReportFilter, limit: u32) -> Result<Vec<Report>, StoreError> {
        let sql = report_columns!(
            "WHERE ($1 IS NULL OR (r.resolved_at IS NOT NULL) = $1) AND ($2 IS NULL OR r.about = $2)
             AND ($3 IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4"
        );
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(filter.resolved).bind(filter.about).bind(filter.before);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// A report and the log that came with it.
    pub(crate) async fn report(&self, id: Uuid) -> Result<Option<(Report, Value)>, StoreError> {
        let report: Option<Report> = read!(self.db(), pool => {
            sqlx::query_as(report_columns!("WHERE r.id = $1")).bind(id).fetch_optional(pool).await?
        });
        let Some(report) = report else { return Ok(None) };
        let sql = "SELECT log FROM reports WHERE id = $1";
        let log: Json<Value> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(id).fetch_one(pool).await?);
        Ok(Some((report, log.0)))
    }

    /// Closes a report. False if there is no open one with this id: of two moderators one closes it.
    pub(crate) async fn resolve_report(
        &self,
        id: Uuid,
        note: &str,
        by: Uuid,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE reports SET resolved_at = $1, resolved_by = $2, note = $3
                   WHERE id = $4 AND resolved_at IS NULL";
        Ok(write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let query = sqlx::query(sql).bind(entry.at).bind(by).bind(note).bind(id);
            let done = query.execute(&mut *tx).await?.rows_affected() == 1;
            if done {
                audit!(&mut *tx, entry);
            }
            tx.commit().await?;
            done
        }))
    }

    /// How many reports are open.
    pub(crate) async fn open_reports(&self) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM reports WHERE resolved_at IS NULL";
        Ok(read!(self.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await?))
    }
}

/// Mutes.
impl Sql {
    /// Silences an account, or changes how it is silenced. False if there is no such account.
    pub(crate) async fn mute(&self, mute: &MuteRow, entry: &AuditEntry) -> Result<bool, StoreError> {
        let sql = "INSERT INTO mutes (account_id, reason, ends_at, by_account, at)
                   SELECT account_id, $2, $3, $4, $5 FROM accounts WHERE account_id = $1
                   ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason, ends_at = excluded.ends_at,
                   by_account = excluded.by_account, at = excluded.at";
        Ok(write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let query = sqlx::query(sql).bind(mute.account_id).bind(&mute.reason).bind(mute.ends_at);
            let done = query.bind(mute.by_account).bind(mute.at).execute(&mut *tx).await?.rows_affected() == 1;
            if done {
                audit!(&mut *tx, entry);
            }
            tx.commit().await?;
            done
        }))
    }

    /// Lets an account speak again. False if it could.
    pub(crate) async fn unmute(&self, account: Uuid, entry: &AuditEntry) -> Result<bool, StoreError> {
        let sql = "DELETE FROM mutes WHERE account_id = $1";
        Ok(write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let done = sqlx::query(sql).bind(account).execute(&mut *tx).await?.rows_affected() == 1;
            if done {
                audit!(&mut *tx, entry);
            }
            tx.commit().await?;
            done
        }))
    }

    /// Mutes that hold at this time, of all accounts or of one.
    pub(crate) async fn mutes(&self, now: UnixMs, of: Option<Uuid>) -> Result<Vec<MuteRow>, StoreError> {
        let sql = "SELECT account_id, reason, ends_at, by_account, at FROM mutes
                   WHERE (ends_at IS NULL OR ends_at > $1) AND ($2 IS NULL OR account_id = $2) ORDER BY at DESC";
        Ok(read!(self.db(), pool => sqlx::query_as(sql).bind(now.0).bind(of).fetch_all(pool).await?))
    }

    /// Mutes that hold at this time and stand behind this one in the list (its `at` and account), newest first.
    pub(crate) async fn muted(
        &self,
        now: UnixMs,
        after: Option<(i64, Uuid)>,
        limit: u32,
    ) -> Result<Vec<MutedRow>, StoreError> {
        let sql = "SELECT m.account_id, m.reason, m.ends_at, m.by_account, m.at, a.nickname FROM mutes m
                   LEFT JOIN accounts a ON a.account_id = m.account_id
                   WHERE (m.ends_at IS NULL OR m.ends_at > $1)
                   AND ($2 IS NULL OR m.at < $2 OR (m.at = $2 AND m.account_id < $3))
                   ORDER BY m.at DESC, m.account_id DESC LIMIT $4";
        let (at, account) = after.unzip();
        Ok(read!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(now.0).bind(at).bind(account);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}

/// Players.
impl Sql {
    /// Accounts whose nickname has this in it, or the one with this id; newest first.
    pub(crate) async fn players(
        &self,
        search: &str,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<PlayerRow>, StoreError> {
        let id = Uuid::parse_str(search).ok();
        let like = if search.is_empty() || id.is_some() { String::new() } else { like(search) };
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(PLAYERS).bind(id).bind(&like).bind(before);
            query.bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }
}
