//! Claims on rewards: a saga of durable steps, shared by the nodes (spec 2.2).
//!
//! A request writes the claim down; workers on every node lease what is due and carry it on. The pure [`state`] decides,
//! the [`saga`] performs, the store's constraints have the last word on stock, limits and grants. Called by the REST
//! API and by [`crate::node`], which starts the workers. Knows no HTTP and no session.

pub(crate) mod closing;
pub(crate) mod granting;
pub(crate) mod ports;
pub(crate) mod saga;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use crate::{
    clock::{SharedClock, UnixMs},
    config::{self, Config},
    ids::PlayerId,
    liveops::consumers::Consumer,
    protocol::Push,
    store::{ClaimRow, Store, StoreError},
};
use closing::CloseAccounts;
use granting::{CarryOn, GrantRewards, OverTheStream};
use ports::Announce;
use saga::Saga;
use serde::Serialize;
use state::Status;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use uuid::Uuid;

/// A claim as players, staff and the push `claim.changed` show it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct ClaimView {
    pub id: Uuid,
    pub event: Uuid,
    pub reward: Uuid,
    pub account: Uuid,
    /// Of the reward, as it was when it was claimed.
    pub kind: String,
    pub name: String,
    pub amount: i64,
    /// requested, checked, reserved, granting, granted, rejected, compensated
    pub status: String,
    /// Why it was rejected or compensated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    pub updated_at: i64,
}

