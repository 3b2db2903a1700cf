//! Citizen: votes by day, sleeps at night. Whoever is dealt nothing else is one.

use super::{Count, RoleSpec, Side};

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "citizen",
    side: Side::Citizens,
    count: Count::Rest,
    night: None,
    wins_when_executed: false,
};
