//! What the handlers share.

use crate::{
    auth::Identity,
    clock::{SharedClock, UnixMs},
    cluster::Cluster,
    config::Config,
    ids::{MatchId, PlayerId, RoomId},
    limits::KeyedBuckets,
    liveops::claims::Claims,
    store::Store,
};
use quick_cache::sync::Cache;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

/// Of a node, shared by its workers; cheap to clone.
#[derive(Clone)]
pub struct HttpState(Arc<Shared>);

/// See [`HttpState`].
pub struct Shared {
    pub(super) identity: Identity,
    pub(super) store: Store,
    pub(super) config: Arc<Config>,
    pub(super) clock: SharedClock,
    /// Claims on rewards.
    pub(super) claims: Claims,
    /// To rooms, for staff.
    pub(super) cluster: Cluster,
    /// Guest accounts, by the address that asks for them.
    pub(super) guests: KeyedBuckets<IpAddr>,
    /// Questions for ICE servers, by account.
    pub(super) ice: KeyedBuckets<PlayerId>,
    /// When it was last noted who of the staff looks into which game of which room.
    pub(super) looks: Cache<(PlayerId, RoomId, Option<MatchId>), UnixMs>,
    ready: AtomicBool,
    clock_skew_ms: AtomicI64,
}

impl HttpState {
    /// Not ready until [`HttpState::set_ready`] says so.
    pub fn new(
        identity: Identity,
        store: Store,
        config: Arc<Config>,
        clock: SharedClock,
        cluster: Cluster,
    ) -> Self {
        let guests = KeyedBuckets::per_minute(config.limits.guests_per_minute);
        let ice = KeyedBuckets::per_minute(config.turn.asks_per_minute);
        let claims = Claims::new(store.clone(), &config, clock.clone());
        let looks = Cache::new(config.moderation.watches);
        Self(Arc::new(Shared {
            identity,
            store,
            config,
            clock,
            claims,
            cluster,
            guests,
            ice,
            looks,
            ready: AtomicBool::new(false),
            clock_skew_ms: AtomicI64::new(0),
        }))
    }

    /// Whether the node takes work: what `/readyz` answers while the database does too.
    pub fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    /// How far the database's clock is before this node's (spec 1.5); too far, and the node is not ready.
    pub fn set_clock_skew(&self, ms: i64) {
        self.0.clock_skew_ms.store(ms, Ordering::Relaxed);
    }

    /// Claims on rewards: the node's workers are started with it.
    pub(crate) fn claims(&self) -> &Claims {
        &self.0.claims
    }

    pub(super) fn clock_skew_ms(&self) -> i64 {
        self.0.clock_skew_ms.load(Ordering::Relaxed)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }
}

impl std::ops::Deref for HttpState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}
