//! One round of a queue: who is over the time goes, who is first comes in (spec 3.1).
//!
//! The line gives the first, SQL decides: their passes are committed under the actor's epoch, and only then does anybody
//! learn of them. It may be stopped anywhere: whoever is inside the line without a pass in SQL is put back by the next
//! actor, whoever has one is seated.

use super::{
    meters::Sight,
    state::{Done, Facts, QueueState},
};
use crate::{
    actors::queue::QueueActor,
    clock::UnixMs,
    cluster::{Cluster, Entity},
    ids::QueueId,
    queue::{Desk, LineError, Take, Taken},
    store::{Commit, CommitError, Fence, NewPass, Place, QueueRow, Row, StoreError},
};
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// How a round ends.
#[derive(Debug)]
pub(super) struct Turned {
    pub state: QueueState,
    /// Who was let in.
    pub passes: Vec<NewPass>,
    pub waiting: u64,
    pub sight: Sight,
    pub next_ms: u64,
    /// The line and SQL say the same.
    pub even: bool,
}

/// Who was let in, and what that makes of the queue.
struct Admission {
    state: QueueState,
    passes: Vec<NewPass>,
    done: Done,
    /// So many are inside the line now.
    inside: u64,
}

/// Why it did not.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnError {
    #[error("another owner has the queue")]
    Fenced,
    /// Only the store knows.
    #[error("a commit is in doubt: {0}")]
    InDoubt(String),
    /// There is no such queue.
    #[error("the queue is gone")]
    Gone,
    /// The line must be formed anew.
    #[error("the line was lost")]
    LineLost,
    /// Nothing was done.
    #[error("{0}")]
    Away(String),
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        Self::Away(error.to_string())
    }
}

impl From<LineError> for TurnError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Fenced => Self::Fenced,
            LineError::Lost => Self::LineLost,
            error => Self::Away(error.to_string()),
        }
    }
}

/// One round, for an actor of this epoch.
pub(super) struct Turn {
    pub desk: Arc<Desk>,
    pub cluster: Cluster,
    pub queue: QueueId,
    pub epoch: i64,
    pub state: QueueState,
    /// The line and SQL may differ: they are compared first.
    pub compare: bool,
}

impl Turn {
    pub(super) async fn run(mut self) -> Result<Turned, TurnError> {
        let row = self.desk.store.queue(self.queue).await?.ok_or(TurnError::Gone)?;
        match self.round(&row).await {
            Err(TurnError::LineLost) => {
                self.desk.form(&row).await.map_err(|error| TurnError::Away(error.to_string()))?;
                self.compare = true;
                self.round(&row).await
            }
            turned => turned,
        }
    }

    async fn round(&mut self, row: &QueueRow) -> Result<Turned, TurnError> {
        if self.compare {
            self.compare().await?;
        }
        let (line, store, settings) = (&self.desk.line, &self.desk.store, &self.desk.settings);
        let (queue, now) = (self.queue, self.cluster.clock().now());
        let ended = store.end_overdue_passes(queue, now).await?;
        if !ended.is_empty() {
            line.release(queue, ended).await?;
        }
        self.drop_silent(row, now).await?;
        let active = store.count_live_passes(queue).await?;
        let quiet_until = line.figures(queue).await?.1.quiet_until;
        let facts = Facts {
            paused: row.state == "paused",
            quiet_until,
            capacity: row.capacity,
            rate_per_s: row.rate_per_s,
            active,
        };
        let before = self.state.turned_at();
        let most = self.state.places(&facts, settings.admit_batch, now);
        let taken = self.take(most, row.admitted_through, now).await?;
        let Admission { state, passes, done, inside } = self.admit(row, &facts, before, &taken, now).await?;
        let even = i64::try_from(inside) == Ok(active + passes.len() as i64);
        let next_ms = state.next_turn_ms(&facts, done, settings);
        let sight = Sight {
            waiting: taken.waiting,
            active: active + passes.len() as i64,
            places: if facts.paused { 0 } else { row.capacity },
            first: taken.first,
            given: taken.given,
            at: now,
        };
        Ok(Turned { state, passes, waiting: taken.waiting, sight, next_ms, even })
    }

    async fn drop_silent(&self, row: &QueueRow, now: UnixMs) -> Result<(), TurnError> {
        let (line, settings) = (&self.desk.line, &self.desk.settings);
        let before = UnixMs(now.0 - row.abandon_after_ms);
        loop {
            let dropped = line.drop_silent(self.queue, now, before, settings.drop_batch).await?;
            if dropped > 0 {
                metrics::counter!("playhouse_queue_abandoned_total").increment(dropped);
                self.desk.store.queue_abandoned(self.queue, dropped as i64).await?;
            }
            if dropped < settings.drop_batch as u64 {
                return Ok(());
            }
        }
    }

    async fn take(&self, most: usize, known: i64, now: UnixMs) -> Result<Taken, TurnError> {
        let (pace, admitted_per_s) = (self.state.pace(), self.state.admitted_per_s());
        let take = Take { epoch: self.epoch, most, pace, admitted_per_s, now, known };
        Ok(self.desk.line.take(self.queue, take).await?)
    }

