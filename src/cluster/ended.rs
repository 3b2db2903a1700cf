//! Sessions that end because their account's tokens are void (spec 2.1): here at once, on the other nodes by a
//! message. One that is lost is made good by `auth::watch`, which polls.

use super::{Cluster, bus::Body};
use crate::store::EpochChange;

/// What else is to be done with another node's change.
pub(super) type OnEpochChange = Box<dyn Fn(&EpochChange) + Send + Sync>;

impl Cluster {
    /// Ends the sessions of this node whose token the change has made void.
    pub fn end_sessions(&self, change: &EpochChange) {
        self.hub().end(change);
        self.signals().end(change);
    }

    /// Tells every other node.
    pub fn spread(&self, change: EpochChange) {
        let Some(peers) = self.peers() else { return };
        let others: Vec<_> = peers.living().keys().copied().filter(|node| *node != self.me()).collect();
        for node in others {
            peers.send(node, None, &Body::EpochChanged(change));
        }
    }

    /// Hears what other nodes have changed. The first to call it is told.
    pub fn on_epoch_change(&self, told: OnEpochChange) {
        if self.0.on_epoch_change.set(told).is_err() {
            tracing::error!("epochs have a listener already");
        }
    }

    pub(super) fn epoch_changed(&self, change: &EpochChange) {
        if let Some(told) = self.0.on_epoch_change.get() {
            told(change);
        }
        self.end_sessions(change);
    }
}
