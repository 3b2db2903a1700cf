//! The settings of a Mafia room (spec 1.8): their defaults, ranges and combinations that cannot be played.
//!
//! Owns nothing but these values. Called by the room through the registry whenever somebody changes the settings
//! or starts a game. Never looks at a running game.

use super::roles::{Count, Role};
use crate::game::{InvalidSettings, RoomRules};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Seats at a table, fewest and most (spec 1.2, 1.8).
pub(super) const PLAYERS: RangeInclusive<u64> = 4..=12;
const PHASE_MS: RangeInclusive<u64> = 1_000..=600_000;
const FINAL_WORDS_MS: RangeInclusive<u64> = 1_000..=60_000;
const MAX_DAYS: RangeInclusive<u64> = 1..=100;
const MAX_TIES: RangeInclusive<u64> = 1..=20;

/// What follows a vote without a unique top (spec 1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VoteTie {
    /// Discussion again, the same day.
    #[default]
    Day,
    /// Night at once.
    Night,
}

/// What a death tells of the dead (spec 1.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reveal {
    /// Nothing.
    #[default]
    None,
    /// His side.
    Side,
    /// His role.
    Full,
}

/// How many of each role; `None` (`null`) is by head count. Absent roles are at their default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RoleCounts(BTreeMap<Role, Option<u8>>);

/// All settings (spec 1.8). Times in ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Discussion, 1,000–600,000.
    pub day_ms: u64,
    /// Naming a suspect, 1,000–600,000.
    pub vote_ms: u64,
    /// The accused speaks, 1,000–600,000.
    pub defence_ms: u64,
    /// Yes or no, 1,000–600,000.
    pub verdict_ms: u64,
    /// Night, 1,000–600,000.
    pub night_ms: u64,
    /// Last words of the condemned, 1,000–60,000; 0: none.
    pub final_words_ms: u64,
    /// Heads needed to start, 4–12.
    pub min_players: u64,
    /// The night of this day ends in a draw, 1–100.
    pub max_days: u64,
    /// What follows a tie.
    pub vote_tie: VoteTie,
    /// So many ties in a row and night falls anyhow, 1–20.
    pub max_ties: u64,
    /// Whether the night may end before its time once all who may act have.
    pub night_early_close: bool,
    /// Whether the living may write; `null`: where there is no media.
    pub living_chat: bool,
    /// Video and voice.
    pub media: bool,
    /// What a death tells.
    pub reveal_on_death: Reveal,
    /// Whether last wills are shown.
    pub wills: bool,
    /// Whether the vote shows numbers in place of names.
    pub anonymous_votes: bool,
    /// Whether strangers may watch.
    pub allow_spectators: bool,
    /// How many of each role.
    pub roles: RoleCounts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            day_ms: 90_000,
            vote_ms: 30_000,
            defence_ms: 20_000,
            verdict_ms: 15_000,
            night_ms: 30_000,
            final_words_ms: 8_000,
            min_players: 4,
            max_days: 15,
            vote_tie: VoteTie::Day,
            max_ties: 3,
            night_early_close: false,
            living_chat: false,
            media: true,
            reveal_on_death: Reveal::None,
            wills: true,
            anonymous_votes: false,
            allow_spectators: false,
            roles: RoleCounts::default(),
        }
    }
}