impl From<&ClaimRow> for ClaimView {
    fn from(row: &ClaimRow) -> Self {
        Self {
            id: row.claim_id,
            event: row.event_id,
            reward: row.reward_id,
            account: row.account_id,
            kind: row.kind.clone(),
            name: row.name.clone(),
            amount: row.amount,
            status: row.status.clone(),
            reason: row.reason.clone(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl ClaimRow {
    /// Nothing happens to it any more.
    pub(crate) fn is_final(&self) -> bool {
        Status::named(&self.status).is_some_and(Status::is_final)
    }
}

/// Claims of this node; cheap to clone.
#[derive(Clone)]
pub(crate) struct Claims(Arc<Inner>);

struct Inner {
    /// The node stops: nothing is taken up any more.
    stopping: AtomicBool,
    store: Store,
    clock: SharedClock,
    settings: Arc<config::Rewards>,
    /// There is something to do.
    due: Notify,
    /// Requests that wait for the end of a claim.
    waiting: Mutex<HashMap<Uuid, Vec<oneshot::Sender<ClaimRow>>>>,
}

impl Claims {
    /// Claims on this store; nothing is worked on until [`Claims::work`].
    pub(crate) fn new(store: Store, config: &Config, clock: SharedClock) -> Self {
        let settings = Arc::new(config.rewards.clone());
        let (due, waiting) = (Notify::new(), Mutex::default());
        Self(Arc::new(Inner { stopping: AtomicBool::new(false), store, clock, settings, due, waiting }))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<oneshot::Sender<ClaimRow>>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a claim down, once for its id, and waits for its end, but not for long. `None`: there is no such reward.
    ///
    /// # Errors
    /// The database is away. The claim may have been written: repeat it under the same id.
    pub(crate) async fn request(
        &self,
        id: Uuid,
        account: PlayerId,
        of: (Uuid, Uuid),
    ) -> Result<Option<ClaimRow>, StoreError> {
        let (ended, mut end) = oneshot::channel();
        self.waiting().entry(id).or_default().push(ended); // before anybody can end it
        let waited = async {
            let Some(claim) = self.0.store.create_claim(id, account, of, self.0.clock.now()).await? else {
                return Ok(None);
            };
            self.0.due.notify_one();
            self.end_of(claim, &mut end).await.map(Some)
        }
        .await;
        end.close();
        let mut waiting = self.waiting();
        if let Some(others) = waiting.get_mut(&id) {
            others.retain(|one| !one.is_closed());
            if others.is_empty() {
                waiting.remove(&id);
            }
        }
        waited
    }

    /// The claim at its end, or as it is when the request has waited long enough. A worker of this node says when it
    /// ends; for those of others the store is looked at.
    async fn end_of(
        &self,
        claim: ClaimRow,
        end: &mut oneshot::Receiver<ClaimRow>,
    ) -> Result<ClaimRow, StoreError> {
        let until = Instant::now() + Duration::from_millis(self.0.settings.answer_ms);
        let mut pause = Duration::from_millis(self.0.settings.poll_ms);
        let mut claim = claim;
        while !claim.is_final() && Instant::now() < until {
            let look = (Instant::now() + pause).min(until);
            match tokio::time::timeout_at(look, &mut *end).await {
                Ok(Ok(ended)) => return Ok(ended),
                Ok(Err(_)) => break, // nobody here will say it
                Err(_) => {}
            }
            claim = self.0.store.claim(claim.claim_id).await?.unwrap_or(claim);
            pause *= 2;
        }
        Ok(claim)
    }

    /// Starts this node's workers, which carry on what is due, its own or other nodes'.
    pub(crate) fn work(&self, announce: Arc<dyn Announce>) {
        for _ in 0..self.0.settings.workers.max(1) {
            actix::spawn(self.clone().worker(announce.clone()));
        }
    }

    /// Who acts on facts that concern claims.
    pub(crate) fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        let (store, clock) = (self.0.store.clone(), self.0.clock.clone());
        let settings = &self.0.settings;
        let asks = (settings.grant_asks, Duration::from_millis(settings.grant_ask_ms));
        let grants = GrantRewards { store, clock, asks };
        vec![Arc::new(CloseAccounts(self.clone())), Arc::new(grants), Arc::new(CarryOn(self.clone()))]
    }

    /// The node stops: its workers end after what they are doing.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.0.due.notify_waiters();
    }

    /// One of them. It may be stopped anywhere.
    pub(crate) async fn worker(self, announce: Arc<dyn Announce>) {
        let Inner { store, clock, settings, .. } = &*self.0;
        let again_ms = settings.lease_ms;
        let grants = OverTheStream { store: store.clone(), clock: clock.clone(), again_ms };
        let saga = Saga { steps: store.clone(), grants, clock: clock.clone(), settings: settings.clone() };
        let idle = Duration::from_millis(settings.poll_ms);
        while !self.0.stopping.load(Ordering::Relaxed) {
            let now = clock.now();
            let leased = store.lease_claims(now, now + settings.lease_ms, settings.batch).await;
            let leased = leased.unwrap_or_else(|error| {
                if !self.0.stopping.load(Ordering::Relaxed) {
                    tracing::warn!(%error, "claims could not be looked for");
                }
                Vec::new()
            });
            if leased.is_empty() {
                let _ = tokio::time::timeout(idle, self.0.due.notified()).await; // either is a reason to look
                continue;
            }
            if leased.len() == settings.batch as usize {
                self.0.due.notify_one(); // there may be more than one worker can do
            }
            for claim in leased {
                self.carry_on(&saga, claim, &*announce).await;
            }
        }
    }

    async fn carry_on(&self, saga: &Saga<Store, OverTheStream>, claim: ClaimRow, announce: &dyn Announce) {
        let id = claim.claim_id;
        // One that was woken by its result has just moved; one that is found has lain for a lease.
        let found = UnixMs(claim.updated_at) + self.0.settings.lease_ms <= self.0.clock.now();
        if found && claim.status != Status::Requested.as_str() {
            metrics::counter!("playhouse_claims_resumed_total").increment(1);
        }
        let run = saga.run(claim, &|claim: &ClaimRow| self.changed(claim, announce)).await;
        if let Err(error) = run {
            tracing::warn!(%error, claim_id = %id, "a claim stays where it is until its lease has run out");
        }
    }

    fn changed(&self, claim: &ClaimRow, announce: &dyn Announce) {
        let view = serde_json::json!({"claim": ClaimView::from(claim)});
        announce.tell(PlayerId(claim.account_id), Push::new("claim.changed", &view));
        if !claim.is_final() {
            return;
        }
        let took_ms = UnixMs(claim.updated_at) - UnixMs(claim.created_at);
        metrics::counter!("playhouse_claims_total", "status" => claim.status.clone()).increment(1);
        metrics::histogram!("playhouse_claim_seconds").record(took_ms as f64 / 1_000.0);
        for ended in self.waiting().remove(&claim.claim_id).unwrap_or_default() {
            let _ = ended.send(claim.clone()); // he may have gone
        }
    }
}
