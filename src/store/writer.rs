//! Group commit: the commits of many entities in one transaction, so that one sync to disk serves them all.
//!
//! One thread of its own takes what waits, up to a batch, as soon as the batch before is done: a lone commit
//! never waits, a crowd shares. A refused entity never fails the batch: what the database may refuse runs
//! under a savepoint. If a batch fails before its COMMIT nothing of it was written, and each is tried alone;
//! if the COMMIT itself fails, all are in doubt.

use super::{Commit, CommitError, Db, Fence, Listing, Row};
use crate::config::Database;
use sqlx::{Acquire, types::Json};
use std::{future::Future, sync::Mutex, time::Instant};
use tokio::sync::{mpsc, oneshot};

type Done = oneshot::Sender<Result<(), CommitError>>;
type Job = (Commit, Done);

pub(super) struct Writer {
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    pub(super) fn start(db: Db, settings: &Database) -> Self {
        let (jobs, queue) = mpsc::channel(settings.commit_queue);
        let (end, ended) = oneshot::channel();
        let longest = settings.commit_batch;
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let spawned = thread.spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(run(db, queue, longest)),
                Err(error) => tracing::error!(%error, "the store's writer has no runtime"),
            }
            let _ = end.send(()); // nobody may wait for it
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "the store's writer did not start");
        }
        Self { jobs: Mutex::new(Some(jobs)), ended: tokio::sync::Mutex::new(Some(ended)) }
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

async fn run(db: Db, mut queue: mpsc::Receiver<Job>, longest: usize) {
    let mut batch: Vec<Job> = Vec::new();
    while queue.recv_many(&mut batch, longest).await > 0 {
        let began = Instant::now();
        metrics::histogram!("playhouse_commit_batch").record(batch.len() as f64);
        let (commits, waiting): (Vec<Commit>, Vec<Done>) = batch.drain(..).unzip();
        for (result, done) in write_all(&db, &commits).await.into_iter().zip(waiting) {
            let _ = done.send(result); // whoever asked may have given up
        }
        metrics::histogram!("playhouse_commit_seconds").record(began.elapsed().as_secs_f64());
    }
}

/// The result of each commit, in order.
async fn write_all(db: &Db, commits: &[Commit]) -> Vec<Result<(), CommitError>> {
    match write_batch(db, commits).await {
        Ok(results) => results,
        Err(BatchError::InDoubt(error)) => {
            commits.iter().map(|_| Err(CommitError::Unknown(error.clone()))).collect()
        }
        Err(BatchError::Nothing(error)) if commits.len() == 1 => vec![Err(CommitError::Failed(error))],
        Err(BatchError::Nothing(error)) => {
            tracing::warn!(error, commits = commits.len(), "a batch failed; each is tried alone");
            let mut results = Vec::with_capacity(commits.len());
            for commit in commits {
                results.extend(Box::pin(write_all(db, std::slice::from_ref(commit))).await);
            }
            results
        }
    }
}

enum BatchError {
    /// Nothing was written.
    Nothing(String),
    /// The COMMIT itself failed.
    InDoubt(String),
}

impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        Self::Nothing(error.to_string())
    }
}

async fn write_batch(db: &Db, commits: &[Commit]) -> Result<Vec<Result<(), CommitError>>, BatchError> {
    match db {
        Db::Sqlite { w, .. } => sqlite::write_batch(w, commits).await,
        Db::Postgres(pool) => postgres::write_batch(pool, commits).await,
    }
}