impl Settings {
    /// Whether the living may write by day (spec 1.4).
    pub fn living_may_chat(&self) -> bool {
        self.living_chat
    }
    /// Without media the living write, with it they talk, unless the leader says otherwise (spec 1.4).
    pub(super) fn follow(&mut self, patch: &serde_json::Value) {
        if patch.get("media").is_some() && patch.get("living_chat").is_none() {
            self.living_chat = !self.media;
        }
    }
    /// What the room must know.
    pub(super) fn room_rules(&self) -> RoomRules {
        RoomRules {
            min_players: usize::try_from(self.min_players).unwrap_or(usize::MAX),
            allow_spectators: self.allow_spectators,
            media: self.media,
        }
    }
    /// Checks ranges, and with `players` whether so many can play.
    pub(super) fn validate(&self, players: Option<usize>) -> Result<(), InvalidSettings> {
        for (field, value) in [
            ("day_ms", self.day_ms),
            ("vote_ms", self.vote_ms),
            ("defence_ms", self.defence_ms),
            ("verdict_ms", self.verdict_ms),
            ("night_ms", self.night_ms),
        ] {
            in_range(field, value, PHASE_MS)?;
        }
        if self.final_words_ms != 0 {
            in_range("final_words_ms", self.final_words_ms, FINAL_WORDS_MS)?;
        }
        in_range("min_players", self.min_players, PLAYERS)?;
        in_range("max_days", self.max_days, MAX_DAYS)?;
        in_range("max_ties", self.max_ties, MAX_TIES)?;
        self.roles.validate()?;
        players.map_or(Ok(()), |n| self.validate_for(n))
    }

    fn validate_for(&self, players: usize) -> Result<(), InvalidSettings> {
        if (players as u64) < self.min_players {
            return Err(invalid("min_players", format!("needs {} players", self.min_players)));
        }
        let counts = self.roles.resolve(players);
        if counts.iter().map(|(_, n)| n).sum::<usize>() > players {
            return Err(invalid("roles", format!("more special roles than {players} players")));
        }
        let mafia: usize = counts.iter().filter(|(role, _)| role.is_mafia()).map(|(_, n)| n).sum();
        if mafia * 2 >= players {
            return Err(invalid("roles.mafia", format!("must be fewer than half of {players} players")));
        }
        Ok(())
    }
}

fn invalid(field: impl Into<String>, message: impl Into<String>) -> InvalidSettings {
    InvalidSettings { field: field.into(), message: message.into() }
}

fn in_range(field: &str, value: u64, range: RangeInclusive<u64>) -> Result<(), InvalidSettings> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(invalid(field, format!("must be from {} to {}", range.start(), range.end())))
}

impl Default for RoleCounts {
    fn default() -> Self {
        let default = |role: Role| match role.spec().count {
            Count::Fixed(n) => Some((role, Some(n))),
            Count::ByHeads(_) => Some((role, None)),
            Count::Rest => None,
        };
        Self(Role::all().filter_map(default).collect())
    }
}

impl RoleCounts {
    /// How many of each special role are dealt to so many players, in dealing order.
    pub(super) fn resolve(&self, players: usize) -> Vec<(Role, usize)> {
        let count = |role: Role| match (&role.spec().count, self.0.get(&role).copied().flatten()) {
            (Count::Rest, _) => None,
            (_, Some(n)) => Some((role, usize::from(n))),
            (Count::Fixed(n), None) => Some((role, usize::from(*n))),
            (Count::ByHeads(by_heads), None) => Some((role, usize::from(by_heads(players)))),
        };
        Role::all().filter_map(count).collect()
    }

    fn validate(&self) -> Result<(), InvalidSettings> {
        for (role, count) in &self.0 {
            let field = format!("roles.{}", role.name());
            match (count, &role.spec().count) {
                (None, Count::Fixed(_)) => return Err(invalid(field, "must be a number")),
                (Some(0), _) if role.is_mafia() => return Err(invalid(field, "there must be mafia")),
                (Some(n), _) => in_range(&field, u64::from(*n), 0..=*PLAYERS.end())?,
                (None, _) => {}
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RoleCounts {
    /// Lays what is given over the defaults; unknown roles are refused.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut counts = Self::default();
        for (role, count) in BTreeMap::<Role, Option<u8>>::deserialize(d)? {
            match counts.0.get_mut(&role) {
                Some(slot) => *slot = count,
                None => return Err(D::Error::custom(format!("the number of {role:?}s is what remains"))),
            }
        }
        Ok(counts)
    }
}
