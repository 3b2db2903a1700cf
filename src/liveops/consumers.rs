//! Consumers: those who act on facts, and the worker that hands them over, tries again, and gives up.
//!
//! A batch that fails is tried fact by fact, so that a bad one holds up no other. What fails alone comes again after a
//! pause, from the outbox, and is a dead letter after `activity.tries`. A consumer may err, panic or hang.

use super::{
    Fact,
    stream::{Parcel, Stream, StreamError},
};
use crate::{
    clock::SharedClock,
    config::Activity,
    store::{Failed, Store, StoreError},
};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Why facts were not handled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ConsumeError {
    /// Nothing is wrong with them: the database is away. Not counted as a try.
    #[error("{0}")]
    Unavailable(String),
    /// Counted as a try of each.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for ConsumeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Bug(why) => Self::Failed(why),
        }
    }
}

impl From<sqlx::Error> for ConsumeError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Acts on the facts of one group.
pub(crate) trait Consumer: Send + Sync + 'static {
    /// Which, of `groups`.
    fn group(&self) -> &'static str;

    /// Handles all of these or none. Each is confirmed in the transaction of its effect (`store::confirm`), and has an
    /// effect only where the confirmation says so: it may have come before.
    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>>;
}

/// Hands facts to a consumer.
pub(crate) struct Worker {
    pub consumer: Arc<dyn Consumer>,
    pub store: Store,
    pub stream: Arc<dyn Stream>,
    pub clock: SharedClock,
    pub settings: Activity,
}

impl Worker {
    /// Handles what has come. How much that was; zero if nothing came for a moment.
    pub(crate) async fn turn(&self) -> Result<usize, StreamError> {
        let group = self.consumer.group();
        let parcels = self.stream.receive(group, self.settings.batch).await?;
        if parcels.is_empty() {
            return Ok(0);
        }
        let all = parcels.len();
        let mut done = Vec::with_capacity(all);
        let mut good = Vec::with_capacity(all);
        for Parcel { receipt, fact_id, body } in parcels {
            match Fact::open(&body) {
                Ok(fact) => good.push((receipt, fact)),
                Err(error) => {
                    if self.failed(fact_id, &error.to_string()).await {
                        done.push(receipt);
                    }
                }
            }
        }
        done.extend(self.handle(good).await);
        self.stream.done(group, done).await?;
        Ok(all)
    }

    /// Together if that works, else one after another. Those that the transport can forget.
    async fn handle(&self, good: Vec<(String, Fact)>) -> Vec<String> {
        if good.is_empty() {
            return Vec::new();
        }
        let facts = good.iter().map(|(_, fact)| fact.clone()).collect();
        match self.give(facts).await {
            Ok(()) => return good.into_iter().map(|(receipt, _)| receipt).collect(),
            Err(ConsumeError::Unavailable(error)) => {
                tracing::warn!(group = self.consumer.group(), error, "facts wait for the database");
                return Vec::new();
            }
            Err(ConsumeError::Failed(_)) => {}
        }
        let mut done = Vec::with_capacity(good.len());
        for (receipt, fact) in good {
            let id = fact.id;
            let over = match self.give(vec![fact]).await {
                Ok(()) => true,
                Err(ConsumeError::Unavailable(_)) => false,
                Err(ConsumeError::Failed(error)) => self.failed(id, &error).await,
            };
            if over {
                done.push(receipt);
            }
        }
        done
    }

    /// In a task of its own, for it may panic, and not for ever.
    async fn give(&self, facts: Vec<Fact>) -> Result<(), ConsumeError> {
        let count = facts.len() as u64;
        let mut handling = tokio::spawn(self.consumer.handle(facts));
        let longest = Duration::from_millis(self.settings.handle_ms);
        match tokio::time::timeout(longest, &mut handling).await {
            Ok(Ok(handled)) => handled?,
            Ok(Err(_)) => return Err(ConsumeError::Failed("the consumer panicked".to_owned())),
            Err(_) => {
                handling.abort();
                return Err(ConsumeError::Failed("the consumer came to no end".to_owned()));
            }
        }
        metrics::counter!("playhouse_activity_handled_total", "group" => self.consumer.group())
            .increment(count);
        Ok(())
    }

    /// Counts a failed try. False: not even that was possible.
    async fn failed(&self, id: Uuid, error: &str) -> bool {
        let group = self.consumer.group();
        let counted = self.store.fact_failed((group, id), error, self.clock.now(), &self.settings).await;
        match counted {
            Ok(Failed::Again(at)) => {
                tracing::warn!(group, fact_id = %id, error, again_at = at.0, "a fact could not be handled");
                metrics::counter!("playhouse_activity_retries_total", "group" => group).increment(1);
            }
            Ok(Failed::Dead) => {
                tracing::error!(group, fact_id = %id, error, "a fact is a dead letter");
                metrics::counter!("playhouse_activity_dead_total", "group" => group).increment(1);
            }
            Ok(Failed::Gone) => {}
            Err(away) => {
                tracing::warn!(group, fact_id = %id, error, %away, "a failed try was not counted");
                return false;
            }
        }
        true
    }
}
