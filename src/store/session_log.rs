//! SQL of the session log: rows in batches, what a crash left open, what staff ask for (spec 5.2).
//!
//! Called by `session_log` and by the staff's routes.

use super::{Sql, StoreError, browse, read, statements::cut, write};
use crate::clock::UnixMs;
use serde::Serialize;
use sqlx::QueryBuilder;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A connection, open or ended.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, schemars::JsonSchema, serde::Deserialize)]
pub(crate) struct SessionLogRow {
    /// By time.
    pub id: Uuid,
    pub session_id: Uuid,
    pub account_id: Uuid,
    /// `ws`, `signal` or `tcp`.
    pub transport: String,
    /// Where it came from; none once the account is deleted.
    pub address: Option<String>,
    /// The run of the node.
    pub node: Uuid,
    /// Its name (`node.id`).
    pub node_name: Option<String>,
    pub connected_at: i64,
    /// None: it is open.
    pub disconnected_at: Option<i64>,
    /// Why it ended: `goodbye`, `left`, `lost`, `silent`, `closed`, `abuse`, `too_large`, `restart`, `too_slow`,
    /// `replaced`, `account_ended`, `draining` or `crash`.
    pub reason: Option<String>,
    /// From the client.
    pub bytes_in: i64,
    pub bytes_out: i64,
    pub messages_in: i64,
    pub messages_out: i64,
}

/// Which connections are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct SessionLogFilter {
    /// Of this account.
    pub account: Option<Uuid>,
    /// Of this transport.
    pub transport: Option<String>,
    /// Only those that are open, or only those that are not.
    pub open: Option<bool>,
    /// Older than this one.
    pub before: Option<Uuid>,
}

/// Rows deleted at once.
const FORGET: i64 = 1_000;

/// Rows of one statement follow, and then [`LOG_END`].
const LOG: &str = "INSERT INTO session_log (id, session_id, account_id, transport, address, node, node_name,
        connected_at, disconnected_at, reason, bytes_in, bytes_out, messages_in, messages_out)
    SELECT n.column1, n.column2, n.column3, n.column4, CASE WHEN EXISTS (SELECT 1 FROM accounts a
        WHERE a.account_id = n.column3 AND a.deleted_at IS NOT NULL) THEN NULL ELSE n.column5 END, n.column6,
        n.column7, n.column8, n.column9, n.column10, n.column11, n.column12, n.column13, n.column14 FROM (";

/// The address of an account that was deleted meanwhile is not written. A row that is there gets its end.
const LOG_END: &str = ") AS n WHERE 1 = 1
    ON CONFLICT (id) DO UPDATE SET disconnected_at = excluded.disconnected_at, reason = excluded.reason,
        bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out, messages_in = excluded.messages_in,
        messages_out = excluded.messages_out
    WHERE excluded.disconnected_at IS NOT NULL";

const FIND: &str = "SELECT id, session_id, account_id, transport, address, node, node_name, connected_at,
        disconnected_at, reason, bytes_in, bytes_out, messages_in, messages_out FROM session_log
    WHERE ($1 IS NULL OR account_id = $1) AND ($2 IS NULL OR transport = $2)
      AND ($3 IS NULL OR (disconnected_at IS NULL) = $3) AND ($4 IS NULL OR id < $4)
    ORDER BY id DESC LIMIT $5";

/// A connection that has ended meanwhile is written once.
fn last_of_each(rows: &[SessionLogRow]) -> Vec<&SessionLogRow> {
    let mut last: BTreeMap<Uuid, &SessionLogRow> = BTreeMap::new();
    for row in rows {
        last.insert(row.id, row);
    }
    last.into_values().collect()
}

impl Sql {
    /// Writes connects and disconnects, all or none. Done again it changes nothing.
    pub(crate) async fn log_sessions(&self, rows: &[SessionLogRow]) -> Result<(), StoreError> {
        let rows = last_of_each(rows);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for some in cut(&rows) {
                let mut sql = QueryBuilder::new(LOG);
                sql.push_values(some, |mut values, row| {
                    values.push_bind(row.id).push_bind(row.session_id).push_bind(row.account_id);
                    values.push_bind(&row.transport).push_bind(&row.address).push_bind(row.node);
                    values.push_bind(&row.node_name).push_bind(row.connected_at).push_bind(row.disconnected_at);
                    values.push_bind(&row.reason).push_bind(row.bytes_in).push_bind(row.bytes_out);
                    values.push_bind(row.messages_in).push_bind(row.messages_out);
                });
                sql.push(LOG_END).build().execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Connections, newest first.
    pub(crate) async fn session_log(
        &self,
        filter: &SessionLogFilter,
        limit: u32,
    ) -> Result<Vec<SessionLogRow>, StoreError> {
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(FIND).bind(filter.account).bind(&filter.transport).bind(filter.open);
            query.bind(filter.before).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// Runs of nodes with connections that are open since before then.
    pub(crate) async fn nodes_with_open_sessions(&self, before: UnixMs) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT DISTINCT node FROM session_log WHERE disconnected_at IS NULL AND connected_at < $1";
        Ok(read!(self.db(), pool => sqlx::query_scalar(sql).bind(before.0).fetch_all(pool).await?))
    }

    /// Closes what this run of a node left open; how many.
    pub(crate) async fn close_sessions_of(&self, node: Uuid, now: UnixMs) -> Result<u64, StoreError> {
        let sql = "UPDATE session_log SET disconnected_at = $2, reason = 'crash'
                   WHERE node = $1 AND disconnected_at IS NULL";
        Ok(write!(self.db(), pool => {
            sqlx::query(sql).bind(node).bind(now.0).execute(pool).await?.rows_affected()
        }))
    }

    /// Forgets connections that began before then, a batch at a time.
    pub(crate) async fn forget_sessions(&self, before: UnixMs) -> Result<(), StoreError> {
        let sql = "DELETE FROM session_log WHERE id IN (SELECT id FROM session_log
                   WHERE id < $1 AND disconnected_at IS NOT NULL ORDER BY id LIMIT $2)";
        let oldest = Uuid::from_u128(u128::from(before.0.max(0).unsigned_abs()) << 80); // ids begin with their time
        write!(self.db(), pool => {
            sqlx::query(sql).bind(oldest).bind(FORGET).execute(pool).await?;
        });
        Ok(())
    }
}
