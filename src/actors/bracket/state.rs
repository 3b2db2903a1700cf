//! A bracket as it stands: who is in it, its clocks, and what everybody in it sees. Pure: time, randomness and what became
//! of its matches are arguments. How rounds are made and pairs decided is `rounds`'.
//!
//! `Open` (players come in) → `Running` (a round after another, each as long as it has undecided pairs) → `Over`.

use super::{
    messages::Opening,
    rounds::{Pair, Round},
};
use crate::{
    actors::duel::Party,
    clock::UnixMs,
    config::Brackets,
    ids::PlayerId,
    liveops::BracketWon,
    protocol::{
        ErrorCode, Rejection,
        bracket::{BracketMode, BracketPlayer, BracketRound, BracketStatus, BracketView},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A player of the bracket, by his place in [`BracketState::entrants`]: from the start on 0 is the best.
pub(super) type Seed = usize;

/// Who has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entrant {
    pub player: Party,
    /// `rating - 2 * deviation` when he came: nobody is seeded high for few lucky games.
    pub strength: f64,
}

/// A bracket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BracketState {
    pub showtime: Uuid,
    pub opening: Opening,
    pub status: BracketStatus,
    pub entrants: Vec<Entrant>,
    pub rounds: Vec<Round>,
    pub winner: Option<Seed>,
    pub over_at: Option<UnixMs>,
}

impl BracketState {
    /// Nobody is in it yet.
    pub fn new(showtime: Uuid, opening: Opening) -> Self {
        Self {
            showtime,
            opening,
            status: BracketStatus::Open,
            entrants: Vec::new(),
            rounds: Vec::new(),
            winner: None,
            over_at: None,
        }
    }

    pub fn has(&self, player: PlayerId) -> bool {
        self.entrants.iter().any(|entrant| entrant.player.player_id == player)
    }

    /// Whether he could come in now. He who is in may always.
    pub fn admits(&self, player: PlayerId, now: UnixMs, settings: &Brackets) -> Result<(), Rejection> {
        if self.has(player) {
            return Ok(());
        }
        if self.status != BracketStatus::Open || now >= self.opening.starts_at {
            return Err(Rejection::new(ErrorCode::GameInProgress, "the bracket has started"));
        }
        if self.entrants.len() >= settings.players {
            return Err(Rejection::new(ErrorCode::RoomFull, "the bracket is full"));
        }
        Ok(())
    }

    /// He has come in, perhaps again. What he knows of the showtime is the latest.
    pub fn join(
        &mut self,
        entrant: Entrant,
        opening: Opening,
        now: UnixMs,
        settings: &Brackets,
    ) -> Result<(), Rejection> {
        self.moves(opening);
        self.admits(entrant.player.player_id, now, settings)?;
        if !self.has(entrant.player.player_id) {
            self.entrants.push(entrant);
        }
        Ok(())
    }

    /// Staff have changed the showtime; one that has started is as it is.
    pub fn moves(&mut self, opening: Opening) {
        if self.status == BracketStatus::Open {
            self.opening = opening;
        }
    }

    /// A round is to begin: the first at the start, the next when all pairs of the one before are decided.
    pub fn wants_round(&self, now: UnixMs) -> bool {
        match self.status {
            BracketStatus::Open => now >= self.opening.starts_at,
            BracketStatus::Running => {
                self.round().is_none_or(|round| round.pairs.iter().all(Pair::is_decided))
            }
            BracketStatus::Over => false,
        }
    }

    /// The round that is on.
    pub fn round(&self) -> Option<&Round> {
        self.rounds.last()
    }

    /// Who has not lost yet, in the order of the bracket.
    pub fn survivors(&self) -> Vec<PlayerId> {
        let seeds: Vec<Seed> = match self.round() {
            None => (0..self.entrants.len()).collect(),
            Some(round) => round.pairs.iter().flat_map(Pair::still_in).collect(),
        };
        seeds.into_iter().map(|seed| self.entrants[seed].player.player_id).collect()
    }

    /// When time alone changes something; `None` never does any more.
    pub fn next_wake(&self, settings: &Brackets) -> Option<UnixMs> {
        match self.status {
            BracketStatus::Open => Some(self.opening.starts_at),
            BracketStatus::Running => self.round().map(|round| round.next_wake(settings)),
            BracketStatus::Over => self.over_at.map(|at| at + settings.keep_ms),
        }
    }

    /// Nobody will ask how it ended.
    pub fn is_forgotten(&self, now: UnixMs, settings: &Brackets) -> bool {
        self.status == BracketStatus::Over && self.next_wake(settings).is_none_or(|at| at <= now)
    }

    /// It was of a run before: what happened to its matches meanwhile is looked up before its clocks decide.
    pub fn restored(&mut self, now: UnixMs, settings: &Brackets) {
        if let Some(round) = self.rounds.last_mut() {
            round.restored(now + settings.missing_ms, settings);
        }
    }

    /// What nobody can have played by now is decided. The matches that must end for it.
    pub fn wake(
        &mut self,
        now: UnixMs,
        settings: &Brackets,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> BTreeSet<Uuid> {
        match (self.status, self.rounds.last_mut()) {
            (BracketStatus::Running, Some(round)) => round.wake(now, settings, new_id),
            _ => BTreeSet::new(),
        }
    }

    /// Who has won it, if he had somebody to win against.
    pub fn won(&self) -> Option<BracketWon> {
        let winner = self.entrants[self.winner?].player.player_id;
        let players = self.rounds.first()?.pairs.iter().flat_map(|pair| pair.seeds).flatten().count();
        let (showtime, starts_at) = (self.showtime, self.opening.starts_at);
        Some(BracketWon { showtime, starts_at, mode: BracketMode::SingleElimination, winner, players })
    }

    /// What everybody in it sees.
    pub fn view(&self) -> BracketView {
        let seeded = self.status != BracketStatus::Open;
        let player = |(seed, entrant): (Seed, &Entrant)| BracketPlayer {
            player_id: entrant.player.player_id,
            nickname: entrant.player.nickname.clone(),
            seed: seeded.then_some(seed + 1),
        };
        let id_of = |seed: Seed| self.entrants[seed].player.player_id;
        let round = |round: &Round| BracketRound {
            ends_at: round.ends_at,
            pairs: round.pairs.iter().map(|pair| pair.view(id_of)).collect(),
        };
        BracketView {
            showtime: self.showtime,
            title: self.opening.title.clone(),
            mode: BracketMode::SingleElimination,
            status: self.status,
            starts_at: self.opening.starts_at,
            players: self.entrants.iter().enumerate().map(player).collect(),
            rounds: self.rounds.iter().map(round).collect(),
            winner: self.winner.map(id_of),
        }
    }
}
