//! Escort (spec 1.7): makes one other player's night act void. Cannot be blocked himself.

use super::{Actor, Count, NightRules, RoleSpec, Side, Stage};
use crate::{
    game::mafia::{bot::Table, night::Outcome},
    ids::PlayerId,
};
use rand_chacha::ChaCha8Rng;

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "escort",
    side: Side::Citizens,
    count: Count::Fixed(0),
    night: Some(NightRules { stage: Stage::Block, shared: false, may_target, act, bot }),
    wins_when_executed: false,
};

fn may_target(by: Actor, target: Actor) -> Result<(), &'static str> {
    if by.id == target.id { Err("visit somebody else") } else { Ok(()) }
}

fn act(night: &mut Outcome, _by: Actor, target: Actor) {
    night.block(target.id);
}

/// Anybody.
fn bot(table: &Table, rng: &mut ChaCha8Rng) -> Option<PlayerId> {
    table.pick(rng, |_| true)
}
