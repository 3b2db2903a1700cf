//! All SQL: entities with their fenced commits, what is known of rooms, and what was played.
//!
//! SQLite is the embedded default, PostgreSQL the database of many nodes; one set of migrations and queries
//! serves both. Commits of many entities go through one writer in batches (group commit, spec 6.2).
//! Called by the cluster, sessions and HTTP handlers; it knows no actor and no rule of a game.

mod audit;
mod claims;
mod commit;
mod counters;
mod credentials;
mod db;
mod dead_letters;
mod entities;
mod epochs;
mod error;
mod events;
mod grants;
mod idempotency;
mod identity;
mod keys;
mod matches;
mod moderation;
mod oidc;
mod outbox;
#[cfg(test)]
mod replica_tests;
mod replicas;
mod rewards;
mod rooms;
mod staff_accounts;
mod statements;
#[cfg(test)]
mod tests;
mod wallet;
#[cfg(test)]
mod wallet_tests;
mod writer;

pub use audit::AuditEntry;
pub(crate) use audit::{ADD_AUDIT, AuditFilter, audit};
pub(crate) use claims::{ClaimFilter, ClaimRow, Reserved};
pub use commit::{Activated, Commit, CommitError, Due, Fence, Listing, Row};
pub(crate) use credentials::{Added, BackOff, CredentialsRow};
use db::write_entity;
pub(crate) use db::{Db, browse, read, write};
pub(crate) use dead_letters::{DeadLetter, DeadLetterFilter};
pub use epochs::EpochChange;
pub use error::StoreError;
pub(crate) use events::{EventChange, EventRow, Saved};
pub(crate) use grants::{GrantResult, GrantRewardCommand, Undone};
pub(crate) use idempotency::{IdempotencyRow, KeyOf, StoredAnswer};
pub(crate) use identity::{AccountRow, NewSignIn, NicknameKeys, Rotate, Rotated, TicketRow};
pub(crate) use keys::{ServiceTokenRow, SigningKeyRow};
pub use matches::{MatchRecord, MatchRow};
pub(crate) use moderation::{MuteRow, MutedRow, PlayerRow, Report, ReportFilter};
pub(crate) use oidc::OidcAttempt;
pub(crate) use outbox::{ADD_FACT, DueFact, Failed, NOTE_CONSUMED, OutboxRow, TAKE_OUT, confirm, fact};
use replicas::Replicas;
pub(crate) use rewards::{RewardChange, RewardRow};
pub(crate) use rooms::RoomFilter;
pub(crate) use staff_accounts::{AccountQuery, BanRow, SignInRow, StaffAccountRow};
pub(crate) use wallet::{InventoryRow, LedgerRow, MOST};
pub use wallet::{Transfer, Transferred, Wallet};

use crate::{clock::SharedClock, config::Config};
use std::{future::Future, sync::Arc};
use tokio::sync::Notify;
use writer::Writer;

/// The database of a node; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Arc<Writer>,
    clock: SharedClock,
    /// Told when this node has written to the outbox.
    facts: Arc<Notify>,
}

impl Store {
    /// Opens the database of the settings and brings it up to date.
    pub async fn open(config: &Config, clock: SharedClock) -> Result<Self, StoreError> {
        let db = Db::open(config, &clock).await?;
        let facts = Arc::new(Notify::new());
        let writer = Arc::new(Writer::start(db.clone(), &config.database, facts.clone()));
        Ok(Self { db, writer, clock, facts })
    }

    /// What the writer's thread runs, for the watchdog. `None` if it did not start.
    pub(crate) fn writer_runtime(&self) -> Option<&tokio::runtime::Handle> {
        self.writer.runtime()
    }

    /// For the other files of the store.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Resolves once this node has written to the outbox since it was last asked.
    pub(crate) async fn outbox_written(&self) {
        self.facts.notified().await;
    }

    /// For the other files of the store: there is something new in the outbox.
    pub(crate) fn outbox_has_more(&self) {
        self.facts.notify_one();
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
            Db::Postgres { pool, .. } => {
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
