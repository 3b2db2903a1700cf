//! Counters of what accounts did: the first consumer of the stream.

use super::{
    Fact,
    consumers::{ConsumeError, Consumer},
    groups,
};
use crate::{clock::SharedClock, store::Store};
use futures_util::future::{BoxFuture, FutureExt};
use std::collections::BTreeMap;

/// How often an account did one thing.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Count {
    /// `game_won` …
    pub kind: String,
    /// `game` → `mafia` …
    pub dims: BTreeMap<String, String>,
    /// How often.
    pub n: i64,
}

/// What an account did in a time.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Counters {
    /// One for each combination of dimensions.
    pub counts: Vec<Count>,
    /// Days (UTC) on which it did anything.
    pub days_active: i64,
}

impl Counters {
    /// How often it did this, where every dimension of the filter is as the filter says.
    pub(crate) fn count(&self, kind: &str, filter: &BTreeMap<String, String>) -> i64 {
        let matches = |count: &&Count| {
            count.kind == kind && filter.iter().all(|(name, value)| count.dims.get(name) == Some(value))
        };
        self.counts.iter().filter(matches).map(|count| count.n).sum()
    }
}

/// Counts.
pub(crate) struct CountActivity {
    store: Store,
    clock: SharedClock,
}

impl CountActivity {
    pub(crate) fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }
}

impl Consumer for CountActivity {
    fn group(&self) -> &'static str {
        groups::COUNTERS
    }

    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let (store, now, all) = (self.store.clone(), self.clock.now(), facts.len() as u64);
        async move {
            let new = store.count_facts(&facts, now).await?;
            metrics::counter!("playhouse_activity_repeated_total", "group" => groups::COUNTERS)
                .increment(all.saturating_sub(new));
            Ok(())
        }
        .boxed()
    }
}
