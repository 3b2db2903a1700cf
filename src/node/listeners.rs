//! The listeners of a node: HTTP and packets for players, on the same threads; HTTP for operators.
//!
//! Called by [`super::Node`] at its start. Here sockets get their TLS, and HTTP its app; what is said on them is not known here.

use crate::{
    actors::{duel::DuelActor, matchmaker::MatchmakerActor, queue::QueueActor, room::RoomActor},
    cluster::{Arbiters, Cluster, Entity},
    config::Config,
    http::{self, HttpState},
    roles::{Role, Roles},
    tcp::{self, TcpState},
    telemetry,
    tls::Tls,
    transport::Stream,
    ws,
};
use actix_http::{HttpService, error::DispatchError};
use actix_server::Server;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App, HttpServer,
    dev::{AppConfig, ServerHandle},
    middleware::from_fn,
};
use anyhow::Context as _;
use std::{
    future::ready,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpStream;

/// A listening socket.
pub(super) fn bind(address: SocketAddr, backlog: u32) -> anyhow::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).with_context(|| format!("cannot listen on {address}"))?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// A node that takes no players has no such listener, whatever the settings that it shares with others say.
pub(super) fn bind_tcp(config: &Config, roles: &Roles) -> anyhow::Result<Option<TcpListener>> {
    let address = config.tcp.listen.filter(|_| roles.has(Role::Gateway));
    address.map(|address| bind(address, config.server.tcp_backlog)).transpose()
}

/// Threads that carry sockets and actors.
pub(super) fn workers(config: &Config) -> usize {
    match config.server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

/// What the listeners for players need.
pub(super) struct Public {
    pub state: HttpState,
    pub upgrades: Arc<ws::WsState>,
    pub packets: Arc<TcpState>,
    pub tls: Option<Tls>,
    pub arbiters: Arbiters,
}

/// REST and pages on an actix-web app; WebSockets leave HTTP in the upgrade service before the app sees them. Packets come
/// in on the same threads.
pub(super) fn serve_public(
    listener: TcpListener,
    tcp_listener: Option<TcpListener>,
    config: &Arc<Config>,
    public: Public,
) -> anyhow::Result<ServerHandle> {
    let slow = Duration::from_millis(config.server.slow_client_ms);
    let disconnect = Duration::from_millis(config.server.disconnect_ms);
    let address = listener.local_addr()?;
    let hsts_s = if public.tls.is_some() { config.tls.hsts_s } else { 0 };
    let mut builder = Server::build()
        .workers(workers(config))
        .max_concurrent_connections(config.server.max_connections)
        .disable_signals()
        .shutdown_timeout(config.server.drain_ms.div_ceil(1_000));
    let stopping = builder.graceful_shutdown_signal();
    let Public { state, upgrades, packets, tls, arbiters } = public;
    let service = move || {
        arbiters.join(); // each worker's thread carries actors too
        let app = App::new()
            .configure(http::configure(state.clone()))
            .wrap(http::security_headers(hsts_s))
            .wrap(http::errors())
            .wrap(from_fn(http::traced));
        let (upgrades, stopping, tls) = (upgrades.clone(), stopping.clone(), tls.clone());
        let http = HttpService::build()
            .local_addr(address)
            .client_request_timeout(slow)
            .client_disconnect_timeout(disconnect)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .upgrade(fn_service(move |(req, framed)| ws::upgrade(req, framed, upgrades.clone())))
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(move |socket| accept(socket, tls.clone())).map_err(DispatchError::Io).and_then(http)
    };
    builder = builder.listen("public", listener, service)?;
    if let Some(listener) = tcp_listener {
        builder = builder.listen("tcp", listener, move || {
            let packets = packets.clone();
            fn_service(move |socket| {
                tcp::serve(socket, &packets);
                ready(Ok::<_, std::convert::Infallible>(()))
            })
        })?;
    }
    Ok(keep(builder.run(), "public"))
}

/// A socket of the public listener, after its handshake if it has one.
async fn accept(socket: TcpStream, tls: Option<Tls>) -> io::Result<(Stream, Option<SocketAddr>)> {
    let peer = socket.peer_addr().ok();
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a socket without TCP_NODELAY");
    }
    match tls {
        None => Ok((Stream::from(socket), peer)),
        Some(tls) => Ok((tls.accept(socket).await?, peer)),
    }
}

/// The operators' listener: plain HTTP, for this machine or a private network.
pub(super) fn serve_admin(
    listener: TcpListener,
    state: HttpState,
    cluster: Cluster,
) -> anyhow::Result<ServerHandle> {
    let metrics = telemetry::metrics();
    telemetry::begin_at_zero(&[RoomActor::KIND, DuelActor::KIND, MatchmakerActor::KIND, QueueActor::KIND]);
    let server = HttpServer::new(move || {
        let cluster = cluster.clone();
        let seen = cluster.clone();
        let observe = move || observe(&seen);
        let in_touch = move || cluster.is_in_touch();
        App::new().configure(http::configure_admin(state.clone(), metrics.clone(), observe, in_touch))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(keep(server, "admin"))
}

/// Runs a server until it is stopped by its handle.
fn keep(server: Server, listener: &'static str) -> ServerHandle {
    let handle = server.handle();
    actix::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, listener, "a listener ended");
        }
    });
    handle
}

/// Figures that are cheaper to count when asked than to keep.
fn observe(cluster: &Cluster) {
    let (live, parked) = cluster.hub().counts();
    metrics::gauge!("playhouse_sessions", "state" => "live").set(live as f64);
    metrics::gauge!("playhouse_sessions", "state" => "parked").set(parked as f64);
    for (kind, active) in [
        (RoomActor::KIND, cluster.active::<RoomActor>()),
        (DuelActor::KIND, cluster.active::<DuelActor>()),
        (MatchmakerActor::KIND, cluster.active::<MatchmakerActor>()),
        (QueueActor::KIND, cluster.active::<QueueActor>()),
    ] {
        metrics::gauge!("playhouse_entities", "kind" => kind).set(active as f64);
    }
    metrics::gauge!("playhouse_signal_sessions").set(cluster.signals().count() as f64);
    metrics::gauge!("playhouse_in_touch").set(f64::from(u8::from(cluster.is_in_touch())));
}
