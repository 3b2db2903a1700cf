//! The statements of a batch of commits, in one transaction.
//!
//! Called by the writer alone. Entities that exist are written in statements of many rows: a round trip serves dozens of
//! them. The seats that they give are taken first; if one is taken already, or an owner who gave one is fenced, nothing
//! of it stays and all who give seats are written one after another, as those are whose room's code may be
//! refused: each under a savepoint, so that a refusal does not fail the rest.

use super::{
    Commit, CommitError, Fence, Listing, NewPass, OutboxRow, Row,
    plan::{Change, Plan, Right, Seat, given},
    seats::seat_statements,
};
use crate::{clock::UnixMs, ids::QueueId, liveops::Fact};
use sqlx::{Acquire, QueryBuilder, types::Json};
use std::{cell::Cell, collections::HashSet};
use uuid::Uuid;

/// Rows of one statement. A few lengths alone, so that a connection keeps each statement prepared.
const LENGTHS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Why a batch was not acknowledged.
pub(super) enum BatchError {
    /// Nothing was written; perhaps because of one of the commits.
    Nothing(String),
    /// Nothing was written: there is no database.
    Away(String),
    /// The COMMIT itself failed.
    InDoubt(String),
}

impl BatchError {
    pub(super) fn away(error: sqlx::Error) -> Self {
        Self::Away(error.to_string())
    }
}

impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed => Self::away(error),
            _ => Self::Nothing(error.to_string()),
        }
    }
}

/// Cuts into the lengths above.
pub(super) fn cut<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = LENGTHS.into_iter().find(|length| *length <= rows.len())?;
        let (first, rest) = rows.split_at(length);
        rows = rest;
        Some(first)
    })
}

/// A row of a match's log: match, number, time, entry.
type Entry<'a> = (Uuid, i64, i64, &'a serde_json::Value);

/// A fact that cannot be written is our fault, and no reason to refuse what it tells of.
fn sealed(fact: &Fact) -> Vec<OutboxRow> {
    OutboxRow::of(fact).unwrap_or_else(|error| {
        tracing::error!(%error, fact_id = %fact.id, "a fact is lost");
        Vec::new()
    })
}

