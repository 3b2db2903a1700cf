//! What a player's message does to a match (spec 4.3): checked against the state, the two members and their parts.
//! Pure; a refusal changes nothing.

use super::{
    hiding,
    messages::DuelMessage,
    phase::Phase,
    state::{ACCEPTER, DuelState, REQUESTER, Side, Step},
};
use crate::{
    clock::UnixMs,
    config::DuelSection,
    ids::PlayerId,
    liveops::DuelReport,
    protocol::signal::{
        SignalCode, SignalError,
        pushes::{EndReason, FailReason},
    },
};
use serde_json::Value;
use std::borrow::Cow;

type Decided = Result<Step, SignalError>;

/// A description as the other may see it.
fn shown<'a>(sdp: &'a str, settings: &DuelSection) -> Cow<'a, str> {
    if settings.relay_only { hiding::description(sdp).into() } else { sdp.into() }
}

impl DuelState {
    /// Decides a message of this player.
    ///
    /// # Errors
    /// 403: he is no member. 404: he names another player than the other. 409, 410: not from this state. 429: more
    /// candidates than are kept.
    pub fn message(
        &mut self,
        by: PlayerId,
        message: &DuelMessage,
        now: UnixMs,
        settings: &DuelSection,
    ) -> Decided {
        let Some(side) = self.side_of(by) else {
            let stranger = SignalError::new(SignalCode::NotYours, "you are no member of this session");
            return Err(stranger.of(self.id));
        };
        match message {
            DuelMessage::Accept { requester, crossed } => {
                self.to_other(side, *requester)?;
                self.open_request(side, ACCEPTER)?;
                Ok(Step { reserve: Some(*crossed), ..Step::default() })
            }
            DuelMessage::Decline { requester } => {
                self.to_other(side, *requester)?;
                self.open_request(side, ACCEPTER)?;
                Ok(self.decline())
            }
            DuelMessage::Cancel { target } => {
                self.to_other(side, *target)?;
                self.open_request(side, REQUESTER)?;
                Ok(self.cancel())
            }
            DuelMessage::Offer { receiver, sdp } => {
                self.to_other(side, *receiver)?;
                self.offer(side, &shown(sdp, settings))
            }
            DuelMessage::Answer { receiver, sdp } => {
                self.to_other(side, *receiver)?;
                self.answer(side, &shown(sdp, settings))
            }
            DuelMessage::Candidate { receiver, candidate } => {
                self.to_other(side, *receiver)?;
                if settings.relay_only {
                    let shown = hiding::candidate(candidate);
                    return shown.map_or(Ok(Step::default()), |shown| self.candidate(side, &shown, settings));
                }
                self.candidate(side, candidate, settings)
            }
            DuelMessage::ReportConnection(connected) => {
                self.report_connection(side, *connected, now, settings)
            }
            DuelMessage::ReportResult { winner, frames, checksum } => {
                let report = DuelReport {
                    player_id: by,
                    winner: *winner,
                    frames: *frames,
                    checksum: checksum.clone(),
                };
                self.report_result(side, report, now)
            }
            DuelMessage::Leave => self.leave(side),
        }
    }

    /// The player that the message names must be the other one.
    fn to_other(&self, side: Side, named: PlayerId) -> Result<(), SignalError> {
        if self.players[1 - side].player_id == named {
            return Ok(());
        }
        let error = SignalError::new(SignalCode::NotFound, "no such player in this session");
        Err(error.of(self.id))
    }

    /// The request must be open, and he the one to say so.
    fn open_request(&self, side: Side, whose: Side) -> Result<(), SignalError> {
        match self.phase {
            Phase::Requested if side == whose => Ok(()),
            Phase::Requested => Err(self.not_your_part()),
            _ => Err(self.not_from_here()),
        }
    }

    fn not_your_part(&self) -> SignalError {
        let why = format!(
            "not your part in state {}: the requester offers and cancels, the other answers",
            self.phase.as_str()
        );
        SignalError::new(SignalCode::NotAllowed, why).of(self.id)
    }

    /// An offer may be made again: a peer has come back without his connection, or ICE restarts.
    fn offer(&mut self, side: Side, sdp: &str) -> Decided {
        if !self.phase.holds() {
            return Err(self.not_from_here());
        }
        if side != REQUESTER {
            return Err(self.not_your_part());
        }
        if self.sdp[REQUESTER].is_some() {
            self.candidates = Default::default(); // of connections that are given up
        }
        self.sdp = [Some(sdp.to_owned()), None];
        let step = self.describe(side);
        match self.phase {
            Phase::Accepted => {
                self.enter(Phase::Connecting);
                Ok(step.durably())
            }
            Phase::Connecting => {
                self.reached = [None; 2];
                Ok(step.durably())
            }
            _ => Ok(step),
        }
    }

