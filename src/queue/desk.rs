//! Who answers for queues on a node with the role `queue`: each question goes straight to the line and to SQL, and never
//! through a queue's actor (spec 3.1).
//!
//! Keeps nothing that matters: a queue's settings for a moment, and when it last woke an actor. Called by
//! [`Queues`](super::Queues) on the same node, and by other nodes through the cluster.

use super::{
    SERVICE,
    line::{Beat, Found, Gone, Line, LineError},
    looks::Looks,
    messages::{Answer, Figures, Refusal, Request, Ticket, TicketStatus},
    pace::wait,
    tokens::{PassClaims, QueueTokens, TicketClaims},
};
use crate::{
    actors::queue::{QueueActor, QueueCommand},
    clock::{SharedClock, UnixMs},
    cluster::{Cluster, pack},
    config,
    ids::{PlayerId, QueueId},
    roles::Role,
    store::{PassRow, Place, QueueRow, Store, StoreError},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often an end waits for a pass that is just being written, and how long each time.
const PASS_LOOKS: u32 = 10;
const PASS_PAUSE: Duration = Duration::from_millis(20);

/// What was read of queues, and when.
#[derive(Default)]
struct Rows {
    read: HashMap<QueueId, (UnixMs, Arc<QueueRow>)>,
    /// How often one was forgotten: what was being read meanwhile may be older.
    forgotten: u64,
}

/// See the module.
pub(crate) struct Desk {
    pub line: Arc<dyn Line>,
    pub store: Store,
    pub tokens: QueueTokens,
    pub settings: config::Queue,
    pub(super) clock: SharedClock,
    cluster: Cluster,
    rows: Mutex<Rows>,
    woken: Mutex<HashMap<QueueId, UnixMs>>,
    pub(super) looks: Looks,
    /// Whose turn it is to form a line.
    pub(super) forming: Mutex<HashMap<QueueId, Arc<tokio::sync::Mutex<()>>>>,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(error) => tracing::warn!(%error, "the database is away"),
            StoreError::Bug(error) => tracing::error!(%error, "a queue's statement failed"),
        }
        Self::Unavailable
    }
}

impl From<LineError> for Refusal {
    fn from(error: LineError) -> Self {
        tracing::warn!(%error, "a line did not do what it was asked");
        Self::Unavailable
    }
}

impl Desk {
    pub(crate) fn new(line: Arc<dyn Line>, store: Store, cluster: Cluster, secret: &[u8]) -> Self {
        Self {
            line,
            store,
            tokens: QueueTokens::new(secret),
            settings: cluster.config().queue.clone(),
            clock: cluster.clock().clone(),
            cluster,
            rows: Mutex::default(),
            woken: Mutex::default(),
            looks: Looks::default(),
            forming: Mutex::default(),
        }
    }

    /// Answers.
    pub(crate) async fn serve(self: &Arc<Self>, request: Request) -> Answer {
        let answered = match request {
            Request::Ping { queue: _ } => {
                self.line.ping().await.map(|()| Answer::Done).map_err(Refusal::from)
            }
            Request::Enter { queue, account } => self.enter(queue, account).await.map(Answer::Entered),
            Request::Look { queue, places } => self.look(queue, places).await.map(Answer::Looked),
            Request::Leave { queue, place } => self.leave(queue, place).await.map(|()| Answer::Done),
            Request::LeaveAs { queue, account } => self.leave_as(queue, account).await.map(|()| Answer::Done),
            Request::Verify { queue, pass } => self.verify(queue, &pass).await,
            Request::Complete { queue, pass } => self.complete(queue, &pass).await,
            Request::End { queue, pass_id } => self.end(queue, pass_id).await,
            Request::SoldOut { queue } => self.sold_out(queue).await.map(|()| Answer::Done),
            Request::Changed { queue } => {
                self.forget_everywhere(queue);
                self.wake(queue);
                Ok(Answer::Done)
            }
            Request::Forget { queue } => {
                self.forget(queue);
                Ok(Answer::Done)
            }
            Request::Watch { queues } => self.watch(&queues).await.map(Answer::Watched),
        };
        answered.unwrap_or_else(Answer::Refused)
    }

    /// The queue's actor turns now, on whatever node it is.
    fn wake(&self, queue: QueueId) {
        self.cluster.tell::<QueueActor>(queue.0, QueueCommand::Turn);
    }

    /// The settings: as they are, or, if a word of their change was lost, not older than `queue.settings_ms`.
    pub(super) async fn row(&self, queue: QueueId) -> Result<Arc<QueueRow>, Refusal> {
        let now = self.clock.now();
        let forgotten = {
            let rows = self.rows();
            let fresh = |read: UnixMs| now.0 < read.0.saturating_add_unsigned(self.settings.settings_ms);
            if let Some((_, row)) = rows.read.get(&queue).filter(|(read, _)| fresh(*read)) {
                return Ok(row.clone());
            }
            rows.forgotten
        };
        let row = Arc::new(self.store.queue(queue).await?.ok_or(Refusal::NoQueue)?);
        let mut rows = self.rows();
        if rows.forgotten == forgotten {
            rows.read.insert(queue, (now, row.clone()));
        }
        Ok(row)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, queue: QueueId) {
        let mut rows = self.rows();
        rows.forgotten += 1;
        rows.read.remove(&queue);
    }

