//! Going in good order: entities are put away here and put up elsewhere before the node stops (spec 6.3).

use super::{Cluster, PeerNotice, peers::lock};
use std::time::Duration;
use tokio::time::{sleep, timeout};

impl Cluster {
    /// Hands every entity over to other nodes, if there are any, within `longest`. From now on none is placed here.
    pub async fn drain(&self, longest: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        let Some(peers) = self.peers() else { return };
        lock(&peers.me).draining = true;
        self.beat().await;
        if !self.has_others() {
            return; // whoever starts next finds everything in the store
        }
        for kind in self.kinds() {
            kind.drain();
        }
        let empty = async {
            while self.kinds().iter().any(|kind| kind.count() > 0) {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(longest, empty).await.is_err() {
            let left: usize = self.kinds().iter().map(|kind| kind.count()).sum();
            tracing::warn!(left, "some entities could not be handed over; they are put up from the store");
        }
    }

    /// The lease ends now: the others need not wait for it.
    pub async fn leave(&self) {
        let Some(peers) = self.peers() else { return };
        if let Err(error) = peers.placement.leave(peers.me()).await {
            tracing::warn!(%error, "the lease could not be given back; it runs out");
        }
    }

    /// Whether players can go to another node.
    pub fn has_others(&self) -> bool {
        let others = |peers: &super::peers::Peers| {
            peers.living().values().any(|node| node.id != self.me() && !node.draining)
        };
        self.peers().is_some_and(others)
    }

    /// Whether this node hands its entities over.
    pub(super) fn is_draining(&self) -> bool {
        self.has_others() && self.peers().is_some_and(|peers| lock(&peers.me).draining)
    }

    /// Tells whoever holds the entity from now on, so that it is put up there at once.
    pub(super) fn wake_elsewhere(&self, kind: &'static str, key: uuid::Uuid) {
        if let Some(kind) = self.kind(kind) {
            kind.notify(key, PeerNotice::Resync(self.me()));
        }
    }
}
