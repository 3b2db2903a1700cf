//! Carries one claim on, step by step, until it is over (spec 2.2).
//!
//! Before each step the claim is read, [`state::todo`] says what is next, and [`Steps`] does it in one transaction that
//! is conditional on the status it was decided from. A step that fails, or whose answer is lost, ends the run: the
//! claim's lease runs out, and whoever takes it next reads what is there and goes on. Nothing is kept in between.

use super::{
    ports::{GrantPort, Steps},
    state::{self, Outcome, Reason, Seen, Status, Todo},
};
use crate::{
    clock::{SharedClock, UnixMs},
    config,
    liveops::conditions::Condition,
    store::{ClaimRow, EventRow, GrantResult, GrantRewardCommand, Reserved, RewardRow, StoreError, Undone},
};
use std::sync::Arc;

/// What a run needs.
pub(crate) struct Saga<S, G> {
    /// Its steps on the store.
    pub steps: S,
    /// To the worker that grants.
    pub grants: G,
    /// The time of day.
    pub clock: SharedClock,
    /// Bounds.
    pub settings: Arc<config::Rewards>,
}

impl<S: Steps, G: GrantPort> Saga<S, G> {
    /// Carries a claim on as far as it goes, and says each status that it has come to.
    ///
    /// # Errors
    /// A step failed, or may have: the claim goes on when its lease has run out.
    pub(crate) async fn run(
        &self,
        claim: ClaimRow,
        changed: &impl Fn(&ClaimRow),
    ) -> Result<ClaimRow, StoreError> {
        let mut claim = claim;
        loop {
            let step = state::todo(self.seen(&claim)?);
            if step == Todo::Nothing {
                return Ok(claim);
            }
            match self.step(&claim, step).await? {
                Stepped::To(next) => {
                    changed(&next);
                    claim = next;
                }
                Stepped::Elsewhere => {
                    let id = claim.claim_id;
                    let gone = || StoreError::Bug(format!("claim {id} is gone"));
                    claim = self.steps.load(id).await?.ok_or_else(gone)?;
                }
                Stepped::Later => return Ok(claim),
            }
        }
    }

    fn seen(&self, claim: &ClaimRow) -> Result<Seen, StoreError> {
        let status = status_of(claim)?;
        let deadline = UnixMs(claim.created_at) + self.settings.deadline_ms;
        Ok(Seen {
            status,
            cancel: claim.cancel.as_deref().and_then(Reason::named),
            late: deadline <= self.clock.now(),
            worn_out: claim.tries >= self.settings.tries,
        })
    }

    async fn step(&self, claim: &ClaimRow, step: Todo) -> Result<Stepped, StoreError> {
        let outcome = match step {
            Todo::Check => self.check(claim).await?,
            Todo::Reserve => match self.steps.reserve(claim, self.due(), self.clock.now()).await? {
                Reserved::Done(next) => return Ok(Stepped::To(next)),
                Reserved::Refused(reason) => Outcome::Refused(reason),
                Reserved::Moved => return Ok(Stepped::Elsewhere),
            },
            Todo::Compensate(reason) => return self.compensate(claim, reason).await,
            Todo::Grant => match self.grant(claim).await? {
                Some(GrantResult::Granted) => Outcome::Done,
                Some(GrantResult::Refused(reason)) => return self.compensate(claim, reason).await,
                None => return Ok(Stepped::Later),
            },
            Todo::Send | Todo::Reject(_) | Todo::Nothing => Outcome::Done,
        };
        self.advance(claim, step, outcome).await
    }

    /// A change of nothing but the claim itself.
    async fn advance(&self, claim: &ClaimRow, step: Todo, outcome: Outcome) -> Result<Stepped, StoreError> {
        let wrong = || StoreError::Bug(format!("{outcome:?} does not belong to {step:?}"));
        let (to, reason) = state::after(step, outcome).ok_or_else(wrong)?;
        let due = (!to.is_final()).then(|| self.due());
        let from = status_of(claim)?;
        let moved = self.steps.advance(claim.claim_id, (from, to), reason, due, self.clock.now()).await?;
        Ok(moved.map_or(Stepped::Elsewhere, Stepped::To))
    }

    async fn check(&self, claim: &ClaimRow) -> Result<Outcome, StoreError> {
        let refused = |reason| Ok(Outcome::Refused(reason));
        let (event, reward) = match self.steps.terms(claim).await? {
            Some((event, reward)) if is_on(&event, claim.created_at) => (event, reward),
            _ => return refused(Reason::EventNotActive),
        };
        let did = self.steps.activity(claim, &event).await?;
        for condition in [Some(&event.condition), reward.condition.as_ref()].into_iter().flatten() {
            let read = Condition::read(condition, "condition");
            let read = read.map_err(|fault| StoreError::Bug(format!("a stored condition: {fault}")))?;
            if !read.is_met(&did) {
                return refused(Reason::ConditionNotMet);
            }
        }
        Ok(Outcome::Done)
    }

    /// `None`: it is not known yet, or failed and is tried again later.
    async fn grant(&self, claim: &ClaimRow) -> Result<Option<GrantResult>, StoreError> {
        match self.grants.grant(GrantRewardCommand::of(claim), UnixMs(claim.updated_at)).await {
            Err(StoreError::Bug(error)) => {
                tracing::error!(error, claim_id = %claim.claim_id, "a grant failed");
                let now = self.clock.now();
                let tries = u32::try_from(claim.tries).unwrap_or(0).min(6);
                self.steps.failed(claim.claim_id, now + (self.settings.poll_ms << tries), now).await?;
                Ok(None)
            }
            result => result,
        }
    }

    async fn compensate(&self, claim: &ClaimRow, reason: Reason) -> Result<Stepped, StoreError> {
        match self.steps.compensate(claim, reason, self.clock.now()).await? {
            Undone::Done(next) => Ok(Stepped::To(next)),
            Undone::WasGranted => self.advance(claim, Todo::Compensate(reason), Outcome::WasGranted).await,
            Undone::Moved => Ok(Stepped::Elsewhere),
        }
    }

    fn due(&self) -> UnixMs {
        self.clock.now() + self.settings.lease_ms
    }
}

/// Where a step has led.
#[allow(clippy::large_enum_variant)] // it lives for a moment, on the stack
enum Stepped {
    /// To this.
    To(ClaimRow),
    /// Somebody else moved it meanwhile.
    Elsewhere,
    /// It waits.
    Later,
}

fn status_of(claim: &ClaimRow) -> Result<Status, StoreError> {
    let unknown = || StoreError::Bug(format!("no status of a claim is called {}", claim.status));
    Status::named(&claim.status).ok_or_else(unknown)
}

/// Whether an event took claims at this time. Who asked in time is served, even if his turn comes after its end.
fn is_on(event: &EventRow, at: i64) -> bool {
    event.status == "active" && (event.starts_at..event.ends_at).contains(&at)
}

/// What a claim is decided by.
pub(crate) type Terms = (EventRow, RewardRow);
