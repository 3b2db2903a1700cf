//! `GET /ws` and `GET /ws/signal`: who comes, from where, in which encoding; then a session and a socket (spec 1.1, 4).
//!
//! This is the HTTP server's upgrade service: it sees every request for a WebSocket before any route does, and
//! no middleware runs around it.

use super::frames::FrameReader;
use crate::{
    actors::{
        session::{Door, Player},
        signal::SignalDoor,
    },
    auth::{Identity, Principal},
    cluster::Pass,
    config::Config,
    http::{self, Problem, bearer, client_address, secure},
    protocol::{Encoding, signal},
    roles::Role,
    session_log::{Journey, SessionLog, Transport},
    trace,
    transport::{Connection, Framing as _, Held, Line, SessionPeer, Sockets, Speaks, Stream, Terms, entry},
};
use actix_codec::Framed;
use actix_http::{
    ConnectionType, Error, HttpMessage as _, Request, RequestHead, Response, StatusCode,
    body::MessageBody as _, h1, header,
};
use actix_web::{ResponseError as _, web::Query};
use actix_web_actors::ws::HandshakeError;
use bytes::Bytes;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

const SUBPROTOCOL: header::HeaderName = header::SEC_WEBSOCKET_PROTOCOL;

/// What upgrades need of the node.
pub struct WsState {
    /// Who people are.
    pub identity: Identity,
    /// Where sessions begin.
    pub door: Arc<Door>,
    /// Where signal sessions begin.
    pub signals: SignalDoor,
    /// Limits and allowed origins.
    pub config: Arc<Config>,
    /// The sockets of the node.
    pub sockets: Sockets,
    /// Who was connected when.
    pub log: SessionLog,
}

/// `?ticket=…&resume=1`
#[derive(Deserialize)]
struct ConnectQuery {
    ticket: Option<String>,
    resume: Option<String>,
}

/// Who comes, and how.
struct Visitor {
    player: Player,
    encoding: Encoding,
    /// As the client is told of its choice, if it offered any.
    subprotocol: &'static str,
    purpose: Purpose,
}

/// What the socket is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Play { resumes: bool },
    Signal,
}

/// Upgrades a player's socket, or refuses it with a problem.
///
/// # Errors
/// The socket broke.
pub async fn upgrade(
    req: Request,
    framed: Framed<Stream, h1::Codec>,
    state: Arc<WsState>,
) -> Result<(), Error> {
    let mut span = http::begin("GET", req.headers());
    let admitted = async { admit(&req, &state).await.map_err(|problem| refusal(&problem)) };
    let (visitor, held) = match trace::within(span.context(), admitted).await {
        Ok(admitted) => admitted,
        Err(refused) => {
            http::finish(&mut span, refused.status());
            h1::SendResponse::new(framed, refused).await?;
            return Ok(());
        }
    };
    http::finish(&mut span, StatusCode::SWITCHING_PROTOCOLS);
    drop(span);
    let accepted = accept(req.head(), visitor.subprotocol);
    let parts = h1::SendResponse::new(framed, accepted).await?.into_parts();
    let mut framing = FrameReader::new(state.config.limits.frame_bytes);
    framing.feed(&parts.read_buf);
    let transport = match visitor.purpose {
        Purpose::Play { .. } => Transport::Ws,
        Purpose::Signal => Transport::Signal,
    };
    let connection = Connection {
        stream: parts.io,
        framing,
        terms: Terms::of(&state.config),
        held,
        journey: Journey::begin(&state.log, transport, visitor.player.address),
    };
    actix_web::rt::spawn(serve(connection, visitor, state));
    Ok(())
}

/// Serves a socket to its end: a new session, the one that its first frame names, or one of `/ws/signal`.
async fn serve(mut connection: Connection<Stream, FrameReader>, visitor: Visitor, state: Arc<WsState>) {
    let Visitor { player, encoding, purpose, .. } = visitor;
    let nesting = state.config.limits.nesting;
    let speaks = Speaks::Only(encoding);
    let session: Line = match purpose {
        Purpose::Signal => state.signals.enter(player, encoding).into(),
        Purpose::Play { resumes: false } => state.door.enter(player, encoding, None).into(),
        Purpose::Play { resumes: true } => {
            let wait = Duration::from_millis(state.config.limits.resume_wait_ms);
            match entry::resume(&mut connection, &state.door, player, speaks, (nesting, wait)).await {
                Ok(attached) => attached.into(),
                Err(None) => return,
                Err(Some((code, reason))) => return connection.refuse(code, reason).await,
            }
        }
    };
    drop(state);
    let peer = SessionPeer::new(session, speaks, nesting);
    drop(actix_web::rt::spawn(connection.serve(peer))); // this task's memory is given back
}

