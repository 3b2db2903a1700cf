//! Nodes in one thread: a bus and a registry in memory, which lose, cut off and forget when told.

use crate::{
    cluster::{Beat, Bus, BusError, Incoming, NodeInfo, Placement, PlacementError},
    ids::{NodeId, PlayerId, SessionRef},
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

/// What happens to parcels by chance.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Draws it: the same seed, the same fates.
    pub rng: ChaCha8Rng,
    /// How many of a thousand are lost.
    pub lost: u32,
    /// How many of a thousand come twice.
    pub doubled: u32,
    /// How many of a thousand are overtaken by others.
    pub overtaken: u32,
    /// Longest way, in ms.
    pub slowest_ms: u64,
}

/// When a parcel arrives: once, twice or never, in its turn or not.
struct Fate {
    copies: usize,
    after_ms: u64,
    in_turn: bool,
}

impl Chaos {
    fn fate(&mut self) -> Fate {
        let mut happens = |of_a_thousand: u32| self.rng.random_range(0..1_000) < of_a_thousand;
        let copies = if happens(self.lost) { 0 } else { 1 + usize::from(happens(self.doubled)) };
        let in_turn = !happens(self.overtaken);
        Fate { copies, after_ms: self.rng.random_range(0..=self.slowest_ms), in_turn }
    }
}

/// What the nodes of a test share; cheap to clone.
#[derive(Clone)]
pub struct Network(Arc<Mutex<State>>);

struct State {
    lease: Duration,
    /// To whom parcels go.
    inboxes: HashMap<NodeId, mpsc::UnboundedSender<(Incoming, u64)>>,
    /// Nodes that reach neither bus nor registry.
    cut_off: HashSet<NodeId>,
    /// So many parcels are lost next.
    lose: usize,
    chaos: Option<Chaos>,
    nodes: HashMap<NodeId, (NodeInfo, Instant)>,
    /// When the registry began, or was wiped.
    began: Instant,
    owners: HashMap<(&'static str, Uuid), NodeId>,
    players: HashMap<PlayerId, SessionRef>,
    /// Of all parcels so far.
    digest: DefaultHasher,
}

impl Network {
    /// A network without nodes, whose leases last so long.
    pub fn new(lease: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            lease,
            inboxes: HashMap::new(),
            cut_off: HashSet::new(),
            lose: 0,
            chaos: None,
            nodes: HashMap::new(),
            began: Instant::now(),
            owners: HashMap::new(),
            players: HashMap::new(),
            digest: DefaultHasher::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's own way to the others, and what they send it.
    pub fn join(&self, node: NodeId) -> (NetworkNode, mpsc::Receiver<Incoming>) {
        const INBOX: usize = 4_096;
        let (inbox, mut queued) = mpsc::unbounded_channel();
        let (deliver, incoming) = mpsc::channel(INBOX);
        self.lock().inboxes.insert(node, inbox);
        actix::spawn(async move {
            while let Some((parcel, after_ms)) = queued.recv().await {
                if after_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                }
                if deliver.send(parcel).await.is_err() {
                    return; // the node has died
                }
            }
        });
        (NetworkNode { network: self.clone(), node }, incoming)
    }

    /// The node reaches nobody and nobody it.
    pub fn cut_off(&self, node: NodeId) {
        self.lock().cut_off.insert(node);
    }

    /// It is back. Its bus tells it that there was a gap.
    pub fn reconnect(&self, node: NodeId) {
        let mut state = self.lock();
        state.cut_off.remove(&node);
        if let Some(inbox) = state.inboxes.get(&node) {
            let _ = inbox.send((Incoming::Gap, 0)); // a dead node reads nothing
        }
    }

    /// Loses the next parcels, whosever they are.
    pub fn lose(&self, parcels: usize) {
        self.lock().lose = parcels;
    }

    /// From now on parcels meet this; `None` ends it.
    pub fn chaos(&self, chaos: Option<Chaos>) {
        self.lock().chaos = chaos;
    }

    /// All that was sent so far, as one number: equal runs have equal ones.
    pub fn digest(&self) -> u64 {
        self.lock().digest.finish()
    }

