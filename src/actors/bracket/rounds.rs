//! Rounds: who meets whom, and what becomes of a pair when its match has ended. Pure.
//!
//! Standard seeding: the best meets the last, and the two best can meet in the final alone. Where players are missing up to
//! the next power of two, those who would have met them, the best, have a bye.

use super::state::{BracketState, Seed};
use crate::{
    clock::UnixMs,
    config::Brackets,
    ids::PlayerId,
    protocol::bracket::{BracketPair, BracketStatus, DecidedBy, PairStatus},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Which of a pair; also of the match, whose players are in the same order.
pub(super) type Side = usize;

/// How a match ended, as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MatchEnd {
    /// This one has won.
    Won(Side),
    /// This one has left it.
    Left(Side),
    /// There was no connection; these were not there.
    Absent([bool; 2]),
    /// They do not agree who won: staff may know.
    Disputed,
    /// Nobody has won, or nobody can know.
    NoResult,
}

/// A match of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Game {
    /// Its session.
    pub id: Uuid,
    /// Its players were told of it.
    pub begun: bool,
    /// Who has not come by then has lost.
    pub show_by: UnixMs,
    /// There was one before, with no result.
    pub replayed: bool,
    /// Since when staff are waited for.
    pub disputed_at: Option<UnixMs>,
}

/// Who goes on, if anybody does, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub winner: Option<Side>,
    pub by: DecidedBy,
}

/// Two who play against each other, or one with a bye, or nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub seeds: [Option<Seed>; 2],
    /// Its last match; none of a bye.
    pub game: Option<Game>,
    pub decision: Option<Decision>,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Round {
    pub ends_at: UnixMs,
    pub pairs: Vec<Pair>,
}

impl Game {
    fn new(id: Uuid, now: UnixMs, settings: &Brackets, replayed: bool) -> Self {
        Self { id, begun: false, show_by: now + settings.show_ms, replayed, disputed_at: None }
    }
}

impl Pair {
    fn new(seeds: [Option<Seed>; 2], now: UnixMs, settings: &Brackets, id: &mut dyn FnMut() -> Uuid) -> Self {
        let game = matches!(seeds, [Some(_), Some(_)]).then(|| Game::new(id(), now, settings, false));
        let bye = Decision { winner: seeds.iter().position(Option::is_some), by: DecidedBy::Bye };
        Self { seeds, decision: game.is_none().then_some(bye), game }
    }

    pub fn is_decided(&self) -> bool {
        self.decision.is_some()
    }

    /// Who of it has not lost.
    pub fn still_in(&self) -> impl Iterator<Item = Seed> {
        match self.decision {
            None => self.seeds,
            Some(decision) => [decision.winner.and_then(|side| self.seeds[side]), None],
        }
        .into_iter()
        .flatten()
    }

    fn decide(&mut self, winner: Option<Side>, by: DecidedBy) {
        self.decision = Some(Decision { winner, by });
    }

    /// There is no telling who is better but by their seeds.
    fn better_seed(&mut self) {
        let winner = if self.seeds[0] < self.seeds[1] { 0 } else { 1 };
        self.decide(Some(winner), DecidedBy::Seed);
    }

    /// What its match comes to.
    fn ended(&mut self, end: MatchEnd, now: UnixMs, settings: &Brackets, id: &mut dyn FnMut() -> Uuid) {
        let Some(game) = self.game.as_mut().filter(|_| self.decision.is_none()) else { return };
        match end {
            MatchEnd::Won(side) => self.decide(Some(side), DecidedBy::Result),
            MatchEnd::Left(side) => self.decide(Some(1 - side), DecidedBy::Forfeit),
            MatchEnd::Absent(absent) if absent.contains(&true) => match absent {
                _ if now < game.show_by => (game.id, game.begun) = (id(), false),
                [true, true] => self.decide(None, DecidedBy::NoShow),
                [first, _] => self.decide(Some(usize::from(first)), DecidedBy::NoShow),
            },
            MatchEnd::Disputed => drop(game.disputed_at.get_or_insert(now)),
            MatchEnd::Absent(_) | MatchEnd::NoResult if game.replayed => self.better_seed(),
            MatchEnd::Absent(_) | MatchEnd::NoResult => *game = Game::new(id(), now, settings, true),
        }
    }

    /// As everybody sees it.
    pub fn view(&self, id_of: impl Fn(Seed) -> PlayerId) -> BracketPair {
        let status = match (&self.decision, &self.game) {
            (Some(_), _) => PairStatus::Decided,
            (None, Some(game)) if game.disputed_at.is_some() => PairStatus::Disputed,
            (None, Some(game)) if game.begun => PairStatus::Playing,
            _ => PairStatus::Waiting,
        };
        let winner = self.decision.and_then(|decision| decision.winner);
        BracketPair {
            players: self.seeds.map(|seed| seed.map(&id_of)),
            status,
            session_id: self.game.as_ref().filter(|game| game.begun).map(|game| game.id),
            winner: winner.and_then(|side| self.seeds[side]).map(&id_of),
            by: self.decision.map(|decision| decision.by),
        }
    }
}

