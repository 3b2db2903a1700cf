//! Read replicas of PostgreSQL (spec 5.3): who of them is near enough to the primary to be read from.
//!
//! Asked by the macro `browse!` alone, for lists in which a row may come a moment late; whatever decides something
//! reads the primary. How old a replica's rows are is measured by a row that the nodes write into the primary: that
//! says the same of every kind of replication. One that lags, or fails, is passed over until it has been found well.

use super::StoreError;
use crate::{clock::SharedClock, config::Database};
use sqlx::PgPool;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// The replicas of a node's settings; cheap to clone. Without any, `pick` finds none.
#[derive(Clone, Default)]
pub(crate) struct Replicas(Arc<Inner>);

#[derive(Default)]
struct Inner {
    all: Vec<Replica>,
    next: AtomicUsize,
}

/// One of them.
pub(crate) struct Replica {
    pool: PgPool,
    host: String,
    /// It answered when it was last asked, with rows that are not too old.
    is_well: AtomicBool,
}

impl Replica {
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A read from it failed: nobody reads there until it has been found well.
    pub(super) fn failed(&self, error: &StoreError) {
        if self.is_well.swap(false, Ordering::Relaxed) {
            tracing::warn!(host = %self.host, %error, "a replica of the database failed: the primary is read");
        }
    }

    fn found(&self, lag: Result<i64, StoreError>, most_ms: u64) {
        let host = &self.host;
        match lag {
            Ok(lag_ms) => {
                metrics::gauge!("playhouse_replica_lag_seconds", "host" => host.clone())
                    .set(lag_ms as f64 / 1e3);
                let is_well = lag_ms <= i64::try_from(most_ms).unwrap_or(i64::MAX);
                let was_well = self.is_well.swap(is_well, Ordering::Relaxed);
                match (was_well, is_well) {
                    (false, true) => tracing::info!(%host, lag_ms, "a replica of the database is read from"),
                    (true, false) => {
                        tracing::warn!(%host, lag_ms, "a replica of the database is too far behind")
                    }
                    _ => {}
                }
            }
            Err(error) => self.failed(&error),
        }
    }
}

impl Replicas {
    /// From these pools and the names of their hosts.
    pub(super) fn of(pools: impl IntoIterator<Item = (PgPool, String)>) -> Self {
        let replica = |(pool, host)| Replica { pool, host, is_well: AtomicBool::new(false) };
        Self(Arc::new(Inner { all: pools.into_iter().map(replica).collect(), next: AtomicUsize::new(0) }))
    }

    /// One that is well, in turns.
    pub(super) fn pick(&self) -> Option<&Replica> {
        let all = &self.0.all;
        let first = self.0.next.fetch_add(1, Ordering::Relaxed);
        (0..all.len())
            .map(|n| &all[first.wrapping_add(n) % all.len()])
            .find(|replica| replica.is_well.load(Ordering::Relaxed))
    }

    /// Looks after them until the node ends.
    pub(super) async fn watch(self, primary: PgPool, clock: SharedClock, settings: Database) {
        let pause = Duration::from_millis(settings.replica_check_ms);
        let longest = Duration::from_millis(settings.timeout_ms);
        while !self.0.all.is_empty() && !primary.is_closed() {
            if let Err(error) = within(longest, beat(&primary, &clock)).await {
                tracing::debug!(%error, "the primary took no beat for its replicas");
            }
            for replica in &self.0.all {
                let lag = within(longest, lag(&replica.pool, &clock)).await;
                replica.found(lag, settings.replica_lag_ms);
            }
            tokio::time::sleep(pause).await;
        }
    }

    pub(super) async fn close(&self) {
        for replica in &self.0.all {
            replica.pool.close().await;
        }
    }
}

async fn within<T>(
    longest: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unavailable("no answer".to_owned()));
    timeout(longest, work).await.unwrap_or_else(late)
}

/// Nodes write in turns as they come; the row never goes back.
async fn beat(primary: &PgPool, clock: &SharedClock) -> Result<(), StoreError> {
    let sql = "INSERT INTO replica_beat (id, at) VALUES (1, $1)
               ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE replica_beat.at < excluded.at";
    sqlx::query(sql).bind(clock.now().0).execute(primary).await?;
    Ok(())
}

/// How old the newest row is that it shows, in ms.
async fn lag(replica: &PgPool, clock: &SharedClock) -> Result<i64, StoreError> {
    let at: i64 = sqlx::query_scalar("SELECT at FROM replica_beat WHERE id = 1").fetch_one(replica).await?;
    Ok(clock.now().0 - at)
}