    fn answer(&mut self, side: Side, sdp: &str) -> Decided {
        if !matches!(self.phase, Phase::Connecting | Phase::Connected) {
            return Err(self.not_from_here());
        }
        if side != ACCEPTER {
            return Err(self.not_your_part());
        }
        if self.sdp[REQUESTER].is_none() || self.sdp[ACCEPTER].is_some() {
            let why = format!("not allowed from state {}: there is no offer to answer", self.phase.as_str());
            return Err(SignalError::new(SignalCode::NotAllowed, why).of(self.id));
        }
        self.sdp[side] = Some(sdp.to_owned());
        let step = self.describe(side);
        Ok(if self.phase == Phase::Connecting { step.durably() } else { step })
    }

    /// The description goes out, and behind it the candidates that came before it.
    fn describe(&self, side: Side) -> Step {
        let step = Step::default();
        let step = self.description_push(side).into_iter().fold(step, |step, push| step.tell(1 - side, push));
        self.candidates[side]
            .iter()
            .map(|candidate| self.candidate_push(side, candidate))
            .fold(step, |step, push| step.tell(1 - side, push))
    }

    fn candidate(&mut self, side: Side, candidate: &Value, settings: &DuelSection) -> Decided {
        if !self.phase.holds() {
            return Err(self.not_from_here());
        }
        if self.phase.is_between() {
            if self.candidates[side].len() >= settings.candidates {
                let many = SignalError::new(SignalCode::TooMany, "too many candidates");
                return Err(many.of(self.id));
            }
            self.candidates[side].push(candidate.clone());
            if self.sdp[side].is_none() {
                return Ok(Step::default());
            }
        }
        Ok(Step::default().tell(1 - side, self.candidate_push(side, candidate)))
    }

    fn report_connection(
        &mut self,
        side: Side,
        connected: bool,
        now: UnixMs,
        settings: &DuelSection,
    ) -> Decided {
        match (self.phase, connected) {
            (Phase::Connecting, true) if self.sdp[ACCEPTER].is_none() => {
                let why = "not allowed from state connecting: the offer is not answered";
                Err(SignalError::new(SignalCode::NotAllowed, why).of(self.id))
            }
            (Phase::Connecting, true) => {
                self.reached[side] = Some(true);
                if self.reached != [Some(true); 2] {
                    return Ok(Step::default());
                }
                self.enter(Phase::Connected);
                self.deadline = now + settings.longest_ms;
                (self.sdp, self.candidates) = Default::default();
                let step = Step::default().durably();
                Ok(step.tell(0, self.started_push(0)).tell(1, self.started_push(1)))
            }
            (Phase::Accepted | Phase::Connecting, false) => Ok(self.fail(FailReason::ConnectionFailed)),
            (Phase::Connected, _) => {
                self.reached[side] = Some(connected);
                Ok(if self.reached == [Some(false); 2] {
                    self.end(EndReason::ConnectionLost)
                } else {
                    Step::default()
                })
            }
            _ => Err(self.not_from_here()),
        }
    }

    fn report_result(&mut self, side: Side, report: DuelReport, now: UnixMs) -> Decided {
        if self.phase != Phase::Connected {
            return Err(self.not_from_here());
        }
        if report.winner.is_some_and(|winner| self.side_of(winner).is_none()) {
            let error =
                SignalError::new(SignalCode::BadMessage, "winnerId is one of the two players, or null");
            return Err(error.of(self.id));
        }
        if let Some(before) = &self.reports[side] {
            if *before == report {
                return Ok(Step::default()); // said again
            }
            let why = "not allowed from state connected: you have reported another result";
            return Err(SignalError::new(SignalCode::NotAllowed, why).of(self.id));
        }
        self.reports[side] = Some(report);
        self.first_report.get_or_insert(now);
        Ok(if self.reports.iter().all(Option::is_some) {
            self.end(EndReason::Result)
        } else {
            Step::default().durably()
        })
    }

    fn leave(&mut self, side: Side) -> Decided {
        match (self.phase, side) {
            (Phase::Requested, REQUESTER) => Ok(self.cancel()),
            (Phase::Requested, _) => Ok(self.decline()),
            (Phase::Accepted | Phase::Connecting, _) => {
                self.left = Some(side);
                Ok(self.fail(FailReason::PeerLeft))
            }
            (Phase::Connected, _) => {
                self.left = Some(side);
                Ok(self.end(EndReason::PeerLeft))
            }
            _ => Err(self.not_from_here()),
        }
    }
}
