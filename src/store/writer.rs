//! Group commit: the commits of many entities in one transaction, so that one sync to disk serves them all.
//!
//! One thread of its own takes what waits, up to a batch, as soon as the batch before is done: a lone commit
//! never waits, a crowd shares. A refused entity never fails the batch (`statements`). If a batch fails before its
//! COMMIT nothing of it was written, and it is tried again in halves; if the COMMIT itself fails, all are in doubt.
//! A database that does not answer is not waited for longer than `database.timeout_ms`: its connection is dropped.

use super::{
    Commit, CommitError, Db, Row,
    statements::{self, BatchError},
};
use crate::config::Database;
use std::{
    cell::Cell,
    future::Future,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
};

type Done = oneshot::Sender<Result<(), CommitError>>;
type Job = (Commit, Done);

pub(super) struct Writer {
    /// What its thread runs.
    runtime: Option<Handle>,
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// `facts` is told of batches with facts in them.
    pub(super) fn start(db: Db, settings: &Database, facts: Arc<Notify>) -> Self {
        let (jobs, queue) = mpsc::channel(settings.commit_queue);
        let (end, ended) = oneshot::channel();
        let (batch, longest) = (settings.commit_batch, Duration::from_millis(settings.timeout_ms));
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let started =
            tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let handle = runtime.handle().clone();
                thread.spawn(move || {
                    runtime.block_on(run(db, queue, batch, longest, &facts));
                    drop(runtime);
                    let _ = end.send(()); // nobody may wait for it
                })?;
                Ok(handle)
            });
        if let Err(error) = &started {
            tracing::error!(%error, "the store's writer did not start");
        }
        let ended = tokio::sync::Mutex::new(Some(ended));
        Self { runtime: started.ok(), jobs: Mutex::new(Some(jobs)), ended }
    }

    pub(super) fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }

    pub(super) fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        let (done, result) = oneshot::channel();
        let queued = {
            let jobs = self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match &*jobs {
                Some(jobs) => jobs.try_send((commit, done)).map_err(|_| CommitError::Busy),
                None => Err(CommitError::Failed("the store is closed".to_owned())),
            }
        };
        async move {
            queued?;
            result.await.unwrap_or_else(|_| Err(CommitError::Unknown("the writer is gone".to_owned())))
        }
    }

    /// Writes what is queued, then ends.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        if let Some(ended) = self.ended.lock().await.take() {
            let _ = ended.await; // gone already is as good
        }
    }
}

async fn run(db: Db, mut queue: mpsc::Receiver<Job>, batch: usize, longest: Duration, facts: &Notify) {
    let mut jobs: Vec<Job> = Vec::new();
    while queue.recv_many(&mut jobs, batch).await > 0 {
        let began = Instant::now();
        metrics::histogram!("playhouse_commit_batch").record(jobs.len() as f64);
        // Nodes whose batches meet take their locks in one order.
        jobs.sort_by_key(|(commit, _)| (commit.kind, commit.key));
        let (commits, waiting): (Vec<Commit>, Vec<Done>) = jobs.drain(..).unzip();
        let tells = commits.iter().flat_map(|commit| &commit.rows).any(|row| matches!(row, Row::Fact(_)));
        for (result, done) in write_all(&db, &commits, longest).await.into_iter().zip(waiting) {
            let _ = done.send(result); // whoever asked may have given up
        }
        if tells {
            facts.notify_one();
        }
        metrics::histogram!("playhouse_commit_seconds").record(began.elapsed().as_secs_f64());
    }
}

/// The result of each commit, in order.
pub(super) async fn write_all(
    db: &Db,
    commits: &[Commit],
    longest: Duration,
) -> Vec<Result<(), CommitError>> {
    let all = |error: CommitError| commits.iter().map(|_| Err(error.clone())).collect();
    match write_batch(db, commits, longest).await {
        Ok(results) => results,
        Err(BatchError::InDoubt(error)) => all(CommitError::Unknown(error)),
        Err(BatchError::Away(error)) => all(CommitError::Failed(error)),
        Err(BatchError::Nothing(error)) if commits.len() == 1 => all(CommitError::Failed(error)),
        Err(BatchError::Nothing(error)) => {
            tracing::warn!(error, commits = commits.len(), "a batch failed; its halves are tried alone");
            let (first, second) = commits.split_at(commits.len() / 2);
            let mut results = Box::pin(write_all(db, first, longest)).await;
            results.extend(Box::pin(write_all(db, second, longest)).await);
            results
        }
    }
}

async fn write_batch(
    db: &Db,
    commits: &[Commit],
    longest: Duration,
) -> Result<Vec<Result<(), CommitError>>, BatchError> {
    let committing = Cell::new(false);
    match db {
        Db::Sqlite { w, .. } => {
            let mut connection = w.acquire().await.map_err(BatchError::away)?;
            statements::sqlite::write_batch(&mut connection, commits, &committing).await
        }
        Db::Postgres { entities, .. } => {
            let mut connection = entities.acquire().await.map_err(BatchError::away)?;
            let writing = statements::postgres::write_batch(&mut connection, commits, &committing);
            match tokio::time::timeout(longest, writing).await {
                Ok(results) => results,
                Err(_) => {
                    drop(connection.detach()); // closed at once: in the pool it would be waited for
                    let error = "the database does not answer".to_owned();
                    Err(if committing.get() { BatchError::InDoubt(error) } else { BatchError::Away(error) })
                }
            }
        }
    }
}
