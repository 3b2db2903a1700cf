//! Doctor: keeps one player alive each night; may choose himself.

use super::{Actor, Count, NightRules, RoleSpec, Side, Stage};
use crate::{
    game::mafia::{bot::Table, night::Outcome},
    ids::PlayerId,
};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "doctor",
    side: Side::Citizens,
    count: Count::Fixed(1),
    night: Some(NightRules { stage: Stage::Protect, shared: false, may_target, act, bot }),
    wins_when_executed: false,
};

fn may_target(_by: Actor, _target: Actor) -> Result<(), &'static str> {
    Ok(())
}

fn act(night: &mut Outcome, _by: Actor, target: Actor) {
    night.protect(target.id);
}

/// Himself one night in three, else anybody.
fn bot(table: &Table, rng: &mut ChaCha8Rng) -> Option<PlayerId> {
    if rng.random_ratio(1, 3) { Some(table.me) } else { table.pick(rng, |_| true) }
}
