//! The lease of this node, and who else lives (spec 6.2).

use super::{
    Cluster, PeerNotice,
    peers::{Peers, lock},
    placement::{Beat, NodeInfo},
};
use crate::ids::NodeId;
use std::{
    collections::BTreeMap,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

impl Cluster {
    /// Renews the lease of this node and watches the others, until the cluster closes.
    pub async fn keep_lease(self) {
        let pause = Duration::from_millis(self.config().cluster.beat_ms);
        while !self.is_closing() {
            self.beat().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// One beat.
    pub async fn beat(&self) {
        let Some(peers) = self.peers() else { return };
        let (load, sessions) = (self.load(), self.live_sessions()); // looks into the directories, which look at this node: not under its lock
        let me = {
            let mut me = lock(&peers.me);
            (me.load, me.sessions) = (load, sessions);
            me.clone()
        };
        match peers.placement.beat(me).await {
            Ok(beat) => self.beaten(peers, beat).await,
            Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
        }
        self.beat_lines();
        let now = Instant::now();
        peers.give_up(|waiting| waiting.until <= now);
    }

    /// Whether the other nodes can know that this one lives: alone always, else while its lease lives.
    pub fn is_in_touch(&self) -> bool {
        let lease = Duration::from_millis(self.config().cluster.lease_ms);
        self.peers().is_none_or(|peers| lock(&peers.beaten_at).is_some_and(|at| at.elapsed() < lease))
    }

    /// The nodes that live, this one among them.
    pub fn nodes(&self) -> Vec<NodeInfo> {
        let Some(peers) = self.peers() else {
            let me = NodeInfo::of(self.me(), self.config());
            let (load, sessions, draining) = (self.load(), self.live_sessions(), self.is_closing());
            return vec![NodeInfo { load, sessions, draining, ..me }];
        };
        peers.living().values().cloned().collect()
    }

    /// Brings the list of nodes up to date, unless that was done a moment ago.
    pub(super) async fn beat_unless_fresh(&self) {
        let fresh = Duration::from_millis(self.config().cluster.fresh_ms);
        let Some(peers) = self.peers() else { return };
        if lock(&peers.beaten_at).is_none_or(|at| at.elapsed() > fresh) {
            self.beat().await;
        }
    }

    async fn beaten(&self, peers: &Peers, beat: Beat) {
        *lock(&peers.beaten_at) = Some(Instant::now());
        if beat.unknown && !peers.living().is_empty() {
            self.claim_again(peers).await;
            self.hub().seek_seats(); // rooms elsewhere may have taken them for gone
        }
        let settled = beat.age_ms >= self.config().cluster.lease_ms;
        peers.settled.store(settled, Ordering::Relaxed);
        let mut nodes: BTreeMap<NodeId, NodeInfo> = BTreeMap::new();
        if !settled {
            nodes.clone_from(&peers.living()); // a young registry has not heard of everyone yet
        }
        nodes.extend(beat.nodes.into_iter().map(|node| (node.id, node)));
        self.these_live(peers, nodes);
    }

    /// The registry has forgotten this node: what it holds is claimed again. What another has claimed meanwhile stops.
    async fn claim_again(&self, peers: &Peers) {
        tracing::warn!("the registry of nodes has forgotten this one; it claims again what it holds");
        for kind in self.kinds() {
            for key in kind.held() {
                match peers.placement.claim(kind.name(), key, peers.me(), None).await {
                    Ok(owner) if owner == peers.me() => {}
                    Ok(owner) => kind.tell_here(key, PeerNotice::Evicted(owner)),
                    Err(error) => return tracing::warn!(%error, "the registry is away again"),
                }
            }
        }
    }

    fn these_live(&self, peers: &Peers, nodes: BTreeMap<NodeId, NodeInfo>) {
        metrics::gauge!("playhouse_nodes").set(nodes.len() as f64);
        let lost: Vec<NodeId> = {
            let mut living = peers.living.write().unwrap_or_else(PoisonError::into_inner);
            let lost = living.keys().filter(|id| !nodes.contains_key(id)).copied().collect();
            *living = nodes;
            lost
        };
        for node in lost.into_iter().filter(|node| *node != peers.me()) {
            tracing::warn!(%node, "a node is gone");
            lock(&peers.lost).insert(node, self.clock().now());
            peers.give_up(|waiting| waiting.node == node);
            self.lines_lost(node);
            for kind in self.kinds() {
                kind.node_lost(node);
            }
        }
    }
}
