//! Jester (spec 1.7): wins alone if the town executes him. Of no side, and no mafia to the police.

use super::{Count, RoleSpec, Side};

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "jester",
    side: Side::Neutral,
    count: Count::Fixed(0),
    night: None,
    wins_when_executed: true,
};
