//! Reads the counters of the activity stream.

use super::{Store, StoreError, read};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    liveops::counters::{Count, Counters},
};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;

impl Store {
    /// What this account did in `[from, to)`; no bound is no bound. Exact to the minute.
    pub(crate) async fn activity(
        &self,
        account: PlayerId,
        from: Option<UnixMs>,
        to: Option<UnixMs>,
    ) -> Result<Counters, StoreError> {
        let sql = "SELECT minute, kind, dims, n FROM activity_counters
                   WHERE account_id = $1 AND minute >= $2 AND minute < $3";
        let from = from.map_or(i64::MIN, |from| from.0.div_euclid(MINUTE_MS));
        let to = to.map_or(i64::MAX, |to| to.0.div_euclid(MINUTE_MS));
        let rows: Vec<(i64, String, String, i64)> = read!(self.db(), pool => {
            sqlx::query_as(sql).bind(account.0).bind(from).bind(to).fetch_all(pool).await?
        });
        let days: BTreeSet<i64> = rows.iter().map(|row| row.0.div_euclid(DAY_MINUTES)).collect();
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (_, kind, dims, n) in rows {
            *sums.entry((kind, dims)).or_default() += n;
        }
        let count = |((kind, dims), n): ((String, String), i64)| {
            let dims = serde_json::from_str(&dims).unwrap_or_default();
            Count { kind, dims, n }
        };
        let days_active = i64::try_from(days.len()).unwrap_or(i64::MAX);
        Ok(Counters { counts: sums.into_iter().map(count).collect(), days_active })
    }
}
