//! A socket of `tcp.listen` from its acceptance to its end.
//!
//! It has its place in the node's count before anything is done for it, the TLS handshake included. Over the limit a few
//! are heard out to be told so, the others are closed without a word.

use super::{
    framing::Packets,
    hello::{self, Refused, Visitor},
    packet::{self, ConnectResult},
};
use crate::{
    actors::session::Door,
    auth::Identity,
    clock::SharedClock,
    config::Config,
    http::HttpState,
    protocol::Encoding,
    session_log::{Journey, SessionLog, Transport},
    tls::Tls,
    transport::{Connection, Held, SessionPeer, Sockets, Speaks, Stream, Terms, entry},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::Instant};

/// What connections need of the node.
pub struct TcpState {
    /// Who people are.
    pub identity: Identity,
    /// Where sessions begin.
    pub door: Arc<Door>,
    /// Limits, times, whether there are guests.
    pub config: Arc<Config>,
    /// For the times in answers.
    pub clock: SharedClock,
    /// The sockets of the node, WebSockets too.
    pub sockets: Sockets,
    /// Those over the limit, which are told so.
    pub refused: Sockets,
    /// Who makes guests, and whether the node takes work.
    pub http: HttpState,
    /// If the listener is enciphered.
    pub tls: Option<Tls>,
    /// Who was connected when.
    pub log: SessionLog,
}

/// A place in the count, and whether it is one to stay.
struct Place {
    held: Held,
    stays: bool,
}

impl TcpState {
    fn place(&self) -> Option<Place> {
        let held = self.sockets.hold(self.config.server.max_connections);
        let to_stay = held.map(|held| Place { held, stays: true });
        let to_be_told = || self.refused.hold(self.config.tcp.refusals);
        to_stay.or_else(|| to_be_told().map(|held| Place { held, stays: false }))
    }
}

/// Serves an accepted socket in a task of its own.
pub fn serve(socket: TcpStream, state: &Arc<TcpState>) {
    let Some(place) = state.place() else {
        metrics::counter!("playhouse_tcp_refused_total", "reason" => "dropped").increment(1);
        return;
    };
    let Ok(address) = socket.peer_addr().map(|peer| peer.ip().to_canonical()) else { return };
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a socket without TCP_NODELAY");
    }
    actix::spawn(run(socket, address, place, state.clone()));
}

async fn run(socket: TcpStream, address: IpAddr, place: Place, state: Arc<TcpState>) {
    let deadline = Instant::now() + Duration::from_millis(state.config.tcp.connect_ms);
    let stream = match &state.tls {
        None => Stream::from(socket),
        Some(tls) => match tls.accept(socket).await {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%address, %error, "no TLS"),
        },
    };
    let Place { held, stays } = place;
    let framing = Packets::new(state.clock.clone(), state.config.limits.frame_bytes);
    let mut connection = Connection {
        stream,
        framing,
        terms: Terms::of(&state.config),
        held,
        journey: Journey::begin(&state.log, Transport::Tcp, address),
    };
    match hello::greet(&mut connection, &state, (address, stays), deadline).await {
        Ok(visitor) => drop(actix::spawn(play(connection, visitor, state))), // this task's memory is given back
        Err(refused) => refuse(connection, address, refused).await,
    }
}

/// A session on this socket, to its end.
async fn play(mut connection: Connection<Stream, Packets>, visitor: Visitor, state: Arc<TcpState>) {
    let Visitor { player, resumes } = visitor;
    let limits = &state.config.limits;
    let (nesting, wait) = (limits.nesting, Duration::from_millis(limits.resume_wait_ms));
    let speaks = Speaks::AsLast(Encoding::MsgPack);
    let now = connection.framing.now();
    let attached = if resumes {
        connection.say(&packet::connect_res(ConnectResult::Ok, None, now)).await;
        match entry::resume(&mut connection, &state.door, player, speaks, (nesting, wait)).await {
            Ok(attached) => attached,
            Err(None) => return,
            Err(Some((code, reason))) => return connection.refuse(code, reason).await,
        }
    } else {
        let attached = state.door.enter(player, speaks.first(), None);
        connection.say(&packet::connect_res(ConnectResult::Ok, Some(attached.session), now)).await;
        attached
    };
    drop(state);
    let peer = SessionPeer::new(attached, speaks, nesting);
    drop(actix::spawn(connection.serve(peer))); // as is this one's
}

/// Ends a socket that nobody came in by; the reason is in the log and in the figures.
async fn refuse(connection: Connection<Stream, Packets>, address: IpAddr, refused: Refused) {
    let (name, reason) = match &refused {
        Refused::With(result) => (result.name(), result.name()),
        Refused::Fault(fault) => ("malformed", fault.close().1),
        Refused::Gone(why) => ("gone", *why),
    };
    metrics::counter!("playhouse_tcp_refused_total", "reason" => name).increment(1);
    match refused {
        Refused::Gone(_) => tracing::debug!(%address, reason, "nobody connected over TCP"),
        _ => tracing::info!(%address, reason, "a TCP connection was closed before it had a session"),
    }
    match refused {
        Refused::With(result) => {
            let words = packet::connect_res(result, None, connection.framing.now());
            connection.dismiss(&words).await;
        }
        Refused::Fault(fault) => {
            let (code, reason) = fault.close();
            connection.refuse(code, reason).await;
        }
        Refused::Gone(_) => {}
    }
}
