//! Recordings of matches, checked by playing them again and told as a timeline.
//!
//! Owns the [`Recording`]: the JSON which the room appends to in each commit, `GET /api/v1/matches/{id}` returns
//! and `playhouse replay FILE` reads (spec 1.3, 1.7). Knows games by their [`Registry`] alone. Never holds the
//! saved state of a game: setup and inputs are enough to have it again.

#[cfg(test)]
mod tests;
mod timeline;

pub use timeline::Timeline;

use super::{AnyGame, Effect, Input, InvalidSettings, Refusal, Registry, Seat, Setup};
use crate::{
    clock::UnixMs,
    ids::{MatchId, RoomId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One match: what it was started with, everything that happened, and what the rules made of it. It knows all
/// secrets: while [`Self::ended_at`] is not set it is for the store alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Which match.
    pub match_id: MatchId,
    /// Where it was played.
    pub room_id: RoomId,
    /// Name of the game.
    pub game: String,
    /// Version of Playhouse that recorded it: rules may change between versions.
    pub version: String,
    /// As they were when it started.
    pub settings: Value,
    /// In the order in which they sat.
    pub seats: Vec<Seat>,
    /// The only source of chance: 64 hex digits.
    pub seed: String,
    /// See [`Setup::drop_grace_ms`].
    pub drop_grace_ms: u64,
    /// When it started.
    pub started_at: UnixMs,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMs>,
    /// See [`Effect::Over`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// See [`Effect::Over`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Value>,
    /// In order; the first is the start.
    pub entries: Vec<Entry>,
}

/// One step of a match. Refused commands leave no entry: they changed nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 0 is the start; without gaps.
    pub n: u64,
    /// When it happened.
    pub at: UnixMs,
    /// What happened. Absent: the start (`n` = 0), or that the server was restarted ([`super::Game::restarted`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// What the rules made of it.
    pub effects: Vec<Effect>,
}

/// What a replay has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Steps replayed.
    pub entries: usize,
    /// Effects that came out the same.
    pub effects: usize,
    /// Who won; `None` if the recording stops before the end.
    pub winner: Option<String>,
}

/// Where a replay went another way than the recording.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// No such game here.
    #[error("there is no game {0:?} here")]
    UnknownGame(String),
    /// The game cannot be started with these settings.
    #[error("the settings cannot be played: {0}")]
    Settings(#[from] InvalidSettings),
    /// The entry that should be next is not there.
    #[error("entry {0} is missing or out of order")]
    Gap(u64),
    /// An input which was once accepted is refused.
    #[error("entry {n} at {at:?}: {input:?} is refused: {refusal}")]
    Refused {
        /// Which entry.
        n: u64,
        /// Its time.
        at: UnixMs,
        /// Its input.
        input: Box<Input>,
        /// Why.
        refusal: Refusal,
    },
    /// An effect is not what it was.
    #[error(
        "entry {n} at {at:?}, effect {effect}, after {input:?}:\n  recorded {recorded:?}\n  replayed {replayed:?}"
    )]
    Effect {
        /// Which entry.
        n: u64,
        /// Its time.
        at: UnixMs,
        /// Its input; `None` at the start or a restart.
        input: Box<Option<Input>>,
        /// The first effect that differs, counted from 0.
        effect: usize,
        /// As recorded; `None`: there was no such effect.
        recorded: Box<Option<Effect>>,
        /// As replayed; `None`: there is no such effect.
        replayed: Box<Option<Effect>>,
    },
    /// The end noted in the recording is not the one its effects tell of.
    #[error("the recording says that {recorded:?} won, its effects that {replayed:?} did")]
    Winner {
        /// As noted.
        recorded: Option<String>,
        /// As replayed.
        replayed: Option<String>,
    },
}

impl Recording {
    /// The recording of a game that has just started, with its first entry.
    pub fn open(
        match_id: MatchId,
        room_id: RoomId,
        game: &str,
        setup: Setup<Value>,
        effects: Vec<Effect>,
    ) -> Self {
        let Setup { settings, seats, seed, now, drop_grace_ms } = setup;
        let mut recording = Self {
            match_id,
            room_id,
            game: game.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            settings,
            seats,
            seed,
            drop_grace_ms,
            started_at: now,
            ended_at: None,
            winner: None,
            roles: None,
            entries: Vec::new(),
        };
        recording.append(now, None, effects);
        recording
    }

    /// Adds a step; `input: None` is a restart of the server.
    pub fn append(&mut self, at: UnixMs, input: Option<Input>, effects: Vec<Effect>) -> &Entry {
        if let Some(Effect::Over { winner, roles }) = effects.last() {
            self.ended_at = Some(at);
            self.winner = Some(winner.clone());
            self.roles = Some(roles.clone());
        }
        let n = self.entries.len();
        self.entries.push(Entry { n: n as u64, at, input, effects });
        &self.entries[n]
    }

    /// Plays the match again and compares every effect.
    pub fn verify(&self, registry: &Registry) -> Result<Report, Mismatch> {
        let kind = registry.get(&self.game).ok_or_else(|| Mismatch::UnknownGame(self.game.clone()))?;
        let (mut game, effects) = kind.start(self.setup())?;
        let mut entries = self.entries.iter();
        let first = entries.next().filter(|e| e.n == 0 && e.input.is_none()).ok_or(Mismatch::Gap(0))?;
        let mut winner = first.compare(effects)?;
        for (entry, n) in entries.zip(1..) {
            if entry.n != n {
                return Err(Mismatch::Gap(n));
            }
            winner = entry.replay(game.as_mut())?.or(winner);
        }
        if winner != self.winner {
            return Err(Mismatch::Winner { recorded: self.winner.clone(), replayed: winner });
        }
        let effects = self.entries.iter().map(|e| e.effects.len()).sum();
        Ok(Report { entries: self.entries.len(), effects, winner })
    }

    /// The match as text, for the terminal.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline(self)
    }

    /// What the match was started with.
    pub fn setup(&self) -> Setup<Value> {
        Setup {
            settings: self.settings.clone(),
            seats: self.seats.clone(),
            seed: self.seed.clone(),
            now: self.started_at,
            drop_grace_ms: self.drop_grace_ms,
        }
    }
}

impl Entry {
    /// Gives the input to the game again. Answers with the winner, if the game ended here.
    fn replay(&self, game: &mut dyn AnyGame) -> Result<Option<String>, Mismatch> {
        let Some(input) = &self.input else {
            game.restarted(self.at);
            return self.compare(Vec::new());
        };
        let refused =
            |refusal| Mismatch::Refused { n: self.n, at: self.at, input: Box::new(input.clone()), refusal };
        self.compare(game.handle(input, self.at).map_err(refused)?)
    }

    fn compare(&self, replayed: Vec<Effect>) -> Result<Option<String>, Mismatch> {
        if replayed == self.effects {
            return Ok(replayed.into_iter().find_map(|e| match e {
                Effect::Over { winner, .. } => Some(winner),
                _ => None,
            }));
        }
        let same = self.effects.iter().zip(&replayed).take_while(|(a, b)| a == b).count();
        Err(Mismatch::Effect {
            n: self.n,
            at: self.at,
            input: Box::new(self.input.clone()),
            effect: same,
            recorded: Box::new(self.effects.get(same).cloned()),
            replayed: Box::new(replayed.get(same).cloned()),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries and {} effects replayed identically; ", self.entries, self.effects)?;
        match &self.winner {
            Some(winner) => write!(f, "winner: {winner}"),
            None => f.write_str("the recording stops before the end"),
        }
    }
}
