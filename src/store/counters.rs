//! How often an account did what, by the minute: written by the first consumer of the activity stream, read by the
//! conditions of events (spec 2.2).

use super::{Sql, StoreError, confirm, read, write};
use crate::{
    clock::{MINUTE_MS, UnixMs},
    ids::PlayerId,
    liveops::{
        Fact,
        counters::{Count, Counters},
        groups,
    },
};
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY_MINUTES: i64 = 24 * 60;

const COUNT: &str =
    "INSERT INTO activity_counters (account_id, minute, kind, dims, n) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (account_id, minute, kind, dims)
                     DO UPDATE SET n = activity_counters.n + excluded.n";

/// Account, minute, kind, dimensions.
type Bucket = (Uuid, i64, &'static str, String);

impl Sql {
    /// Counts facts that were not counted before, and confirms them: all of them or none. How many were new.
    pub(crate) async fn count_facts(&self, facts: &[Fact], now: UnixMs) -> Result<u64, StoreError> {
        // In one order, for nodes that count at once wait for one another's rows.
        let mut facts: Vec<&Fact> = facts.iter().collect();
        facts.sort_by_key(|fact| fact.id);
        write!(self.db(), pool => {
            let mut tx = pool.begin().await?;
            let mut new = 0;
            let mut buckets: BTreeMap<Bucket, i64> = BTreeMap::new();
            for fact in facts {
                if !confirm!(&mut *tx, groups::COUNTERS, fact.id, now) {
                    continue;
                }
                new += 1;
                if let Some(bucket) = bucket(fact) {
                    *buckets.entry(bucket).or_default() += 1;
                }
            }
            for ((account, minute, kind, dims), n) in buckets {
                let count = sqlx::query(COUNT).bind(account).bind(minute).bind(kind).bind(dims);
                count.bind(n).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(new)
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

/// `None`: it is of nobody.
fn bucket(fact: &Fact) -> Option<Bucket> {
    let account = fact.account?.0;
    let dims = serde_json::to_string(&fact.dimensions()).unwrap_or_default();
    Some((account, fact.at.0.div_euclid(MINUTE_MS), fact.kind, dims))
}
