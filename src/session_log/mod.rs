//! Who was connected when, from where and how it ended (spec 5.2).
//!
//! Owns the queue between connections and the table: a connection notes its rows (`Journey`) and never waits; a task
//! writes them in batches, again until the database takes them; what finds the queue full is dropped and counted. `sweep`
//! closes what crashes left open and forgets what is too old. Called by `transport` and `node`; staff read the table
//! over HTTP. Knows no game and no socket.

mod journey;
mod life;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use journey::{Journey, Traffic, Transport};
pub(crate) use life::Reason;

use crate::{
    clock::SharedClock,
    config,
    ids::NodeId,
    store::{SessionLogRow, Store},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use uuid::Uuid;

/// The queue's front end; cheap to clone.
#[derive(Clone)]
pub struct SessionLog(Arc<Front>);

struct Front {
    queue: mpsc::Sender<Work>,
    clock: SharedClock,
    node: NodeId,
    node_name: Option<String>,
}

/// What the task is given.
enum Work {
    Row(Box<SessionLogRow>),
    /// Answered once all before it is written.
    Flush(oneshot::Sender<()>),
}

impl SessionLog {
    /// Of this run of a node; its task writes in the current runtime for as long as somebody notes something.
    pub fn start(
        store: Store,
        settings: &config::SessionLogSection,
        clock: SharedClock,
        node: (NodeId, Option<String>),
    ) -> Self {
        let (queue, work) = mpsc::channel(settings.queue.max(1));
        actix::spawn(write(store, work, settings.clone()));
        let (node, node_name) = node;
        Self(Arc::new(Front { queue, clock, node, node_name }))
    }

    fn note(&self, row: SessionLogRow) {
        if self.0.queue.try_send(Work::Row(Box::new(row))).is_err() {
            metrics::counter!("playhouse_session_log_dropped_total").increment(1);
        }
    }

    fn now(&self) -> i64 {
        self.0.clock.now().0
    }

    fn node(&self) -> Uuid {
        self.0.node.0
    }

    fn node_name(&self) -> Option<String> {
        self.0.node_name.clone()
    }

    /// Returns when what was noted is written, or after `longest`.
    pub async fn flush(&self, longest: Duration) {
        let (done, written) = oneshot::channel();
        let all = async {
            if self.0.queue.send(Work::Flush(done)).await.is_ok() {
                drop(written.await);
            }
        };
        if timeout(longest, all).await.is_err() {
            tracing::warn!("some of the session log could not be written in time");
        }
    }
}

/// Writes what comes, in batches.
async fn write(store: Store, mut work: mpsc::Receiver<Work>, settings: config::SessionLogSection) {
    let linger = Duration::from_millis(settings.linger_ms);
    let mut batch = Vec::new();
    while let Some(first) = work.recv().await {
        batch.push(first);
        if !matches!(batch[0], Work::Flush(_)) {
            sleep(linger).await;
        }
        while batch.len() < settings.batch.max(1)
            && let Ok(more) = work.try_recv()
        {
            batch.push(more);
        }
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        for work in batch.drain(..) {
            match work {
                Work::Row(row) => rows.push(*row),
                Work::Flush(done) => asked.push(done),
            }
        }
        write_all(&store, &rows, Duration::from_millis(settings.retry_ms)).await;
        for done in asked {
            let _ = done.send(()); // nobody may wait any more
        }
    }
}

/// Until the database takes them. What it will never take is given up, and counted.
async fn write_all(store: &Store, rows: &[SessionLogRow], pause: Duration) {
    use crate::store::StoreError;
    if rows.is_empty() {
        return;
    }
    loop {
        match store.log_sessions(rows).await {
            Ok(()) => return,
            Err(StoreError::Unavailable(error)) => {
                tracing::debug!(%error, rows = rows.len(), "the session log waits for the database");
                sleep(pause).await;
            }
            Err(error) => {
                tracing::error!(%error, rows = rows.len(), "the session log was not written");
                let lost = rows.len() as u64;
                metrics::counter!("playhouse_session_log_dropped_total").increment(lost);
                return;
            }
        }
    }
}

pub(crate) use sweep::keep_tidy;
