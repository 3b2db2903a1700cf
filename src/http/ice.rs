//! `GET /ice-servers`: STUN and TURN servers with credentials of one's own (spec 4.5).
//!
//! A relay costs traffic, so only those get credentials who have somebody to reach: a seat in a room, a place in a lobby,
//! or a match. Never speaks to a TURN server.

use super::{HttpState, Problem, accounts::Answer, guard::SignedIn};
use crate::{
    actors::duellist,
    ids::PlayerId,
    media::turn::{self, IceServer},
};
use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
    web::Data,
};
use schemars::JsonSchema;
use serde::Serialize;

/// What `RTCPeerConnection` takes as its configuration, and for how long it is good.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServersAnswer {
    /// In the order in which browsers try them.
    ice_servers: Vec<IceServer>,
    /// Seconds for which credentials open a relay; ask again before.
    ttl: u64,
    /// `relay` where players' addresses are hidden from each other (`duel.relay_only`), else `all`.
    ice_transport_policy: IceTransportPolicy,
}

/// As the browser names it (`RTCIceTransportPolicy`).
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum IceTransportPolicy {
    All,
    Relay,
}

/// `GET /ice-servers` → [`IceServersAnswer`]. No cache may keep it: credentials are one's own.
pub(super) async fn servers(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    let taken = state.ice.take(who.account);
    taken.map_err(|wait_ms| Problem::rate_limited("ICE servers were asked for too often", wait_ms))?;
    if !is_present(&state, who.account).await? {
        let detail = "ICE servers are for accounts in a room, a lobby or a match";
        return Err(Problem::conflict("not_present", detail));
    }
    let ice_servers = turn::ice_servers(&state.config.turn, who.account, state.clock.now());
    let ice_transport_policy = match state.config.duel.relay_only {
        true => IceTransportPolicy::Relay,
        false => IceTransportPolicy::All,
    };
    let answer = IceServersAnswer { ice_servers, ttl: state.config.turn.ttl_s, ice_transport_policy };
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::Ok().insert_header(no_store).json(answer))
}

/// Whether the account has anybody to connect to.
async fn is_present(state: &HttpState, account: PlayerId) -> Result<bool, Problem> {
    Ok(state.store.seat_of(account).await?.is_some() || duellist::is_present(&state.cluster, account).await?)
}
