//! `GET /ws`: who comes, from where, in which encoding; then a session and a socket (spec 1.1).

use super::{reader::Reader, socket::SocketHandle, writer::Writer};
use crate::{
    actors::session::{Door, Player},
    auth::{Identity, Principal},
    config::Config,
    http::{Problem, client_address},
    protocol::Encoding,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload, Query},
};
use actix_web_actors::ws;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// What upgrades need of the node.
pub struct WsState {
    /// Who people are.
    pub identity: Identity,
    /// Where sessions begin.
    pub door: Arc<Door>,
    /// Limits and allowed origins.
    pub config: Arc<Config>,
}

/// `?ticket=…&resume=1`
#[derive(Deserialize)]
pub struct ConnectQuery {
    ticket: Option<String>,
    resume: Option<String>,
}

/// Upgrades a player's socket.
pub async fn connect(
    req: HttpRequest,
    payload: Payload,
    query: Query<ConnectQuery>,
    state: Data<WsState>,
) -> Result<HttpResponse, Problem> {
    let origin = check_origin(&req, &state.config)?;
    let encoding = choose_encoding(&req)?;
    let principal = authenticate(&req, query.ticket.as_deref(), origin.as_deref(), &state.identity).await?;
    let account = state.identity.account(principal.account).await?;
    let player = Player {
        id: principal.account,
        nickname: account.nickname,
        address: client_address(&req, &state.config),
    };
    let mut response = ws::handshake_with_protocols(&req, &Encoding::SUBPROTOCOLS)
        .map_err(|error| Problem::bad_request("bad_handshake", error.to_string()))?;
    let reader = reader(&req, payload, encoding, &state);
    let limits = &state.config.limits;
    let writer = if query.resume.as_deref() == Some("1") {
        let (ready, attached) = oneshot::channel();
        let wait = Duration::from_millis(limits.resume_wait_ms);
        actix_web::rt::spawn(reader.resume(player, wait, ready));
        Writer::Waiting(attached)
    } else {
        let attached = state.door.enter(player, encoding, None);
        let writer = Writer::open(&attached);
        actix_web::rt::spawn(reader.run(attached));
        writer
    };
    Ok(response.streaming(writer))
}

fn reader(req: &HttpRequest, payload: Payload, encoding: Encoding, state: &WsState) -> Reader {
    let (limits, session) = (&state.config.limits, &state.config.session);
    Reader {
        door: state.door.clone(),
        payload,
        encoding,
        socket: req.conn_data::<SocketHandle>().cloned(),
        frames: super::frames::FrameReader::new(limits.frame_bytes),
        nesting: limits.nesting,
        heartbeat: Duration::from_millis(session.heartbeat_ms),
        slow_grace: Duration::from_millis(limits.slow_grace_ms),
    }
}

/// A browser's Origin must be the server's own or an allowed one. Others send none.
fn check_origin(req: &HttpRequest, config: &Config) -> Result<Option<String>, Problem> {
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
fn choose_encoding(req: &HttpRequest) -> Result<Encoding, Problem> {
    let offered: Vec<&str> = req
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if offered.is_empty() {
        return Ok(Encoding::Json);
    }
    let known = offered.iter().find_map(|name| Encoding::from_subprotocol(name));
    known.ok_or_else(|| {
        Problem::bad_request("unknown_subprotocol", "offer playhouse.v1.json or playhouse.v1.msgpack")
    })
}

async fn authenticate(
    req: &HttpRequest,
    ticket: Option<&str>,
    origin: Option<&str>,
    identity: &Identity,
) -> Result<Principal, Problem> {
    let bearer = req.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match (bearer.and_then(|value| value.strip_prefix("Bearer ")), ticket) {
        (Some(token), _) => Ok(identity.verify_access(token)?),
        (None, Some(ticket)) => Ok(identity.redeem_ticket(ticket, origin).await?),
        (None, None) => Err(Problem::unauthorized("an access token or a ticket is needed")),
    }
}
