//! Showtimes: who gets which seat, for how long, and what he pays (spec 3.2, 3.3).
//!
//! [`gate`] decides whether one comes in through the showtime's queue; the store's UNIQUE index whose the seat is, and its
//! guarded updates whether a hold is paid, given back or over. Called by the REST API and by [`crate::node`], which
//! starts [`expiry`]. Knows no HTTP and no session; reaches queues through [`QueuePort`] alone.

pub(crate) mod expiry;
pub(crate) mod facts;
pub(crate) mod gate;
mod queues;
#[cfg(test)]
mod tests;

use super::claims::ports::Announce;
use crate::{
    clock::SharedClock,
    config,
    ids::{PlayerId, QueueId},
    protocol::Push,
    store::{GivenBack, Held, NewHold, Paid, ReservationRow, ShowtimeRow, Store, StoreError},
};
use futures_util::future::BoxFuture;
use gate::{Entry, Gate, PassVerdict, Refusal};
use serde::Serialize;
use std::sync::{Arc, atomic::AtomicBool};
use tokio::sync::Notify;
use uuid::Uuid;

/// A reservation as players, staff and the push `reservation.changed` show it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct ReservationView {
    pub id: Uuid,
    pub account: Uuid,
    pub showtime: Uuid,
    pub seat: Uuid,
    /// held, paid, expired, cancelled
    pub status: String,
    /// What it costs, or has cost: the showtime's price when the hold was won.
    pub price_points: i64,
    /// Unix milliseconds.
    pub hold_expires_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl From<&ReservationRow> for ReservationView {
    fn from(row: &ReservationRow) -> Self {
        Self {
            id: row.reservation_id,
            account: row.account_id,
            showtime: row.showtime_id,
            seat: row.seat_id,
            status: row.status.clone(),
            price_points: row.price_points,
            hold_expires_at: row.hold_expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What showtimes need of queues. A queue that does not answer is waited for as long as its settings say, and no longer.
pub(crate) trait QueuePort: Send + Sync + 'static {
    /// Whether this pass lets in, and whom. It is in use from then on.
    fn verify<'a>(&'a self, queue: QueueId, pass: &'a str) -> BoxFuture<'a, PassVerdict>;
    /// The health ping: whether the queue answers at all.
    fn alive(&self, queue: QueueId) -> BoxFuture<'_, bool>;
    /// The pass has done its work: the next is admitted. False: the queue did not answer. Repeated, it changes nothing.
    fn complete(&self, queue: QueueId, pass: Uuid) -> BoxFuture<'_, bool>;
    /// There is nothing left to wait for. False: the queue did not answer. Repeated, it changes nothing.
    fn sold_out(&self, queue: QueueId) -> BoxFuture<'_, bool>;
}

/// Why a seat is not held.
#[derive(Debug)]
pub(crate) enum NotHeld {
    /// The queue says so, or says nothing.
    Gate(Refusal),
    /// Somebody has it.
    Taken,
    /// The account holds as many as it may.
    TooMany,
    /// There is no such seat.
    Missing,
    /// The account is banned or deleted.
    Closed,
    /// Nobody knows: repeat it under the same id.
    Store(StoreError),
}

impl From<StoreError> for NotHeld {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Showtimes of this node; cheap to clone.
#[derive(Clone)]
pub(crate) struct Showtimes(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SharedClock,
    settings: config::Showtimes,
    queues: Arc<dyn QueuePort>,
    announce: Arc<dyn Announce>,
    /// The node stops: no more holds are looked for.
    stopping: AtomicBool,
    stop: Notify,
}

impl Showtimes {
    pub(crate) fn new(
        store: Store,
        settings: config::Showtimes,
        clock: SharedClock,
        queues: Arc<dyn QueuePort>,
        announce: Arc<dyn Announce>,
    ) -> Self {
        let (stopping, stop) = (AtomicBool::new(false), Notify::new());
        Self(Arc::new(Inner { store, clock, settings, queues, announce, stopping, stop }))
    }

    /// Holds a seat for an account that comes through the showtime's queue, if it has one. `id` is the reservation's, the
    /// same at every attempt.
    pub(crate) async fn reserve(
        &self,
        id: Uuid,
        account: PlayerId,
        (showtime, seat): (&ShowtimeRow, Uuid),
        pass: Option<&str>,
    ) -> Result<ReservationRow, NotHeld> {
        let Inner { store, clock, settings, .. } = &*self.0;
        if showtime.queue.is_some() {
            // The pass may have ended since an attempt that has held it: what was won under it stays won.
            let earlier = store.reservation(id).await?.filter(|earlier| earlier.account_id == account.0);
            if let Some(earlier) = earlier {
                return Ok(earlier);
            }
        }
        let pass = self.enter(account, showtime, pass).await.map_err(NotHeld::Gate)?;
        let now = clock.now();
        let until = now + settings.hold_ms;
        let most = i64::from(settings.holds);
        let hold = NewHold { id, account, showtime: showtime.showtime_id, seat, pass, now, until, most };
        let held = store.hold_seat(&hold).await?;
        let (outcome, result) = match held {
            Held::Done(row) => ("held", Ok(row)),
            Held::Taken => ("taken", Err(NotHeld::Taken)),
            Held::TooMany => ("too_many", Err(NotHeld::TooMany)),
            Held::Missing => ("missing", Err(NotHeld::Missing)),
            Held::Closed => ("closed", Err(NotHeld::Closed)),
        };
        metrics::counter!("playhouse_reservations_total", "outcome" => outcome).increment(1);
        if let Ok(row) = &result {
            self.tell(row);
        }
        result
    }

    /// Through the queue's gate: with which pass, if one was needed.
    async fn enter(
        &self,
        account: PlayerId,
        showtime: &ShowtimeRow,
        pass: Option<&str>,
    ) -> Result<Option<(QueueId, Uuid)>, Refusal> {
        let Some(queue) = showtime.queue.map(QueueId) else { return Ok(None) };
        let gate = Gate {
            queues: &*self.0.queues,
            queue,
            refuse_when_down: showtime.on_queue_down == "refuse",
            retry_ms: self.0.settings.queue_retry_ms,
        };
        let entry = gate.enter(account, pass).await;
        let result = match &entry {
            Ok(Entry::Pass(_)) => "pass",
            Ok(Entry::Bypass) => "bypass",
            Err(refusal) => refusal.code(),
        };
        metrics::counter!("playhouse_queue_gate_total", "result" => result).increment(1);
        if entry.as_ref().is_ok_and(|entry| *entry == Entry::Bypass) {
            let showtime = showtime.showtime_id;
            tracing::warn!(queue_id = %queue, %showtime, player_id = %account, "the queue does not answer: a player without a pass was let by");
        }
        Ok(match entry? {
            Entry::Pass(pass) => Some((queue, pass)),
            Entry::Bypass => None,
        })
    }

    /// Takes the points and sells the seat. `payment` is the same at every attempt.
    pub(crate) async fn pay(&self, id: Uuid, account: PlayerId, payment: Uuid) -> Result<Paid, StoreError> {
        let paid = self.0.store.pay_reservation(id, account, payment, self.0.clock.now()).await?;
        let outcome = match &paid {
            Paid::Done(_) => "paid",
            Paid::Repeated(_) => "repeated",
            Paid::Before => "before",
            Paid::Over => "hold_expired",
            Paid::Short => "insufficient_points",
            Paid::Missing => "missing",
        };
        metrics::counter!("playhouse_seat_payments_total", "outcome" => outcome).increment(1);
        if let Paid::Done(row) = &paid {
            self.tell(row);
        }
        if let Paid::Done(row) | Paid::Repeated(row) = &paid
            && !self.tell_queue(row).await
        {
            tracing::info!(reservation = %row.reservation_id, "the queue hears later that a seat is paid");
        }
        Ok(paid)
    }

    /// Gives a hold back.
    pub(crate) async fn give_back(&self, id: Uuid, account: PlayerId) -> Result<GivenBack, StoreError> {
        let given = self.0.store.give_back_hold(id, account, self.0.clock.now()).await?;
        if let GivenBack::Done(row) = &given {
            metrics::counter!("playhouse_holds_ended_total", "how" => "cancelled").increment(1);
            self.tell(row);
        }
        Ok(given)
    }

    /// The seat is paid: perhaps there are no more seats to wait for, of this showtime or another of its queue, which the queue
    /// hears first, so that it lets nobody in for nothing; and its pass is done with. False: the queue has not
    /// heard all of it. At once after the payment, and by the fact `seat_paid` for as long as it takes.
    async fn tell_queue(&self, paid: &ReservationRow) -> bool {
        let Inner { store, clock, queues, .. } = &*self.0;
        let last = match store.queue_without_seats(paid.showtime_id, clock.now()).await {
            Ok(Some(queue)) => queues.sold_out(QueueId(queue)).await,
            Ok(None) => true,
            Err(error) => {
                tracing::debug!(%error, "whether all seats are sold could not be looked up");
                false
            }
        };
        match (paid.queue.map(QueueId), paid.pass_id) {
            (Some(queue), Some(pass)) => queues.complete(queue, pass).await && last,
            _ => last,
        }
    }

    /// Its owner hears of it, wherever his session is.
    fn tell(&self, row: &ReservationRow) {
        let view = serde_json::json!({"reservation": ReservationView::from(row)});
        self.0.announce.tell(PlayerId(row.account_id), Push::new("reservation.changed", &view));
    }
}
