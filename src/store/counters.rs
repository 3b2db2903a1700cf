//! How often an account did what, by the minute: written by the first consumer of the activity stream, read by the
//! conditions of events (spec 2.2).

use super::{Db, Sql, StoreError, read, statements::cut, write};
use crate::{
    clock::{MINUTE_MS, UnixMs},
    ids::PlayerId,
    liveops::{
        Fact,
        counters::{Count, Counters},
        groups,
    },
};
use sqlx::QueryBuilder;
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY_MINUTES: i64 = 24 * 60;

/// Nodes that confirm the same facts at once take their rows in one order.
const AMONG_NODES: &str = "SELECT fact_id, consumer FROM outbox WHERE (fact_id, consumer) IN (";

const ADD: &str = " ON CONFLICT (account_id, minute, kind, dims)
                    DO UPDATE SET n = activity_counters.n + excluded.n";

/// Account, minute, kind, dimensions.
type Bucket = (Uuid, i64, &'static str, String);

impl Sql {
    /// Counts facts that were not counted before, and confirms them: all of them or none. How many were new.
    pub(crate) async fn count_facts(&self, facts: &[Fact], now: UnixMs) -> Result<u64, StoreError> {
        // In one order, for nodes that count at once wait for one another's rows.
        let facts: BTreeMap<Uuid, &Fact> = facts.iter().map(|fact| (fact.id, fact)).collect();
        let ids: Vec<Uuid> = facts.keys().copied().collect();
        let (which, lock) = match self.db() {
            Db::Sqlite { .. } => ("", ""),
            Db::Postgres { .. } => (AMONG_NODES, ") ORDER BY fact_id FOR UPDATE"),
        };
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let mut taken: Vec<Uuid> = Vec::with_capacity(ids.len());
            for some in cut(&ids) {
                let mut sql = QueryBuilder::new("DELETE FROM outbox WHERE (fact_id, consumer) IN (");
                sql.push(which);
                sql.push_values(some, |mut row, id| {
                    row.push_bind(id).push_bind(groups::COUNTERS);
                });
                sql.push(lock).push(") RETURNING fact_id");
                taken.extend(sql.build_query_scalar::<Uuid>().fetch_all(&mut *tx).await?);
            }
            taken.sort_unstable();
            let mut new: Vec<Uuid> = Vec::with_capacity(taken.len());
            for some in cut(&taken) {
                let mut sql = QueryBuilder::new("INSERT INTO consumed (fact_id, consumer, at) ");
                sql.push_values(some, |mut row, id| {
                    row.push_bind(id).push_bind(groups::COUNTERS).push_bind(now.0);
                });
                sql.push(" ON CONFLICT DO NOTHING RETURNING fact_id");
                new.extend(sql.build_query_scalar::<Uuid>().fetch_all(&mut *tx).await?);
            }
            for some in cut(&counts(new.iter().filter_map(|id| facts.get(id)))) {
                let mut sql = QueryBuilder::new("INSERT INTO activity_counters (account_id, minute, kind, dims, n) ");
                sql.push_values(some, |mut row, ((account, minute, kind, dims), n)| {
                    row.push_bind(account).push_bind(minute).push_bind(kind).push_bind(dims).push_bind(n);
                });
                sql.push(ADD).build().execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(new.len() as u64)
        })
    }

    /// What an account did in `[from, to)`; exact where both are whole minutes. `None` is no bound.
    pub(crate) async fn activity(
        &self,
        account: PlayerId,
        from: Option<UnixMs>,
        to: Option<UnixMs>,
    ) -> Result<Counters, StoreError> {
        let from = from.map_or(i64::MIN, |from| from.0.div_euclid(MINUTE_MS));
        let to = to.map_or(i64::MAX, |to| to.0.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS));
        let counts = "SELECT kind, dims, CAST(SUM(n) AS BIGINT) FROM activity_counters
                      WHERE account_id = $1 AND minute >= $2 AND minute < $3 GROUP BY kind, dims ORDER BY kind, dims";
        let days = "SELECT COUNT(DISTINCT minute / $4) FROM activity_counters
                    WHERE account_id = $1 AND minute >= $2 AND minute < $3";
        let (rows, days_active): (Vec<(String, String, i64)>, i64) = read!(self.db(), pool => {
            let rows = sqlx::query_as(counts).bind(account.0).bind(from).bind(to).fetch_all(pool).await?;
            let days = sqlx::query_scalar(days).bind(account.0).bind(from).bind(to).bind(DAY_MINUTES);
            (rows, days.fetch_one(pool).await?)
        });
        let count = |(kind, dims, n): (String, String, i64)| {
            let dims = serde_json::from_str(&dims).map_err(|error| StoreError::Bug(error.to_string()))?;
            Ok(Count { kind, dims, n })
        };
        let counts = rows.into_iter().map(count).collect::<Result<_, StoreError>>()?;
        Ok(Counters { counts, days_active })
    }
}

/// Each bucket once, in one order.
fn counts<'a>(facts: impl Iterator<Item = &'a &'a Fact>) -> Vec<(Bucket, i64)> {
    let mut buckets: BTreeMap<Bucket, i64> = BTreeMap::new();
    for bucket in facts.filter_map(|fact| bucket(fact)) {
        *buckets.entry(bucket).or_default() += 1;
    }
    buckets.into_iter().collect()
}

/// `None`: it is of nobody.
fn bucket(fact: &Fact) -> Option<Bucket> {
    let account = fact.account?.0;
    let dims = serde_json::to_string(&fact.dimensions()).unwrap_or_default();
    Some((account, fact.at.0.div_euclid(MINUTE_MS), fact.kind, dims))
}
