//! Rows that nobody will close, and rows that are too old.
//!
//! A row is open while its connection lives, and names the run of the node that held it. When that run is over the row
//! will never be closed by it: whoever looks next does so, with the time at which it looked. A run that only was out of reach
//! writes the real end over it later.

use crate::{
    clock::{SharedClock, UnixMs},
    cluster::Cluster,
    config::Config,
    store::{Store, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use uuid::Uuid;

const DAY_MS: i64 = 86_400_000;

/// Looks again and again, from the start of the node on.
pub(crate) async fn keep_tidy(store: Store, cluster: Cluster, config: Arc<Config>, clock: SharedClock) {
    let settings = &config.session_log;
    loop {
        let living = cluster.is_in_touch().then(|| cluster.nodes());
        let living: Option<Vec<Uuid>> = living.map(|nodes| nodes.iter().map(|node| node.id.0).collect());
        let grace = i64::try_from(config.cluster.lease_ms.saturating_mul(2)).unwrap_or(i64::MAX);
        let keep = i64::from(settings.retention_days).saturating_mul(DAY_MS);
        if let Err(error) = turn(&store, living.as_deref(), clock.now(), (grace, keep)).await {
            tracing::debug!(%error, "the session log could not be tidied");
        }
        sleep(Duration::from_millis(settings.sweep_ms)).await;
    }
}

/// One look. Without a list of who lives no row is closed. Rows of a run that began a moment ago may be of one that is not
/// in the list yet.
pub(super) async fn turn(
    store: &Store,
    living: Option<&[Uuid]>,
    now: UnixMs,
    (grace, keep): (i64, i64),
) -> Result<(), StoreError> {
    if let Some(living) = living {
        for node in store.nodes_with_open_sessions(UnixMs(now.0.saturating_sub(grace))).await? {
            if !living.contains(&node) {
                let closed = store.close_sessions_of(node, now).await?;
                tracing::info!(%node, closed, "connections of a node that is no more are closed in the log");
            }
        }
    }
    store.forget_sessions(UnixMs(now.0.saturating_sub(keep))).await
}
