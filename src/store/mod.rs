//! All SQL: entities with their fenced commits, what is known of rooms, and what was played.
//!
//! SQLite is the embedded default, PostgreSQL the database of many nodes; one set of migrations and queries
//! serves both. Commits of many entities go through one writer in batches (group commit, spec 6.2).
//! Called by the cluster, sessions and HTTP handlers; it knows no actor and no rule of a game.
//!
//! [`Store`] is what they call: a database at hand (`Sql`), or, on a node without the role `db`, the nodes that have
//! one (`Remote`, spec 5.3). What can be asked is the table in `asked`.

mod asked;
mod audit;
mod batches;
mod claims;
mod commit;
mod counters;
mod credentials;
mod db;
mod dead_letters;
mod duels;
mod entities;
mod epochs;
mod error;
mod events;
mod grants;
mod idempotency;
mod identity;
mod keys;
mod lend;
mod look_ups;
mod matches;
mod moderation;
mod oidc;
mod outbox;
mod passes;
mod plan;
mod queue_line;
mod queues;
mod ratings;
mod remote;
#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod replica_tests;
mod replicas;
mod reservations;
mod rewards;
mod rooms;
mod seats;
mod served;
mod session_log;
mod showtimes;
mod sql;
mod staff_accounts;
mod statements;
#[cfg(test)]
mod tests;
mod wallet;
#[cfg(test)]
mod wallet_tests;
pub(crate) mod wire;
mod writer;

pub use audit::AuditEntry;
pub(crate) use audit::{ADD_AUDIT, AuditFilter, audit};
pub(crate) use claims::{ClaimFilter, ClaimRow, Reserved};
pub use commit::{Activated, Commit, CommitError, Due, Fence, Listing, Row};
pub(crate) use credentials::{Added, BackOff, CredentialsRow};
use db::write_entity;
pub(crate) use db::{Db, browse, read, write};
pub(crate) use dead_letters::{DeadLetter, DeadLetterFilter};
pub(crate) use duels::{DuelFilter, DuelRow, Resolved, Verdict};
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
pub use passes::NewPass;
pub(crate) use passes::PassRow;
pub use queues::Place;
pub(crate) use queues::{QUEUE, QueueChange, QueueRow};
pub(crate) use ratings::{BoardRow, RatingRow, RatingRules};
pub use remote::Asks;
pub use remote::DbNodes;
pub(crate) use remote::{ASKS, Remote};
use replicas::Replicas;
pub(crate) use reservations::{GivenBack, Held, NewHold, Paid, ReservationFilter, ReservationRow};
pub(crate) use rewards::{RewardChange, RewardRow};
pub(crate) use rooms::RoomFilter;
pub(crate) use served::SERVICE;
pub use served::Served;
pub(crate) use session_log::{SessionLogFilter, SessionLogRow};
pub(crate) use showtimes::{SeatRow, SeatsAdded, ShowtimeChange, ShowtimeRow};
pub(crate) use sql::Sql;
pub(crate) use staff_accounts::{AccountQuery, BanRow, SignInRow, StaffAccountRow};
pub(crate) use wallet::{InventoryRow, LedgerRow, MOST};
pub use wallet::{Transfer, Transferred, Wallet};

use crate::{clock::SharedClock, config::Config};
use futures_util::future::{BoxFuture, FutureExt};
use std::sync::Arc;
use tokio::sync::Notify;

/// What a node knows of its database: the one interface of all SQL. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    way: Way,
    clock: SharedClock,
    /// Told when this node has written to the outbox.
    facts: Arc<Notify>,
    /// Of a test that asks as another node would: the database behind.
    #[cfg(test)]
    behind: Option<Sql>,
}

/// To the database.
#[derive(Clone)]
enum Way {
    /// This node has it.
    Here(Sql),
    /// Nodes with the role `db` have it.
    There(Remote),
}