    /// Here, and on the other nodes with the role. Who does not hear it goes by what he has read for a moment still.
    fn forget_everywhere(&self, queue: QueueId) {
        self.forget(queue);
        match pack(&Request::Forget { queue }) {
            Ok(bytes) => self.cluster.tell_service(SERVICE, Role::Queue, &bytes.into()),
            Err(error) => tracing::error!(error, "a change of a queue could not be written"),
        }
    }

    async fn enter(&self, id: QueueId, account: PlayerId) -> Result<Ticket, Refusal> {
        let (queue, now) = (self.row(id).await?, self.clock.now());
        let dismissing = queue.sold_out_at.is_some() && queue.sold_out == "dismiss";
        if dismissing || queue.state == "draining" {
            let known = self.ask(&queue, || self.line.number_of(id, account)).await?;
            if known.is_none() {
                return Err(if dismissing { Refusal::SoldOut } else { Refusal::Draining });
            }
        }
        let entered = self.ask(&queue, || self.line.enter(id, account, now)).await?;
        self.wake_if_stale(&queue, &entered.beat, now);
        let ahead = if let Found::Waiting { ahead } = entered.found { ahead } else { 0 };
        if entered.new {
            metrics::counter!("playhouse_queue_tickets_total").increment(1);
            if ahead == 0 {
                self.wake(id); // there may be a place for him
            }
        }
        let place = Place { number: entered.number, account };
        let told = wait(ahead, &entered.beat, &queue, &self.settings, now);
        Ok(Ticket {
            ticket: self.tokens.ticket(TicketClaims { queue: id, place }),
            number: entered.number,
            ahead,
            eta_ms: told.eta_ms,
            poll_after_ms: told.poll_after_ms,
        })
    }

    async fn look(self: &Arc<Self>, id: QueueId, places: Vec<Place>) -> Result<Vec<TicketStatus>, Refusal> {
        let queue = self.row(id).await?;
        let looked = self.look_together(id, places.clone()).await?;
        let now = self.clock.now();
        self.wake_if_stale(&queue, &looked.beat, now);
        let mut told = Vec::with_capacity(places.len());
        for (place, found) in places.into_iter().zip(looked.found) {
            told.push(self.status(&queue, place, found, &looked.beat, now).await?);
        }
        Ok(told)
    }

    async fn status(
        &self,
        queue: &QueueRow,
        place: Place,
        found: Found,
        beat: &Beat,
        now: UnixMs,
    ) -> Result<TicketStatus, Refusal> {
        let id = QueueId(queue.queue_id);
        let dismissed = place.number <= queue.dismissed_through;
        let waiting = |ahead| {
            let told = wait(ahead, beat, queue, &self.settings, now);
            TicketStatus::Waiting { ahead, eta_ms: told.eta_ms, poll_after_ms: told.poll_after_ms }
        };
        match found {
            Found::Waiting { .. } if dismissed => return Ok(TicketStatus::SoldOut),
            Found::Waiting { ahead } => return Ok(waiting(ahead)),
            Found::Left => return Ok(TicketStatus::Left),
            Found::Inside | Found::Unknown { .. } => {}
        }
        if let Some(pass) = self.pass_of(id, place).await? {
            return Ok(self.of_pass(id, &pass, now));
        }
        match found {
            Found::Inside => return Ok(waiting(0)), // his pass is being written
            Found::Unknown { .. } if dismissed => return Ok(TicketStatus::SoldOut),
            Found::Unknown { may_return: true } => {
                match self.ask(queue, || self.line.come_back(id, place, now)).await? {
                    Found::Waiting { ahead } => return Ok(waiting(ahead)),
                    Found::Left => return Ok(TicketStatus::Left),
                    _ => {}
                }
            }
            _ => {}
        }
        // What this node has read of the queue may be older than the dismissal of its line.
        match self.store.queue(id).await? {
            Some(queue) if place.number <= queue.dismissed_through => Ok(TicketStatus::SoldOut),
            _ => Ok(TicketStatus::Expired),
        }
    }

    /// His own: a Redis that has lost its last writes gives numbers twice.
    async fn pass_of(&self, id: QueueId, place: Place) -> Result<Option<PassRow>, Refusal> {
        let passes = self.store.passes_of(id, &[place.number]).await?;
        Ok(passes.into_iter().find(|pass| pass.account_id == place.account.0))
    }

    fn of_pass(&self, queue: QueueId, pass: &PassRow, now: UnixMs) -> TicketStatus {
        if pass.is_good(now) {
            let account = PlayerId(pass.account_id);
            let claims = PassClaims { queue, account, id: pass.pass_id };
            let expires_at = UnixMs(pass.expires_at);
            return TicketStatus::Admitted { pass: self.tokens.pass(claims), expires_at };
        }
        match pass.outcome.as_deref() {
            Some("left") => TicketStatus::Left,
            _ => TicketStatus::Expired,
        }
    }