impl Round {
    fn of(slots: &[Option<Seed>], now: UnixMs, settings: &Brackets, id: &mut dyn FnMut() -> Uuid) -> Self {
        let pair =
            |two: &[Option<Seed>]| Pair::new([two[0], two.get(1).copied().flatten()], now, settings, id);
        Self { ends_at: now + settings.round_ms, pairs: slots.chunks(2).map(pair).collect() }
    }

    /// When [`wake`](Self::wake) has something to do.
    pub fn next_wake(&self, settings: &Brackets) -> UnixMs {
        let open = self.pairs.iter().filter(|pair| !pair.is_decided());
        let disputed = open.filter_map(|pair| pair.game.as_ref()?.disputed_at);
        disputed.map(|at| at + settings.verdict_ms).fold(self.ends_at, UnixMs::min)
    }

    /// Its end, and that of waiting for staff, are not before this.
    pub fn restored(&mut self, least: UnixMs, settings: &Brackets) {
        self.ends_at = self.ends_at.max(least);
        let earliest = UnixMs(least.0.saturating_sub_unsigned(settings.verdict_ms));
        for game in self.pairs.iter_mut().filter_map(|pair| pair.game.as_mut()) {
            game.disputed_at = game.disputed_at.map(|at| at.max(earliest));
        }
    }

    /// What nobody can have played by now is decided. The matches that must end for it.
    pub fn wake(
        &mut self,
        now: UnixMs,
        settings: &Brackets,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> BTreeSet<Uuid> {
        let mut called_off = BTreeSet::new();
        let over = now >= self.ends_at;
        for pair in self.pairs.iter_mut().filter(|pair| !pair.is_decided()) {
            let Some(game) = &pair.game else { continue };
            if over {
                called_off.insert(game.id);
                pair.better_seed();
            } else if game.disputed_at.is_some_and(|at| at + settings.verdict_ms <= now) {
                pair.ended(MatchEnd::NoResult, now, settings, new_id);
            }
        }
        called_off
    }
}

impl BracketState {
    /// The players of this match, if it is to be played.
    pub fn game_mut(&mut self, id: Uuid) -> Option<&mut Pair> {
        let of =
            |pair: &&mut Pair| !pair.is_decided() && pair.game.as_ref().is_some_and(|game| game.id == id);
        self.rounds.last_mut()?.pairs.iter_mut().find(of)
    }

    /// A match has begun.
    pub fn begun(&mut self, id: Uuid) {
        if let Some(game) = self.game_mut(id).and_then(|pair| pair.game.as_mut()) {
            game.begun = true;
        }
    }

    /// A match has ended. Of one that counts no more nothing is learned.
    pub fn ended(
        &mut self,
        id: Uuid,
        end: MatchEnd,
        now: UnixMs,
        settings: &Brackets,
        new_id: &mut dyn FnMut() -> Uuid,
    ) {
        if let Some(pair) = self.game_mut(id) {
            pair.ended(end, now, settings, new_id);
        }
    }

    /// Begins the next round without these, who have their seats no more, or ends the bracket: one is left, or nobody.
    pub fn begin_round(
        &mut self,
        out: &BTreeSet<PlayerId>,
        now: UnixMs,
        settings: &Brackets,
        new_id: &mut dyn FnMut() -> Uuid,
    ) {
        if !self.wants_round(now) {
            return;
        }
        let slots = match self.rounds.last() {
            None => self.seeded(out),
            Some(round) => {
                let winner = |pair: &Pair| pair.still_in().next();
                let stays = |seed: &Seed| !out.contains(&self.entrants[*seed].player.player_id);
                round.pairs.iter().map(|pair| winner(pair).filter(stays)).collect()
            }
        };
        let left: Vec<Seed> = slots.iter().copied().flatten().collect();
        if left.len() < 2 {
            (self.status, self.winner, self.over_at) =
                (BracketStatus::Over, left.first().copied(), Some(now));
            return;
        }
        self.status = BracketStatus::Running;
        self.rounds.push(Round::of(&slots, now, settings, new_id));
    }

    /// Puts them in the order of their seeds, and into the places of the first round.
    fn seeded(&mut self, out: &BTreeSet<PlayerId>) -> Vec<Option<Seed>> {
        self.entrants.retain(|entrant| !out.contains(&entrant.player.player_id));
        self.entrants.sort_by(|a, b| b.strength.total_cmp(&a.strength)); // of equals who came first is first
        let players = self.entrants.len();
        places(players).into_iter().map(|seed| (seed < players).then_some(seed)).collect()
    }
}

/// Seeds from the top of the bracket to its bottom, for so many players: a power of two of them.
pub(super) fn places(players: usize) -> Vec<Seed> {
    let mut places = vec![0];
    while places.len() < players {
        let last = places.len() * 2 - 1;
        places = places.into_iter().flat_map(|seed| [seed, last - seed]).collect();
    }
    places
}
