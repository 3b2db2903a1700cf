//! Who is active: key to actor or to another node, for one kind of entity.
//!
//! Alone, a node owns everything. Among others it asks the registry of nodes who owns a key, once, and remembers.
//! Holds commands while an entity is being put up, and puts it up again when it went without saying so.
//! Its one lock is held for a look-up and a `try_send`, never across an await.

use super::{
    Activation, AskError, Cluster, Entity, Envelope, Factory, PeerNotice, bus::Body, peers::Kind as _,
};
use crate::{clock::UnixMs, ids::NodeId, trace};
use actix::{Addr, dev::ToEnvelope, prelude::SendError};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

pub(super) struct Directory<E: Entity> {
    pub(super) cluster: Cluster,
    factory: Factory<E>,
    slots: Mutex<BTreeMap<Uuid, Slot<E>>>,
}

pub(super) enum Slot<E: Entity> {
    Active(Addr<E>),
    /// Being placed, put up or put away; these wait.
    Held(Vec<(Origin, Envelope<E>)>),
    /// On another node, as far as we know.
    Away(NodeId),
}

/// Where a command comes from that finds nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This node: the owner is looked up, or there will be one.
    Here,
    /// Another node, which believes that this one is the owner.
    There,
}

impl<E: Entity> Directory<E>
where
    E::Context: ToEnvelope<E, Envelope<E>>,
{
    pub(super) fn new(cluster: Cluster, factory: Factory<E>) -> Self {
        Self { cluster, factory, slots: Mutex::default() }
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, BTreeMap<Uuid, Slot<E>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.slots().values().filter(|slot| !matches!(slot, Slot::Away(_))).count()
    }

    pub(super) fn holds(&self, key: Uuid) -> bool {
        matches!(self.slots().get(&key), Some(Slot::Active(_) | Slot::Held(_)))
    }

    pub(super) fn deliver(self: &Arc<Self>, key: Uuid, envelope: Envelope<E>) {
        self.dispatch(key, envelope, Origin::Here, 0);
    }

    /// `moves`: how often it has been to a node that did not hold the entity.
    pub(super) fn dispatch(self: &Arc<Self>, key: Uuid, envelope: Envelope<E>, from: Origin, moves: u32) {
        let mut slots = self.slots();
        let waiting = match slots.get_mut(&key) {
            Some(Slot::Active(addr)) => match addr.try_send(envelope) {
                Ok(()) => return,
                Err(SendError::Full(envelope)) => {
                    drop(slots);
                    metrics::counter!("playhouse_mailbox_full_total", "kind" => E::KIND).increment(1);
                    return envelope.refuse(AskError::Unavailable);
                }
                Err(SendError::Closed(envelope)) => envelope,
            },
            Some(Slot::Held(queue)) => {
                if queue.len() < self.cluster.config().cluster.activation_queue {
                    queue.push((from, envelope));
                } else {
                    drop(slots);
                    envelope.refuse(AskError::Unavailable);
                }
                return;
            }
            Some(Slot::Away(node)) if from == Origin::Here => {
                let node = *node;
                return self.forward(node, key, envelope, moves); // under the lock: in order
            }
            Some(Slot::Away(_)) | None => envelope,
        };
        let create = E::creates(&waiting.command);
        slots.insert(key, Slot::Held(vec![(from, waiting)]));
        drop(slots);
        if self.cluster.peers().is_none() {
            return self.activate(key, create, Duration::ZERO);
        }
        let (directory, work) = (self.clone(), trace::current());
        let placed = self.cluster.arbiters().spawn_for(key, move || {
            trace::within(work, async move { directory.place(key, create, from).await })
        });
        if !placed {
            self.refuse_all(key, AskError::Unavailable);
        }
    }

    /// Asks the registry who owns the entity; what waits goes there.
    async fn place(self: Arc<Self>, key: Uuid, create: bool, from: Origin) {
        let Some(peers) = self.cluster.peers() else { return };
        let me = peers.me();
        if !create {
            let poll = Duration::from_millis(self.cluster.config().cluster.beat_ms / 2);
            peers.settle(poll).await;
        }
        let mut dead = None;
        for _ in 0..self.cluster.config().cluster.dead_owners {
            let mine = from == Origin::There && peers.has_role(E::ROLE);
            let Some(candidate) = (if mine { Some(me) } else { peers.candidate(E::ROLE) }) else {
                tracing::warn!(kind = E::KIND, role = %E::ROLE, "no node has the role that holds this entity");
                return self.refuse_all(key, AskError::Unavailable);
            };
            match peers.placement.claim(E::KIND, key, candidate, dead).await {
                Ok(owner) if owner == me => {
                    let clock = self.cluster.clock();
                    let began = dead.map_or(self.cluster.started_at(), |_| clock.now());
                    if let Some(dead) = dead {
                        // It may live after all, and have been back for a moment.
                        peers.send(dead, None, &Body::Evict { kind: E::KIND.to_owned(), key });
                    }
                    return self.put_up(key, create, began).await;
                }
                Ok(owner) if peers.is_alive(owner) => return self.away(key, owner),
                Ok(owner) => {
                    // Looked at afresh: else two nodes that were cut off could take it from each other in turns.
                    self.cluster.beat_unless_fresh().await;
                    dead = (!peers.is_alive(owner)).then_some(owner);
                }
                Err(error) => {
                    tracing::warn!(kind = E::KIND, %key, %error, "an entity could not be placed");
                    return self.refuse_all(key, AskError::Unavailable);
                }
            }
        }
        self.refuse_all(key, AskError::Unavailable);
    }

    /// Another node owns it: what waits is sent there, and what comes. Who thought it was here is told.
    fn away(self: &Arc<Self>, key: Uuid, node: NodeId) {
        let mut slots = self.slots();
        if slots.len() >= self.cluster.config().cluster.remembered {
            slots.retain(|_, slot| !matches!(slot, Slot::Away(_)));
        }
        let Some(Slot::Held(waiting)) = slots.insert(key, Slot::Away(node)) else { return };
        let mut moved = Vec::new();
        for (from, envelope) in waiting {
            match from {
                Origin::Here => self.forward(node, key, envelope, 0),
                Origin::There => moved.push(envelope),
            }
        }
        drop(slots);
        moved.into_iter().for_each(|envelope| envelope.refuse(AskError::Moved));
    }

    /// The owner has put it away: others may have it.
    fn release_claim(&self, key: Uuid) {
        let Some(peers) = self.cluster.peers() else { return };
        let released = peers.placement.release(E::KIND, key, peers.me());
        actix::spawn(async move {
            if let Err(error) = released.await {
                tracing::debug!(kind = E::KIND, %key, %error, "a claim could not be given up; it is found stale");
            }
        });
    }

    /// Puts the entity up on its arbiter; what waits is delivered or refused.
    fn activate(self: &Arc<Self>, key: Uuid, create: bool, pause: Duration) {
        let (directory, work) = (self.clone(), trace::current());
        let put_up = move || async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let began = directory.cluster.started_at();
            directory.put_up(key, create, began).await;
        };
        let spawned = self.cluster.arbiters().spawn_for(key, move || trace::within(work, put_up()));
        if !spawned {
            self.refuse_all(key, AskError::Unavailable);
        }
    }

    async fn put_up(self: Arc<Self>, key: Uuid, create: bool, began: UnixMs) {
        let is_new = create && !E::KEY_IS_KNOWN;
        let found = if is_new { Ok(None) } else { self.cluster.store().activate(E::KIND, key).await };
        let (epoch, state) = match found {
            Ok(Some(activated)) => (activated.epoch, activated.state),
            Ok(None) if self.is_created(key) => (0, Vec::new()),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(kind = E::KIND, %key, %error, "an entity could not be activated");
                return self.refuse_all(key, AskError::Unavailable);
            }
        };
        let activation = Activation::new(key, epoch, state, began, self.cluster.clone(), &self);
        match (self.factory)(activation) {
            Ok(entity) => {
                let mailbox = self.cluster.config().cluster.mailbox;
                let addr = E::create(|ctx| {
                    ctx.set_mailbox_capacity(mailbox); // before the first message: the default is 16
                    entity
                });
                self.activated(key, addr);
            }
            Err(error) => {
                tracing::error!(kind = E::KIND, %key, error, "a stored entity could not be read");
                self.refuse_all(key, AskError::Unavailable);
            }
        }
    }

    /// The store does not have it: whoever has waited for it hears so, up to the first who creates it. Whether there is one.
    fn is_created(&self, key: Uuid) -> bool {
        let mut slots = self.slots();
        let Some(Slot::Held(waiting)) = slots.get_mut(&key) else { return false };
        let first = waiting.iter().position(|(_, envelope)| E::creates(&envelope.command));
        let refused: Vec<_> = waiting.drain(..first.unwrap_or(waiting.len())).collect();
        if first.is_none() {
            slots.remove(&key);
        }
        drop(slots);
        refused.into_iter().for_each(|(_, envelope)| envelope.refuse(AskError::NotFound));
        first.is_some()
    }

    fn activated(&self, key: Uuid, addr: Addr<E>) {
        metrics::counter!("playhouse_activations_total", "kind" => E::KIND).increment(1);
        let mut slots = self.slots();
        let waiting = match slots.insert(key, Slot::Active(addr.clone())) {
            Some(Slot::Held(waiting)) => waiting,
            _ => Vec::new(),
        };
        for (_, envelope) in waiting {
            if let Err(SendError::Full(envelope) | SendError::Closed(envelope)) = addr.try_send(envelope) {
                envelope.refuse(AskError::Unavailable);
            }
        }
    }

    fn refuse_all(&self, key: Uuid, error: AskError) {
        let slot = self.slots().remove(&key);
        if let Some(Slot::Held(waiting)) = slot {
            waiting.into_iter().for_each(|(_, envelope)| envelope.refuse(error));
        }
    }

    /// The entity is about to stop: commands wait.
    pub(super) fn hold(&self, key: Uuid) {
        self.slots().insert(key, Slot::Held(Vec::new()));
    }

    /// The entity has stopped: forget it, or put it up again for what has waited.
    pub(super) fn released(self: &Arc<Self>, key: Uuid) {
        if self.cluster.is_draining(E::ROLE) {
            return self.move_away(key);
        }
        let mut slots = self.slots();
        let create = match slots.get(&key) {
            Some(Slot::Held(waiting)) if !waiting.is_empty() => E::creates(&waiting[0].1.command),
            _ => {
                slots.remove(&key);
                drop(slots);
                return self.release_claim(key);
            }
        };
        drop(slots);
        self.activate(key, create, Duration::ZERO);
    }

    /// The entity has stopped because the node stops: another node gets the claim, what has waited, and a word.
    fn move_away(self: &Arc<Self>, key: Uuid) {
        let directory = self.clone();
        actix::spawn(async move {
            let Some(peers) = directory.cluster.peers() else { return };
            let me = peers.me();
            let next = peers.candidate(E::ROLE).unwrap_or(me);
            match peers.placement.claim(E::KIND, key, next, Some(me)).await {
                Ok(owner) if owner != me => {
                    directory.away(key, owner);
                    directory.cluster.wake_elsewhere(E::KIND, key);
                }
                _ => directory.refuse_all(key, AskError::Unavailable), // it waits in the store
            }
        });
    }

    /// Claims the entity again: what nobody renews is forgotten. If another has it, the one here stops.
    /// A registry that is away is asked again at the next renewal.
    pub(super) fn renew(self: &Arc<Self>, key: Uuid) {
        let Some(peers) = self.cluster.peers() else { return };
        let (me, claimed) = (peers.me(), peers.placement.claim(E::KIND, key, peers.me(), None));
        let directory = self.clone();
        actix::spawn(async move {
            if let Ok(owner) = claimed.await
                && owner != me
            {
                directory.tell_here(key, PeerNotice::Evicted(owner));
            }
        });
    }

    /// Another owner has the entity: forget it.
    pub(super) fn fenced(&self, key: Uuid) {
        metrics::counter!("playhouse_entity_fenced_total", "kind" => E::KIND).increment(1);
        tracing::warn!(kind = E::KIND, %key, "another owner has activated this entity; it stops here");
        self.slots().remove(&key);
    }

    /// The entity went without a word: put it up again from its last committed state.
    pub(super) fn crashed(self: &Arc<Self>, key: Uuid) {
        metrics::counter!("playhouse_entity_crashes_total", "kind" => E::KIND).increment(1);
        tracing::error!(kind = E::KIND, %key, "an entity crashed; it is put up again from its last commit");
        let mut slots = self.slots();
        match slots.get_mut(&key) {
            Some(Slot::Held(_)) => {}
            _ => drop(slots.insert(key, Slot::Held(Vec::new()))),
        }
        drop(slots);
        let pause = Duration::from_millis(self.cluster.config().cluster.crash_pause_ms);
        self.activate(key, false, pause);
    }
}
