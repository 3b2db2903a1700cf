//! The parts of a node, in the order in which [`super::Node::start`] puts them together: what it opens on its machine, the
//! entities it knows, what its sockets and its background work share.
//!
//! Called by `start` alone. Nothing here is heard by anybody before the listeners are served.

use super::{compare_clocks, listeners, media_of, open_media, sweep_requests};
use crate::{
    actors::{
        self,
        bracket::{BracketActor, BracketPorts},
        duel::DuelActor,
        matchmaker::{ClusterMatches, MatchmakerActor, Ports, StoredRatings},
        room::RoomActor,
        session::{Door, Mutes},
        signal::SignalDoor,
    },
    auth::{self, Identity},
    clock::SharedClock,
    cluster::{Arbiters, Cluster, Entity, Incoming},
    config::Config,
    game::Registry,
    http::HttpState,
    liveops::running::ActivityStream,
    media::{self, MediaServer},
    queue::Queues,
    roles::{Role, Roles},
    session_log::{self, SessionLog},
    store::Store,
    tcp::TcpState,
    telemetry,
    tls::{self, Tls},
    transport::Sockets,
    ws,
};
use anyhow::Context as _;
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;

/// What the node holds of its machine: sockets that nobody reads yet, the certificate, the port of its media.
pub(super) struct Opened {
    /// With the ports that were found free.
    pub config: Arc<Config>,
    pub players: TcpListener,
    pub packets: Option<TcpListener>,
    pub operators: TcpListener,
    pub tls: Option<Tls>,
    pub media: Option<Arc<media::Server>>,
    /// Video and voice are wanted, here or on another node.
    has_media: bool,
}

impl Opened {
    pub async fn of(config: Config, roles: &Roles) -> anyhow::Result<Self> {
        let has_media = config.media.enabled;
        let (mut config, media) = open_media(config, roles).await?;
        let players = listeners::bind(config.server.listen, config.server.tcp_backlog)?;
        config.server.listen = players.local_addr()?; // port 0 has become one that the others can be told of
        let packets = listeners::bind_tcp(&config, roles)?;
        let tls = Tls::open(&config.tls)?;
        let operators = listeners::bind(config.admin.listen, config.server.tcp_backlog)?;
        Ok(Self { config: Arc::new(config), players, packets, operators, tls, media, has_media })
    }

    /// Of players, of packets if there are any, of operators.
    pub fn addresses(&self) -> anyhow::Result<(SocketAddr, Option<SocketAddr>, SocketAddr)> {
        let packets = self.packets.as_ref().map(TcpListener::local_addr).transpose()?;
        Ok((self.players.local_addr()?, packets, self.operators.local_addr()?))
    }

    pub fn rooms_media(&self, cluster: &Cluster) -> Option<Arc<dyn MediaServer>> {
        media_of(self.media.clone(), self.has_media, cluster)
    }
}

/// The database, or the way to nodes that have it.
pub(super) async fn open_store(config: &Config, clock: &SharedClock, roles: &Roles) -> anyhow::Result<Store> {
    if roles.has(Role::Db) {
        return Store::open(config, clock.clone()).await.context("the database");
    }
    Ok(Store::elsewhere(config, clock.clone()))
}

/// Makes every kind of entity known but queues, which [`Queues`] does.
pub(super) fn register(
    cluster: &Cluster,
    store: &Store,
    games: Registry,
    media: Option<Arc<dyn MediaServer>>,
    mutes: Mutes,
) {
    cluster.register(RoomActor::factory(games, media, mutes));
    actors::register_duels(cluster);
    let ratings = StoredRatings::new(store.clone(), cluster.clock().clone(), &cluster.config().rating);
    let matches = ClusterMatches::new(cluster.clone(), Arc::new(store.clone()));
    let (ratings, shared) = (Arc::new(ratings), Arc::new(store.clone()));
    let ports = Ports { ratings: ratings.clone(), matches: Arc::new(matches) };
    cluster.register(MatchmakerActor::factory(ports));
    let ports = BracketPorts { ratings, seats: shared.clone(), results: shared };
    cluster.register(BracketActor::factory(ports));
}

/// The node is one of the living, and takes what the others place on it. One without a database is heard since it asked for
/// one: it has no `incoming` left.
pub(super) async fn take_up(cluster: &Cluster, incoming: Option<mpsc::Receiver<Incoming>>) {
    let Some(incoming) = incoming else { return cluster.take_up().await };
    actix::spawn(cluster.clone().receive(incoming));
    cluster.beat().await;
    actix::spawn(cluster.clone().keep_lease());
}

