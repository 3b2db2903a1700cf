//! Consumers of facts that concern showtimes: `user_status_changed` gives back what a closed account holds; `seat_paid`
//! tells the queue, if the request that paid could not (spec 2.3, 3.2).

use super::Showtimes;
use crate::{
    ids::PlayerId,
    liveops::{
        Fact,
        claims::closing::closed,
        consumers::{ConsumeError, Consumer},
        groups,
    },
};
use futures_util::future::{BoxFuture, FutureExt};
use std::sync::Arc;
use uuid::Uuid;

impl Showtimes {
    /// Who acts on facts that concern showtimes.
    pub(crate) fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(ReleaseHolds(self.clone())), Arc::new(TellQueues(self.clone()))]
    }
}

/// Gives back what banned and deleted accounts hold.
struct ReleaseHolds(Showtimes);

impl Consumer for ReleaseHolds {
    fn group(&self) -> &'static str {
        groups::HOLDS
    }

    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let showtimes = self.0.clone();
        async move {
            let closed: Vec<(Uuid, Option<PlayerId>)> =
                facts.iter().map(|fact| (fact.id, closed(fact))).collect();
            let (store, now) = (&showtimes.0.store, showtimes.0.clock.now());
            let released = store.release_closed_accounts(&closed, now).await?;
            metrics::counter!("playhouse_holds_ended_total", "how" => "account_closed").increment(released);
            Ok(())
        }
        .boxed()
    }
}

/// Ends passes whose seat is paid.
struct TellQueues(Showtimes);

impl Consumer for TellQueues {
    fn group(&self) -> &'static str {
        groups::QUEUES
    }

    /// Each is confirmed by itself: a queue that does not answer holds up no other.
    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let showtimes = self.0.clone();
        async move {
            let (store, now) = (&showtimes.0.store, showtimes.0.clock.now());
            let (mut heard, mut waiting) = (Vec::with_capacity(facts.len()), 0);
            for fact in facts {
                let over = fact.at + showtimes.0.settings.queue_give_up_ms <= now; // its pass ended long ago
                let done = match store.reservation(fact.id).await? {
                    Some(paid) if !over => showtimes.tell_queue(&paid).await,
                    _ => true,
                };
                if done { heard.push(fact.id) } else { waiting += 1 }
            }
            store.confirm_paid_seats(&heard, now).await?;
            match waiting {
                0 => Ok(()),
                n => Err(ConsumeError::Unavailable(format!("{n} paid seats of which no queue hears now"))),
            }
        }
        .boxed()
    }
}
