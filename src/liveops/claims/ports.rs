//! What a saga needs of the world: steps on the store, and the way to the worker that grants.

use super::{
    saga::Terms,
    state::{Reason, Status},
};
use crate::{
    clock::UnixMs,
    cluster::Cluster,
    ids::PlayerId,
    liveops::counters::Counters,
    protocol::Push,
    store::{ClaimRow, EventRow, GrantResult, GrantRewardCommand, Reserved, Store, StoreError, Undone},
};
use std::{future::Future, sync::Arc};
use uuid::Uuid;

/// Each step is one transaction: it happened whole or not at all. An error means that nobody knows which.
pub(crate) trait Steps {
    /// The claim as it is.
    fn load(&self, id: Uuid) -> impl Future<Output = Result<Option<ClaimRow>, StoreError>>;
    /// Its event and reward.
    fn terms(&self, claim: &ClaimRow) -> impl Future<Output = Result<Option<Terms>, StoreError>>;
    /// What its account did while the event was on.
    fn activity(
        &self,
        claim: &ClaimRow,
        event: &EventRow,
    ) -> impl Future<Output = Result<Counters, StoreError>>;
    /// See [`Store::advance_claim`].
    fn advance(
        &self,
        id: Uuid,
        way: (Status, Status),
        reason: Option<Reason>,
        due: Option<UnixMs>,
        now: UnixMs,
    ) -> impl Future<Output = Result<Option<ClaimRow>, StoreError>>;
    /// See [`Store::reserve_claim`].
    fn reserve(
        &self,
        claim: &ClaimRow,
        due: UnixMs,
        now: UnixMs,
    ) -> impl Future<Output = Result<Reserved, StoreError>>;
    /// See [`Store::compensate_claim`].
    fn compensate(
        &self,
        claim: &ClaimRow,
        reason: Reason,
        now: UnixMs,
    ) -> impl Future<Output = Result<Undone, StoreError>>;
    /// See [`Store::claim_failed`].
    fn failed(&self, id: Uuid, due: UnixMs, now: UnixMs) -> impl Future<Output = Result<(), StoreError>>;
}

/// The way to the worker that grants: the command was sent in the transaction in which the claim came to `granting`.
///
/// At least once: a command whose result did not come is sent again. `None`: the result comes later, by another run
/// of the saga, to which the worker's answer is the row of the grant.
pub(crate) trait GrantPort {
    /// What became of it, as far as it is known. It was sent at `since`.
    fn grant(
        &self,
        command: GrantRewardCommand,
        since: UnixMs,
    ) -> impl Future<Output = Result<Option<GrantResult>, StoreError>>;
}

/// Tells a player, wherever his session is; at most once.
pub(crate) trait Announce: Send + Sync + 'static {
    /// Queues it at once.
    fn tell(&self, player: PlayerId, push: Arc<Push>);
}

impl Announce for Cluster {
    fn tell(&self, player: PlayerId, push: Arc<Push>) {
        self.push_to_player(player, push);
    }
}

impl Steps for Store {
    async fn load(&self, id: Uuid) -> Result<Option<ClaimRow>, StoreError> {
        self.claim(id).await
    }

    async fn terms(&self, claim: &ClaimRow) -> Result<Option<Terms>, StoreError> {
        Ok(self.event(claim.event_id).await?.zip(self.reward(claim.reward_id).await?))
    }

    async fn activity(&self, claim: &ClaimRow, event: &EventRow) -> Result<Counters, StoreError> {
        let (from, to) = (UnixMs(event.starts_at), UnixMs(event.ends_at));
        Self::activity(self, PlayerId(claim.account_id), Some(from), Some(to)).await
    }

    async fn advance(
        &self,
        id: Uuid,
        way: (Status, Status),
        reason: Option<Reason>,
        due: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<Option<ClaimRow>, StoreError> {
        match (way.1, due) {
            (Status::Granting, Some(due)) => self.send_grant(id, due, now).await,
            _ => self.advance_claim(id, way, reason, due, now).await,
        }
    }

    async fn reserve(&self, claim: &ClaimRow, due: UnixMs, now: UnixMs) -> Result<Reserved, StoreError> {
        self.reserve_claim(claim, due, now).await
    }

    async fn compensate(&self, claim: &ClaimRow, reason: Reason, now: UnixMs) -> Result<Undone, StoreError> {
        self.compensate_claim(claim, reason, now).await
    }

    async fn failed(&self, id: Uuid, due: UnixMs, now: UnixMs) -> Result<(), StoreError> {
        self.claim_failed(id, due, now).await
    }
}
