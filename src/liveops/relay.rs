//! The relay: takes facts that are due out of the database's hands into the transport's, and no more than fit.
//!
//! Every node runs one. A claim lasts for `activity.resend_ms`: what nobody has confirmed by then is sent again. It
//! deletes nothing; that is for whoever handles the fact.

use super::stream::Stream;
use crate::{
    clock::{SharedClock, UnixMs},
    config::Activity,
    store::{DueFact, Store},
};
use std::sync::Arc;

/// One turn at a time.
pub(crate) struct Relay {
    pub store: Store,
    pub stream: Arc<dyn Stream>,
    pub clock: SharedClock,
    pub settings: Activity,
}

impl Relay {
    /// Sends what is due, a batch at most. True: there may be more.
    pub(crate) async fn turn(&self) -> bool {
        match self.send().await {
            Ok(sent) => sent == self.settings.batch,
            Err(error) => {
                tracing::warn!(%error, "facts wait in the outbox");
                metrics::counter!("playhouse_activity_stalls_total").increment(1);
                false
            }
        }
    }

    async fn send(&self) -> anyhow::Result<usize> {
        let now = self.clock.now();
        if !self.store.facts_are_due(now).await? {
            return Ok(0);
        }
        let room = self.settings.queue.saturating_sub(self.stream.waiting().await?);
        if room == 0 {
            return Ok(0); // the consumers are behind
        }
        let until = now + self.settings.resend_ms;
        let due = self.store.claim_facts(now, until, self.settings.batch.min(room)).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let sent = due.len();
        if let Err(error) = self.stream.send(due.clone()).await {
            self.put_back(&due, now).await;
            return Err(error.into());
        }
        Ok(sent)
    }

    /// The claim would end by itself; so nobody waits for that.
    async fn put_back(&self, facts: &[DueFact], now: UnixMs) {
        if let Err(error) = self.store.put_back(facts, now + self.settings.retry_ms).await {
            tracing::debug!(%error, "facts stay claimed until their time is over");
        }
    }
}
