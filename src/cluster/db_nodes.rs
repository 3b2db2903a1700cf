//! The nodes with the role `db`, for the store of a node without it (spec 5.3): its port on this cluster.

use super::{AskError, Cluster, Service, bus::pack, peers::lock};
use crate::{
    ids::NodeId,
    roles::Role,
    store::{ASKS, DbNodes, SERVICE},
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use std::{sync::Arc, time::Duration};

impl Cluster {
    /// From now on this node answers for its database.
    pub fn serve_database(&self, served: Arc<dyn Service>) {
        self.offer(SERVICE, served);
    }

    /// Tells every node without a database that this one, which has it, stops, and waits until each has no question on its
    /// way here: within so long, or until it is known to be gone. Whether all have said so; a node of an earlier build
    /// cannot.
    pub(crate) async fn leave_askers(&self, within: Duration) -> bool {
        let Ok(me) = pack(&self.me()).map(Bytes::from) else { return false };
        let asking = self.nodes().into_iter().filter(|node| !node.roles.has(Role::Db));
        let told = asking.map(|node| self.ask_node(node.id, ASKS, me.clone(), within));
        join_all(told).await.iter().all(Result::is_ok)
    }

    /// This node lives, but nothing is placed on it before it [takes up](Self::take_up) its work.
    pub(crate) async fn stand_by(&self) {
        let Some(peers) = self.peers() else { return };
        lock(&peers.me).draining = true;
        self.beat().await;
    }

    /// It works as from now.
    pub(crate) async fn take_up(&self) {
        let Some(peers) = self.peers() else { return };
        lock(&peers.me).draining = false;
        self.beat().await;
    }
}

impl DbNodes for Cluster {
    fn living(&self) -> Vec<NodeId> {
        self.nodes_with(Role::Db)
    }

    fn ask(
        &self,
        node: NodeId,
        question: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let cluster = self.clone();
        async move { cluster.ask_node(node, SERVICE, question, within).await }.boxed()
    }
}
