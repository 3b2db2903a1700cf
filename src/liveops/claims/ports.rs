//! What a saga needs of the world: steps on the store, and the way to the worker that grants.

use super::{
    saga::Terms,
    state::{Reason, Status},
};
use crate::{
    clock::{SharedClock, UnixMs},
    cluster::Cluster,
    ids::PlayerId,
    liveops::counters::Counters,
    protocol::Push,
    store::{ClaimRow, EventRow, GrantResult, GrantRewardCommand, Reserved, Store, StoreError, Undone},
};
use rand::RngExt as _;
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

/// Carries a [`GrantRewardCommand`] to the worker that grants.
///
/// At least once: a command whose result did not come is sent again. `None`: the result comes later, by another run
/// of the saga, to which the worker's answer is the row of the grant.
pub(crate) trait GrantPort {
    /// Sends it.
    fn grant(
        &self,
        command: GrantRewardCommand,
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
        self.advance_claim(id, way, reason, due, now).await
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

/// The worker in this process.
#[derive(Clone)]
pub(crate) struct Granter {
    pub store: Store,
    pub clock: SharedClock,
}

impl GrantPort for Granter {
    async fn grant(&self, command: GrantRewardCommand) -> Result<Option<GrantResult>, StoreError> {
        self.store.grant(&command, &coupon_code(), self.clock.now()).await.map(Some)
    }
}

/// `XXXX-XXXX-XXXX-XXXX` of 80 random bits, without letters that look like digits. Worth money: it never comes from a
/// generator that can be repeated.
fn coupon_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's
    const BITS: u32 = 5;
    let mut bits: u128 = rand::rng().random();
    let mut code = String::with_capacity(19);
    for n in 0..16 {
        if n > 0 && n % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[(bits % 32) as usize]));
        bits >>= BITS;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_readable_and_differ() {
        let codes: std::collections::BTreeSet<String> = (0..1_000).map(|_| coupon_code()).collect();
        assert_eq!(codes.len(), 1_000);
        for code in codes {
            assert_eq!(code.len(), 19);
            assert!(code.split('-').all(|part| part.len() == 4), "{code}");
            assert!(!code.contains(['I', 'L', 'O', 'U']), "{code}");
        }
    }
}
