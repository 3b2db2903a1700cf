//! All SQL: entities with their fenced commits, what is known of rooms, and what was played.
//!
//! SQLite is the embedded default, PostgreSQL the database of many nodes; one set of migrations and queries
//! serves both. Commits of many entities go through one writer in batches (group commit, spec 6.2).
//! Called by the cluster, sessions and HTTP handlers; it knows no actor and no rule of a game.

mod audit;
mod commit;
mod db;
mod entities;
mod error;
mod identity;
mod matches;
mod moderation;
mod rooms;
mod statements;
#[cfg(test)]
mod tests;
mod writer;

pub use audit::AuditEntry;
pub(crate) use audit::{ADD_AUDIT, AuditFilter, audit};
pub use commit::{Activated, Commit, CommitError, Due, Fence, Listing, Row};
pub(crate) use db::{Db, read, write};
pub use error::StoreError;
pub(crate) use identity::{AccountRow, NewSignIn, NicknameKeys, Rotate, Rotated, TicketRow};
pub use matches::MatchRecord;
pub(crate) use moderation::{MuteRow, PlayerRow, Report, ReportFilter};
pub(crate) use rooms::RoomFilter;

use crate::{clock::SharedClock, config::Config};
use std::{future::Future, sync::Arc};
use writer::Writer;

/// The database of a node; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Arc<Writer>,
    clock: SharedClock,
}

impl Store {
    /// Opens the database of the settings and brings it up to date.
    pub async fn open(config: &Config, clock: SharedClock) -> Result<Self, StoreError> {
        let db = Db::open(config).await?;
        let writer = Arc::new(Writer::start(db.clone(), &config.database));
        Ok(Self { db, writer, clock })
    }

    /// For the other files of the store.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Queues a commit at once (calls of one caller are applied in order) and resolves when it is durable.
    pub fn commit(&self, commit: Commit) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        self.writer.commit(commit)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read!(&self.db, pool => { sqlx::query("SELECT 1").execute(pool).await?; });
        Ok(())
    }

    /// How far the database's clock is before this node's, in ms: at the middle of the question's way.
    pub async fn clock_skew_ms(&self) -> Result<i64, StoreError> {
        let asked = self.clock.now();
        let database: i64 = match &self.db {
            Db::Sqlite { r, .. } => {
                let sql = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";
                sqlx::query_scalar(sql).fetch_one(r).await?
            }
            Db::Postgres(pool) => {
                let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                sqlx::query_scalar(sql).fetch_one(pool).await?
            }
        };
        let answered = self.clock.now();
        Ok(database - (asked.0 + answered.0) / 2)
    }

    /// Writes what is queued and lets go of the database.
    pub async fn close(&self) {
        self.writer.close().await;
        self.db.close().await;
    }
}
