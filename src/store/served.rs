//! What a node with the role `db` answers to those without (spec 5.3).
//!
//! Offered to the cluster by `node`. Each question becomes one call of the method of its name; commits go into the writer's
//! own batches. `db.served` of them are worked on at once; more are refused before anything is done, so that who
//! asks can go to another db node. It keeps nothing between two questions.

use super::{Commit, CommitError, Sql, StoreError, asked::answer, batches::COMMITS, remote::parts};
use crate::{
    cluster::{AskError, Service, pack, unpack},
    config::DbRole,
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all, ready};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The name under which it is offered.
pub(crate) const SERVICE: &str = "db";

/// The database of a node, for others; see the module.
pub struct Served {
    sql: Sql,
    free: Arc<Semaphore>,
    most: usize,
    answer_bytes: usize,
}

impl Served {
    pub(super) fn new(sql: Sql, settings: &DbRole) -> Self {
        let free = Arc::new(Semaphore::new(settings.served));
        Self { sql, free, most: settings.served, answer_bytes: settings.message_bytes }
    }

    /// Takes no more, and waits for what it has begun.
    pub(crate) async fn stop(&self, longest: Duration) {
        let most = u32::try_from(self.most).unwrap_or(u32::MAX);
        let all_done = tokio::time::timeout(longest, self.free.acquire_many(most)).await;
        self.free.close();
        if all_done.is_err() {
            tracing::warn!("some questions of other nodes were not answered before the database was closed");
        }
    }

    fn begin(&self, request: &Bytes) -> Result<BoxFuture<'static, Result<Vec<u8>, String>>, String> {
        let (name, args) = parts(request).ok_or("no question")?;
        if name == COMMITS {
            let commits: Vec<Bytes> = unpack(args)?;
            let commits = commits.iter().map(|commit| unpack(commit)).collect::<Result<Vec<Commit>, _>>()?;
            let all: Vec<_> = commits.into_iter().map(|commit| self.sql.commit(commit)).collect();
            return Ok(join_all(all).map(|results: Vec<Result<(), CommitError>>| pack(&results)).boxed());
        }
        answer(self.sql.clone(), name, args).map_err(|error| error.0)
    }
}

impl Service for Served {
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let Ok(permit) = self.free.clone().try_acquire_owned() else {
            metrics::counter!("playhouse_db_served_total", "outcome" => "full").increment(1);
            return ready(Err(AskError::Unavailable)).boxed();
        };
        let began = Instant::now();
        let answering = match self.begin(&request) {
            Ok(answering) => answering,
            Err(error) => {
                tracing::warn!(error, "a question for the database of another version");
                metrics::counter!("playhouse_db_served_total", "outcome" => "unknown").increment(1);
                return ready(Err(AskError::Unknown)).boxed();
            }
        };
        let (most, answer_bytes, free) = (self.most, self.answer_bytes, self.free.clone());
        async move {
            metrics::gauge!("playhouse_db_served_open").set((most - free.available_permits()) as f64);
            let answer = whole(answering.await, answer_bytes);
            drop(permit);
            metrics::gauge!("playhouse_db_served_open").set((most - free.available_permits()) as f64);
            metrics::counter!("playhouse_db_served_total", "outcome" => "answered").increment(1);
            metrics::histogram!("playhouse_db_served_seconds").record(began.elapsed().as_secs_f64());
            answer.map(Bytes::from)
        }
        .boxed()
    }
}

/// The answer, or what is said in its place: it was done, so nobody may ask again.
fn whole(answer: Result<Vec<u8>, String>, most: usize) -> Result<Vec<u8>, AskError> {
    let error = match answer {
        Ok(answer) if answer.len() <= most => return Ok(answer),
        Ok(answer) => format!("an answer of {} bytes is longer than db.message_bytes", answer.len()),
        Err(error) => error,
    };
    tracing::error!(error, "an answer to another node");
    pack(&Err::<(), _>(StoreError::Bug(error))).map_err(|_| AskError::TimedOut)
}
