//! Going in good order: entities are put away here and put up elsewhere before the node stops (spec 6.3).

use super::{
    Cluster, NodeInfo, PeerNotice,
    peers::{Peers, lock},
};
use crate::roles::Role;
use std::time::Duration;
use tokio::time::{sleep, timeout};

impl Cluster {
    /// Hands every entity over to other nodes, if there are any, within `longest`. From now on none is placed here.
    pub async fn drain(&self, longest: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        let Some(peers) = self.peers() else { return };
        lock(&peers.me).draining = true;
        self.beat().await;
        let mut going = self.kinds(); // the rest is in the store for whoever starts next
        going.retain(|kind| self.has_another(kind.role()));
        for kind in &going {
            kind.drain();
        }
        let empty = async {
            while going.iter().any(|kind| kind.count() > 0) {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(longest, empty).await.is_err() {
            let left: usize = going.iter().map(|kind| kind.count()).sum();
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

    /// Whether another node would take over what this role does: players for `Gateway`, rooms for `Game`.
    pub fn has_another(&self, role: Role) -> bool {
        self.others(|node| node.takes(role))
    }

    /// Whether this node may ever have others beside it.
    pub fn is_of_many(&self) -> bool {
        self.peers().is_some()
    }

    /// Whether there is another node that stays.
    pub fn has_others(&self) -> bool {
        self.others(|node| !node.draining)
    }

    fn others(&self, such: impl Fn(&NodeInfo) -> bool) -> bool {
        let any = |peers: &Peers| peers.living().values().any(|node| node.id != self.me() && such(node));
        self.peers().is_some_and(any)
    }

    /// Whether this node hands its entities of this role over.
    pub(super) fn is_draining(&self, role: Role) -> bool {
        self.has_another(role) && self.peers().is_some_and(|peers| lock(&peers.me).draining)
    }

    /// Tells whoever holds the entity from now on, so that it is put up there at once.
    pub(super) fn wake_elsewhere(&self, kind: &'static str, key: uuid::Uuid) {
        if let Some(kind) = self.kind(kind) {
            kind.notify(key, PeerNotice::Resync(self.me()));
        }
    }
}
