//! A node: the one place that puts the parts together. `main`, tests and tools build nodes through it alone.
//! Its parts are made in `parts`, its sockets served in `listeners`.

mod database;
mod listeners;
mod parts;

use crate::{
    actors::session::{Mutes, SessionNotice},
    auth::Identity,
    clock::{SharedClock, SystemClock},
    cluster::{Arbiters, Cluster, Incoming, NodeInfo, Peering, Threads, Watchdog, on_redis},
    config::Config,
    game::Registry,
    http::HttpState,
    ids::NodeId,
    liveops::running::ActivityStream,
    media::{self, MediaServer},
    roles::{Role, Roles},
    session_log::SessionLog,
    store::{Served, Store},
    tls::Tls,
    trace,
    transport::Sockets,
};
use actix_web::dev::ServerHandle;
use anyhow::Context as _;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::mpsc, time::Instant};

use listeners::{serve_admin, serve_public, workers};
use parts::{Opened, Shared, open_store, register, take_up};

/// A running node.
pub struct Node {
    /// Where players connect.
    pub address: SocketAddr,
    /// Where clients that speak packets connect, if there is such a listener.
    pub tcp_address: Option<SocketAddr>,
    /// Where operators look.
    pub admin_address: SocketAddr,
    /// To reach its entities.
    pub cluster: Cluster,
    store: Store,
    /// What other nodes are answered with, if this one has the database.
    served: Option<Arc<Served>>,
    state: HttpState,
    config: Arc<Config>,
    /// Of a node that works.
    activity: Option<ActivityStream>,
    sockets: Sockets,
    log: SessionLog,
    tls: Option<Tls>,
    servers: [ServerHandle; 2],
    media: Option<Arc<media::Server>>,
    watchdog: Option<Watchdog>,
}

impl Node {
    /// Starts a node that plays these games. Must run in an actix system, which it does not stop.
    pub async fn start(config: Config, games: Registry) -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock);
        let roles = Roles::of_node(&config)?;
        raise_file_limit();
        let opened = Opened::of(config, &roles).await?;
        let config = opened.config.clone();
        let store = open_store(&config, &clock, &roles).await?;

        let arbiters = Arbiters::default();
        let (peering, mut incoming) = join_others(&config, &roles).await?.unzip();
        let entities = Arc::new(store.clone());
        let cluster = Cluster::new(config.clone(), clock.clone(), entities, arbiters.clone(), peering);
        let served = database::serve(&store, &cluster);
        if !store.is_here() {
            database::reach(&store, &cluster, incoming.take()).await.context("the database")?;
        }
        let identity = Identity::open(&store, &config, clock.clone()).await.context("identity")?;
        trace::start(&config, cluster.me())?;
        let mutes = Mutes::default();
        register(&cluster, &store, games, opened.rooms_media(&cluster), mutes.clone());

        let shared = Shared::of(&config, &store, &cluster, identity, mutes).await?;
        let activity = shared.activity(&roles).await?;
        let (address, tcp_address, admin_address) = opened.addresses()?;
        let public = shared.public(opened.tls.as_ref(), &arbiters)?;
        let public = serve_public(opened.players, opened.packets, &config, public)?;
        let admin = serve_admin(opened.operators, shared.state.clone(), cluster.clone())?;
        wait_for_workers(&arbiters, &config).await?;
        take_up(&cluster, incoming).await;
        shared.work(&roles, opened.tls.as_ref());
        let watchdog = start_watchdog(&config, &arbiters, &store);
        shared.state.set_ready(true);
        tracing::info!(%address, admin = %admin_address, roles = ?roles.names(), "node is up");
        let Shared { state, sockets, log, .. } = shared;
        Ok(Self {
            address,
            tcp_address,
            admin_address,
            cluster,
            store,
            served,
            state,
            config,
            activity,
            sockets,
            log,
            tls: opened.tls,
            servers: [public, admin],
            media: opened.media,
            watchdog,
        })
    }

    /// `http` or `https`: what players' addresses begin with.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Looks at the files of the certificate now.
    pub fn reload_certificate(&self) {
        if let Some(tls) = &self.tls {
            tracing::info!(outcome = ?tls.reload(), "the certificate was looked at");
        }
    }

    /// Graceful stop: no new work, sockets closed with 1012, what was begun is committed, rooms stay.
    pub async fn stop(self) {
        tracing::info!("node stops");
        self.state.set_ready(false);
        let longest = Duration::from_millis(self.config.server.drain_ms);
        self.cluster.drain(longest).await;
        let told = Instant::now();
        for session in self.cluster.hub().all() {
            if session.addr.try_send(SessionNotice::NodeStops).is_err() {
                tracing::debug!(player_id = %session.player, "a session was ending already");
            }
        }
        self.cluster.signals().notify_all(SessionNotice::NodeStops);
        let [public, admin] = &self.servers;
        // Sockets live on the workers' threads, which end at once when no HTTP connection is left: only then.
        public.pause().await;
        if !self.sockets.gone(longest).await {
            tracing::warn!(left = self.sockets.count(), "some sockets did not end in time");
        }
        public.stop(true).await;
        if let Some(served) = &self.served {
            database::hand_over(served, &self.cluster, told, longest).await;
        }
        self.cluster.close();
        self.cluster.leave().await;
        if let Some(media) = &self.media {
            media.stop();
        }
        self.state.claims().stop();
        self.log.flush(longest).await;
        self.state.showtimes().stop();
        if let Some(activity) = self.activity {
            activity.stop().await;
        }
        self.store.close().await;
        admin.stop(false).await;
        trace::flush().await;
        drop(self.watchdog);
    }
}

