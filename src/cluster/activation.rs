//! One life of an entity: from the store's answer to its release or its crash.

use super::{Cluster, Entity, directory::Directory};
use crate::clock::UnixMs;
use std::sync::{Arc, Weak};
use uuid::Uuid;

/// Given to the entity when it is made; the entity keeps it for its life. Dropped without
/// [`release`](Self::release), as by a panic, the entity is put up again from its last committed state.
pub struct Activation<E: Entity> {
    /// The entity's key.
    pub key: Uuid,
    /// What this owner commits under; 0 for an entity that its first commit will create.
    pub epoch: i64,
    /// What the last owner committed; empty for a new entity.
    pub state: Vec<u8>,
    /// When windows that the last owner had open begin anew (spec 1.5).
    pub began: UnixMs,
    /// The cluster, for asks and tells of its own.
    pub cluster: Cluster,
    directory: Weak<Directory<E>>,
    released: bool,
}

impl<E: Entity> Activation<E> {
    pub(super) fn new(
        key: Uuid,
        epoch: i64,
        state: Vec<u8>,
        began: UnixMs,
        cluster: Cluster,
        directory: &Arc<Directory<E>>,
    ) -> Self {
        Self { key, epoch, state, began, cluster, directory: Arc::downgrade(directory), released: false }
    }

    /// Says again that the entity is here. For every entity to call now and then.
    pub fn renew(&self) {
        if let Some(directory) = self.directory.upgrade() {
            directory.renew(self.key);
        }
    }

    /// From now on commands wait instead of reaching this actor; it finishes its mailbox, then stops.
    pub fn begin_release(&self) {
        if let Some(directory) = self.directory.upgrade() {
            directory.hold(self.key);
        }
    }

    /// The entity has stopped in good order. What has waited since [`begin_release`](Self::begin_release)
    /// activates it again.
    pub fn release(&mut self) {
        self.released = true;
        if let Some(directory) = self.directory.upgrade() {
            directory.released(self.key);
        }
    }
}

impl<E: Entity> Activation<E> {
    /// Another owner has activated the entity: this one stops, and never puts it up again by itself. Commands find
    /// whoever the registry names.
    pub fn fenced(&mut self) {
        self.released = true;
        if let Some(directory) = self.directory.upgrade() {
            directory.fenced(self.key);
        }
    }
}

impl<E: Entity> Drop for Activation<E> {
    fn drop(&mut self) {
        if self.released || self.cluster.is_closing() {
            return;
        }
        if let Some(directory) = self.directory.upgrade() {
            directory.crashed(self.key);
        }
    }
}
