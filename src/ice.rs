//! STUN and TURN servers as a browser is told of them (spec 4.5, 7).
//!
//! Owns coturn's time-limited credentials. Called by the room for each player's `room.state`. Never speaks to a server.

use crate::{clock::UnixMs, config::Turn, ids::PlayerId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::Serialize;
use sha1::Sha1;

/// One entry of an `RTCConfiguration`'s `iceServers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// For TURN: when it ends, Unix s, and the player.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What this player is told: with a secret, credentials of his own that end after `turn.ttl_s`.
pub fn servers(turn: &Turn, player: PlayerId, now: UnixMs) -> Vec<IceServer> {
    let (open, relays): (Vec<String>, Vec<String>) =
        turn.urls.iter().cloned().partition(|url| url.starts_with("stun"));
    let mut servers = Vec::new();
    if !open.is_empty() {
        servers.push(IceServer { urls: open, username: None, credential: None });
    }
    if !relays.is_empty() {
        let ends = now.0 / 1_000 + i64::try_from(turn.ttl_s).unwrap_or(i64::MAX / 2);
        let username = turn.secret.as_ref().map(|_| format!("{ends}:{player}"));
        let credential =
            turn.secret.as_ref().zip(username.as_deref()).and_then(|(key, name)| sign(&key.0, name));
        servers.push(IceServer { urls: relays, username, credential });
    }
    servers
}

/// Base64 of HMAC-SHA1, which is what coturn's `use-auth-secret` checks.
fn sign(secret: &str, username: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?; // of any length
    mac.update(username.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn relays_get_credentials_that_end_and_stun_gets_none() {
        let turn = Turn {
            urls: vec!["stun:s.example".into(), "turn:t.example?transport=tcp".into()],
            secret: Some(Secret("north".into())),
            ttl_s: 600,
        };
        let player: PlayerId = "018f0000-0000-7000-8000-000000000001".parse().expect("an id");
        let told = servers(&turn, player, UnixMs(1_800_000_000_000));
        assert_eq!(
            told[0],
            IceServer { urls: vec!["stun:s.example".into()], username: None, credential: None }
        );
        assert_eq!(told[1].username.as_deref(), Some(&*format!("1800000600:{player}")));
        // echo -n 1800000600:018f0000-0000-7000-8000-000000000001 | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(told[1].credential.as_deref(), Some("GE6B5S2C4ZSRqi6aLZjNAUq1sPQ="));
        assert!(servers(&Turn::default(), player, UnixMs(0)).is_empty());
    }
}
