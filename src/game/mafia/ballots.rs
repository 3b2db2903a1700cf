//! Votes and verdicts (spec 1.3): casting, counting, and when a ballot phase is complete.
//!
//! Owns the ballots of the day. Called for `game.vote` and `game.verdict`, at their close, and when somebody leaves.
//! Never shows who gave which verdict, nor, with `anonymous_votes`, who named whom.

use super::{
    Mafia, Player,
    phase::Phase,
    push_tally, refused,
    shapes::{VerdictTally, Votes},
};
use crate::{
    clock::UnixMs,
    game::{Effect, Refusal},
    ids::PlayerId,
};
use std::collections::BTreeMap;

impl Mafia {
    /// `game.vote`: by the living, changeable until the close; oneself may be named.
    pub(super) fn vote(
        &mut self,
        by: PlayerId,
        suspect: Option<PlayerId>,
        now: UnixMs,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if !matches!(self.phase, Phase::Vote { .. }) {
            return Err(refused("there is no vote now"));
        }
        if let Some(suspect) = suspect {
            self.living_target(suspect)?;
        }
        let Phase::Vote { ballots } = &mut self.phase else { return Ok(()) };
        let changed = ballots.insert(by, suspect) != Some(suspect);
        if changed {
            self.push_votes(out);
        }
        if !self.settings.anonymous_votes {
            self.note_presence(by, out);
        }
        if self.vote_is_complete(now) {
            self.close_phase(now, out);
        }
        Ok(())
    }

    /// `game.verdict`: by the living but the accused, changeable until the close.
    pub(super) fn judge(
        &mut self,
        by: PlayerId,
        execute: bool,
        now: UnixMs,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Phase::Verdict { accused, ballots } = &mut self.phase else {
            return Err(refused("there is no verdict to give now"));
        };
        if *accused == by {
            return Err(refused("the accused does not judge himself"));
        }
        let changed = ballots.insert(by, execute) != Some(execute);
        if changed {
            self.push_verdict_tally(out);
        }
        if self.verdict_is_complete(now) {
            self.close_phase(now, out);
        }
        Ok(())
    }

    /// What `game.votes` says; `None` outside the vote.
    pub(super) fn votes(&self) -> Option<Votes> {
        let Phase::Vote { ballots } = &self.phase else { return None };
        let mut tally: BTreeMap<PlayerId, Vec<PlayerId>> = BTreeMap::new();
        let mut abstained = Vec::new();
        for (voter, suspect) in ballots {
            suspect.map_or(&mut abstained, |s| tally.entry(s).or_default()).push(*voter);
        }
        if self.settings.anonymous_votes {
            let counts = tally.into_iter().map(|(suspect, voters)| (suspect, voters.len())).collect();
            return Some(Votes::Anonymous { counts, abstained: abstained.len() });
        }
        Some(Votes::Named { tally, abstained })
    }

    /// Who has a ballot in the open vote, an abstention being one.
    pub(super) fn day_voters(&self) -> impl Iterator<Item = PlayerId> {
        let ballots = match &self.phase {
            Phase::Vote { ballots } => Some(ballots),
            _ => None,
        };
        ballots.into_iter().flat_map(|ballots| ballots.keys().copied())
    }

    /// What `game.verdict_tally` says; `None` outside the verdict.
    pub(super) fn verdict_tally(&self) -> Option<VerdictTally> {
        let Phase::Verdict { ballots, .. } = &self.phase else { return None };
        let yes = ballots.values().filter(|execute| **execute).count();
        Some(VerdictTally { yes, no: ballots.len() - yes })
    }

    /// The suspect whom more have named than any other.
    pub(super) fn top_suspect(&self) -> Option<PlayerId> {
        let Phase::Vote { ballots } = &self.phase else { return None };
        unique_top(ballots.values().flatten())
    }

    /// Takes back the ballots of one who is gone. Ballots that name him become abstentions, so that their voters
    /// still have one and may choose again.
    pub(super) fn void_day_ballots(&mut self, gone: PlayerId, out: &mut Vec<Effect>) {
        let changed = match &mut self.phase {
            Phase::Vote { ballots } => {
                let named = ballots.values_mut().filter(|s| **s == Some(gone)).map(|s| *s = None).count();
                ballots.remove(&gone).is_some() || named > 0
            }
            Phase::Verdict { ballots, .. } => ballots.remove(&gone).is_some(),
            _ => false,
        };
        if changed {
            self.push_votes(out);
            self.push_verdict_tally(out);
        }
    }

    /// Whether one more ballot of this player is worth waiting for: he is there, or dropped a moment ago.
    pub(super) fn is_awaited(&self, player: &Player, now: UnixMs) -> bool {
        player.dropped_at.is_none_or(|dropped_at| now < dropped_at + self.drop_grace_ms)
    }

    fn vote_is_complete(&self, now: UnixMs) -> bool {
        let Phase::Vote { ballots } = &self.phase else { return false };
        self.living().all(|p| ballots.contains_key(&p.id) || !self.is_awaited(p, now))
    }
    fn verdict_is_complete(&self, now: UnixMs) -> bool {
        let Phase::Verdict { accused, ballots } = &self.phase else { return false };
        let mut jury = self.living().filter(|p| p.id != *accused);
        jury.all(|p| ballots.contains_key(&p.id) || !self.is_awaited(p, now))
    }
    fn push_votes(&self, out: &mut Vec<Effect>) {
        if let Some(votes) = self.votes() {
            push_tally(out, "game.votes", votes);
        }
    }
    fn push_verdict_tally(&self, out: &mut Vec<Effect>) {
        if let Some(tally) = self.verdict_tally() {
            push_tally(out, "game.verdict_tally", tally);
        }
    }
}

/// What is named more often than anything else; `None` on a tie or if nothing is named.
pub(super) fn unique_top<'a>(named: impl Iterator<Item = &'a PlayerId>) -> Option<PlayerId> {
    let mut counts: BTreeMap<PlayerId, usize> = BTreeMap::new();
    for id in named {
        *counts.entry(*id).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    let mut top = counts.into_iter().filter(|(_, n)| *n == most);
    match (top.next(), top.next()) {
        (Some((id, _)), None) => Some(id),
        _ => None,
    }
}
