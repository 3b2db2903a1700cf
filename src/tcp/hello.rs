//! Who connects: the first packets of a socket, up to the answer to its SessionConnectReq (spec 5.1).
//!
//! Called by `service`. Decides by the settings and asks identity; opens no session.

use super::{
    TcpState,
    framing::{Greeting, Packets},
    packet::{self, ConnectResult, id},
};
use crate::{
    actors::session::Player,
    auth::{Account, AuthError, Principal},
    cluster::Pass,
    transport::{Connection, Fault, More},
};
use bytes::BytesMut;
use std::net::IpAddr;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// The version that is spoken.
pub(super) const PROTOCOL: u16 = 1;

/// With this bit a client says that its first request is `session.resume`.
pub(super) const RESUMES: u16 = 0x8000;

/// Who comes, and how.
#[derive(Debug)]
pub(super) struct Visitor {
    pub player: Player,
    pub resumes: bool,
}

/// Why nobody comes in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// He is told, by a SessionConnectRes.
    With(ConnectResult),
    /// What he sends is no greeting.
    Fault(Fault),
    /// He went, or did not greet in time.
    Gone(&'static str),
}

/// Reads up to a SessionConnectReq and finds out who that is. Pings before it are answered.
pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S, Packets>,
    state: &TcpState,
    (address, place): (IpAddr, bool),
    deadline: Instant,
) -> Result<Visitor, Refused> {
    loop {
        match connection.framing.greeting().map_err(Refused::Fault)? {
            Some(Greeting::Connect(protocol, token)) => {
                return admit(state, (address, place), protocol, &token).await.map_err(Refused::With);
            }
            Some(Greeting::Ping(pong)) => {
                let mut out = BytesMut::new();
                packet::put(&mut out, id::PONG_RES, &pong);
                if !connection.say(&out).await {
                    return Err(Refused::Gone("does not take its pong"));
                }
                continue;
            }
            None => {}
        }
        match connection.more(deadline).await {
            More::Came => {}
            More::Late => return Err(Refused::Gone("no SessionConnectReq in time")),
            More::Gone => return Err(Refused::Gone("went before it was connected")),
        }
    }
}

/// Which version a client asks for, and whether it resumes; `None`: another one.
pub(super) fn version(protocol: u16) -> Option<bool> {
    match protocol {
        PROTOCOL => Some(false),
        p if p == PROTOCOL | RESUMES => Some(true),
        _ => None,
    }
}

async fn admit(
    state: &TcpState,
    (address, place): (IpAddr, bool),
    protocol: u16,
    token: &str,
) -> Result<Visitor, ConnectResult> {
    let resumes = version(protocol).ok_or(ConnectResult::BadVersion)?;
    if !state.http.takes_work() {
        return Err(ConnectResult::Draining);
    }
    if !place {
        return Err(ConnectResult::Full);
    }
    let (principal, account) = if token.is_empty() {
        guest(state, address).await?
    } else {
        let known = async {
            let principal = state.identity.verify_access(token)?;
            let account = state.identity.admit_to_play(&principal).await?;
            Ok((principal, account))
        };
        known.await.map_err(|error| result_of(&error))?
    };
    let pass = Pass { sign_in: principal.sign_in, epoch: principal.epoch };
    let player = Player { id: principal.account, nickname: account.nickname, address, pass };
    Ok(Visitor { player, resumes })
}

/// A new guest with an invented nickname; as often as the address may have one (`limits.guests_per_minute`).
async fn guest(state: &TcpState, address: IpAddr) -> Result<(Principal, Account), ConnectResult> {
    if !state.config.tcp.guests {
        return Err(ConnectResult::BadToken);
    }
    state.http.may_make_account(address).map_err(|_| ConnectResult::Full)?;
    let made = async {
        let (account, tokens) = state.identity.create_guest(None).await?;
        Ok((state.identity.verify_access(&tokens.access_token)?, account))
    };
    made.await.map_err(|error| result_of(&error))
}

/// What a refusal of identity is called here: his own fault, or ours and worth another try.
fn result_of(error: &AuthError) -> ConnectResult {
    match error {
        AuthError::InvalidToken | AuthError::ExpiredToken | AuthError::Banned { .. } => {
            ConnectResult::BadToken
        }
        error => {
            tracing::warn!(%error, "nobody can be let in over TCP now");
            ConnectResult::Full
        }
    }
}
