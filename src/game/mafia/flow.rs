//! Which phase follows which (spec 1.3).
//!
//! Owns the transitions. Called when a deadline comes, a ballot completes a phase, or the accused leaves. Never
//! counts ballots itself and never decides who has won.

use super::{
    Mafia,
    phase::Phase,
    push_all,
    settings::VoteTie,
    shapes::{Cause, PhaseView},
};
use crate::{clock::UnixMs, game::Effect, ids::PlayerId};

impl Mafia {
    /// When the open phase closes: a command at or past it comes too late.
    pub(super) fn closes_at(&self) -> UnixMs {
        match &self.phase {
            Phase::Night { closes_at: Some(early), .. } => *early,
            _ => self.ends_at,
        }
    }

    /// Opens a phase, which lasts its full length from `now` even if the one before it ended late.
    pub(super) fn enter(&mut self, phase: Phase, now: UnixMs, out: &mut Vec<Effect>) {
        self.started_at = now;
        self.ends_at = now + phase.length_ms(&self.settings);
        self.phase = phase;
        push_all(out, "game.phase", self.phase_view());
    }

    /// What `game.phase` says.
    pub(super) fn phase_view(&self) -> PhaseView {
        PhaseView {
            phase: self.phase.name().into(),
            day: self.day,
            started_at: self.started_at,
            ends_at: self.ends_at,
            accused: self.phase.accused(),
        }
    }

    /// Closes the open phase and does what follows from it.
    pub(super) fn close_phase(&mut self, now: UnixMs, out: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Day => self.enter(Phase::vote(), now, out),
            Phase::Vote { .. } => self.close_vote(now, out),
            Phase::Defence { accused } => {
                let accused = *accused;
                self.enter(Phase::verdict(accused), now, out);
            }
            Phase::Verdict { .. } => self.close_verdict(now, out),
            Phase::FinalWords { accused } => {
                let accused = *accused;
                self.execute(accused, now, out);
            }
            Phase::Night { .. } => self.close_night(now, out),
        }
    }

    fn close_vote(&mut self, now: UnixMs, out: &mut Vec<Effect>) {
        let top = self.top_suspect();
        self.note_absentees(out);
        if let Some(accused) = top {
            self.ties = 0;
            self.enter(Phase::Defence { accused }, now, out);
            return;
        }
        self.ties += 1;
        if self.settings.vote_tie == VoteTie::Night || self.ties >= self.settings.max_ties {
            self.fall_night(now, out);
        } else {
            self.enter(Phase::Day, now, out);
        }
    }

    fn close_verdict(&mut self, now: UnixMs, out: &mut Vec<Effect>) {
        let tally = self.verdict_tally().unwrap_or_default();
        match self.phase.accused() {
            Some(accused) if tally.yes > tally.no && self.settings.final_words_ms > 0 => {
                self.enter(Phase::FinalWords { accused }, now, out);
            }
            Some(accused) if tally.yes > tally.no => self.execute(accused, now, out),
            _ => self.fall_night(now, out),
        }
    }

    fn execute(&mut self, accused: PlayerId, now: UnixMs, out: &mut Vec<Effect>) {
        self.die(accused, Cause::Executed, out);
        if !self.check_end(Some(accused), out) {
            self.fall_night(now, out);
        }
    }

    pub(super) fn fall_night(&mut self, now: UnixMs, out: &mut Vec<Effect>) {
        self.ties = 0;
        self.enter(Phase::night(), now, out);
    }

    fn close_night(&mut self, now: UnixMs, out: &mut Vec<Effect>) {
        self.resolve_night(out);
        if self.check_end(None, out) {
            return;
        }
        if self.day >= self.settings.max_days {
            self.finish("draw", out);
            return;
        }
        self.day += 1;
        self.enter(Phase::Day, now, out);
    }
}
