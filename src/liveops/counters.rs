//! What an account did in a window of time, as conditions of events look at it.

use std::collections::BTreeMap;

/// Counted facts of one account.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    /// By kind and dimensions.
    pub counts: Vec<Count>,
    /// Days (UTC) with any fact.
    pub days_active: i64,
}

/// How often one thing happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Count {
    pub kind: String,
    pub dims: BTreeMap<String, String>,
    pub n: i64,
}

impl Counters {
    /// Facts of this kind whose dimensions have all pairs of `filter`.
    pub(crate) fn count(&self, kind: &str, filter: &BTreeMap<String, String>) -> i64 {
        let matches = |count: &&Count| {
            count.kind == kind && filter.iter().all(|(name, value)| count.dims.get(name) == Some(value))
        };
        self.counts.iter().filter(matches).map(|count| count.n).sum()
    }
}
