//! Services: what nodes with a role do for the others without an entity (spec 3.3).
//!
//! A question goes to any living node that has the role, and is answered by whatever was offered there under the name. It
//! is not ordered, and may be answered twice: a service keeps nothing between two questions. Nobody is asked who is known
//! to be gone; one that lives by the registry and does not answer costs its share of the time.

use super::{AskError, Cluster, bus::Body};
use crate::{chance, ids::NodeId, roles::Role};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// So many nodes are asked, one after the other, within the time of a question.
const TRIES: usize = 2;

/// Something that a node does for others.
pub trait Service: Send + Sync + 'static {
    /// Answers. What nobody waits for is answered too.
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>>;
}

impl Cluster {
    /// From now on this node does this for others. One that was offered before under the name does no more.
    pub fn offer(&self, name: &'static str, service: Arc<dyn Service>) {
        self.0.services.write().unwrap_or_else(PoisonError::into_inner).insert(name, service);
    }

    /// Asks another node with the role, and a second one if the first does not answer in its half of the time.
    ///
    /// # Errors
    /// [`AskError::Unavailable`]: no other node has the role, or none took the question. [`AskError::TimedOut`]: none
    /// answered; it may have been done. Else the service's own.
    pub async fn ask_service(
        &self,
        name: &'static str,
        role: Role,
        request: Bytes,
        within: Duration,
    ) -> Result<Bytes, AskError> {
        let nodes = self.nodes_with(role);
        let tries = nodes.len().min(TRIES);
        let first = chance::bits() as usize;
        let mut last = AskError::Unavailable;
        for n in 0..tries {
            let node = nodes[first.wrapping_add(n) % nodes.len()];
            match self.ask_node(node, name, request.clone(), within / tries as u32).await {
                Err(error @ (AskError::Unavailable | AskError::TimedOut | AskError::Unknown)) => last = error,
                answered => return answered,
            }
        }
        Err(last)
    }

    /// Tells all other nodes with the role, each once. At most once: nobody knows who has heard it.
    pub fn tell_service(&self, name: &'static str, role: Role, request: &Bytes) {
        let Some(peers) = self.peers() else { return };
        for node in self.nodes_with(role) {
            let body = Body::Service { service: name.to_owned(), request: request.clone(), until: None };
            peers.send(node, None, &body);
        }
    }

    /// The other nodes with the role; those that stop only if there is none that stays.
    pub(super) fn nodes_with(&self, role: Role) -> Vec<NodeId> {
        let Some(peers) = self.peers() else { return Vec::new() };
        let living = peers.living();
        let others = || living.values().filter(|node| node.id != self.me() && node.roles.has(role));
        let staying: Vec<NodeId> = others().filter(|node| !node.draining).map(|node| node.id).collect();
        if staying.is_empty() { others().map(|node| node.id).collect() } else { staying }
    }

    pub(super) async fn ask_node(
        &self,
        node: NodeId,
        name: &'static str,
        request: Bytes,
        within: Duration,
    ) -> Result<Bytes, AskError> {
        let Some(peers) = self.peers() else { return Err(AskError::Unavailable) };
        let (asked, answer) = oneshot::channel();
        let until = self.clock().now() + u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let body = Body::Service { service: name.to_owned(), request, until: Some(until) };
        peers.ask(node, &body, within, Box::new(asked));
        match timeout(within, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(AskError::Unavailable),
            Err(_) => Err(AskError::TimedOut),
        }
    }

    /// A question of another node.
    pub(super) fn serve(&self, from: NodeId, ask: Option<u64>, name: &str, request: Bytes) {
        let service = self.0.services.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let cluster = self.clone();
        actix::spawn(async move {
            let reply = match service {
                Some(service) => service.serve(request).await,
                None => Err(AskError::Unknown),
            };
            if let (Some(_), Some(peers)) = (ask, cluster.peers()) {
                peers.send(from, ask, &Body::Reply(reply));
            }
        });
    }
}
