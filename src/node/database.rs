//! The role `db` at the start of a node (spec 5.3): who has the database offers it, who has none waits for a node that has.
//!
//! At its end it answers until the others have said that they ask elsewhere.
//!
//! Called by [`super::Node`]. It asks nothing of the database itself.

use crate::{
    cluster::{Cluster, Incoming},
    store::{ASKS, Served, Store, StoreError},
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
    if let Some(asks) = store.asks() {
        cluster.offer(ASKS, Arc::new(asks));
    }
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

/// Answers until the others ask elsewhere and have what they asked for; finishes what it has begun. A question that came
/// to a node that is gone would be in doubt, and so would one whose answer was on its way when the node was seen to go. Who
/// cannot say that he asks elsewhere has heard of it with his next beat, after `told`.
pub(super) async fn hand_over(served: &Served, cluster: &Cluster, told: Instant, longest: Duration) {
    if !cluster.leave_askers(longest).await {
        let beat = Duration::from_millis(cluster.config().cluster.beat_ms);
        sleep_until(told + beat + beat / 2).await;
    }
    served.stop(longest).await;
}
