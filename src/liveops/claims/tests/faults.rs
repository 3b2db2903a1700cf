//! A process that dies before or after any call of a claim's saga, and an account that is closed before one.

use super::*;

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Before this call: nothing of it happened.
    Before(usize),
    /// After it: it happened, and its answer is lost.
    After(usize),
}

#[derive(Default)]
pub(super) struct Faults {
    pub at: Option<Fault>,
    /// The account's claims are cancelled before this call.
    pub cancel_at: Option<usize>,
    pub calls: Cell<usize>,
}

/// The store, until the process dies.
pub(super) struct Faulty<'a> {
    pub kit: &'a Kit,
    pub faults: &'a Faults,
}

impl Faulty<'_> {
    async fn call<T>(
        &self,
        account: Option<Uuid>,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let n = self.faults.calls.get();
        self.faults.calls.set(n + 1);
        let died = || Err(StoreError::Unavailable("it died".to_owned()));
        if self.faults.at == Some(Fault::Before(n)) {
            return died();
        }
        if let (Some(account), true) = (account, self.faults.cancel_at == Some(n)) {
            let (account, now) = (PlayerId(account), self.kit.clock.now());
            self.kit.store.cancel_claims(account, Reason::AccountClosed, now).await?;
        }
        let done = call.await?;
        if self.faults.at == Some(Fault::After(n)) { died() } else { Ok(done) }
    }
}

impl Steps for Faulty<'_> {
    async fn load(&self, id: Uuid) -> Result<Option<ClaimRow>, StoreError> {
        self.call(None, self.kit.store.load(id)).await
    }
    async fn terms(&self, claim: &ClaimRow) -> Result<Option<Terms>, StoreError> {
        self.call(Some(claim.account_id), self.kit.store.terms(claim)).await
    }
    async fn activity(&self, claim: &ClaimRow, event: &EventRow) -> Result<Counters, StoreError> {
        self.call(Some(claim.account_id), Steps::activity(&self.kit.store, claim, event)).await
    }
    async fn advance(
        &self,
        id: Uuid,
        way: (Status, Status),
        reason: Option<Reason>,
        due: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let account = self.kit.store.claim(id).await?.map(|claim| claim.account_id);
        self.call(account, self.kit.store.advance(id, way, reason, due, now)).await
    }
    async fn reserve(&self, claim: &ClaimRow, due: UnixMs, now: UnixMs) -> Result<Reserved, StoreError> {
        self.call(Some(claim.account_id), self.kit.store.reserve(claim, due, now)).await
    }
    async fn compensate(&self, claim: &ClaimRow, reason: Reason, now: UnixMs) -> Result<Undone, StoreError> {
        self.call(Some(claim.account_id), self.kit.store.compensate(claim, reason, now)).await
    }
    async fn failed(&self, id: Uuid, due: UnixMs, now: UnixMs) -> Result<(), StoreError> {
        self.call(None, self.kit.store.failed(id, due, now)).await
    }
}

impl GrantPort for Faulty<'_> {
    async fn grant(
        &self,
        command: GrantRewardCommand,
        since: UnixMs,
    ) -> Result<Option<GrantResult>, StoreError> {
        let (store, now) = (&self.kit.store, self.kit.clock.now());
        let granted = async {
            store.grant(&command, "0123-4567-89AB-CDEF", now).await?;
            store.grant_outcome(command.claim_id, since <= now, now).await
        };
        self.call(Some(command.account.0), granted).await
    }
}

/// Can grant nothing.
pub(super) struct Broken;

impl GrantPort for Broken {
    async fn grant(&self, _: GrantRewardCommand, _: UnixMs) -> Result<Option<GrantResult>, StoreError> {
        Err(StoreError::Bug("it cannot".to_owned()))
    }
}
