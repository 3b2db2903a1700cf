//! The outbox of the activity stream: facts in the transaction of what they tell, until each group has confirmed them.
//!
//! There is no cursor, for transactions become visible out of order: a row is claimed by its own `due_at`, which a claim
//! moves ahead. Whoever confirms deletes it in the transaction of his effect. Called by `liveops`; facts of rooms come
//! with the rooms' commits (`Row::Fact`).

use super::{Db, Sql, StoreError, read, write};
use crate::{
    clock::{MINUTE_MS, UnixMs},
    config::Activity,
    liveops::{Fact, groups},
};
use uuid::Uuid;

/// A fact for one group, as it is written.
pub(crate) struct OutboxRow {
    pub fact_id: Uuid,
    pub consumer: &'static str,
    pub kind: &'static str,
    pub at: i64,
    pub body: Vec<u8>,
}

impl OutboxRow {
    /// One row for each group that wants the fact.
    pub(crate) fn of(fact: &Fact) -> Result<Vec<Self>, StoreError> {
        let body = fact.seal().map_err(|error| StoreError::Bug(format!("{}: {error}", fact.kind)))?;
        let row = |consumer| Self {
            fact_id: fact.id,
            consumer,
            kind: fact.kind,
            at: fact.at.0,
            body: body.clone(),
        };
        Ok(groups::of(fact.kind).map(row).collect())
    }
}

/// A fact that is due for a group.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct DueFact {
    pub fact_id: Uuid,
    pub consumer: String,
    #[serde(with = "crate::store::wire::bytes")]
    pub body: Vec<u8>,
}

/// What became of a fact that a group could not handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Failed {
    /// It is due again at this time.
    Again(UnixMs),
    /// It is a dead letter now.
    Dead,
    /// It is not in the outbox any more.
    Gone,
}

/// What waits for a group.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub(crate) struct Lag {
    pub consumer: String,
    pub facts: i64,
    /// When the oldest happened.
    pub since: i64,
}

/// Writes a fact in the transaction that makes it true: `fact!(&mut *tx, &fact)`.
macro_rules! fact {
    ($db:expr, $fact:expr) => {{
        for row in $crate::store::OutboxRow::of($fact)? {
            sqlx::query($crate::store::ADD_FACT)
                .bind(row.fact_id)
                .bind(row.consumer)
                .bind(row.kind)
                .bind(row.at)
                .bind(&row.body)
                .execute($db)
                .await?;
        }
    }};
}

/// Confirms a fact for a group in the transaction of its effect: `if confirm!(&mut *tx, GROUP, fact_id, now) { … }`.
/// False: its effect was there before, or the fact is a dead letter by now; then there must be none.
macro_rules! confirm {
    ($db:expr, $group:expr, $fact_id:expr, $now:expr) => {{
        let (group, fact_id, now): (&str, uuid::Uuid, $crate::clock::UnixMs) = ($group, $fact_id, $now);
        let taken = sqlx::query($crate::store::TAKE_OUT).bind(fact_id).bind(group).execute($db).await?;
        taken.rows_affected() == 1 && {
            let note = sqlx::query($crate::store::NOTE_CONSUMED).bind(fact_id).bind(group).bind(now.0);
            note.execute($db).await?.rows_affected() == 1
        }
    }};
}
pub(crate) use {confirm, fact};

/// See [`fact!`].
pub(crate) const ADD_FACT: &str = "INSERT INTO outbox (fact_id, consumer, kind, at, body, tries, due_at)
                                   VALUES ($1, $2, $3, $4, $5, 0, $4) ON CONFLICT DO NOTHING";
/// See [`confirm!`].
pub(crate) const NOTE_CONSUMED: &str = "INSERT INTO consumed (fact_id, consumer, at) VALUES ($1, $2, $3)
                                        ON CONFLICT DO NOTHING";
/// See [`confirm!`].
pub(crate) const TAKE_OUT: &str = "DELETE FROM outbox WHERE fact_id = $1 AND consumer = $2";

const CLAIM: &str = "UPDATE outbox SET due_at = $2 WHERE (fact_id, consumer) IN (
                       SELECT fact_id, consumer FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3
                     ) RETURNING fact_id, consumer, body";

/// Nodes that claim at once take different rows.
const CLAIM_AMONG_NODES: &str = "UPDATE outbox SET due_at = $2 WHERE (fact_id, consumer) IN (
                                   SELECT fact_id, consumer FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3
                                   FOR UPDATE SKIP LOCKED
                                 ) RETURNING fact_id, consumer, body";

const COUNT_TRY: &str =
    "UPDATE outbox SET tries = tries + 1 WHERE fact_id = $1 AND consumer = $2 RETURNING tries";

