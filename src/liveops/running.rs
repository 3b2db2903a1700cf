//! The tasks of the activity stream on a node: the relay, a worker for each consumer, and whoever looks after them.
//!
//! Started and stopped by `node`. A stop lets each task finish its turn; what is left is in the outbox.

use super::{
    claims::Claims,
    consumers::{Consumer, Worker},
    counters::CountActivity,
    ratings::RateResults,
    relay::Relay,
    stream::{MemoryStream, RedisStream, Stream},
};
use crate::{
    clock::{SharedClock, UnixMs},
    config::{Activity, Config},
    ids::NodeId,
    store::Store,
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// What the tasks share.
#[derive(Clone)]
pub(crate) struct Parts {
    pub store: Store,
    pub stream: Arc<dyn Stream>,
    pub clock: SharedClock,
    pub settings: Activity,
}

/// The running tasks.
pub(crate) struct ActivityStream {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl ActivityStream {
    /// A node's: on Redis if it is one of many, else in memory.
    ///
    /// # Errors
    /// Redis is not there.
    pub(crate) async fn of_node(
        config: &Config,
        store: &Store,
        clock: &SharedClock,
        me: NodeId,
        claims: &Claims,
    ) -> Result<Self, redis::RedisError> {
        let settings = config.activity.clone();
        let stream: Arc<dyn Stream> = match &config.redis.url {
            Some(url) => Arc::new(RedisStream::open(url, config, me.to_string()).await?),
            None => Arc::new(MemoryStream::new(settings.queue, Duration::from_millis(settings.poll_ms))),
        };
        let mut consumers = claims.consumers();
        consumers.push(Arc::new(CountActivity::new(store.clone(), clock.clone())));
        consumers.push(Arc::new(RateResults::new(store.clone(), clock.clone(), &config.rating)));
        let parts = Parts { store: store.clone(), stream, clock: clock.clone(), settings };
        Ok(Self::start(&parts, consumers))
    }

    /// Starts them, in the current runtime.
    pub(crate) fn start(parts: &Parts, consumers: Vec<Arc<dyn Consumer>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let Parts { store, stream, clock, settings } = parts.clone();
        let relay = Relay { store, stream, clock, settings };
        tasks.push(tokio::spawn(until(stopped.clone(), send(relay))));
        for consumer in consumers {
            let Parts { store, stream, clock, settings } = parts.clone();
            let worker = Worker { consumer, store, stream, clock, settings };
            tasks.push(tokio::spawn(work(stopped.clone(), worker)));
        }
        tasks.push(tokio::spawn(until(stopped, look_after(parts.clone()))));
        Self { stop, tasks }
    }

    /// Resolves when all have ended, within the time that handling a batch may take.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the activity stream has failed");
            }
        }
    }
}

/// What may be dropped at any point: a claim ends by itself.
async fn until(mut stopped: watch::Receiver<bool>, task: impl Future<Output = ()>) {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = task => {}
    }
}

async fn send(relay: Relay) {
    let poll = Duration::from_millis(relay.settings.poll_ms);
    let linger = Duration::from_millis(relay.settings.linger_ms);
    loop {
        if relay.turn().await {
            continue;
        }
        tokio::select! {
            () = relay.store.outbox_written() => sleep(linger).await,
            () = sleep(poll) => {}
        }
    }
}

async fn work(stopped: watch::Receiver<bool>, worker: Worker) {
    let pause = Duration::from_millis(worker.settings.poll_ms);
    while !*stopped.borrow() {
        if let Err(error) = worker.turn().await {
            tracing::debug!(%error, group = worker.consumer.group(), "no facts");
            sleep(pause).await;
        }
    }
}

/// Measures, and deletes what is too old.
async fn look_after(parts: Parts) {
    let mut swept: Option<UnixMs> = None;
    loop {
        let now = parts.clock.now();
        if let Err(error) = observe(&parts, now).await {
            tracing::debug!(%error, "the activity stream could not be measured");
        }
        if swept.is_none_or(|at| at + parts.settings.sweep_ms <= now) {
            swept = Some(now);
            sweep(&parts, now).await;
        }
        sleep(Duration::from_millis(parts.settings.observe_ms)).await;
    }
}

async fn observe(parts: &Parts, now: UnixMs) -> Result<(), crate::store::StoreError> {
    let (lag, dead) = parts.store.activity_lag().await?;
    for group in super::groups::GROUPS {
        let of = lag.iter().find(|lag| lag.consumer == group.name);
        let (facts, ms) = of.map_or((0, 0), |lag| (lag.facts, (now.0 - lag.since).max(0)));
        metrics::gauge!("playhouse_activity_lag_facts", "group" => group.name).set(facts as f64);
        metrics::gauge!("playhouse_activity_lag_seconds", "group" => group.name).set(ms as f64 / 1_000.0);
    }
    metrics::gauge!("playhouse_dead_letters").set(dead as f64);
    let (claims, since) = parts.store.claims_running().await?;
    metrics::gauge!("playhouse_claims_running").set(claims as f64);
    let oldest_ms = since.map_or(0, |since| (now.0 - since).max(0));
    metrics::gauge!("playhouse_claims_running_seconds").set(oldest_ms as f64 / 1_000.0);
    Ok(())
}

async fn sweep(parts: &Parts, now: UnixMs) {
    const DAY_MS: i64 = 86_400_000;
    let before = |ms: i64| UnixMs(now.0.saturating_sub(ms));
    let handled = before(i64::try_from(parts.settings.dedupe_ms).unwrap_or(i64::MAX));
    let counted = before(i64::from(parts.settings.counters_days) * DAY_MS);
    if let Err(error) = parts.store.sweep_activity(handled, counted).await {
        tracing::warn!(%error, "what is too old could not be deleted");
    }
}
