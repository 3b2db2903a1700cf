//! The phases (spec 1.3), each with what is known in it alone.
//!
//! Owns the ballots of the open phase: they live from its opening to its close, and no others exist. Changed by
//! `flow`, `ballots` and `night`; never changes itself.

use super::settings::Settings;
use crate::{clock::UnixMs, ids::PlayerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Ballots by voter.
pub(super) type Ballots<T> = BTreeMap<PlayerId, T>;

/// Where the game is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Discussion.
    Day,
    /// Naming a suspect; `None` abstains.
    Vote { ballots: Ballots<Option<PlayerId>> },
    /// The accused speaks.
    Defence { accused: PlayerId },
    /// To execute him or not.
    Verdict { accused: PlayerId, ballots: Ballots<bool> },
    /// The condemned speaks.
    FinalWords { accused: PlayerId },
    /// Choices by role; `None` is a choice too.
    Night {
        choices: Ballots<Option<PlayerId>>,
        /// Set once all who may act have and the night may close early.
        closes_at: Option<UnixMs>,
    },
}

impl Phase {
    pub(super) fn vote() -> Self {
        Self::Vote { ballots: Ballots::new() }
    }
    pub(super) fn verdict(accused: PlayerId) -> Self {
        Self::Verdict { accused, ballots: Ballots::new() }
    }
    pub(super) fn night() -> Self {
        Self::Night { choices: Ballots::new(), closes_at: None }
    }
    /// On the wire.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Vote { .. } => "vote",
            Self::Defence { .. } => "defence",
            Self::Verdict { .. } => "verdict",
            Self::FinalWords { .. } => "final_words",
            Self::Night { .. } => "night",
        }
    }
    /// Who stands accused.
    pub(super) fn accused(&self) -> Option<PlayerId> {
        match self {
            Self::Defence { accused } | Self::Verdict { accused, .. } | Self::FinalWords { accused } => {
                Some(*accused)
            }
            Self::Day | Self::Vote { .. } | Self::Night { .. } => None,
        }
    }
    /// How long it lasts.
    pub(super) fn length_ms(&self, settings: &Settings) -> u64 {
        match self {
            Self::Day => settings.day_ms,
            Self::Vote { .. } => settings.vote_ms,
            Self::Defence { .. } => settings.defence_ms,
            Self::Verdict { .. } => settings.verdict_ms,
            Self::FinalWords { .. } => settings.final_words_ms,
            Self::Night { .. } => settings.night_ms,
        }
    }
}