const BURY: &str = "INSERT INTO dead_letters (id, fact_id, consumer, kind, at, body, tries, error, died_at)
                    SELECT $3, fact_id, consumer, kind, at, body, tries, $4, $5 FROM outbox
                    WHERE fact_id = $1 AND consumer = $2";

impl Sql {
    /// Facts that belong to no change but themselves. Those that are there already, or were handled, are not new.
    pub(crate) async fn add_facts(&self, facts: &[Fact]) -> Result<(), StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for fact in facts {
                fact!(&mut *tx, fact);
            }
            tx.commit().await?;
        });
        self.outbox_has_more();
        Ok(())
    }

    /// Whether facts are due. Most of the time there are none: then nothing is written, and no writer waits.
    pub(crate) async fn facts_are_due(&self, now: UnixMs) -> Result<bool, StoreError> {
        let sql = "SELECT fact_id FROM outbox WHERE due_at <= $1 LIMIT 1";
        let any: Option<Uuid> =
            read!(self.db(), pool => sqlx::query_scalar(sql).bind(now.0).fetch_optional(pool).await?);
        Ok(any.is_some())
    }

    /// Facts that are due, the longest due first: nobody else gets them until `until`.
    pub(crate) async fn claim_facts(
        &self,
        now: UnixMs,
        until: UnixMs,
        most: usize,
    ) -> Result<Vec<DueFact>, StoreError> {
        let sql = match self.db() {
            Db::Sqlite { .. } => CLAIM,
            Db::Postgres { .. } => CLAIM_AMONG_NODES,
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(write!(self.db(), pool => {
            sqlx::query_as(sql).bind(now.0).bind(until.0).bind(most).fetch_all(pool).await?
        }))
    }

    /// Claimed facts that did not get on their way: they are due again at `at`.
    pub(crate) async fn put_back(&self, facts: &[DueFact], at: UnixMs) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET due_at = $3 WHERE fact_id = $1 AND consumer = $2";
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            for fact in facts {
                sqlx::query(sql).bind(fact.fact_id).bind(&fact.consumer).bind(at.0).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// A group could not handle a fact: it comes again after a pause that doubles each time, or is a dead letter.
    pub(crate) async fn fact_failed(
        &self,
        (group, id): (&str, Uuid),
        error: &str,
        now: UnixMs,
        policy: &Activity,
    ) -> Result<Failed, StoreError> {
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let tries: Option<i64> =
                sqlx::query_scalar(COUNT_TRY).bind(id).bind(group).fetch_optional(&mut *tx).await?;
            let Some(tries) = tries else { return Ok(Failed::Gone) };
            let failed = if tries >= i64::from(policy.tries) {
                let bury = sqlx::query(BURY).bind(id).bind(group).bind(crate::chance::uuid()).bind(error);
                bury.bind(now.0).execute(&mut *tx).await?;
                sqlx::query(TAKE_OUT).bind(id).bind(group).execute(&mut *tx).await?;
                Failed::Dead
            } else {
                let again = now + pause(tries, policy);
                let sql = "UPDATE outbox SET due_at = $3 WHERE fact_id = $1 AND consumer = $2";
                sqlx::query(sql).bind(id).bind(group).bind(again.0).execute(&mut *tx).await?;
                Failed::Again(again)
            };
            tx.commit().await?;
            Ok(failed)
        })
    }

    /// What waits for each group, and how many dead letters there are.
    pub(crate) async fn activity_lag(&self) -> Result<(Vec<Lag>, i64), StoreError> {
        let sql = "SELECT consumer, COUNT(*) AS facts, MIN(at) AS since FROM outbox GROUP BY consumer";
        Ok(read!(self.db(), pool => {
            let lag = sqlx::query_as(sql).fetch_all(pool).await?;
            (lag, sqlx::query_scalar("SELECT COUNT(*) FROM dead_letters").fetch_one(pool).await?)
        }))
    }

    /// Forgets what was handled before this time, and what was counted before that.
    pub(crate) async fn sweep_activity(&self, handled: UnixMs, counted: UnixMs) -> Result<(), StoreError> {
        let minute = counted.0.div_euclid(MINUTE_MS);
        for (sql, before) in [
            ("DELETE FROM consumed WHERE at < $1", handled.0),
            ("DELETE FROM activity_counters WHERE minute < $1", minute),
        ] {
            write!(self.db(), pool => { sqlx::query(sql).bind(before).execute(pool).await?; });
        }
        Ok(())
    }
}

/// After the first failure `retry_ms`, then twice as long each time, up to `retry_most_ms`.
fn pause(tries: i64, policy: &Activity) -> u64 {
    let doublings = u32::try_from(tries - 1).unwrap_or(0).min(32);
    policy.retry_ms.saturating_mul(1 << doublings).min(policy.retry_most_ms)
}