/// What sockets, requests and background work of a node have in common.
pub(super) struct Shared {
    pub state: HttpState,
    pub sockets: Sockets,
    pub log: SessionLog,
    config: Arc<Config>,
    store: Store,
    cluster: Cluster,
    identity: Identity,
    door: Arc<Door>,
    queues: Queues,
}

impl Shared {
    pub async fn of(
        config: &Arc<Config>,
        store: &Store,
        cluster: &Cluster,
        identity: Identity,
        mutes: Mutes,
    ) -> anyhow::Result<Self> {
        let clock = cluster.clock().clone();
        let queues = Queues::of_node(config, store, cluster, identity.queue_secret()).await;
        let queues = queues.context("Redis (redis.url)")?;
        let (rooms, secret) = (Arc::new(store.clone()), identity.resume_secret());
        let door = Door::new(cluster.clone(), rooms, secret, Some(queues.clone()), mutes.clone());
        let (config, store, cluster) = (config.clone(), store.clone(), cluster.clone());
        let (who, settings, at) = (identity.clone(), config.clone(), clock.clone());
        let state = HttpState::new(who, store.clone(), settings, at, cluster.clone(), queues.clone());
        let me = (cluster.me(), config.node.id.clone());
        let log = SessionLog::start(store.clone(), &config.session_log, clock, me);
        let poll = Duration::from_millis(config.moderation.poll_ms);
        actix::spawn(mutes.follow(store.clone(), cluster.clock().clone(), poll)); // known before anybody may speak
        let sockets = Sockets::default();
        Ok(Self { state, sockets, log, config, store, cluster, identity, door, queues })
    }

    /// Facts to their groups and to their consumers, on a node that works.
    pub async fn activity(&self, roles: &Roles) -> anyhow::Result<Option<ActivityStream>> {
        if !roles.has(Role::Worker) {
            return Ok(None);
        }
        let (clock, me) = (self.cluster.clock(), self.cluster.me());
        let stream = ActivityStream::of_node(&self.config, &self.store, clock, me, self.state.consumers());
        stream.await.map(Some).context("Redis (redis.url)")
    }

    /// For the players' listeners.
    pub fn public(&self, tls: Option<&Tls>, arbiters: &Arbiters) -> anyhow::Result<listeners::Public> {
        let packets = TcpState {
            identity: self.identity.clone(),
            door: self.door.clone(),
            config: self.config.clone(),
            clock: self.cluster.clock().clone(),
            sockets: self.sockets.clone(),
            refused: Sockets::default(),
            http: self.state.clone(),
            tls: tls.map(|tls| tls.speaking(tls::Speaks::Packets, &self.config.tls)).transpose()?,
            log: self.log.clone(),
        };
        let upgrades = ws::WsState {
            identity: self.identity.clone(),
            door: self.door.clone(),
            signals: SignalDoor::new(self.cluster.clone()),
            config: self.config.clone(),
            sockets: self.sockets.clone(),
            log: self.log.clone(),
        };
        Ok(listeners::Public {
            state: self.state.clone(),
            upgrades: Arc::new(upgrades),
            packets: Arc::new(packets),
            tls: tls.cloned(),
            arbiters: arbiters.clone(),
        })
    }

    /// Begins what a node does of itself, by its roles.
    pub fn work(&self, roles: &Roles, tls: Option<&Tls>) {
        let (store, cluster, config) = (&self.store, &self.cluster, &self.config);
        let clock = cluster.clock().clone();
        if roles.has(RoomActor::ROLE) {
            actix::spawn(cluster.clone().sweep_reminders::<RoomActor>());
            actix::spawn(cluster.clone().sweep_reminders::<DuelActor>());
            actix::spawn(cluster.clone().sweep_reminders::<BracketActor>());
        }
        if roles.has(Role::Worker) {
            self.state.claims().work(Arc::new(cluster.clone()));
            self.state.showtimes().work();
        }
        self.queues.work();
        auth::watch(&self.identity, cluster);
        actix::spawn(compare_clocks(store.clone(), self.state.clone(), config.clone()));
        if let Some(metrics) = telemetry::metrics() {
            actix::spawn(telemetry::keep_tidy(metrics, Duration::from_millis(config.admin.tidy_ms)));
        }
        actix::spawn(sweep_requests(store.clone(), clock.clone(), config.clone()));
        actix::spawn(session_log::keep_tidy(store.clone(), cluster.clone(), config.clone(), clock));
        if let Some(tls) = tls {
            actix::spawn(tls.clone().watch());
        }
    }
}
