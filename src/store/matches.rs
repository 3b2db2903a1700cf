//! What was played: headers, participants and event logs of matches.

use super::{Sql, StoreError, browse, read};
use crate::ids::{MatchId, PlayerId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

/// A match as it is stored; put together it is a `game::replay::Recording`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MatchRecord {
    /// What was known at the start.
    pub header: Value,
    /// Accounts that played.
    pub participants: Vec<PlayerId>,
    /// What was known at the end; `None` while it is being played.
    pub ended: Option<Value>,
    /// In order.
    pub entries: Vec<Value>,
}

/// A match in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, FromRow, serde::Deserialize)]
#[schemars(rename = "MatchItem")]
pub struct MatchRow {
    /// By time.
    pub match_id: Uuid,
    /// Unix ms.
    pub started_at: i64,
    /// Unix ms.
    pub ended_at: Option<i64>,
    /// By the name that the game gives it.
    pub winner: Option<String>,
}

impl Sql {
    /// A match with its whole log.
    pub async fn match_record(&self, id: MatchId) -> Result<Option<MatchRecord>, StoreError> {
        type Header = (Json<Value>, Option<Json<Value>>);
        let sql = "SELECT header, ended FROM matches WHERE match_id = $1";
        let header: Option<Header> =
            read!(self.db(), pool => sqlx::query_as(sql).bind(id.0).fetch_optional(pool).await?);
        let Some((header, ended)) = header else { return Ok(None) };
        let sql = "SELECT account_id FROM match_players WHERE match_id = $1 ORDER BY account_id";
        let participants: Vec<Uuid> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(id.0).fetch_all(pool).await?);
        let sql = "SELECT body FROM match_entries WHERE match_id = $1 ORDER BY n";
        let entries: Vec<Json<Value>> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(id.0).fetch_all(pool).await?);
        Ok(Some(MatchRecord {
            header: header.0,
            participants: participants.into_iter().map(PlayerId).collect(),
            ended: ended.map(|ended| ended.0),
            entries: entries.into_iter().map(|entry| entry.0).collect(),
        }))
    }

    /// The newest entries of a match's log, oldest first.
    pub(crate) async fn newest_entries(&self, id: MatchId, limit: u32) -> Result<Vec<Value>, StoreError> {
        let sql = "SELECT body FROM match_entries WHERE match_id = $1 ORDER BY n DESC LIMIT $2";
        let entries: Vec<Json<Value>> = read!(self.db(), pool => {
            sqlx::query_scalar(sql).bind(id.0).bind(i64::from(limit)).fetch_all(pool).await?
        });
        Ok(entries.into_iter().rev().map(|entry| entry.0).collect())
    }

    /// The ended matches of an account that began before this one, newest first.
    pub async fn matches_of(
        &self,
        account: PlayerId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<MatchRow>, StoreError> {
        let sql = "SELECT m.match_id, m.started_at, m.ended_at, m.winner FROM match_players p
                   JOIN matches m ON m.match_id = p.match_id WHERE p.account_id = $1 AND m.ended_at IS NOT NULL
                   AND ($2 IS NULL OR m.match_id < $2) ORDER BY m.match_id DESC LIMIT $3";
        Ok(browse!(self.db(), pool => {
            let query = sqlx::query_as(sql).bind(account.0).bind(before).bind(i64::from(limit));
            query.fetch_all(pool).await?
        }))
    }
}
