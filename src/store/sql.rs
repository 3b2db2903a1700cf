//! The database of a node that has one at hand (role `db`): all statements are methods of [`Sql`], in the files beside this one.
//!
//! Called by [`Store`](super::Store) on its own node and by `served` for the others. Knows no node.

use super::{AccountRow, Commit, CommitError, Db, StoreError, look_ups::LookUps, read, writer::Writer};
use crate::{
    clock::{SharedClock, UnixMs},
    config::Config,
    ids::{PlayerId, RoomId},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// The database at hand; cheap to clone.
#[derive(Clone)]
pub(crate) struct Sql {
    db: Db,
    writer: Arc<Writer>,
    /// Told when this node has written to the outbox.
    facts: Arc<Notify>,
    /// What everybody who comes asks: who he is, where he sits, and which room has a code.
    pub(super) accounts: LookUps<Uuid, AccountRow>,
    pub(super) seats: LookUps<PlayerId, RoomId>,
    pub(super) codes: LookUps<String, RoomId>,
}

impl Sql {
    /// Opens the database of the settings and brings it up to date.
    pub(super) async fn open(
        config: &Config,
        clock: &SharedClock,
        facts: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let db = Db::open(config, clock).await?;
        let writer = Arc::new(Writer::start(db.clone(), &config.database, facts.clone()));
        let longest = Duration::from_millis(config.database.timeout_ms);
        let (accounts, seats, codes) = (LookUps::new(longest), LookUps::new(longest), LookUps::new(longest));
        Ok(Self { db, writer, facts, accounts, seats, codes })
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// For the other files of the store.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// For the other files of the store: there is something new in the outbox.
    pub(super) fn outbox_has_more(&self) {
        self.facts.notify_one();
    }

    /// Queues a commit at once (calls of one caller are applied in order) and resolves when it is durable.
    pub(super) fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        self.writer.commit(commit)
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        read!(&self.db, pool => { sqlx::query("SELECT 1").execute(pool).await?; });
        Ok(())
    }

    /// The database's own clock.
    pub(super) async fn database_now(&self) -> Result<UnixMs, StoreError> {
        let now = match &self.db {
            Db::Sqlite { r, .. } => {
                let sql = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";
                sqlx::query_scalar(sql).fetch_one(r).await?
            }
            Db::Postgres { pool, .. } => {
                let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                sqlx::query_scalar(sql).fetch_one(pool).await?
            }
        };
        Ok(UnixMs(now))
    }

    pub(super) async fn close(&self) {
        self.writer.close().await;
        self.db.close().await;
    }
}
