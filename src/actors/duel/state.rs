//! A match as it stands, its clocks and its ends. Pure: time is an argument. What players' messages do is `rules`'.
//!
//! `requested → accepted → connecting → connected → (ended)`, with the side exits `declined`, `cancelled`, `expired` and
//! `failed` (spec 4.3).

use super::{messages::Party, phase::Phase};
use crate::{
    clock::UnixMs,
    config::DuelSection,
    ids::{DuelId, PlayerId},
    liveops::{DuelFinished, DuelOutcome, DuelReport},
    protocol::{
        Push,
        signal::{
            SignalCode, SignalError,
            pushes::{
                EndReason, FailReason, IceCandidateReceived, MatchEnded, MatchFailed, MatchRequestAccepted,
                MatchRequestCancelled, MatchRequestDeclined, MatchRequestSent, MatchResult, MatchStarted,
                SdpAnswerReceived, SdpOfferReceived,
            },
        },
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Which of the two: 0 is the requester, who offers; 1 the accepter, who answers.
pub type Side = usize;
/// The requester.
pub const REQUESTER: Side = 0;
/// Whom he asked.
pub const ACCEPTER: Side = 1;

/// What is to be done once a decision is committed.
#[derive(Debug, Default)]
pub struct Step {
    /// Who is told what, in order.
    pub tells: Vec<(Side, Arc<Push>)>,
    /// The state must be in the store before anybody is told.
    pub durable: bool,
    /// Nothing has changed yet: both players are to be held for this match, then [`DuelState::accepted`] decides. True
    /// if the requests crossed.
    pub reserve: Option<bool>,
    /// A match that had started is over.
    pub finished: Option<DuelFinished>,
    /// The message came too late: the clock has ended the match first.
    pub refused: Option<SignalError>,
}

impl Step {
    pub(super) fn tell(mut self, side: Side, push: Arc<Push>) -> Self {
        self.tells.push((side, push));
        self
    }

    /// A message was taken from the mailbox after the match's time, and is refused because of that.
    pub(super) fn late(mut self, error: SignalError) -> Self {
        self.refused = Some(error);
        self
    }

    pub(super) fn durably(mut self) -> Self {
        self.durable = true;
        self
    }
}

/// A match.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DuelState {
    pub(super) id: DuelId,
    pub(super) players: [Party; 2],
    pub(super) phase: Phase,
    /// When it expires, has failed, or is over.
    pub(super) deadline: UnixMs,
    /// Who has had a signal session: who is arranged for may still be on his way.
    pub(super) came: [bool; 2],
    pub(super) away_since: [Option<UnixMs>; 2],
    /// The offer and the answer, until the connection.
    pub(super) sdp: [Option<String>; 2],
    /// Of each, until the connection. They go out behind his description.
    pub(super) candidates: [Vec<Value>; 2],
    /// What each says of his data channel.
    pub(super) reached: [Option<bool>; 2],
    pub(super) reports: [Option<DuelReport>; 2],
    pub(super) first_report: Option<UnixMs>,
    /// Who has left an accepted match.
    #[serde(default)]
    pub(super) left: Option<Side>,
    pub(super) wake_no: i64,
}

impl DuelState {
    fn new(id: DuelId, players: [Party; 2], phase: Phase, deadline: UnixMs) -> Self {
        Self {
            id,
            players,
            phase,
            deadline,
            came: [true; 2],
            away_since: [None; 2],
            sdp: [None, None],
            candidates: [Vec::new(), Vec::new()],
            reached: [None; 2],
            reports: [None, None],
            first_report: None,
            left: None,
            wake_no: 0,
        }
    }

    /// A request that its target has been told of.
    pub fn requested(id: DuelId, players: [Party; 2], now: UnixMs, settings: &DuelSection) -> (Self, Step) {
        let sent = MatchRequestSent { target_id: players[ACCEPTER].player_id, session_id: id };
        let state = Self::new(id, players, Phase::Requested, now + settings.answer_ms);
        (state, Step::default().tell(REQUESTER, sent.push()))
    }

    /// A match that nobody had to ask for. Who is not attached has until the deadline to come.
    pub fn arranged(
        id: DuelId,
        players: [Party; 2],
        attached: [bool; 2],
        now: UnixMs,
        settings: &DuelSection,
    ) -> (Self, Step) {
        let mut state = Self::new(id, players, Phase::Accepted, now + settings.connect_ms);
        state.came = attached;
        let told = state.accepted_push();
        (state, Step::default().durably().tell(REQUESTER, told.clone()).tell(ACCEPTER, told))
    }

    /// Both players are held: the request is a match.
    pub fn accepted(
        &mut self,
        crossed: bool,
        attached: [bool; 2],
        now: UnixMs,
        settings: &DuelSection,
    ) -> Step {
        self.enter(Phase::Accepted);
        self.deadline = now + settings.connect_ms;
        for side in [REQUESTER, ACCEPTER] {
            self.away_since[side] = (!attached[side]).then_some(now);
        }
        let told = self.accepted_push();
        let step = Step::default().durably().tell(REQUESTER, told.clone());
        if crossed { step.tell(ACCEPTER, told) } else { step }
    }

    /// It was on another node, or of a run before: its windows begin anew, and both are told where it stands.
    pub fn restored(&mut self, attached: [bool; 2], now: UnixMs, settings: &DuelSection) -> Step {
        let anew = match self.phase {
            Phase::Requested => settings.answer_ms,
            Phase::Connected => settings.report_ms,
            _ => settings.connect_ms,
        };
        let anew = now + anew;
        self.deadline = if self.phase == Phase::Connected { self.deadline.max(anew) } else { anew };
        self.first_report = self.first_report.map(|_| now);
        let mut step = Step::default();
        for side in [REQUESTER, ACCEPTER] {
            self.away_since[side] = (!attached[side] && self.came[side]).then_some(now);
            for push in self.stand(side) {
                step = step.tell(side, push);
            }
        }
        step
    }

    /// The one step from phase to phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        debug_assert!(self.phase.may_become(phase), "{:?} -> {phase:?}", self.phase);
        self.phase = phase;
    }

    /// Its id.
    pub fn id(&self) -> DuelId {
        self.id
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The two.
    pub fn players(&self) -> &[Party; 2] {
        &self.players
    }

    /// Which of the two this is.
    pub fn side_of(&self, player: PlayerId) -> Option<Side> {
        self.players.iter().position(|party| party.player_id == player)
    }

    /// Whether this player has come and is without a signal session.
    pub fn is_away(&self, side: Side) -> bool {
        !self.came[side] || self.away_since[side].is_some()
    }

    /// This player has a signal session: what he must know of the match.
    pub fn came(&mut self, side: Side) -> Step {
        if self.phase.is_over() {
            return Step::default(); // who was absent at the end was absent
        }
        (self.came[side], self.away_since[side]) = (true, None);
        self.stand(side).into_iter().fold(Step::default(), |step, push| step.tell(side, push))
    }

    /// This player has none any more.
    pub fn lost(&mut self, side: Side, now: UnixMs) -> Step {
        if self.came[side] && !self.phase.is_over() {
            self.away_since[side].get_or_insert(now);
        }
        Step::default()
    }

    /// This player is in another match.
    pub fn taken(&mut self, side: Side) -> Step {
        match (self.phase, side) {
            (Phase::Requested, REQUESTER) => self.cancel(),
            (Phase::Requested, _) => self.decline(),
            (phase, _) if phase.is_between() => self.fail(FailReason::InMatch),
            _ => Step::default(),
        }
    }

    /// Whatever is due by now.
    pub fn wake(&mut self, now: UnixMs, settings: &DuelSection) -> Step {
        let lost = |side: Side, since: &[Option<UnixMs>; 2]| {
            since[side].is_some_and(|since| since + settings.return_ms <= now)
        };
        match self.phase {
            Phase::Requested if now >= self.deadline => {
                self.enter(Phase::Expired);
                self.tell_both(self.failed_push(FailReason::Expired))
            }
            Phase::Requested if lost(REQUESTER, &self.away_since) => self.cancel(),
            Phase::Requested if lost(ACCEPTER, &self.away_since) => self.fail(FailReason::PeerLost),
            phase if phase.is_between() && now >= self.deadline => self.fail(FailReason::ConnectTimeout),
            phase if phase.is_between() && (0..2).any(|side| lost(side, &self.away_since)) => {
                self.fail(FailReason::PeerLost)
            }
            Phase::Connected if self.report_due(settings).is_some_and(|due| due <= now) => {
                self.end(EndReason::Result)
            }
            Phase::Connected if self.gone_due(settings).is_some_and(|due| due <= now) => {
                self.end(EndReason::ConnectionLost)
            }
            Phase::Connected if now >= self.deadline => self.end(EndReason::TimedOut),
            _ => Step::default(),
        }
    }

    /// When [`wake`](Self::wake) has something to do next; `None` once it is over.
    pub fn next_wake(&self, settings: &DuelSection) -> Option<UnixMs> {
        if self.phase.is_over() {
            return None;
        }
        let mut due = vec![self.deadline];
        if self.phase == Phase::Connected {
            due.extend(self.report_due(settings));
            due.extend(self.gone_due(settings));
        } else {
            due.extend(self.away_since.iter().flatten().map(|since| *since + settings.return_ms));
        }
        due.into_iter().min()
    }

    fn report_due(&self, settings: &DuelSection) -> Option<UnixMs> {
        self.first_report.map(|at| at + settings.report_ms)
    }

    fn gone_due(&self, settings: &DuelSection) -> Option<UnixMs> {
        let [a, b] = self.away_since;
        Some(a?.max(b?) + settings.gone_ms)
    }

    /// What this player must know who comes, perhaps again.
    fn stand(&self, side: Side) -> Vec<Arc<Push>> {
        match self.phase {
            phase if phase.is_between() => {
                let mut told = vec![self.accepted_push()];
                told.extend(self.description_push(1 - side));
                if self.sdp[1 - side].is_some() {
                    let candidates = self.candidates[1 - side].iter();
                    told.extend(candidates.map(|candidate| self.candidate_push(1 - side, candidate)));
                }
                told
            }
            Phase::Connected => vec![self.started_push(side)],
            _ => Vec::new(),
        }
    }

    fn accepted_push(&self) -> Arc<Push> {
        let [requester, accepter] = &self.players;
        MatchRequestAccepted {
            accepter_id: accepter.player_id,
            accepter_name: accepter.nickname.clone(),
            session_id: self.id,
            requester_id: requester.player_id,
            requester_name: requester.nickname.clone(),
        }
        .push()
    }

    /// What this player has sent to the other as his description.
    pub(super) fn description_push(&self, from: Side) -> Option<Arc<Push>> {
        let (sdp, sender_id, session_id) = (self.sdp[from].clone()?, self.players[from].player_id, self.id);
        Some(match from {
            REQUESTER => SdpOfferReceived { sender_id, sdp, session_id }.push(),
            _ => SdpAnswerReceived { sender_id, sdp, session_id }.push(),
        })
    }

    pub(super) fn candidate_push(&self, from: Side, candidate: &Value) -> Arc<Push> {
        let (sender_id, candidate) = (self.players[from].player_id, candidate.clone());
        IceCandidateReceived { sender_id, candidate, session_id: self.id }.push()
    }

    pub(super) fn started_push(&self, side: Side) -> Arc<Push> {
        let Party { player_id, nickname } = self.players[1 - side].clone();
        MatchStarted { opponent_id: player_id, opponent_name: nickname, session_id: self.id }.push()
    }

    fn failed_push(&self, reason: FailReason) -> Arc<Push> {
        MatchFailed { session_id: self.id, reason }.push()
    }

    fn tell_both(&self, push: Arc<Push>) -> Step {
        Step::default().durably().tell(REQUESTER, push.clone()).tell(ACCEPTER, push)
    }

    pub(super) fn decline(&mut self) -> Step {
        self.enter(Phase::Declined);
        let Party { player_id, nickname } = self.players[ACCEPTER].clone();
        let told =
            MatchRequestDeclined { decliner_id: player_id, decliner_name: nickname, session_id: self.id };
        Step::default().durably().tell(REQUESTER, told.push())
    }

    pub(super) fn cancel(&mut self) -> Step {
        self.enter(Phase::Cancelled);
        let told =
            MatchRequestCancelled { requester_id: self.players[REQUESTER].player_id, session_id: self.id };
        Step::default().durably().tell(ACCEPTER, told.push())
    }

    /// There will be no match.
    pub fn fail(&mut self, reason: FailReason) -> Step {
        self.enter(Phase::Failed);
        self.tell_both(self.failed_push(reason))
    }

    /// The match is over, and what is known of its result is known.
    pub(super) fn end(&mut self, reason: EndReason) -> Step {
        self.enter(Phase::Ended);
        let (mut outcome, winner) = self.known_result();
        if reason == EndReason::PeerLeft && outcome == DuelOutcome::Unreported {
            outcome = DuelOutcome::Abandoned;
        }
        let result = Some(MatchResult { outcome, winner_id: winner });
        let mut step = self.tell_both(MatchEnded { session_id: self.id, reason, result }.push());
        step.finished = Some(DuelFinished {
            session_id: self.id.0,
            players: [self.players[0].player_id, self.players[1].player_id],
            winner,
            outcome,
            reports: self.reports.iter().flatten().cloned().collect(),
        });
        step
    }

    /// Two reports must agree. Who alone reports that the other has won is believed: nobody lies himself a defeat.
    pub(super) fn known_result(&self) -> (DuelOutcome, Option<PlayerId>) {
        match &self.reports {
            [Some(a), Some(b)] if a.agrees_with(b) => (DuelOutcome::Agreed, a.winner),
            [Some(_), Some(_)] => (DuelOutcome::Disputed, None),
            [Some(only), None] | [None, Some(only)] => match only.winner {
                Some(winner) if winner != only.player_id => (DuelOutcome::Agreed, Some(winner)),
                _ => (DuelOutcome::Unreported, None),
            },
            [None, None] => (DuelOutcome::Unreported, None),
        }
    }

    /// Why a message cannot be now.
    pub(super) fn not_from_here(&self) -> SignalError {
        let error = match self.phase {
            Phase::Expired => SignalError::new(SignalCode::Expired, "the session has expired"),
            phase => {
                SignalError::new(SignalCode::NotAllowed, format!("not allowed from state {}", phase.as_str()))
            }
        };
        error.of(self.id)
    }
}
