//! What has changed about accounts and keys since: polled from SQL each second, heard over the bus at once, told to
//! the cluster, which ends the sessions that it concerns (spec 2.1).

use super::{AuthError, Identity, keys::KeyRing};
use crate::{cluster::Cluster, store::EpochChange};
use std::time::Duration;

impl Identity {
    /// Reads what has changed, and other keys if there are. Answers every change of the last while, known or not: a
    /// session may have begun between a change and the news of it.
    pub async fn poll(&self) -> Result<Vec<EpochChange>, AuthError> {
        let (settings, now) = (&self.0.config.auth, self.0.clock.now());
        let since = self.0.epochs.read_from(settings.epoch_look_back_s.saturating_mul(1_000));
        let changes = self.0.store.epoch_changes(since).await?;
        changes.iter().for_each(|change| {
            self.learn(change);
        });
        self.0.epochs.read(now);
        self.0.epochs.prune(now);
        self.poll_keys().await?;
        Ok(changes)
    }

    async fn poll_keys(&self) -> Result<(), AuthError> {
        let (store, settings, now) = (&self.0.store, &self.0.config.auth, self.0.clock.now());
        let keys = self.0.access.keys();
        if let Some(oldest) = keys.oldest_needed(now) {
            store.drop_signing_keys(oldest).await?;
        }
        if !keys.is_of(&store.signing_keys().await?) {
            tracing::info!("the signing keys are others now");
            self.0.access.set_keys(KeyRing::open(store, &self.0.seal, settings, now).await?);
        }
        Ok(())
    }

    /// Takes in what another node has changed. False if it was known.
    pub fn learn(&self, change: &EpochChange) -> bool {
        self.0.profiles.remove(&crate::ids::PlayerId(change.account_id));
        self.0.epochs.learn(change)
    }

    /// This node has changed something, and it is durable.
    pub(super) fn changed(&self, change: EpochChange) {
        self.learn(&change);
        if let Some(told) = self.0.on_change.get() {
            told(change);
        }
    }

    /// Whether nothing could be heard for so long (`auth.epoch_deaf_s`) that staff may have been dismissed meanwhile.
    pub fn is_deaf(&self) -> bool {
        let longest = self.0.config.auth.epoch_deaf_s.saturating_mul(1_000);
        self.0.epochs.deaf_ms(self.0.clock.now()) > i64::try_from(longest).unwrap_or(i64::MAX)
    }
}

/// Joins identity and the cluster, and polls as long as the node runs. Called once.
pub fn watch(identity: &Identity, cluster: &Cluster) {
    let here = cluster.clone();
    let told = identity.0.on_change.set(Box::new(move |change| {
        here.end_sessions(&change);
        here.spread(change);
    }));
    if told.is_err() {
        tracing::error!("an identity belongs to one node");
    }
    let learning = identity.clone();
    cluster.on_epoch_change(Box::new(move |change| {
        learning.learn(change);
    }));
    actix::spawn(poll_on(identity.clone(), cluster.clone()));
}

async fn poll_on(identity: Identity, cluster: Cluster) {
    let pause = Duration::from_millis(identity.0.config.auth.epoch_poll_ms);
    loop {
        tokio::time::sleep(pause).await;
        match tokio::time::timeout(pause.max(Duration::from_secs(1)) * 2, identity.poll()).await {
            Ok(Ok(changes)) => changes.iter().for_each(|change| cluster.end_sessions(change)),
            Ok(Err(error)) => tracing::debug!(%error, "what has changed about accounts could not be read"),
            Err(_) => tracing::debug!("what has changed about accounts was not read in time"),
        }
        identity.sweep_if_due().await;
        if cluster.has_others() && cluster.is_in_touch() {
            identity.0.epochs.heard(identity.0.clock.now());
        }
    }
}
