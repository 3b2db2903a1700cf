//! Sessions on whichever node: how entities answer and push to them, and how they move.

use super::{
    AskError, Cluster, Entity,
    bus::{Body, unpack},
};
use crate::{
    actors::session::HandedOver,
    clock::UnixMs,
    ids::{NodeId, PlayerId, SessionId, SessionRef},
    protocol::{Answer, Push},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;
use uuid::Uuid;

/// What became of a session on another node.
#[derive(Debug)]
pub enum HandOver {
    /// It is ours.
    Done(HandedOver),
    /// Its node is gone or does not answer, since then: its pushes are lost, its account and seat are not.
    Lost {
        /// When.
        since: UnixMs,
    },
    /// It has ended.
    Ended,
}

/// What entities need of other nodes.
impl Cluster {
    /// This run of this node.
    pub fn me(&self) -> NodeId {
        self.0.me
    }

    /// A session of this node.
    pub fn here(&self, id: SessionId) -> SessionRef {
        SessionRef { id, node: self.me(), moves: 0 }
    }

    /// Whether a session has a socket; of one on another node, whether that lives. `None` if there is no such session.
    pub fn is_attached(&self, session: SessionRef) -> Option<bool> {
        if session.node == self.me() {
            return self.hub().session(session.id).map(|session| session.outbox.is_attached());
        }
        self.peers().is_some_and(|peers| peers.is_alive(session.node)).then_some(true)
    }

    /// An entity misses this session: if it is there after all, it says so.
    pub fn seek(&self, session: SessionRef) {
        if session.node == self.me() {
            self.hub().seek_seat(session.id);
        } else if let Some(peers) = self.peers() {
            peers.send(session.node, None, &Body::Seek { session: session.id });
        }
    }

    /// An entity's answer to a request of a session, wherever that is.
    pub fn answer(&self, to: SessionRef, answer: Answer) {
        if to.node == self.me() {
            if let Some(session) = self.hub().session(to.id) {
                session.outbox.answer(answer);
            }
        } else if let Some(peers) = self.peers() {
            peers.send(to.node, None, &Body::Answer { session: to.id, answer });
        }
    }

    /// The `n`th push of this entity, under this epoch, to sessions of another node.
    pub fn push_there<E: Entity>(
        &self,
        node: NodeId,
        (room, epoch, n): (Uuid, i64, u64),
        to: Vec<SessionId>,
        push: Arc<Push>,
    ) {
        if let Some(peers) = self.peers() {
            let kind = E::KIND.to_owned();
            peers.send(node, None, &Body::Push { kind, room, epoch, n, to, push });
        }
    }

    /// A push to the account's session of this node. False if it has none here.
    pub(super) fn push_here(&self, player: PlayerId, push: &Arc<Push>) -> bool {
        let session = self.hub().session_of(player).and_then(|id| self.hub().session(id));
        session.map(|session| session.outbox.push(push.clone())).is_some()
    }

    /// A push to the account's session, wherever that is. At most once: who is nowhere, or on his way, does not get it.
    pub fn push_to_player(&self, player: PlayerId, push: Arc<Push>) {
        if self.push_here(player, &push) {
            return;
        }
        let Some(peers) = self.peers() else { return };
        let (cluster, whereabouts) = (self.clone(), peers.placement.whereabouts(player));
        actix::spawn(async move {
            match whereabouts.await {
                Ok(Some(session)) if session.node == cluster.me() => drop(cluster.push_here(player, &push)),
                Ok(Some(session)) => {
                    if let Some(peers) = cluster.peers() {
                        peers.send(session.node, None, &Body::Tell { player, push });
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, %player, "a player could not be found"),
            }
        });
    }

    /// Takes a session over from the node that holds it.
    pub async fn hand_over(&self, session: SessionRef, player: PlayerId) -> HandOver {
        let since = self.started_at();
        let Some(peers) = self.peers() else { return HandOver::Lost { since } };
        if !peers.is_alive(session.node) {
            return HandOver::Lost { since: peers.lost_at(session.node).unwrap_or(since) };
        }
        let (asked, answer) = oneshot::channel();
        let within_ms = self.config().cluster.hand_over_ms;
        let until = Some(self.clock().now() + within_ms);
        let body = Body::HandOver { session: session.id, player, until };
        let within = Duration::from_millis(within_ms);
        peers.ask(session.node, &body, within, Box::new(asked));
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(Ok(bytes))) => match unpack(&bytes) {
                Ok(handed) => HandOver::Done(handed),
                Err(error) => {
                    tracing::warn!(error, "a session of another version");
                    HandOver::Lost { since: self.clock().now() }
                }
            },
            Ok(Ok(Err(AskError::NotFound))) => HandOver::Ended,
            _ => HandOver::Lost { since: self.clock().now() },
        }
    }

    /// A session of this node is the account's now; the one before it ends, wherever it is. While the registry is
    /// away it is tried again, as long as the session has a socket: one without may have gone on elsewhere.
    pub async fn arrive(&self, player: PlayerId, session: SessionId) {
        let Some(peers) = self.peers() else { return };
        let pause = Duration::from_millis(self.config().cluster.beat_ms);
        while self.is_attached(self.here(session)) == Some(true) {
            match peers.placement.arrive(player, self.here(session)).await {
                Ok(Some(before)) if before.node != self.me() => {
                    // One that has left meanwhile was announced too late, and replaces nobody.
                    if let Some(moves) = self.hub().place_of(session) {
                        let by = Some(SessionRef { moves, ..self.here(session) });
                        peers.send(before.node, None, &Body::Replaced { session: before.id, by });
                    }
                    return;
                }
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, session_id = %session, "a session could not be announced")
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A session of this node has ended.
    pub fn depart(&self, player: PlayerId, session: SessionId) {
        let Some(peers) = self.peers() else { return };
        let departing = peers.placement.depart(player, self.here(session));
        actix::spawn(async move {
            if let Err(error) = departing.await {
                tracing::debug!(%error, session_id = %session, "a session's end could not be announced");
            }
        });
    }
}
