//! How a line begins, and begins again when Redis has lost it or the last that happened to it (spec 3.1): by the desk of
//! whoever finds it so, from what SQL knows. Those who waited bring their places themselves, each in his ticket.

use super::{
    desk::Desk,
    line::{Forming, LineError, Lined},
    messages::Refusal,
    pace::longest_poll_ms,
};
use crate::{
    ids::QueueId,
    store::{PassRow, QueueRow},
};
use std::{sync::PoisonError, time::Duration};

/// A line that is lost again while it is formed is given up after so many times.
const FORMINGS: u32 = 3;
/// Another process may be forming the line for the first time, and has its numbers already.
const FORMED_ELSEWHERE: Duration = Duration::from_millis(200);

impl Desk {
    /// Asks the line; one that was lost is formed anew, one that has no numbers gets more.
    pub(super) async fn ask<T>(&self, queue: &QueueRow, ask: impl Fn() -> Lined<T>) -> Result<T, Refusal> {
        let id = QueueId(queue.queue_id);
        for _ in 0..FORMINGS {
            match ask().await {
                Err(LineError::Lost) => self.form(queue).await?,
                Err(LineError::NoNumbers) => {
                    let more = self.store.more_numbers(id, self.settings.block).await?;
                    self.line.more(id, more.ok_or(Refusal::NoQueue)?).await?;
                }
                answered => return Ok(answered?),
            }
        }
        Err(Refusal::Unavailable)
    }

    /// Begins the line, or begins it again from what SQL knows. Those who waited bring their places themselves. Of many
    /// who find it missing at once, as all do who come first, one forms it.
    pub(crate) async fn form(&self, queue: &QueueRow) -> Result<(), Refusal> {
        let id = QueueId(queue.queue_id);
        let turn = self.forming.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone();
        let _turn = turn.lock().await;
        if self.is_formed(id).await? {
            return Ok(());
        }
        let now = self.clock.now();
        let numbers = self.new_numbers(id).await?;
        let inside = self.store.live_passes(id).await?.iter().map(PassRow::place).collect();
        let now_known = self.store.queue(id).await?.ok_or(Refusal::NoQueue)?; // `queue` may be a moment old
        let through = now_known.admitted_through.max(now_known.dismissed_through);
        let first = numbers.0 == 0;
        let quiet_ms = if first { 0 } else { 2 * longest_poll_ms(queue, &self.settings) };
        let open_ms =
            if first { 0 } else { u64::try_from(queue.abandon_after_ms).unwrap_or(0).max(quiet_ms) };
        if !first {
            tokio::time::sleep(FORMED_ELSEWHERE).await;
            if self.is_formed(id).await? {
                return Ok(());
            }
            metrics::counter!("playhouse_queue_lines_lost_total").increment(1);
            tracing::warn!(queue_id = %id, quiet_ms, "a line was lost; it forms anew from those who wait");
        }
        let (quiet_until, open_until) = (now + quiet_ms, now + open_ms);
        Ok(self.line.form(id, Forming { numbers, through, inside, quiet_until, open_until }).await?)
    }

    /// A block above all that were given out: SQL that was put back to an earlier day knows of fewer than people have in
    /// their hands.
    async fn new_numbers(&self, id: QueueId) -> Result<(i64, i64), Refusal> {
        let (known, block) = (self.line.known(id), self.settings.block);
        let (from, to) = self.store.more_numbers(id, block).await?.ok_or(Refusal::NoQueue)?;
        if from >= known {
            return Ok((from, to));
        }
        let (_, to) = self.store.more_numbers(id, known - from).await?.ok_or(Refusal::NoQueue)?;
        Ok((known, to))
    }

    async fn is_formed(&self, id: QueueId) -> Result<bool, Refusal> {
        match self.line.figures(id).await {
            Err(LineError::Lost) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }
}
