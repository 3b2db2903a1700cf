//! Holds whose time is over. Any number of nodes look for them: each hold is released by one, and none that was paid.

use super::Showtimes;
use crate::store::StoreError;
use std::{sync::atomic::Ordering, time::Duration};

impl Showtimes {
    /// Starts this node's look-out.
    pub(crate) fn work(&self) {
        actix::spawn(self.clone().look_out());
    }

    /// The node stops.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.0.stop.notify_waiters();
    }

    async fn look_out(self) {
        let pause = Duration::from_millis(self.0.settings.expiry_poll_ms);
        while !self.0.stopping.load(Ordering::Relaxed) {
            if let Err(error) = self.release_overdue().await {
                tracing::debug!(%error, "holds could not be looked for");
            }
            let _ = tokio::time::timeout(pause, self.0.stop.notified()).await; // either is a reason to look
        }
    }

    /// Releases all that are overdue now: how many.
    pub(crate) async fn release_overdue(&self) -> Result<usize, StoreError> {
        let (now, most) = (self.0.clock.now(), self.0.settings.expiry_batch);
        if !self.0.store.holds_are_due(now).await? {
            return Ok(0);
        }
        let mut released = 0;
        loop {
            let over = self.0.store.expire_holds(now, most).await?;
            metrics::counter!("playhouse_holds_ended_total", "how" => "expired").increment(over.len() as u64);
            over.iter().for_each(|row| self.tell(row));
            released += over.len();
            if over.len() < most as usize {
                return Ok(released);
            }
        }
    }
}
