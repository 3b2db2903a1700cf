//! Police (spec 1.7): learns at night's end whether one player is mafia; nothing if blocked.

use super::{Actor, Count, NightRules, RoleSpec, Side, Stage};
use crate::{
    game::mafia::{bot::Table, night::Outcome},
    ids::PlayerId,
};
use rand_chacha::ChaCha8Rng;

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "police",
    side: Side::Citizens,
    count: Count::Fixed(0),
    night: Some(NightRules { stage: Stage::Learn, shared: false, may_target, act, bot }),
    wins_when_executed: false,
};

fn may_target(by: Actor, target: Actor) -> Result<(), &'static str> {
    if by.id == target.id { Err("investigate somebody else") } else { Ok(()) }
}

fn act(night: &mut Outcome, by: Actor, target: Actor) {
    night.learn(by.id, target.id, target.role.is_mafia());
}

/// Somebody not yet investigated.
fn bot(table: &Table, rng: &mut ChaCha8Rng) -> Option<PlayerId> {
    table.pick(rng, |p| table.finding(p).is_none())
}
