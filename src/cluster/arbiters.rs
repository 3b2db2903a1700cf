//! The threads on which actors live, and which of them an entity gets.
//!
//! They are the HTTP workers' own arbiters, so that a room and most of its sockets share a thread; a test has
//! the one it runs on, where paused time reaches every actor.

use crate::actors::session::flusher;
use actix::{Arbiter, ArbiterHandle};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The node's arbiters; cheap to clone.
#[derive(Clone, Default)]
pub struct Arbiters(Arc<Mutex<Vec<ArbiterHandle>>>);

impl Arbiters {
    /// The calling thread's arbiter alone.
    pub fn current() -> Self {
        let arbiters = Self::default();
        arbiters.join();
        arbiters
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ArbiterHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calling thread's arbiter will carry actors from now on, and what they push is written by its flusher.
    pub fn join(&self) {
        flusher::start();
        self.lock().push(Arbiter::current());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none has joined yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs a task on the arbiter of this key. False if there is none that runs.
    pub fn spawn_for<F>(&self, key: Uuid, task: impl FnOnce() -> F + Send + 'static) -> bool
    where
        F: Future<Output = ()> + 'static,
    {
        let all = self.lock();
        if all.is_empty() {
            return false;
        }
        let spread = (key.as_u128() ^ (key.as_u128() >> 64)) as usize;
        all[spread % all.len()].spawn_fn(move || drop(actix::spawn(task())))
    }

    /// All of them.
    pub(super) fn handles(&self) -> Vec<ArbiterHandle> {
        self.lock().clone()
    }
}