    /// One for each place. The id is a secret of its holder, so it is not drawn from `chance`.
    fn passes(&self, row: &QueueRow, places: &[Place], now: UnixMs) -> Vec<NewPass> {
        let expires_at = now + u64::try_from(row.claim_ttl_ms).unwrap_or(0);
        let pass = |place: &Place| NewPass { id: Uuid::from_u128(rand::random()), place: *place, expires_at };
        places.iter().map(pass).collect()
    }

    /// Lets in whom the line gave. Who has had a pass, because Redis has lost its last writes, is none of them: he is let go,
    /// and the others are let in without him.
    async fn admit(
        &self,
        row: &QueueRow,
        facts: &Facts,
        before: UnixMs,
        taken: &Taken,
        now: UnixMs,
    ) -> Result<Admission, TurnError> {
        let (line, mut places, mut inside) = (&self.desk.line, taken.places.clone(), taken.inside);
        let mut may_leave_out = true;
        loop {
            let passes = self.passes(row, &places, now);
            let done = Done { admitted: passes.len(), waiting: taken.waiting };
            let mut state = self.state.clone();
            state.done(facts, done, before, &self.desk.settings);
            let error = match self.commit(&state, &passes, through(taken, &passes, now), now).await {
                Ok(()) => return Ok(Admission { state, passes, done, inside }),
                Err(CommitError::Fenced) => return Err(TurnError::Fenced),
                Err(CommitError::Unknown(why)) => return Err(TurnError::InDoubt(why)),
                Err(error) => TurnError::Away(error.to_string()),
            };
            let refused = if may_leave_out { self.refused(&places).await? } else { Vec::new() };
            if refused.is_empty() {
                line.put_back(self.queue, self.epoch, now, places).await?;
                return Err(error);
            }
            tracing::warn!(queue_id = %self.queue, n = refused.len(), "who has had a pass stood in the line again");
            metrics::counter!("playhouse_queue_passes_refused_total").increment(refused.len() as u64);
            places.retain(|place| !refused.contains(place));
            inside = inside.saturating_sub(refused.len() as u64);
            line.release(self.queue, refused).await?;
            may_leave_out = false;
        }
    }

    /// Those of them who cannot get a pass: their number has had one, or they have one.
    async fn refused(&self, places: &[Place]) -> Result<Vec<Place>, TurnError> {
        let numbers: Vec<i64> = places.iter().map(|place| place.number).collect();
        let mut had = self.desk.store.passes_of(self.queue, &numbers).await?;
        had.extend(self.desk.store.live_passes(self.queue).await?);
        let is_his = |place: &Place| {
            had.iter().any(|pass| pass.number == place.number || pass.account_id == place.account.0)
        };
        Ok(places.iter().filter(|place| is_his(place)).copied().collect())
    }

    /// From here on they are let in, whatever happens.
    async fn commit(
        &self,
        state: &QueueState,
        passes: &[NewPass],
        through: i64,
        now: UnixMs,
    ) -> Result<(), CommitError> {
        if passes.is_empty() {
            return Ok(());
        }
        let state = serde_json::to_vec(state).map_err(|error| CommitError::Failed(error.to_string()))?;
        let commit = Commit {
            kind: QueueActor::KIND,
            key: self.queue.0,
            fence: Fence::Epoch(self.epoch),
            state: Some(state),
            next_wake_at: None,
            wake_no: 0,
            rows: vec![Row::Admitted { queue: self.queue, at: now, passes: passes.to_vec(), through }],
        };
        self.cluster.store().commit(commit).await
    }

    /// Takes the line over, and makes it say of passes what SQL says.
    async fn compare(&self) -> Result<(), TurnError> {
        let (line, store, queue) = (&self.desk.line, &self.desk.store, self.queue);
        let inside = line.hold(queue, self.epoch).await?;
        let live = store.live_passes(queue).await?;
        let numbers: HashMap<_, _> = live.iter().map(|pass| (pass.account_id, pass.number)).collect();
        let known = |place: &&Place| numbers.get(&place.account.0) == Some(&place.number);
        let odd: Vec<Place> = inside.iter().filter(|place| !known(place)).copied().collect();
        let asked: Vec<i64> = odd.iter().map(|place| place.number).collect();
        let ended: Vec<i64> = store.passes_of(queue, &asked).await?.iter().map(|pass| pass.number).collect();
        let (over, back): (Vec<Place>, Vec<Place>) =
            odd.into_iter().partition(|place| ended.contains(&place.number));
        if !over.is_empty() {
            line.release(queue, over).await?; // its end was not told
        }
        if !back.is_empty() {
            tracing::info!(queue_id = %queue, n = back.len(), "admissions that were not committed: they wait again");
            line.put_back(queue, self.epoch, self.cluster.clock().now(), back).await?;
        }
        let missing: Vec<Place> =
            live.iter().map(|pass| pass.place()).filter(|place| !inside.contains(place)).collect();
        if !missing.is_empty() {
            line.seat(queue, missing).await?;
        }
        Ok(())
    }
}

/// Up to which number nobody waits any more, for those who may come back if the line is lost. While some may still, of a loss
/// before, it rises no further: who is late has not lost his place.
fn through(taken: &Taken, passes: &[NewPass], now: UnixMs) -> i64 {
    if now < taken.open_until {
        return 0;
    }
    passes.iter().map(|pass| pass.place.number).max().unwrap_or_default()
}