/// Video and voice, where the settings want them. Another node of this machine may have the port: games are more than
/// their pictures, so this one goes without.
async fn open_media(
    mut config: Config,
    roles: &Roles,
) -> anyhow::Result<(Config, Option<Arc<media::Server>>)> {
    config.media.enabled &= roles.has(Role::Media);
    if !config.media.enabled {
        return Ok((config, None));
    }
    let error = match media::Server::start(&config.media).await {
        Ok(server) => return Ok((config, Some(server))),
        Err(error) => error,
    };
    let taken = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    };
    anyhow::ensure!(error.chain().any(taken), error.context("video and voice"));
    tracing::warn!(port = config.media.udp_port, "no video and voice here: media.udp_port is taken");
    config.media.enabled = false;
    Ok((config, None))
}

/// The media of this node's rooms: its own, else those of others; and of others' rooms, if it has any.
fn media_of(
    here: Option<Arc<media::Server>>,
    wanted: bool,
    cluster: &Cluster,
) -> Option<Arc<dyn MediaServer>> {
    let here = here.map(|server| server as Arc<dyn MediaServer>);
    if let Some(server) = &here {
        media::serve(cluster, server.clone());
    }
    wanted.then(|| Arc::new(media::Anywhere::new(here, cluster.clone())) as Arc<dyn MediaServer>)
}

/// With `redis.url` the node is one of many, which must share a database.
async fn join_others(
    config: &Config,
    roles: &Roles,
) -> anyhow::Result<Option<(Peering, mpsc::Receiver<Incoming>)>> {
    let Some(url) = &config.redis.url else { return Ok(None) };
    let shared = config.database.url.as_ref().is_some_and(|url| url.starts_with("postgres"));
    anyhow::ensure!(
        shared || !roles.has(Role::Db),
        "redis.url makes the node one of many: they share a postgres:// database.url"
    );
    let me = NodeInfo::of(NodeId::new(), config);
    let lease = Duration::from_millis(config.cluster.lease_ms);
    let joined = on_redis::join(url, &config.redis, lease, me).await;
    joined.map(Some).context("Redis (redis.url)")
}

/// Deadlines are times of day: nodes must agree with their database on it (spec 1.5).
async fn compare_clocks(store: Store, state: HttpState, config: Arc<Config>) {
    let settings = &config.database;
    loop {
        let skew = store.clock_skew_ms().await;
        metrics::gauge!("playhouse_database_up").set(f64::from(u8::from(skew.is_ok())));
        match skew {
            Ok(skew_ms) => {
                metrics::gauge!("playhouse_clock_skew_ms").set(skew_ms as f64);
                if skew_ms.unsigned_abs() > settings.clock_warn_ms {
                    tracing::warn!(skew_ms, "this node's clock and the database's differ");
                }
                state.set_clock_skew(skew_ms);
            }
            Err(error) => tracing::debug!(%error, "the clocks could not be compared"),
        }
        tokio::time::sleep(Duration::from_millis(settings.clock_check_ms)).await;
    }
}

/// Idempotency keys are forgotten when their time is over.
async fn sweep_requests(store: Store, clock: SharedClock, config: Arc<Config>) {
    loop {
        if let Err(error) = store.sweep_requests(None, clock.now()).await {
            tracing::debug!(%error, "expired idempotency keys could not be forgotten");
        }
        tokio::time::sleep(Duration::from_millis(config.idempotency.sweep_ms)).await;
    }
}

/// The workers are the arbiters: nothing can be placed before they run.
async fn wait_for_workers(arbiters: &Arbiters, config: &Config) -> anyhow::Result<()> {
    let longest = Duration::from_millis(config.server.start_ms);
    let wanted = workers(config);
    let all_here = async {
        while arbiters.len() < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(longest, all_here).await.context("the HTTP workers did not start")
}

/// Over every thread that the node's work goes through. The calling one has the lease, the inbox and the workers.
fn start_watchdog(config: &Config, arbiters: &Arbiters, store: &Store) -> Option<Watchdog> {
    let limit = Duration::from_millis(config.cluster.watchdog_ms);
    (!limit.is_zero()).then(|| {
        let mut threads = Threads::within(limit).arbiters(arbiters).runtime("main", &Handle::current());
        if let Some(writer) = store.writer_runtime() {
            threads = threads.runtime("store-writer", writer);
        }
        threads.watch(|thread| {
            tracing::error!(thread, "a thread has not yielded: the process aborts, recovery does the rest");
            std::process::abort();
        })
    })
}

/// Each socket takes two descriptors; the usual soft limit of 1,024 would hold 500 players.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}