impl Store {
    /// Opens the database of the settings and brings it up to date.
    pub async fn open(config: &Config, clock: SharedClock) -> Result<Self, StoreError> {
        let facts = Arc::new(Notify::new());
        let sql = Sql::open(config, &clock, facts.clone()).await?;
        #[cfg(test)]
        if std::env::var_os("PLAYHOUSE_TEST_DB_ROLE").is_some() {
            return Ok(remote_tests::looped(sql, config, clock, facts));
        }
        Ok(Self::of(Way::Here(sql), clock, facts))
    }

    /// The database of a node without the role `db`: nothing is opened. Nobody answers before [`Store::reach`].
    pub fn elsewhere(config: &Config, clock: SharedClock) -> Self {
        let facts = Arc::new(Notify::new());
        let remote = Remote::new(&config.db, &config.database, facts.clone());
        Self::of(Way::There(remote), clock, facts)
    }

    fn of(way: Way, clock: SharedClock, facts: Arc<Notify>) -> Self {
        Self {
            way,
            clock,
            facts,
            #[cfg(test)]
            behind: None,
        }
    }

    /// By the clock of this node.
    pub(crate) fn now(&self) -> crate::clock::UnixMs {
        self.clock.now()
    }

    /// From now on a store that is elsewhere asks these.
    pub fn reach(&self, nodes: Arc<dyn DbNodes>) {
        if let Way::There(remote) = &self.way {
            remote.reach(nodes);
        }
    }

    /// Whether this node has the database itself.
    pub fn is_here(&self) -> bool {
        matches!(self.way, Way::Here(_))
    }

    /// How many nodes this one can ask. `None`: it has the database itself.
    pub fn db_nodes(&self) -> Option<usize> {
        match &self.way {
            Way::Here(_) => None,
            Way::There(remote) => Some(remote.nodes()),
        }
    }

    /// What db nodes that stop are answered with, once it is offered to the cluster. `None`: this node asks none.
    pub(crate) fn asks(&self) -> Option<Asks> {
        match &self.way {
            Way::Here(_) => None,
            Way::There(remote) => Some(remote.asks()),
        }
    }

    /// What other nodes are answered with, once it is offered to the cluster. `None`: this node has no database.
    pub fn served(&self, config: &Config) -> Option<Served> {
        match &self.way {
            Way::Here(sql) => Some(Served::new(sql.clone(), &config.db)),
            Way::There(_) => None,
        }
    }

    /// What the writer's thread runs, for the watchdog. `None` if it did not start.
    pub(crate) fn writer_runtime(&self) -> Option<&tokio::runtime::Handle> {
        match &self.way {
            Way::Here(sql) => sql.writer().runtime(),
            Way::There(_) => None,
        }
    }

    /// Of a test that looks behind the store.
    #[cfg(test)]
    pub(crate) fn db(&self) -> &Db {
        match (&self.way, &self.behind) {
            (Way::Here(sql), _) | (_, Some(sql)) => sql.db(),
            _ => panic!("the database is elsewhere"),
        }
    }

    /// Resolves once this node has written to the outbox since it was last asked.
    pub(crate) async fn outbox_written(&self) {
        self.facts.notified().await;
    }

    /// Queues a commit at once (calls of one caller are applied in order) and resolves when it is durable.
    pub fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), CommitError>> {
        match &self.way {
            Way::Here(sql) => sql.commit(commit).boxed(),
            Way::There(remote) => remote.commit(commit).boxed(),
        }
    }

    /// How far the database's clock is before this node's, in ms: at the middle of the question's way.
    pub async fn clock_skew_ms(&self) -> Result<i64, StoreError> {
        let asked = self.clock.now();
        let database = self.database_now().await?;
        let answered = self.clock.now();
        Ok(database.0 - (asked.0 + answered.0) / 2)
    }

    /// Writes what is queued and lets go of the database.
    pub async fn close(&self) {
        match &self.way {
            Way::Here(sql) => sql.close().await,
            Way::There(remote) => remote.close().await,
        }
        #[cfg(test)]
        if let Some(sql) = &self.behind {
            sql.close().await;
        }
    }
}
