//! Facts of a node alone: a bounded queue for each group. What is in it when the process ends is still in the outbox.

use super::{Parcel, Stream, StreamError};
use crate::{liveops::groups::GROUPS, store::DueFact};
use futures_util::future::{BoxFuture, FutureExt};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct MemoryStream {
    queues: Arc<HashMap<&'static str, Queue>>,
    bound: usize,
    wait: Duration,
}

#[derive(Default)]
struct Queue {
    facts: Mutex<VecDeque<DueFact>>,
    more: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<DueFact>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStream {
    /// Holds so many facts for each group; who receives waits so long.
    pub(crate) fn new(bound: usize, wait: Duration) -> Self {
        let queues = GROUPS.iter().map(|group| (group.name, Queue::default())).collect();
        Self { queues: Arc::new(queues), bound, wait }
    }
}

impl Stream for MemoryStream {
    fn send(&self, facts: Vec<DueFact>) -> BoxFuture<'static, Result<(), StreamError>> {
        let this = self.clone();
        async move {
            for fact in facts {
                // A group of another version, whose rows an earlier run has left: nobody here can handle them.
                let Some(queue) = this.queues.get(fact.consumer.as_str()) else { continue };
                let mut waiting = queue.lock();
                if waiting.len() >= this.bound {
                    return Err(StreamError("the queue is full".to_owned()));
                }
                waiting.push_back(fact);
                queue.more.notify_one();
            }
            Ok(())
        }
        .boxed()
    }

    fn receive(
        &self,
        group: &'static str,
        most: usize,
    ) -> BoxFuture<'static, Result<Vec<Parcel>, StreamError>> {
        let this = self.clone();
        async move {
            let Some(queue) = this.queues.get(group) else {
                return Err(StreamError(format!("there is no group {group}")));
            };
            if queue.lock().is_empty() {
                let _ = timeout(this.wait, queue.more.notified()).await; // nothing has come: also an answer
            }
            let mut waiting = queue.lock();
            let most = most.min(waiting.len());
            let parcel =
                |fact: DueFact| Parcel { receipt: String::new(), fact_id: fact.fact_id, body: fact.body };
            Ok(waiting.drain(..most).map(parcel).collect())
        }
        .boxed()
    }

    fn done(&self, _: &'static str, _: Vec<String>) -> BoxFuture<'static, Result<(), StreamError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn waiting(&self) -> BoxFuture<'static, Result<usize, StreamError>> {
        let longest = self.queues.values().map(|queue| queue.lock().len()).max();
        std::future::ready(Ok(longest.unwrap_or(0))).boxed()
    }
}
