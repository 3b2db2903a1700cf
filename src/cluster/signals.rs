//! The signal sessions of this node (spec 4), by session: sockets of `/ws/signal`, beside the sessions of `/ws`.
//!
//! Entities push to them through [`Post`]; which one is its account's the account's duellist knows, on whichever node.

use super::{Activation, Cluster, Entity, bus::Body};
use crate::{
    actors::{
        session::{Outbox, SessionNotice},
        signal::SignalSession,
    },
    cluster::Pass,
    ids::{NodeId, PlayerId, SessionId, SessionRef},
    protocol::Push,
    store::EpochChange,
};
use actix::Addr;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How to reach a signal session of this node.
#[derive(Clone)]
pub struct SignalHandle {
    /// The account.
    pub player: PlayerId,
    /// What it came in with.
    pub pass: Pass,
    /// Its send side.
    pub outbox: Arc<Outbox>,
    /// Its actor.
    pub addr: Addr<SignalSession>,
}

/// All of this node.
#[derive(Default)]
pub struct Signals(Mutex<HashMap<SessionId, SignalHandle>>);

impl Signals {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, SignalHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one.
    pub fn register(&self, id: SessionId, handle: SignalHandle) {
        self.lock().insert(id, handle);
    }

    /// It has ended.
    pub fn unregister(&self, id: SessionId) {
        self.lock().remove(&id);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Tells every one.
    pub fn notify_all(&self, notice: SessionNotice) {
        for handle in self.lock().values() {
            tell(handle, notice);
        }
    }

    /// Tells one. False if it is not here.
    pub(super) fn notify(&self, id: SessionId, notice: SessionNotice) -> bool {
        self.lock().get(&id).map(|handle| tell(handle, notice)).is_some()
    }

    /// Those end that this change has made void.
    pub(super) fn end(&self, change: &EpochChange) {
        for handle in self.lock().values() {
            if handle.player.0 == change.account_id && handle.pass.is_void(change) {
                tell(handle, SessionNotice::AccountEnded);
            }
        }
    }

    /// Pushes to these; `missing` hears of each that is not here.
    pub(super) fn push(&self, to: &[SessionId], push: &Arc<Push>, mut missing: impl FnMut(SessionId)) {
        let sessions = self.lock();
        for id in to {
            match sessions.get(id) {
                Some(handle) => handle.outbox.push(push.clone()),
                None => missing(*id),
            }
        }
    }
}

fn tell(handle: &SignalHandle, notice: SessionNotice) {
    if handle.addr.try_send(notice).is_err() {
        tracing::debug!(player_id = %handle.player, ?notice, "a signal session could not be told");
    }
}

impl Cluster {
    /// Signal sessions of this node.
    pub fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// The account has a newer signal session: this one ends, wherever it is.
    pub fn replace_signal(&self, session: SessionRef) {
        if session.node == self.me() {
            self.signals().notify(session.id, SessionNotice::Replaced);
        } else if let Some(peers) = self.peers() {
            peers.send(session.node, None, &Body::Replaced { session: session.id, by: None });
        }
    }
}

/// Where an entity's pushes to signal sessions go: at once to those here, to each other node in one parcel, numbered so
/// that the node notices a loss.
#[derive(Default)]
pub struct Post {
    sent: BTreeMap<NodeId, u64>,
}

impl Post {
    /// Pushes to these sessions. Those of this node that have gone are returned.
    pub fn push<E: Entity>(
        &mut self,
        from: &Activation<E>,
        to: impl Iterator<Item = SessionRef>,
        push: &Arc<Push>,
    ) -> Vec<SessionId> {
        let cluster = &from.cluster;
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        let mut away: BTreeMap<NodeId, Vec<SessionId>> = BTreeMap::new();
        for session in to {
            if session.node == cluster.me() {
                here.push(session.id);
            } else {
                away.entry(session.node).or_default().push(session.id);
            }
        }
        cluster.signals().push(&here, push, |id| gone.push(id));
        for (node, sessions) in away {
            let n = self.sent.entry(node).or_default();
            *n += 1;
            cluster.push_there::<E>(node, (from.key, from.epoch, *n), sessions, push.clone());
        }
        gone
    }
}