    /// Those who wait see to it that somebody admits: the actor's node may have died.
    fn wake_if_stale(&self, queue: &QueueRow, beat: &Beat, now: UnixMs) {
        let stale_ms = i64::try_from(self.settings.stale_ms).unwrap_or(i64::MAX);
        let id = QueueId(queue.queue_id);
        if now - beat.turned_at < stale_ms {
            return;
        }
        {
            let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            if woken.get(&id).is_some_and(|at| now - *at < stale_ms) {
                return;
            }
            woken.insert(id, now);
        }
        self.wake(id);
    }

    async fn leave_as(&self, id: QueueId, account: PlayerId) -> Result<(), Refusal> {
        let queue = self.row(id).await?;
        match self.ask(&queue, || self.line.number_of(id, account)).await? {
            Some(number) => self.leave(id, Place { number, account }).await,
            None => Ok(()),
        }
    }

    async fn leave(&self, id: QueueId, place: Place) -> Result<(), Refusal> {
        let (queue, now) = (self.row(id).await?, self.clock.now());
        let gone = self.ask(&queue, || self.line.leave(id, place, now)).await?;
        if gone == Gone::Waited {
            return Ok(());
        }
        for _ in 0..PASS_LOOKS {
            match self.pass_of(id, place).await? {
                Some(pass) => {
                    if let Some(place) = self.store.end_pass(id, pass.pass_id, "left", now).await? {
                        self.released(id, place).await;
                    }
                    return Ok(());
                }
                None if gone == Gone::NotThere => return Ok(()),
                None => tokio::time::sleep(PASS_PAUSE).await, // it is being written
            }
        }
        Err(Refusal::Unavailable)
    }

    /// A place is free: at once, not at the next tick.
    async fn released(&self, id: QueueId, place: Place) {
        if let Err(error) = self.line.release(id, vec![place]).await {
            tracing::debug!(%error, queue_id = %id, "a line was not told of an end; its actor finds out");
        }
        self.wake(id);
    }

    async fn verify(&self, id: QueueId, pass: &str) -> Result<Answer, Refusal> {
        let Some(claims) = self.tokens.read_pass(pass).filter(|claims| claims.queue == id) else {
            return Ok(Answer::Invalid);
        };
        let used = self.store.use_pass(id, claims.id, self.clock.now()).await?;
        Ok(used.map_or(Answer::Invalid, |_| Answer::Valid { account: claims.account, pass_id: claims.id }))
    }

    async fn complete(&self, id: QueueId, pass: &str) -> Result<Answer, Refusal> {
        let Some(claims) = self.tokens.read_pass(pass).filter(|claims| claims.queue == id) else {
            return Ok(Answer::Invalid);
        };
        self.end(id, claims.id).await
    }

    async fn end(&self, id: QueueId, pass: uuid::Uuid) -> Result<Answer, Refusal> {
        if let Some(place) = self.store.end_pass(id, pass, "completed", self.clock.now()).await? {
            self.released(id, place).await;
            return Ok(Answer::Done);
        }
        let before = self.store.pass(id, pass).await?;
        let repeated = before.is_some_and(|pass| pass.outcome.as_deref() == Some("completed"));
        Ok(if repeated { Answer::Done } else { Answer::Invalid })
    }

    async fn sold_out(&self, id: QueueId) -> Result<(), Refusal> {
        let queue = self.store.queue_sold_out(id, self.clock.now()).await?.ok_or(Refusal::NoQueue)?;
        self.forget_everywhere(id);
        if queue.sold_out == "dismiss" {
            let dismissed = self.ask(&queue, || self.line.dismiss(id)).await?;
            tracing::info!(queue_id = %id, dismissed, "everything is sold: the line is dismissed");
        }
        Ok(())
    }

    /// Deletes what is too old, until the cluster closes.
    pub(crate) async fn sweep(self: Arc<Self>) {
        let ago = |now: UnixMs, ms: u64| UnixMs(now.0.saturating_sub_unsigned(ms));
        while !self.cluster.is_closing() {
            let now = self.clock.now();
            let (ended, left) = (ago(now, self.settings.keep_ended_ms), ago(now, self.settings.left_ms));
            if let Err(error) = self.store.sweep_queues(ended, left).await {
                tracing::debug!(%error, "ended passes could not be deleted");
            }
            tokio::time::sleep(Duration::from_millis(self.settings.sweep_ms)).await;
        }
    }

    async fn watch(&self, queues: &[QueueId]) -> Result<Vec<Figures>, Refusal> {
        let mut all = Vec::with_capacity(queues.len());
        for id in queues {
            let queue = self.row(*id).await?;
            let (waiting, beat) = self.ask(&queue, || self.line.figures(*id)).await?;
            let active = self.store.count_live_passes(*id).await?.max(0) as u64;
            all.push(Figures { waiting, active, admitted_per_s: beat.admitted_per_s });
        }
        Ok(all)
    }
}
