//! What one player may know (spec 1.8 `GAME`).
//!
//! Owns the view: the only way in which the state leaves the game other than by a push. Called by the room for every
//! snapshot and by bots, which know nothing else. Never shows a living player or a spectator anybody else's role but
//! his partners', nor anybody else's night choice but theirs.

use super::{
    Mafia, Player,
    night::as_actor,
    phase::Phase,
    shapes::{Finding, GameView, NightChoice, NightView, SeatView, You},
};
use crate::{game::Viewer, ids::PlayerId};
use serde_json::{Value, json};

impl Mafia {
    /// `GAME` through these eyes.
    pub(super) fn view_of(&self, viewer: Viewer) -> GameView {
        let player = self.viewer(viewer);
        let over = self.winner.is_some();
        let knows_all = over || player.is_some_and(|p| !p.alive);
        let seat = |p: &Player| SeatView { player_id: p.id, alive: p.alive, absent: p.absent };
        let night = matches!(self.phase, Phase::Night { .. }) && !over;
        GameView {
            phase: self.phase_view(),
            you: player.map(|p| self.you(p)).unwrap_or_default().writing_to(self.channel_of(viewer)),
            players: self.players.iter().map(seat).collect(),
            votes: self.votes(),
            verdict_tally: self.verdict_tally(),
            night: night.then(|| NightView { choices: self.choices_known_to(player) }),
            deaths: self.deaths.clone(),
            roles: knows_all.then(|| self.players.iter().map(|p| (p.id, p.role)).collect()),
            winner: self.winner.clone(),
        }
    }

    /// What `game.role` says: his role and, among the mafia, the others of them.
    pub(super) fn role_of(&self, player: &Player) -> Value {
        match self.partners_of(player) {
            Some(partners) => json!({ "role": player.role, "partners": partners }),
            None => json!({ "role": player.role }),
        }
    }

    fn you(&self, player: &Player) -> You {
        You {
            role: Some(player.role),
            alive: player.alive,
            partners: self.partners_of(player),
            choice: self.choice_of(player.id),
            will: player.will.clone(),
            chat: None,
            investigations: self.findings_of(player.id),
            kick_votes: self.kick_votes_of(player.id),
        }
    }

    fn partners_of(&self, player: &Player) -> Option<Vec<PlayerId>> {
        let partners = self.players.iter().filter(|p| p.role.is_mafia() && p.id != player.id);
        player.role.is_mafia().then(|| partners.map(|p| p.id).collect())
    }

    fn findings_of(&self, police: PlayerId) -> Vec<Finding> {
        self.findings.iter().filter(|(by, _)| *by == police).map(|(_, finding)| finding.clone()).collect()
    }

    /// His ballot in this phase, `null` if he abstained.
    fn choice_of(&self, id: PlayerId) -> Option<Value> {
        match &self.phase {
            Phase::Vote { ballots: choices } | Phase::Night { choices, .. } => {
                choices.get(&id).map(|choice| json!(choice))
            }
            Phase::Verdict { ballots, .. } => ballots.get(&id).map(|execute| json!(execute)),
            Phase::Day | Phase::Defence { .. } | Phase::FinalWords { .. } => None,
        }
    }

    fn choices_known_to(&self, viewer: Option<&Player>) -> Vec<NightChoice> {
        let Some(viewer) = viewer else { return Vec::new() };
        let mut choices = self.night_choices();
        choices.retain(|choice| {
            !viewer.alive
                || self.player(choice.by).is_some_and(|by| self.may_see_choice(viewer, as_actor(by)))
        });
        choices
    }
}

impl You {
    fn writing_to(mut self, channel: Option<&'static str>) -> Self {
        self.chat = channel.map(Into::into);
        self
    }
}