/// The same statements for both databases: sqlx types a query by its database.
macro_rules! statements {
    ($module:ident, $Connection:ty) => {
        pub(super) mod $module {
            use super::*;

            type Database = <$Connection as sqlx::Connection>::Database;

            seat_statements!($Connection);

            /// The result of each commit, in order. `committing` is set once nobody can say whether it was written.
            pub(in crate::store) async fn write_batch(
                connection: &mut $Connection,
                commits: &[Commit],
                committing: &Cell<bool>,
            ) -> Result<Vec<Result<(), CommitError>>, BatchError> {
                if let Some(results) = attempt(connection, &Plan::of(commits, true), committing).await? {
                    return Ok(results);
                }
                let again = attempt(connection, &Plan::of(commits, false), committing).await?;
                again.ok_or_else(|| BatchError::Nothing("the seats of a batch".to_owned()))
            }

            /// `None` if the seats cannot all be taken at once: nothing was written.
            async fn attempt(
                connection: &mut $Connection,
                plan: &Plan<'_>,
                committing: &Cell<bool>,
            ) -> Result<Option<Vec<Result<(), CommitError>>>, BatchError> {
                let mut tx = connection.begin().await.map_err(BatchError::away)?;
                let changes = plan.changes();
                let seats: Vec<Seat> = changes.iter().flat_map(|change| given(change.commit)).collect();
                let taken = take_seats(&mut tx, &seats).await?;
                let changed = if taken { write_changes(&mut tx, &changes).await? } else { HashSet::new() };
                let is_whole = |change: &Change<'_>| {
                    changed.contains(&change.right()) || given(change.commit).next().is_none()
                };
                if !taken || !changes.iter().all(is_whole) {
                    tx.rollback().await?;
                    return Ok(None);
                }
                let mut results = Vec::with_capacity(plan.commits.len());
                for commit in plan.commits {
                    results.push(match plan.change(commit) {
                        Some(change) if changed.contains(&change.right()) => Ok(()),
                        Some(_) => Err(CommitError::Fenced),
                        None => {
                            let mut savepoint = tx.begin().await?;
                            let result = write_one(&mut savepoint, commit).await?;
                            match result {
                                Ok(()) => savepoint.commit().await?,
                                Err(_) => savepoint.rollback().await?,
                            }
                            result
                        }
                    });
                }
                committing.set(true);
                tx.commit().await.map_err(|error| BatchError::InDoubt(error.to_string()))?;
                Ok(Some(results))
            }

            /// Many entities, and then what goes with those that were not fenced. Which were written.
            async fn write_changes<'a>(
                db: &mut $Connection,
                changes: &[Change<'a>],
            ) -> Result<HashSet<Right>, BatchError> {
                let mut changed = HashSet::with_capacity(changes.len());
                for some in cut(changes) {
                    let mut sql = QueryBuilder::<Database>::new(
                        "UPDATE entities SET version = version + 1, state = change.column4,
                         next_wake_at = change.column5, wake_no = change.column6 FROM (",
                    );
                    sql.push_values(some, |mut row, change| {
                        let wake = change.commit.next_wake_at.map(|at| at.0);
                        row.push_bind(change.commit.kind).push_bind(change.commit.key).push_bind(change.epoch);
                        row.push_bind(change.state).push_bind(wake).push_bind(change.commit.wake_no);
                    });
                    sql.push(
                        ") AS change WHERE entities.kind = change.column1 AND entities.key = change.column2
                         AND entities.epoch = change.column3
                         RETURNING entities.kind, entities.key, entities.epoch",
                    );
                    let written = sql.build_query_as::<(String, Uuid, i64)>().fetch_all(&mut *db).await?;
                    let written: HashSet<_> = written.iter().map(|(kind, key, epoch)| (&**kind, *key, *epoch)).collect();
                    changed.extend(some.iter().map(Change::right).filter(|right| written.contains(right)));
                }
                let (mut listings, mut entries, mut facts) = (Vec::new(), Vec::new(), Vec::new());
                let mut freed = Vec::new();
                for change in changes.iter().filter(|change| changed.contains(&change.right())) {
                    for row in &change.commit.rows {
                        match row {
                            Row::TakeSeat { .. } => {} // it has it
                            Row::FreeSeat { account, room } => freed.push((*account, *room)),
                            Row::Listing(listing) => listings.push(listing),
                            Row::MatchEntry { match_id, n, at, body } => entries.push((match_id.0, *n, at.0, body)),
                            Row::Fact(fact) => facts.extend(sealed(fact)),
                            row => {
                                if let Err(refused) = write_row(&mut *db, row).await? {
                                    return Err(BatchError::Nothing(refused.to_string()));
                                }
                            }
                        }
                    }
                }
                free_seats(&mut *db, &freed).await?;
                write_entries(&mut *db, &entries).await?;
                write_facts(&mut *db, &facts).await?;
                write_listings(db, &listings).await?;
                Ok(changed)
            }

            async fn write_entries(db: &mut $Connection, entries: &[Entry<'_>]) -> sqlx::Result<()> {
                for some in cut(entries) {
                    let mut sql =
                        QueryBuilder::<Database>::new("INSERT INTO match_entries (match_id, n, at, body) ");
                    sql.push_values(some, |mut row, (match_id, n, at, body)| {
                        row.push_bind(match_id).push_bind(n).push_bind(at).push_bind(Json(body));
                    });
                    sql.build().execute(&mut *db).await?;
                }
                Ok(())
            }

            async fn write_facts(db: &mut $Connection, facts: &[OutboxRow]) -> sqlx::Result<()> {
                for some in cut(facts) {
                    let mut sql = QueryBuilder::<Database>::new(
                        "INSERT INTO outbox (fact_id, consumer, kind, at, body, tries, due_at) ",
                    );
                    sql.push_values(some, |mut row, fact| {
                        row.push_bind(fact.fact_id).push_bind(fact.consumer).push_bind(fact.kind);
                        row.push_bind(fact.at).push_bind(fact.body.as_slice()).push_bind(0_i64).push_bind(fact.at);
                    });
                    sql.push(" ON CONFLICT DO NOTHING").build().execute(&mut *db).await?;
                }
                Ok(())
            }

            /// What the index shows of rooms. Only a new room can meet another's code.
            async fn write_listings(db: &mut $Connection, listings: &[&Listing]) -> sqlx::Result<()> {
                for some in cut(listings) {
                    let mut sql = QueryBuilder::<Database>::new(
                        "INSERT INTO rooms (room_id, code, name, game, visibility, status, members, capacity,
                         settings, created_at) ",
                    );
                    sql.push_values(some, |mut row, listing| {
                        row.push_bind(listing.room_id.0).push_bind(&listing.code).push_bind(&listing.name);
                        row.push_bind(&listing.game).push_bind(&listing.visibility).push_bind(&listing.status);
                        row.push_bind(listing.members).push_bind(listing.capacity);
                        row.push_bind(Json(&listing.settings)).push_bind(listing.created_at.0);
                    });
                    sql.push(
                        " ON CONFLICT (room_id) DO UPDATE SET name = excluded.name, status = excluded.status,
                         members = excluded.members, settings = excluded.settings",
                    );
                    sql.build().execute(&mut *db).await?;
                }
                Ok(())
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
                        if !take_seats(db, &[(*account, *room)]).await? {
                            return Ok(Err(CommitError::SeatTaken(*account)));
                        }
                    }
                    Row::FreeSeat { account, room } => free_seats(db, &[(*account, *room)]).await?,
                    Row::Listing(listing) => return write_listing(db, listing).await,
                    Row::Fact(fact) => write_facts(db, &sealed(fact)).await?,
                    Row::Unlist { room } => {
                        sqlx::query("DELETE FROM rooms WHERE room_id = $1").bind(room.0).execute(db).await?;
                    }
                    Row::Audit(entry) => {
                        crate::store::audit!(db, entry);
                    }
                    Row::Admitted { queue, at, passes, through } => {
                        return write_passes(db, *queue, *at, passes, *through).await;
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

            /// Who has a pass that lives gets no other, and a number one in all its life: then none is written.
            async fn write_passes(
                db: &mut $Connection,
                queue: QueueId,
                at: UnixMs,
                passes: &[NewPass],
                through: i64,
            ) -> sqlx::Result<Result<(), CommitError>> {
                let mut written = 0;
                for some in cut(passes) {
                    let mut sql = QueryBuilder::<Database>::new(
                        "INSERT INTO queue_passes (pass_id, queue_id, number, account_id, admitted_at, expires_at) ",
                    );
                    sql.push_values(some, |mut row, pass| {
                        row.push_bind(pass.id).push_bind(queue.0).push_bind(pass.place.number);
                        row.push_bind(pass.place.account.0).push_bind(at.0).push_bind(pass.expires_at.0);
                    });
                    let done = sql.push(" ON CONFLICT DO NOTHING").build().execute(&mut *db).await?;
                    written += done.rows_affected();
                }
                if written < passes.len() as u64 {
                    return Ok(Err(CommitError::Failed("somebody has a pass already".to_owned())));
                }
                let sql = "UPDATE queues SET admitted = admitted + $2, admitted_through =
                           CASE WHEN admitted_through < $3 THEN $3 ELSE admitted_through END WHERE queue_id = $1";
                let query = sqlx::query(sql).bind(queue.0).bind(passes.len() as i64).bind(through);
                query.execute(db).await?;
                Ok(Ok(()))
            }

            async fn write_listing(
                db: &mut $Connection,
                listing: &Listing,
            ) -> sqlx::Result<Result<(), CommitError>> {
                match write_listings(db, &[listing]).await {
                    Ok(()) => Ok(Ok(())),
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
                        write_entries(db, &[(match_id.0, *n, at.0, body)]).await?;
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

statements!(sqlite, sqlx::SqliteConnection);
statements!(postgres, sqlx::PgConnection);