    /// Forgets nodes, owners and players.
    pub fn wipe(&self) {
        let mut state = self.lock();
        state.nodes.clear();
        state.owners.clear();
        state.players.clear();
    }
}

/// [`Bus`] and [`Placement`] of one node of a [`Network`].
#[derive(Clone)]
pub struct NetworkNode {
    network: Network,
    node: NodeId,
}

impl NetworkNode {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, PlacementError> {
        let mut state = self.network.lock();
        if state.cut_off.contains(&self.node) {
            return Err(PlacementError("cut off".to_owned()));
        }
        Ok(act(&mut state))
    }

    fn at_once<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut State) -> T,
    ) -> BoxFuture<'static, Result<T, PlacementError>> {
        ready(self.with(act)).boxed()
    }
}

impl Bus for NetworkNode {
    fn send(&self, to: NodeId, parcel: Bytes) -> Result<(), BusError> {
        let deliver = |state: &mut State| {
            (self.node, to, &parcel).hash(&mut state.digest);
            if state.lose > 0 {
                state.lose -= 1;
            } else if !state.cut_off.contains(&to)
                && let Some(inbox) = state.inboxes.get(&to)
            {
                let whole = Fate { copies: 1, after_ms: 0, in_turn: true };
                let Fate { copies, after_ms, in_turn } = state.chaos.as_mut().map_or(whole, Chaos::fate);
                for _ in 0..copies {
                    let (inbox, parcel) = (inbox.clone(), Incoming::Parcel(parcel.clone()));
                    if in_turn {
                        let _ = inbox.send((parcel, after_ms)); // a dead node reads nothing
                    } else {
                        actix::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(after_ms)).await;
                            let _ = inbox.send((parcel, 0));
                        });
                    }
                }
            }
        };
        self.with(deliver).map_err(|_| BusError)
    }
}

impl Placement for NetworkNode {
    fn beat(&self, me: NodeInfo) -> BoxFuture<'static, Result<Beat, PlacementError>> {
        self.at_once(|state| {
            let now = Instant::now();
            state.nodes.retain(|_, (_, until)| *until > now);
            if state.nodes.is_empty() {
                state.began = now;
            }
            let unknown = state.nodes.insert(me.id, (me, now + state.lease)).is_none();
            let nodes = state.nodes.values().map(|(info, _)| info.clone()).collect();
            let age_ms = now.duration_since(state.began).as_millis() as u64;
            Beat { nodes, unknown, age_ms }
        })
    }

    fn leave(&self, me: NodeId) -> BoxFuture<'static, Result<(), PlacementError>> {
        self.at_once(|state| drop(state.nodes.remove(&me)))
    }

    fn claim(
        &self,
        kind: &'static str,
        key: Uuid,
        candidate: NodeId,
        dead: Option<NodeId>,
    ) -> BoxFuture<'static, Result<NodeId, PlacementError>> {
        self.at_once(|state| {
            let owner = state.owners.entry((kind, key)).or_insert(candidate);
            if Some(*owner) == dead {
                *owner = candidate;
            }
            *owner
        })
    }

    fn release(
        &self,
        kind: &'static str,
        key: Uuid,
        owner: NodeId,
    ) -> BoxFuture<'static, Result<(), PlacementError>> {
        self.at_once(|state| {
            if state.owners.get(&(kind, key)) == Some(&owner) {
                state.owners.remove(&(kind, key));
            }
        })
    }

    fn arrive(
        &self,
        player: PlayerId,
        session: SessionRef,
    ) -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>> {
        self.at_once(|state| state.players.insert(player, session).filter(|before| *before != session))
    }

    fn whereabouts(
        &self,
        player: PlayerId,
    ) -> BoxFuture<'static, Result<Option<SessionRef>, PlacementError>> {
        self.at_once(|state| state.players.get(&player).copied())
    }

    fn depart(
        &self,
        player: PlayerId,
        session: SessionRef,
    ) -> BoxFuture<'static, Result<(), PlacementError>> {
        self.at_once(|state| {
            if state.players.get(&player) == Some(&session) {
                state.players.remove(&player);
            }
        })
    }
}
