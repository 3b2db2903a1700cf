//! The night (spec 1.3, 1.7): choices by role, when it may close early, and what becomes of them.
//!
//! Owns night choices and their resolution. Called for `game.night` and at the night's close. Never names a role but
//! through `roles/`, and never lets those who may not know see that anybody has acted.

use super::{
    Mafia, Player,
    ballots::unique_top,
    chance,
    phase::Phase,
    push_all, push_to, refused,
    roles::{Actor, Stage},
    shapes::{Cause, Finding, NightChoice},
};
use crate::{
    clock::UnixMs,
    game::{Effect, Refusal},
    ids::PlayerId,
};
use rand::RngExt as _;
use serde_json::json;
use std::collections::BTreeSet;

/// The early close comes up to so many ms after the last choice.
const CLOSE_JITTER_MS: u64 = 5_000;

/// What a night's acts come to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    blocked: BTreeSet<PlayerId>,
    strikes: Vec<PlayerId>,
    protected: BTreeSet<PlayerId>,
    findings: Vec<(PlayerId, PlayerId, bool)>,
}

impl Outcome {
    /// The target's own act is void.
    pub(super) fn block(&mut self, target: PlayerId) {
        self.blocked.insert(target);
    }
    /// One voice for the target's death.
    pub(super) fn strike(&mut self, target: PlayerId) {
        self.strikes.push(target);
    }
    /// The target survives.
    pub(super) fn protect(&mut self, target: PlayerId) {
        self.protected.insert(target);
    }
    /// `by` learns whether the target is mafia.
    pub(super) fn learn(&mut self, by: PlayerId, target: PlayerId, mafia: bool) {
        self.findings.push((by, target, mafia));
    }
    /// Who dies: the unique plurality's victim, unless protected.
    fn victim(&self) -> Option<PlayerId> {
        unique_top(self.strikes.iter()).filter(|victim| !self.protected.contains(victim))
    }
}

impl Mafia {
    /// `game.night`: by the living whose role acts, changeable until the close.
    pub(super) fn choose(
        &mut self,
        by: PlayerId,
        target: Option<PlayerId>,
        now: UnixMs,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if !matches!(self.phase, Phase::Night { .. }) {
            return Err(refused("it is not night"));
        }
        let Some(actor) = self.player(by).map(as_actor) else {
            return Err(refused("you do not play in this game"));
        };
        let Some(rules) = &actor.role.spec().night else { return Err(refused("your role sleeps at night")) };
        if let Some(target) = target {
            (rules.may_target)(actor, as_actor(self.living_target(target)?)).map_err(refused)?;
        }
        let Phase::Night { choices, .. } = &mut self.phase else { return Ok(()) };
        if choices.insert(by, target) != Some(target) {
            let choice = NightChoice { by, role: actor.role, target };
            let to = self.with_the_dead(|p| self.may_see_choice(p, actor));
            push_to(out, to, "game.night_choice", choice);
        }
        self.consider_early_close(now);
        Ok(())
    }

    /// Whether a living player may see the night choice of another: his own, and his partners' if they choose together.
    pub(super) fn may_see_choice(&self, viewer: &Player, by: Actor) -> bool {
        let shared = by.role.spec().night.as_ref().is_some_and(|n| n.shared);
        viewer.id == by.id || (shared && viewer.role == by.role)
    }

    /// Takes back the choice of one who is gone. A choice that names him stays and comes to nothing.
    pub(super) fn void_night_choice(&mut self, gone: PlayerId, out: &mut Vec<Effect>) {
        let Phase::Night { choices, .. } = &mut self.phase else { return };
        if choices.remove(&gone).is_none_or(|target| target.is_none()) {
            return;
        }
        let Some(actor) = self.player(gone).map(as_actor) else { return };
        let to = self.with_the_dead(|p| p.id != gone && self.may_see_choice(p, actor));
        push_to(out, to, "game.night_choice", NightChoice { by: gone, role: actor.role, target: None });
    }

    /// All that was chosen tonight, in the order in which they sit.
    pub(super) fn night_choices(&self) -> Vec<NightChoice> {
        let Phase::Night { choices, .. } = &self.phase else { return Vec::new() };
        let choice = |p: &Player| {
            choices.get(&p.id).map(|target| NightChoice { by: p.id, role: p.role, target: *target })
        };
        self.living().filter_map(choice).collect()
    }

    /// The night's end, up to and with its death; who has won is for the caller to check. Who left in the night is
    /// neither killed nor found out, though the votes for his death were votes for no one else's.
    pub(super) fn resolve_night(&mut self, out: &mut Vec<Effect>) {
        let outcome = self.outcome();
        let victim = outcome.victim().filter(|v| self.is_alive(*v));
        push_all(out, "game.night_result", json!({ "victim": victim }));
        for (by, target, mafia) in outcome.findings {
            if !self.is_alive(target) {
                continue;
            }
            let finding = Finding { target, mafia, day: self.day };
            push_to(out, self.with_the_dead(|p| p.id == by), "game.investigation", &finding);
            self.findings.push((by, finding));
        }
        if let Some(victim) = victim {
            self.die(victim, Cause::Killed, out);
        }
    }

    /// Applies the acts stage by stage. All blocks come first; a blocked player's act is void, but a block itself is
    /// never blocked.
    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let choices = self.night_choices();
        for stage in [Stage::Block, Stage::Strike, Stage::Protect, Stage::Learn] {
            for NightChoice { by, role, target } in &choices {
                let Some(rules) = role.spec().night.as_ref().filter(|n| n.stage == stage) else { continue };
                let void = stage != Stage::Block && outcome.blocked.contains(by);
                if let Some(target) = target.and_then(|t| self.player(t)).filter(|_| !void) {
                    (rules.act)(&mut outcome, Actor { id: *by, role: *role }, as_actor(target));
                }
            }
        }
        outcome
    }

    /// With `night_early_close`: once all who may act have, the night ends at its half or now, whichever is later,
    /// plus a jitter drawn from the seed; never later than announced.
    fn consider_early_close(&mut self, now: UnixMs) {
        let complete = self.settings.night_early_close && self.night_is_complete(now);
        let (half, latest) = (self.started_at + self.settings.night_ms / 2, self.ends_at);
        let (seed, day) = (&self.seed, self.day);
        if let Phase::Night { closes_at: closes_at @ None, .. } = &mut self.phase
            && complete
        {
            let jitter = chance(seed, day).random_range(0..=CLOSE_JITTER_MS);
            *closes_at = Some(latest.min(half.max(now) + jitter));
        }
    }

    fn night_is_complete(&self, now: UnixMs) -> bool {
        let Phase::Night { choices, .. } = &self.phase else { return false };
        let mut actors = self.living().filter(|p| p.role.spec().night.is_some());
        actors.all(|p| choices.contains_key(&p.id) || !self.is_awaited(p, now))
    }
}

/// A player as the roles know him.
pub(super) fn as_actor(player: &Player) -> Actor {
    Actor { id: player.id, role: player.role }
}
