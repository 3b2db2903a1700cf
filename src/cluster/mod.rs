//! `ask` and `tell` by key: the one way to reach an entity, wherever it is (spec 6.1).
//!
//! An [`Entity`] is an actor with a key, alive at most once, activated where it is first needed and put away
//! when idle. The cluster owns placement, activation, supervision and reminders. Called by sessions, HTTP
//! handlers and entities; nothing outside this folder knows on which thread or node anything is.

mod activation;
mod arbiters;
mod bus;
#[cfg(test)]
mod conformance;
mod db_nodes;
mod directory;
mod drain;
#[cfg(test)]
mod drain_tests;
mod ended;
mod entity;
mod hub;
mod inbox;
mod lease;
mod lines;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod nodes_tests;
pub mod on_redis;
mod peers;
mod placement;
mod ports;
mod reach;
mod reminders;
mod remote;
mod services;
#[cfg(test)]
mod services_tests;
mod signals;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
#[cfg(test)]
mod version_tests;
mod watchdog;

pub use activation::Activation;
pub use arbiters::Arbiters;
pub use bus::{Bus, BusError, Incoming};
pub(crate) use bus::{pack, unpack};
pub use entity::{AskError, Entity, Envelope, Factory};
pub use hub::{Hub, Pass, SessionHandle};
pub use lines::{Line, LineEvent, LineLost, LineService, OnLine};
pub use peers::{PeerNotice, Peering};
pub use placement::{Beat, NodeInfo, Placement, PlacementError};
pub use ports::{BracketDoor, EntityStore, RoomIndex, ShowtimeDoor};
pub use reach::HandOver;
pub use services::Service;
pub use signals::{Post, SignalHandle, Signals};
pub use watchdog::{Threads, Watchdog};

use crate::{
    clock::{SharedClock, UnixMs},
    config::Config,
    ids::NodeId,
};
use directory::Directory;
use peers::{Kind, Peers};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::Future,
    sync::{
        Arc, OnceLock, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A handle on the cluster; cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    clock: SharedClock,
    store: Arc<dyn EntityStore>,
    arbiters: Arbiters,
    hub: Hub,
    signals: Signals,
    directories: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    kinds: RwLock<HashMap<&'static str, Arc<dyn Kind>>>,
    /// What this node does for others, by name.
    services: RwLock<HashMap<&'static str, Arc<dyn Service>>>,
    me: NodeId,
    /// `None` if this node is alone.
    peers: Option<Peers>,
    lines: lines::Lines,
    on_epoch_change: OnceLock<ended::OnEpochChange>,
    closing: AtomicBool,
    started_at: UnixMs,
}

impl Cluster {
    /// A cluster of this one node, or, with a peering, this node's part of a larger one. The node is in it once it
    /// [keeps its lease](Self::keep_lease) and [receives](Self::receive).
    pub fn new(
        config: Arc<Config>,
        clock: SharedClock,
        store: Arc<dyn EntityStore>,
        arbiters: Arbiters,
        peering: Option<Peering>,
    ) -> Self {
        let peers = peering.map(|peering| Peers::new(peering, &config.cluster));
        Self(Arc::new(Inner {
            started_at: clock.now(),
            hub: Hub::new(config.limits.parked_sessions),
            signals: Signals::default(),
            config,
            clock,
            store,
            arbiters,
            directories: RwLock::default(),
            kinds: RwLock::default(),
            services: RwLock::default(),
            me: peers.as_ref().map_or_else(NodeId::new, Peers::me),
            peers,
            lines: lines::Lines::default(),
            on_epoch_change: OnceLock::new(),
            closing: AtomicBool::new(false),
        }))
    }

    /// Makes a kind of entity known: how one is made from what the store holds.
    pub fn register<E: Entity>(&self, factory: Factory<E>) {
        let directory: Arc<Directory<E>> = Arc::new(Directory::new(self.clone(), factory));
        let mut kinds = self.0.kinds.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        kinds.insert(E::KIND, directory.clone());
        let mut all = self.0.directories.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(TypeId::of::<E>(), directory);
    }

    fn kind(&self, name: &str) -> Option<Arc<dyn Kind>> {
        self.0.kinds.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
    }

    fn kinds(&self) -> Vec<Arc<dyn Kind>> {
        self.0.kinds.read().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect()
    }

    fn peers(&self) -> Option<&Peers> {
        self.0.peers.as_ref()
    }

    /// What there is to do here: entities and sessions.
    fn load(&self) -> u64 {
        let entities: usize = self.kinds().iter().map(|kind| kind.count()).sum();
        entities as u64 + self.live_sessions()
    }

    fn live_sessions(&self) -> u64 {
        self.hub().counts().0 as u64
    }

    /// Sends a command and waits for its reply, `cluster.ask_timeout_ms` at most.
    ///
    /// The command is queued before this returns, so commands of one caller arrive in the order of the calls.
    pub fn ask<E: Entity>(
        &self,
        key: Uuid,
        command: E::Command,
    ) -> impl Future<Output = Result<E::Reply, AskError>> + use<E> {
        let (reply, answer) = oneshot::channel();
        self.deliver::<E>(key, Envelope::new(command, Some(reply)));
        let deadline = Duration::from_millis(self.0.config.cluster.ask_timeout_ms);
        async move {
            match tokio::time::timeout(deadline, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(AskError::Unavailable), // its entity went away with it
                Err(_) => Err(AskError::TimedOut),
            }
        }
    }

    /// Sends a command whose reply nobody waits for.
    pub fn tell<E: Entity>(&self, key: Uuid, command: E::Command) {
        self.deliver::<E>(key, Envelope::new(command, None));
    }

    fn deliver<E: Entity>(&self, key: Uuid, envelope: Envelope<E>) {
        match self.directory::<E>() {
            Some(directory) if !self.is_closing() => directory.deliver(key, envelope),
            _ => envelope.refuse(AskError::Unavailable),
        }
    }

    fn directory<E: Entity>(&self) -> Option<Arc<Directory<E>>> {
        let all = self.0.directories.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.get(&TypeId::of::<E>()).cloned().and_then(|any| any.downcast().ok())
    }

    /// How many entities of this kind are active here.
    pub fn active<E: Entity>(&self) -> usize {
        self.directory::<E>().map_or(0, |directory| directory.len())
    }

    /// Sessions and who they belong to.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The clock of the node.
    pub fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    /// The entity store.
    pub fn store(&self) -> &Arc<dyn EntityStore> {
        &self.0.store
    }

    /// When this run of the node began: windows that were open before begin anew then (spec 1.5).
    pub fn started_at(&self) -> UnixMs {
        self.0.started_at
    }

    /// The settings of the node.
    pub fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    /// The threads on which actors live.
    pub fn arbiters(&self) -> &Arbiters {
        &self.0.arbiters
    }

    /// No activations from now on: the node stops. Entities finish what they have.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }
}
