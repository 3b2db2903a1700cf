//! The nodes with the role `db`, for the store of a node without it (spec 5.3): its port on this cluster.

use super::{AskError, Cluster, Service, peers::lock};
use crate::{
    ids::NodeId,
    roles::Role,
    store::{DbNodes, SERVICE},
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use std::{sync::Arc, time::Duration};

impl Cluster {
    /// From now on this node answers for its database.
    pub fn serve_database(&self, served: Arc<dyn Service>) {
        self.offer(SERVICE, served);
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
