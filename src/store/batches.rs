//! Group commit of a node without the role `db`: what its entities commit goes to a db node in batches, and there into the
//! batches of its writer (`writer`), where the commits of all nodes share a transaction.
//!
//! Up to `db.batches` of them are on their way at once, so that one that waits for a dead node holds up no other; of one
//! entity there is never more than one: what it commits meanwhile is held, and what others commit passes by. A batch that nobody took was not written. One whose answer is
//! lost is in doubt, as one whose connection to the database is lost: its entities are put up again from the store,
//! which raises their epochs, so that what may still be on its way is fenced.

use super::{
    Commit, CommitError, Row,
    remote::{Asker, NoAnswer, question},
};
use crate::{
    cluster::{pack, unpack},
    config::{Database, DbRole},
};
use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

/// Name of the question. Its arguments are commits, each written by itself; its answer is a result for each.
pub(super) const COMMITS: &str = "commits";

type Done = oneshot::Sender<Result<(), CommitError>>;

/// A commit as it goes over the bus.
struct Job {
    entity: (&'static str, Uuid),
    commit: Bytes,
    tells: bool,
    done: Done,
}

pub(super) struct Batches {
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Batches {
    /// `facts` is told of batches with facts in them.
    pub(super) fn start(
        asker: Arc<Asker>,
        settings: &DbRole,
        database: &Database,
        facts: Arc<Notify>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(database.commit_queue);
        let (end, ended) = oneshot::channel();
        // Longer than the db node waits for its database: so it can say that nothing was written.
        let within = Duration::from_millis(database.timeout_ms + settings.again_ms);
        let work = Work {
            asker,
            within,
            facts,
            most: database.commit_batch,
            bytes: settings.message_bytes,
            at_once: settings.batches.max(1),
            held: VecDeque::new(),
            open: FuturesUnordered::new(),
            busy: HashSet::new(),
        };
        tokio::spawn(async move {
            work.until_closed(queue).await;
            let _ = end.send(()); // nobody may wait for it
        });
        Self { jobs: Mutex::new(Some(jobs)), ended: tokio::sync::Mutex::new(Some(ended)) }
    }

    pub(super) fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        let (done, result) = oneshot::channel();
        let queued = pack(&commit).map_err(CommitError::Failed).and_then(|packed| {
            let tells = commit.rows.iter().any(|row| matches!(row, Row::Fact(_)));
            let job = Job { entity: (commit.kind, commit.key), commit: packed.into(), tells, done };
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            match &*jobs {
                Some(jobs) => jobs.try_send(job).map_err(|_| CommitError::Busy),
                None => Err(CommitError::Failed("the store is closed".to_owned())),
            }
        });
        async move {
            queued?;
            result.await.unwrap_or_else(|_| Err(CommitError::Unknown("the store is gone".to_owned())))
        }
    }

    /// Sends what is queued and waits for its answers.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(ended) = self.ended.lock().await.take() {
            let _ = ended.await; // gone already is as good
        }
    }
}

type Entities = Vec<(&'static str, Uuid)>;

struct Work {
    asker: Arc<Asker>,
    within: Duration,
    facts: Arc<Notify>,
    /// `database.commit_batch`: in a batch, and of those that are held.
    most: usize,
    bytes: usize,
    at_once: usize,
    /// In order; all of them of entities that are busy once [`Work::send`] was there, or there are batches enough.
    held: VecDeque<Job>,
    /// Batches on their way.
    open: FuturesUnordered<BoxFuture<'static, Entities>>,
    /// Whose commits are in them.
    busy: HashSet<(&'static str, Uuid)>,
}

impl Work {
    async fn until_closed(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut closed = false;
        let mut taken = Vec::new();
        while !(closed && self.held.is_empty() && self.open.is_empty()) {
            let room = self.most.saturating_sub(self.held.len());
            tokio::select! {
                Some(entities) = self.open.next(), if !self.open.is_empty() => {
                    for entity in &entities {
                        self.busy.remove(entity);
                    }
                }
                count = queue.recv_many(&mut taken, room), if room > 0 && !closed => {
                    closed = count == 0;
                    self.held.extend(taken.drain(..));
                }
            }
            self.send();
        }
    }

    /// What may go, as long as there are not too many batches on their way.
    fn send(&mut self) {
        while self.open.len() < self.at_once {
            let batch = self.next_batch();
            if batch.is_empty() {
                return;
            }
            self.busy.extend(batch.iter().map(|job| job.entity));
            let sent = send(self.asker.clone(), self.within, self.facts.clone(), batch);
            self.open.push(Box::pin(sent));
        }
    }

    /// The first of those whose entities have nothing on its way, so many bytes of them; one that is longer goes alone.
    fn next_batch(&mut self) -> Vec<Job> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut stays = VecDeque::with_capacity(self.held.len());
        let mut full = false;
        for job in self.held.drain(..) {
            full |= !batch.is_empty() && bytes + job.commit.len() > self.bytes;
            if full || self.busy.contains(&job.entity) {
                stays.push_back(job);
            } else {
                bytes += job.commit.len();
                batch.push(job);
            }
        }
        self.held = stays;
        batch
    }
}

/// Sends a batch and tells everybody what came of it.
async fn send(asker: Arc<Asker>, within: Duration, facts: Arc<Notify>, batch: Vec<Job>) -> Entities {
    let began = Instant::now();
    metrics::histogram!("playhouse_commit_batch").record(batch.len() as f64);
    let commits: Vec<&Bytes> = batch.iter().map(|job| &job.commit).collect();
    let results = match question(COMMITS, &commits) {
        Ok(question) => results(batch.len(), asker.ask_within(question, false, within).await),
        Err(error) => vec![Err(CommitError::Failed(error)); batch.len()],
    };
    let mut entities = Vec::with_capacity(batch.len());
    let mut tells = false;
    for (job, result) in batch.into_iter().zip(results) {
        tells |= job.tells && result.is_ok();
        entities.push(job.entity);
        let _ = job.done.send(result); // whoever asked may have given up
    }
    if tells {
        facts.notify_one();
    }
    metrics::histogram!("playhouse_commit_seconds").record(began.elapsed().as_secs_f64());
    entities
}

/// The result of each.
fn results(count: usize, answer: Result<Bytes, NoAnswer>) -> Vec<Result<(), CommitError>> {
    let all = |error: CommitError| vec![Err(error); count];
    match answer {
        Ok(answer) => match unpack::<Vec<Result<(), CommitError>>>(&answer) {
            Ok(results) if results.len() == count => results,
            _ => all(CommitError::Unknown("the answer of a db node could not be read".to_owned())),
        },
        Err(NoAnswer::InDoubt) => all(CommitError::Unknown(NoAnswer::InDoubt.to_string())),
        Err(not_taken) => all(CommitError::Failed(not_taken.to_string())),
    }
}
