//! The roles of Mafia: one file each, and the list that makes them part of the game.
//!
//! Owns what a role is: its side, how many of it are dealt, what it may do at night and what that does. Called by
//! the deal, the night's resolution, the views and the bots. Never touches the state of a running game.
//!
//! **A new role** is one file with a [`RoleSpec`] in it and one line in [`ALL`]; its number in the settings
//! (`roles.<name>`), its name on the wire and its place in views, deaths and replays follow from these.

mod citizen;
mod doctor;
mod escort;
mod jester;
mod mafia;
mod police;

use super::{bot::Table, night::Outcome};
use crate::ids::PlayerId;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{cmp::Ordering, fmt};

/// Every role there is, in the order in which they are dealt.
static ALL: &[&RoleSpec] =
    &[&mafia::SPEC, &doctor::SPEC, &police::SPEC, &escort::SPEC, &jester::SPEC, &citizen::SPEC];

/// Whose victory a role shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Wins when no mafia is left.
    Citizens,
    /// Wins when its living are as many as all others.
    Mafia,
    /// Has its own way to win; counts among the others.
    Neutral,
}

/// How many of a role are dealt unless the settings say otherwise.
pub(super) enum Count {
    /// So many.
    Fixed(u8),
    /// By head count; `null` in the settings.
    ByHeads(fn(usize) -> u8),
    /// Whoever got nothing else; not a setting.
    Rest,
}

/// When in the night's resolution a role's act takes place (spec 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// First: makes other acts void, and cannot itself be made void.
    Block,
    /// The choice of the victim.
    Strike,
    /// Keeps the victim alive.
    Protect,
    /// Learns something.
    Learn,
}

/// One who acts, or is acted upon, at night.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor {
    /// The player.
    pub id: PlayerId,
    /// His role.
    pub role: Role,
}

/// What a role does at night.
pub(super) struct NightRules {
    /// When its act takes place.
    pub stage: Stage,
    /// Whether the living of the same side see each other's choices.
    pub shared: bool,
    /// Why this living target may not be chosen; the text must tell the actor nothing that he does not know.
    pub may_target: fn(by: Actor, target: Actor) -> Result<(), &'static str>,
    /// What the act does, once it is not blocked and its target is still there.
    pub act: fn(&mut Outcome, by: Actor, target: Actor),
    /// Whom a bot would choose, knowing nothing but its view.
    pub bot: fn(&Table, &mut ChaCha8Rng) -> Option<PlayerId>,
}

/// All that the game knows of a role.
pub(super) struct RoleSpec {
    /// On the wire and in the settings.
    pub name: &'static str,
    /// Whose victory it shares.
    pub side: Side,
    /// How many are dealt by default.
    pub count: Count,
    /// Its night act, if it has one.
    pub night: Option<NightRules>,
    /// Whether it wins the game by being executed.
    pub wins_when_executed: bool,
}

/// A role, written as its name.
#[derive(Clone, Copy)]
pub struct Role(&'static RoleSpec);

impl Role {
    /// Every role, in the order in which they are dealt.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied().map(Self)
    }
    /// The role of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|r| r.0.name == name)
    }
    /// What the game knows of it.
    pub(super) fn spec(self) -> &'static RoleSpec {
        self.0
    }
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.0.name
    }
    /// Whose victory it shares.
    pub fn side(self) -> Side {
        self.0.side
    }
    /// Whether it is one of the mafia.
    pub fn is_mafia(self) -> bool {
        self.0.side == Side::Mafia
    }
}

impl PartialEq for Role {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}
impl Eq for Role {}
impl PartialOrd for Role {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Role {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(other.0.name)
    }
}
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}
impl Serialize for Role {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0.name)
    }
}
impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("there is no role {name:?}")))
    }
}
