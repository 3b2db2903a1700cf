//! Who is active: key to actor, for one kind of entity on this node.
//!
//! Holds commands while an entity is being put up, and puts it up again when it went without saying so.
//! Its one lock is held for a look-up and a `try_send`, never across an await.

use super::{Activation, AskError, Cluster, Entity, Envelope, Factory};
use actix::{Addr, dev::ToEnvelope, prelude::SendError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

pub(super) struct Directory<E: Entity> {
    cluster: Cluster,
    factory: Factory<E>,
    slots: Mutex<HashMap<Uuid, Slot<E>>>,
}

enum Slot<E: Entity> {
    Active(Addr<E>),
    /// Being put up or put away; these wait.
    Held(Vec<Envelope<E>>),
}

/// Crashes in a row wait this much longer each, so that a poisoned state does not spin.
const CRASH_PAUSE: Duration = Duration::from_millis(100);

impl<E: Entity> Directory<E>
where
    E::Context: ToEnvelope<E, Envelope<E>>,
{
    pub(super) fn new(cluster: Cluster, factory: Factory<E>) -> Self {
        Self { cluster, factory, slots: Mutex::default() }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Uuid, Slot<E>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.slots().len()
    }

    pub(super) fn holds(&self, key: Uuid) -> bool {
        self.slots().contains_key(&key)
    }

    pub(super) fn deliver(self: &Arc<Self>, key: Uuid, envelope: Envelope<E>) {
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
                    queue.push(envelope);
                } else {
                    drop(slots);
                    envelope.refuse(AskError::Unavailable);
                }
                return;
            }
            None => envelope,
        };
        let create = E::creates(&waiting.command);
        slots.insert(key, Slot::Held(vec![waiting]));
        drop(slots);
        self.activate(key, create, Duration::ZERO);
    }

    /// Puts the entity up on its arbiter; what waits is delivered or refused.
    fn activate(self: &Arc<Self>, key: Uuid, create: bool, pause: Duration) {
        let directory = self.clone();
        let spawned = self.cluster.arbiters().spawn_for(key, move || async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            directory.put_up(key, create).await;
        });
        if !spawned {
            self.refuse_all(key, AskError::Unavailable);
        }
    }

    async fn put_up(self: Arc<Self>, key: Uuid, create: bool) {
        let found = if create { None } else { Some(self.cluster.store().activate(E::KIND, key).await) };
        let (epoch, state) = match found {
            None => (0, Vec::new()),
            Some(Ok(Some(activated))) => (activated.epoch, activated.state),
            Some(Ok(None)) => return self.refuse_all(key, AskError::NotFound),
            Some(Err(error)) => {
                tracing::warn!(kind = E::KIND, %key, %error, "an entity could not be activated");
                return self.refuse_all(key, AskError::Unavailable);
            }
        };
        let activation = Activation::new(key, epoch, state, self.cluster.clone(), &self);
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

    fn activated(&self, key: Uuid, addr: Addr<E>) {
        metrics::counter!("playhouse_activations_total", "kind" => E::KIND).increment(1);
        let mut slots = self.slots();
        let waiting = match slots.insert(key, Slot::Active(addr.clone())) {
            Some(Slot::Held(waiting)) => waiting,
            _ => Vec::new(),
        };
        for envelope in waiting {
            if let Err(SendError::Full(envelope) | SendError::Closed(envelope)) = addr.try_send(envelope) {
                envelope.refuse(AskError::Unavailable);
            }
        }
    }

    fn refuse_all(&self, key: Uuid, error: AskError) {
        let slot = self.slots().remove(&key);
        if let Some(Slot::Held(waiting)) = slot {
            waiting.into_iter().for_each(|envelope| envelope.refuse(error));
        }
    }

    /// The entity is about to stop: commands wait.
    pub(super) fn hold(&self, key: Uuid) {
        self.slots().insert(key, Slot::Held(Vec::new()));
    }

    /// The entity has stopped: forget it, or put it up again for what has waited.
    pub(super) fn released(self: &Arc<Self>, key: Uuid) {
        let mut slots = self.slots();
        let create = match slots.get(&key) {
            Some(Slot::Held(waiting)) if !waiting.is_empty() => E::creates(&waiting[0].command),
            _ => {
                slots.remove(&key);
                return;
            }
        };
        drop(slots);
        self.activate(key, create, Duration::ZERO);
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
        self.activate(key, false, CRASH_PAUSE);
    }
}
