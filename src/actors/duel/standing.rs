//! What a bracket asks of a match: where it stands, and that it ends. Pure.

use super::{
    messages::Standing,
    phase::Phase,
    state::{DuelState, Step},
};
use crate::{
    liveops::DuelOutcome,
    protocol::signal::pushes::{EndReason, FailReason},
};

impl DuelState {
    /// A bracket wants no result of it any more.
    pub fn call_off(&mut self) -> Step {
        match self.phase {
            Phase::Connected => self.end(EndReason::TimedOut),
            phase if phase.is_between() => self.fail(FailReason::ConnectTimeout),
            _ => Step::default(),
        }
    }

    /// For a bracket. A request that came to nothing is a match that failed.
    pub fn standing(&self) -> Standing {
        match self.phase {
            phase if !phase.is_over() => Standing::Open,
            Phase::Ended => {
                let (mut outcome, winner) = self.known_result();
                let reported = self.reports.iter().any(Option::is_some);
                if self.left.is_some() && outcome == DuelOutcome::Unreported {
                    outcome = DuelOutcome::Abandoned;
                }
                Standing::Ended { outcome, winner, left: self.left, reported }
            }
            _ => Standing::Failed { absent: [self.is_away(0), self.is_away(1)], left: self.left },
        }
    }
}
