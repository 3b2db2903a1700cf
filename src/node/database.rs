//! The role `db` at the start of a node (spec 5.3): who has the database offers it, who has none waits for a node that has.
//!
//! At its end it answers until the others know that it goes.
//!
//! Called by [`super::Node`]. It asks nothing of the database itself.

use crate::{
    cluster::{Cluster, Incoming},
    roles::Role,
    store::{Served, Store, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

/// Of a node among others that has the database.
pub(super) fn serve(store: &Store, cluster: &Cluster) -> Option<Arc<Served>> {
    let served = Arc::new(store.served(cluster.config())?);
    cluster.serve_database(served.clone());
    Some(served)
}

/// Joins the others so far that a db node can be asked, and waits for one: nodes start in any order. Nothing is placed here
/// meanwhile.
///
/// # Errors
/// There was none within `db.start_ms`.
pub(super) async fn reach(
    store: &Store,
    cluster: &Cluster,
    incoming: Option<mpsc::Receiver<Incoming>>,
) -> Result<(), StoreError> {
    if let Some(incoming) = incoming {
        actix::spawn(cluster.clone().receive(incoming));
    }
    store.reach(Arc::new(cluster.clone()));
    cluster.stand_by().await;
    actix::spawn(cluster.clone().keep_lease());
    let settings = &cluster.config().db;
    let until = Instant::now() + Duration::from_millis(settings.start_ms);
    let mut said = false;
    while let Err(error) = store.ping().await {
        if Instant::now() >= until {
            return Err(error);
        }
        if !said {
            tracing::info!(%error, "this node has no database of its own, and waits for one that has");
            said = true;
        }
        sleep(Duration::from_millis(settings.look_ms)).await;
        cluster.beat().await;
    }
    Ok(())
}

/// Answers until the others, who were `told` then that this node stops, ask elsewhere; finishes what it has begun. Their next
/// beat says so to them: a question that came to a node that is gone would be in doubt.
pub(super) async fn hand_over(served: &Served, cluster: &Cluster, told: Instant, longest: Duration) {
    if cluster.nodes().iter().any(|node| !node.roles.has(Role::Db)) {
        let beat = Duration::from_millis(cluster.config().cluster.beat_ms);
        sleep_until(told + beat + beat / 2).await;
    }
    served.stop(longest).await;
}
