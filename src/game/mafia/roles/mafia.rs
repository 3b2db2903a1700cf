//! Mafia: know each other and choose together, each night, a victim who is none of them.

use super::{Actor, Count, NightRules, RoleSpec, Side, Stage};
use crate::{
    game::mafia::{bot::Table, night::Outcome},
    ids::PlayerId,
};
use rand_chacha::ChaCha8Rng;

/// The role.
pub(super) static SPEC: RoleSpec = RoleSpec {
    name: "mafia",
    side: Side::Mafia,
    count: Count::ByHeads(by_heads),
    night: Some(NightRules { stage: Stage::Strike, shared: true, may_target, act, bot }),
    wins_when_executed: false,
};

/// 4–5 players: one; 6–8: two; more: three (spec 1.3).
fn by_heads(players: usize) -> u8 {
    match players {
        0..=5 => 1,
        6..=8 => 2,
        _ => 3,
    }
}

fn may_target(_by: Actor, target: Actor) -> Result<(), &'static str> {
    if target.role.is_mafia() { Err("the mafia do not strike their own") } else { Ok(()) }
}

fn act(night: &mut Outcome, _by: Actor, target: Actor) {
    night.strike(target.id);
}

/// Follows the partner of the lowest id who has chosen, so that all end with one victim; else anybody.
fn bot(table: &Table, rng: &mut ChaCha8Rng) -> Option<PlayerId> {
    let partners = table.partner_choices();
    match (partners.first(), table.chosen()) {
        (Some((by, victim)), Some(_)) if *by < table.me => Some(*victim),
        (_, Some(mine)) => Some(mine),
        (Some((_, victim)), None) => Some(*victim),
        (None, None) => table.pick(rng, |p| !table.is_partner(p)),
    }
}