async fn admit(req: &Request, state: &WsState) -> Result<(Visitor, Held), Problem> {
    let signals = match req.path() {
        "/ws" => false,
        "/ws/signal" => true,
        _ => return Err(Problem::of_status(StatusCode::NOT_FOUND)),
    };
    if !state.config.node.roles.contains(&Role::Gateway) {
        return Err(Problem::no_gateway());
    }
    actix_http::ws::verify_handshake(req.head()).map_err(|error| bad_handshake(&error))?;
    let query: Query<ConnectQuery> = Query::from_query(req.uri().query().unwrap_or_default())
        .map_err(|error| Problem::bad_request("bad_request", error.to_string()))?;
    let origin = check_origin(req, &state.config)?;
    let (encoding, subprotocol) = choose_encoding(req, signals)?;
    let held = state.sockets.hold(state.config.server.max_connections).ok_or_else(Problem::full)?;
    let principal = authenticate(req, query.ticket.as_deref(), origin.as_deref(), &state.identity).await?;
    let account = state.identity.admit_to_play(&principal).await?;
    let pass = Pass { sign_in: principal.sign_in, epoch: principal.epoch };
    let address = client_address(req.head(), &state.config);
    let player = Player { id: principal.account, nickname: account.nickname, address, pass };
    let resumes = query.resume.as_deref() == Some("1");
    let purpose = if signals { Purpose::Signal } else { Purpose::Play { resumes } };
    Ok((Visitor { player, encoding, subprotocol, purpose }, held))
}

fn bad_handshake(error: &HandshakeError) -> Problem {
    Problem::bad_request("bad_handshake", error.to_string())
}

/// 101 Switching Protocols; names the encoding if one was asked for.
fn accept(req: &RequestHead, subprotocol: &'static str) -> Response<()> {
    let mut response = actix_http::ws::handshake_response(req);
    if req.headers().contains_key(SUBPROTOCOL) {
        response.insert_header((SUBPROTOCOL, subprotocol));
    }
    response.finish().drop_body()
}

fn refusal(problem: &Problem) -> Response<Bytes> {
    let (response, body) = Response::from(problem.error_response()).into_parts();
    let mut response = response.set_body(body.try_into_bytes().unwrap_or_default());
    secure(response.headers_mut());
    response.head_mut().set_connection_type(ConnectionType::Close);
    response
}

/// A browser's Origin must be the server's own or an allowed one. Others send none.
fn check_origin(req: &Request, config: &Config) -> Result<Option<String>, Problem> {
    let Some(origin) = req.headers().get(header::ORIGIN) else { return Ok(None) };
    let forbidden = || Problem::forbidden("origin_not_allowed", "this Origin may not open a socket here");
    let origin = origin.to_str().map_err(|_| forbidden())?;
    let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let own = host.is_some() && authority == host;
    if own || config.server.allowed_origins.iter().any(|allowed| allowed == origin) {
        Ok(Some(origin.to_owned()))
    } else {
        Err(forbidden())
    }
}

/// No subprotocol means JSON; only unknown ones are refused.
fn choose_encoding(req: &Request, signals: bool) -> Result<(Encoding, &'static str), Problem> {
    let names = if signals { signal::SUBPROTOCOLS } else { Encoding::SUBPROTOCOLS };
    let [json, msgpack] = names;
    let offered: Vec<&str> = req
        .headers()
        .get_all(SUBPROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if offered.is_empty() {
        return Ok((Encoding::Json, json));
    }
    let known = offered.iter().find_map(|name| match *name {
        name if name == json => Some((Encoding::Json, json)),
        name if name == msgpack => Some((Encoding::MsgPack, msgpack)),
        _ => None,
    });
    known.ok_or_else(|| Problem::bad_request("unknown_subprotocol", format!("offer {json} or {msgpack}")))
}

async fn authenticate(
    req: &Request,
    ticket: Option<&str>,
    origin: Option<&str>,
    identity: &Identity,
) -> Result<Principal, Problem> {
    match (bearer(req.headers()), ticket) {
        (Some(token), _) => Ok(identity.verify_access(token)?),
        (None, Some(ticket)) => Ok(identity.redeem_ticket(ticket, origin).await?),
        (None, None) => Err(Problem::unauthorized("an access token or a ticket is needed")),
    }
}
