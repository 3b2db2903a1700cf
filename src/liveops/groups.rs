//! Who is told of which facts. A fact is written to the outbox once for each group that wants it.
//!
//! Read by the store when a fact is written: a group that is new in a version is told of what nodes of that version write.

use super::{duels::DUEL_FINISHED, matches::MATCH_FINISHED, schemas};

/// Those who act on a kind of facts together: each fact is handled by one of them.
pub(crate) struct Group {
    /// In the outbox, in Redis and in metrics. Never renamed.
    pub name: &'static str,
    /// Whether facts of this kind are for them.
    pub wants: fn(kind: &str) -> bool,
}

/// Counts what accounts do.
pub(crate) const COUNTERS: &str = "counters";

/// Ends the running claims of accounts that are closed.
pub(crate) const CLAIMS: &str = "claims";

/// Give what claims ask for.
pub(crate) const GRANTS: &str = "grants";

/// Carry claims on whose grants have an outcome.
pub(crate) const SAGAS: &str = "sagas";

/// Turn results into ratings.
pub(crate) const RATINGS: &str = "ratings";

/// All groups.
pub(crate) static GROUPS: &[Group] = &[
    Group { name: COUNTERS, wants: |kind| schemas::dimensions(kind).is_some() },
    Group { name: CLAIMS, wants: |kind| kind == "user_status_changed" },
    Group { name: GRANTS, wants: |kind| kind == "grant_reward" },
    Group { name: SAGAS, wants: |kind| kind == "grant_result" },
    Group { name: RATINGS, wants: |kind| [DUEL_FINISHED, MATCH_FINISHED].contains(&kind) },
];

/// The groups that want facts of this kind.
pub(crate) fn of(kind: &str) -> impl Iterator<Item = &'static str> {
    GROUPS.iter().filter(move |group| (group.wants)(kind)).map(|group| group.name)
}