/// The same statements for both databases: sqlx types a query by its database.
macro_rules! statements {
    ($module:ident, $Pool:ty, $Connection:ty) => {
        mod $module {
            use super::*;

            pub(super) async fn write_batch(
                pool: &$Pool,
                commits: &[Commit],
            ) -> Result<Vec<Result<(), CommitError>>, BatchError> {
                let mut tx = pool.begin().await?;
                let mut results = Vec::with_capacity(commits.len());
                for commit in commits {
                    results.push(if commit.rows.iter().any(Row::may_be_refused) {
                        let mut savepoint = tx.begin().await?;
                        let result = write_one(&mut savepoint, commit).await?;
                        match result {
                            Ok(()) => savepoint.commit().await?,
                            Err(_) => savepoint.rollback().await?,
                        }
                        result
                    } else {
                        write_one(&mut tx, commit).await?
                    });
                }
                tx.commit().await.map_err(|error| BatchError::InDoubt(error.to_string()))?;
                Ok(results)
            }

            /// The entity's row first: a fenced owner writes nothing at all.
            async fn write_one(db: &mut $Connection, commit: &Commit) -> sqlx::Result<Result<(), CommitError>> {
                if !write_entity(&mut *db, commit).await? {
                    return Ok(Err(CommitError::Fenced));
                }
                for row in &commit.rows {
                    if let Err(refused) = write_row(&mut *db, row).await? {
                        return Ok(Err(refused));
                    }
                }
                Ok(Ok(()))
            }

            async fn write_entity(db: &mut $Connection, commit: &Commit) -> sqlx::Result<bool> {
                let wake = commit.next_wake_at.map(|at| at.0);
                let done = match (&commit.state, commit.fence) {
                    (Some(state), Fence::Create) => {
                        let sql = "INSERT INTO entities (kind, key, epoch, version, state, next_wake_at, wake_no)
                                   VALUES ($1, $2, 1, 1, $3, $4, $5) ON CONFLICT (kind, key) DO NOTHING";
                        let query = sqlx::query(sql).bind(commit.kind).bind(commit.key).bind(state);
                        query.bind(wake).bind(commit.wake_no).execute(db).await?
                    }
                    (Some(state), Fence::Epoch(epoch)) => {
                        let sql = "UPDATE entities SET version = version + 1, state = $1, next_wake_at = $2,
                                   wake_no = $3 WHERE kind = $4 AND key = $5 AND epoch = $6";
                        let query = sqlx::query(sql).bind(state).bind(wake).bind(commit.wake_no);
                        query.bind(commit.kind).bind(commit.key).bind(epoch).execute(db).await?
                    }
                    (None, fence) => {
                        let epoch = if let Fence::Epoch(epoch) = fence { epoch } else { 0 };
                        let sql = "DELETE FROM entities WHERE kind = $1 AND key = $2 AND epoch = $3";
                        sqlx::query(sql).bind(commit.kind).bind(commit.key).bind(epoch).execute(db).await?
                    }
                };
                Ok(done.rows_affected() == 1)
            }

            async fn write_row(db: &mut $Connection, row: &Row) -> sqlx::Result<Result<(), CommitError>> {
                match row {
                    Row::TakeSeat { account, room } => {
                        let sql = "INSERT INTO seats (account_id, room_id) VALUES ($1, $2)
                                   ON CONFLICT (account_id) DO UPDATE SET room_id = excluded.room_id
                                   WHERE seats.room_id = excluded.room_id";
                        let done = sqlx::query(sql).bind(account.0).bind(room.0).execute(db).await?;
                        if done.rows_affected() == 0 {
                            return Ok(Err(CommitError::SeatTaken(*account)));
                        }
                    }
                    Row::FreeSeat { account, room } => {
                        let sql = "DELETE FROM seats WHERE account_id = $1 AND room_id = $2";
                        sqlx::query(sql).bind(account.0).bind(room.0).execute(db).await?;
                    }
                    Row::Listing(listing) => return write_listing(db, listing).await,
                    Row::Unlist { room } => {
                        sqlx::query("DELETE FROM rooms WHERE room_id = $1").bind(room.0).execute(db).await?;
                    }
                    Row::Report { id, room, by, about, reason, log, at } => {
                        let sql = "INSERT INTO reports (id, room_id, by_account, about, reason, log, at)
                                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
                        let query = sqlx::query(sql).bind(id).bind(room.0).bind(by.0).bind(about.0);
                        query.bind(reason).bind(Json(log)).bind(at.0).execute(db).await?;
                    }
                    Row::MatchStarted { .. } | Row::MatchEntry { .. } | Row::MatchEnded { .. } => {
                        write_match(db, row).await?;
                    }
                }
                Ok(Ok(()))
            }

            async fn write_listing(
                db: &mut $Connection,
                listing: &Listing,
            ) -> sqlx::Result<Result<(), CommitError>> {
                let sql = "INSERT INTO rooms (room_id, code, name, game, visibility, status, members, capacity,
                           settings, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                           ON CONFLICT (room_id) DO UPDATE SET name = excluded.name, status = excluded.status,
                           members = excluded.members, settings = excluded.settings";
                let query = sqlx::query(sql).bind(listing.room_id.0).bind(&listing.code).bind(&listing.name);
                let query = query.bind(&listing.game).bind(&listing.visibility).bind(&listing.status);
                let query = query.bind(listing.members).bind(listing.capacity).bind(Json(&listing.settings));
                match query.bind(listing.created_at.0).execute(db).await {
                    Ok(_) => Ok(Ok(())),
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                        Ok(Err(CommitError::CodeTaken))
                    }
                    Err(error) => Err(error),
                }
            }

            async fn write_match(db: &mut $Connection, row: &Row) -> sqlx::Result<()> {
                match row {
                    Row::MatchStarted { match_id, room, header, participants, at } => {
                        let sql = "INSERT INTO matches (match_id, room_id, header, started_at) VALUES ($1, $2, $3, $4)";
                        let query = sqlx::query(sql).bind(match_id.0).bind(room.0);
                        query.bind(Json(header)).bind(at.0).execute(&mut *db).await?;
                        for account in participants {
                            let sql = "INSERT INTO match_players (account_id, match_id) VALUES ($1, $2)";
                            sqlx::query(sql).bind(account.0).bind(match_id.0).execute(&mut *db).await?;
                        }
                    }
                    Row::MatchEntry { match_id, n, at, body } => {
                        let sql = "INSERT INTO match_entries (match_id, n, at, body) VALUES ($1, $2, $3, $4)";
                        let query = sqlx::query(sql).bind(match_id.0).bind(n).bind(at.0);
                        query.bind(Json(body)).execute(db).await?;
                    }
                    Row::MatchEnded { match_id, winner, at, ended } => {
                        let sql = "UPDATE matches SET winner = $1, ended_at = $2, ended = $3 WHERE match_id = $4";
                        let query = sqlx::query(sql).bind(winner).bind(at.0).bind(Json(ended));
                        query.bind(match_id.0).execute(db).await?;
                    }
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

statements!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection);
statements!(postgres, sqlx::PgPool, sqlx::PgConnection);
