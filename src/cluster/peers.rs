//! This node among the others: its lease, who else lives, the asks that wait for other nodes, and what comes in.
//!
//! Directories send through it and are reached through it; it knows entities by the name of their kind alone.

use super::{
    AskError,
    bus::{Body, Bus, Parcel},
    placement::{NodeInfo, Placement},
};
use crate::{
    clock::UnixMs,
    config::ClusterSection,
    ids::{NodeId, SessionRef},
    roles::Role,
    trace::{self, TraceContext},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

/// What a node needs to be one of many.
pub struct Peering {
    /// To the other nodes.
    pub bus: Arc<dyn Bus>,
    /// Who they are and what they own.
    pub placement: Arc<dyn Placement>,
    /// This node.
    pub me: NodeInfo,
}

/// What other nodes mean to an entity that pushes to their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerNotice {
    /// The node is gone, and the sessions on it.
    NodeLost(NodeId),
    /// The node has missed pushes.
    Resync(NodeId),
    /// The node on which the entity is stops: finish, and be put up elsewhere.
    Drain,
    /// Another node owns the entity: stop.
    Evicted(NodeId),
    /// The session has ended.
    SessionGone(SessionRef),
}

/// By kind and key: epoch and number.
type Streams = BTreeMap<(&'static str, Uuid), (i64, u64)>;

/// See the module.
pub(super) struct Peers {
    /// `cluster.close_load` and `cluster.remembered`.
    close_load: u64,
    remembered: usize,
    bus: Arc<dyn Bus>,
    pub placement: Arc<dyn Placement>,
    /// This node.
    id: NodeId,
    /// What the others are told of it. Held for nothing else: who sends holds other locks.
    pub me: Mutex<NodeInfo>,
    pub living: RwLock<BTreeMap<NodeId, NodeInfo>>,
    asks: Mutex<Asks>,
    /// Of each entity that pushes to this node: its epoch and its last number.
    pub streams: Mutex<Streams>,
    /// Parcels sent to each node, and the last heard of each. One entry a run of a node: forgetting one that is only
    /// cut off would begin its numbers anew.
    sent: Mutex<HashMap<NodeId, u64>>,
    heard: Mutex<HashMap<NodeId, u64>>,
    /// When the list of nodes was last brought.
    pub beaten_at: Mutex<Option<Instant>>,
    /// Nodes that were seen to go, and when.
    pub lost: Mutex<HashMap<NodeId, UnixMs>>,
    /// The registry is older than a lease: whoever holds an entity has said so.
    pub settled: AtomicBool,
}

#[derive(Default)]
struct Asks {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
}

pub(super) struct Waiting {
    pub node: NodeId,
    pub until: Instant,
    asked: Box<dyn Asked>,
}

/// An ask that waits for another node.
pub(super) trait Asked: Send {
    /// Its reply, or why there is none.
    fn answered(self: Box<Self>, reply: Result<Bytes, AskError>);
}

impl Asked for oneshot::Sender<Result<Bytes, AskError>> {
    fn answered(self: Box<Self>, reply: Result<Bytes, AskError>) {
        let _ = self.send(reply); // he may have gone
    }
}

/// Entities of one kind on this node, as other nodes see them.
pub(super) trait Kind: Send + Sync {
    /// A command from another node. The reply goes to `reply`.
    fn receive(self: Arc<Self>, key: Uuid, command: &[u8], reply: oneshot::Sender<Result<Bytes, AskError>>);
    /// A node is gone: every entity here is told, and what was there and used from here is put up.
    fn node_lost(self: Arc<Self>, node: NodeId);
    /// Tells an entity, wherever it is.
    fn notify(self: Arc<Self>, key: Uuid, notice: PeerNotice);
    /// Tells every entity here to go to another node.
    fn drain(&self);
    /// Tells an entity if it is active here.
    fn tell_here(&self, key: Uuid, notice: PeerNotice);
    /// The role of the nodes that hold them.
    fn role(&self) -> Role;
    /// How many are active here.
    fn count(&self) -> usize;
    /// Keys of all that are held here.
    fn held(&self) -> Vec<Uuid>;
    /// Name of the kind.
    fn name(&self) -> &'static str;
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peers {
    pub(super) fn new(peering: Peering, settings: &ClusterSection) -> Self {
        let Peering { bus, placement, me } = peering;
        Self {
            close_load: settings.close_load,
            remembered: settings.remembered,
            bus,
            placement,
            id: me.id,
            me: Mutex::new(me),
            living: RwLock::default(),
            asks: Mutex::default(),
            streams: Mutex::default(),
            sent: Mutex::default(),
            heard: Mutex::default(),
            beaten_at: Mutex::default(),
            lost: Mutex::default(),
            settled: AtomicBool::new(false),
        }
    }

    pub(super) fn me(&self) -> NodeId {
        self.id
    }

    pub(super) fn living(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<NodeId, NodeInfo>> {
        self.living.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node has the role.
    pub(super) fn has_role(&self, role: Role) -> bool {
        lock(&self.me).roles.has(role)
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.living().contains_key(&node)
    }

    /// Waits until nobody can hold an entity without having said so.
    pub(super) async fn settle(&self, poll: Duration) {
        while !self.settled.load(Ordering::Relaxed) {
            tokio::time::sleep(poll).await;
        }
    }

    /// When this node was seen to go.
    pub(super) fn lost_at(&self, node: NodeId) -> Option<UnixMs> {
        lock(&self.lost).get(&node).copied()
    }

    /// The node that an entity of this role should go to: this one unless another has clearly less to do. What is
    /// placed is counted at once, for the next beat may be a thousand entities away. `None`: no node does such things.
    pub(super) fn candidate(&self, role: Role) -> Option<NodeId> {
        let mut me = lock(&self.me);
        let mut living = self.living.write().unwrap_or_else(PoisonError::into_inner);
        let others = living.values_mut().filter(|node| node.id != me.id && node.takes(role));
        let chosen = match others.min_by_key(|node| node.load) {
            Some(least) if !me.takes(role) || least.load + least.load / 8 + self.close_load < me.load => {
                least
            }
            _ if me.roles.has(role) => &mut *me,
            _ => return None,
        };
        chosen.load += 1;
        Some(chosen.id)
    }

    /// Sends a command to a node, for what the thread works for; `asked` gets the reply, or why there is none.
    pub(super) fn ask(&self, node: NodeId, body: &Body, within: Duration, asked: Box<dyn Asked>) {
        let ask = {
            let mut asks = lock(&self.asks);
            asks.last += 1;
            let ask = asks.last;
            asks.waiting.insert(ask, Waiting { node, until: Instant::now() + within, asked });
            ask
        };
        if !self.post(node, Some(ask), trace::current(), body) {
            self.answered(ask, Err(AskError::Unavailable));
        }
    }

    /// False if it certainly was not sent. In no trace: pushes and replies are many, and who gets them has his own.
    pub(super) fn send(&self, node: NodeId, ask: Option<u64>, body: &Body) -> bool {
        self.post(node, ask, None, body)
    }

    fn post(&self, node: NodeId, ask: Option<u64>, trace: Option<TraceContext>, body: &Body) -> bool {
        let mut sent = lock(&self.sent); // held for the bus too: numbers leave in order
        let n = sent.entry(node).or_default();
        match Parcel::seal(self.me(), *n + 1, ask, trace, body) {
            Ok(parcel) => {
                *n += 1;
                let sent = self.bus.send(node, parcel);
                let outcome = if sent.is_ok() { "sent" } else { "refused" };
                metrics::counter!("playhouse_bus_parcels_total", "outcome" => outcome).increment(1);
                sent.is_ok()
            }
            Err(error) => {
                tracing::error!(error, "a message between nodes could not be written");
                false
            }
        }
    }

    pub(super) fn answered(&self, ask: u64, reply: Result<Bytes, AskError>) {
        let waiting = lock(&self.asks).waiting.remove(&ask);
        if let Some(waiting) = waiting {
            waiting.asked.answered(reply);
        }
    }

    /// Gives up the asks that match: they may have been applied.
    pub(super) fn give_up(&self, matches: impl Fn(&Waiting) -> bool) {
        let given_up: Vec<Waiting> = {
            let mut asks = lock(&self.asks);
            let these: Vec<u64> =
                asks.waiting.iter().filter(|(_, waiting)| matches(waiting)).map(|(ask, _)| *ask).collect();
            these.iter().filter_map(|ask| asks.waiting.remove(ask)).collect()
        };
        for waiting in given_up {
            waiting.asked.answered(Err(AskError::TimedOut));
        }
    }

    /// Whether a parcel is neither a repetition nor one that others have overtaken.
    pub(super) fn is_next(&self, from: NodeId, n: u64) -> bool {
        let mut heard = lock(&self.heard);
        let last = heard.entry(from).or_default();
        let next = n > *last;
        *last = n.max(*last);
        next
    }

    /// Whether this push follows on the one before; what does not means that some are missing. `None` if it is of
    /// an owner who owns no more.
    pub(super) fn follows(&self, kind: &'static str, key: Uuid, epoch: i64, n: u64) -> Option<bool> {
        let mut streams = lock(&self.streams);
        if streams.len() >= self.remembered {
            streams.clear(); // a gap to each that goes on, healed by a snapshot
        }
        let last = streams.entry((kind, key)).or_insert((epoch, 0));
        if epoch < last.0 {
            return None;
        }
        let next = if epoch == last.0 { last.1 + 1 } else { 1 };
        *last = (epoch, n);
        Some(n == next)
    }
}
