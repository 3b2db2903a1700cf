//! Durable reminders: an entity that nobody holds is woken when its `next_wake_at` has passed (spec 6.2).
//!
//! The time is a column of the entity's own row, written in the same commit as its state, so it can neither go
//! stale nor fire twice. Active entities have their own timers; the sweeper passes over them.

use super::{Cluster, Entity};
use std::time::Duration;

impl Cluster {
    /// Sweeps for overdue entities of this kind until the cluster closes.
    pub async fn sweep_reminders<E: Entity>(self) {
        let pause = Duration::from_millis(self.config().cluster.reminder_poll_ms);
        while !self.is_closing() {
            self.wake_overdue::<E>().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// One sweep. Returns how many were woken.
    pub async fn wake_overdue<E: Entity>(&self) -> usize {
        let Some(directory) = self.directory::<E>() else { return 0 };
        let batch = self.config().cluster.reminder_batch;
        let due = match self.store().due(E::KIND, self.clock().now(), batch).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(kind = E::KIND, %error, "the reminder sweep failed; it is tried again");
                return 0;
            }
        };
        let mut woken = 0;
        for reminder in due {
            if !directory.holds(reminder.key) {
                self.tell::<E>(reminder.key, E::wake(reminder.wake_no));
                woken += 1;
            }
        }
        woken
    }
}
