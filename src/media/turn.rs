//! STUN and TURN servers that players are told of, each with credentials of his own (spec 4.5).
//!
//! Owns coturn's REST credentials: the user name is when they end and for whom they are, the password its signature. Called
//! for the page of a room and for `GET /api/v1/ice-servers`. Never speaks to a TURN server: coturn checks the signature
//! with the same secret.

use crate::{clock::UnixMs, config, ids::PlayerId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;

const MS: i64 = 1_000;

/// A server as browsers take it (`RTCIceServer`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:`.
    pub urls: Vec<String>,
    /// For TURN: when it ends, in seconds since 1970, and for whom it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN: HMAC-SHA1 of the user name, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The servers of the settings, for this player, from now on for `turn.ttl_s`.
pub fn ice_servers(config: &config::Turn, player: PlayerId, now: UnixMs) -> Vec<IceServer> {
    let (relays, others): (Vec<_>, Vec<_>) =
        config.urls.iter().cloned().partition(|url| url.starts_with("turn"));
    let mut servers = Vec::new();
    if !others.is_empty() {
        servers.push(IceServer { urls: others, username: None, credential: None });
    }
    if !relays.is_empty() {
        let ends_s = now.0 / MS + i64::try_from(config.ttl_s).unwrap_or(i64::MAX / 2);
        let username = format!("{ends_s}:{player}");
        let credential = config.secret.as_ref().and_then(|secret| sign(&secret.0, &username));
        let username = credential.is_some().then_some(username);
        servers.push(IceServer { urls: relays, username, credential });
    }
    servers
}

fn sign(secret: &str, username: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(username.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn config() -> config::Turn {
        let urls = ["stun:a:3478", "turn:a:3478?transport=tcp", "turns:a:5349"].map(str::to_owned);
        config::Turn {
            urls: urls.to_vec(),
            secret: Some(Secret("north".into())),
            ttl_s: 600,
            ..config::Turn::default()
        }
    }

    #[test]
    fn relays_come_with_credentials_that_end() {
        let player = PlayerId::new();
        let [stun, turn] = ice_servers(&config(), player, UnixMs(1_000_500)).try_into().expect("two");
        assert_eq!((stun.urls.len(), stun.username, stun.credential), (1, None, None));
        assert_eq!(turn.urls.len(), 2);
        assert_eq!(turn.username, Some(format!("1600:{player}")));
        assert_eq!(turn.credential, sign("north", &format!("1600:{player}")));
        assert_ne!(turn.credential, sign("south", &format!("1600:{player}")));
    }

    /// As `printf '1600:somebody' | openssl dgst -sha1 -hmac north -binary | base64` has it.
    #[test]
    fn the_signature_is_coturns() {
        assert_eq!(sign("north", "1600:somebody").as_deref(), Some("9ORpxY+ggXrpn5weqpQ2jw0hpvs="));
    }

    #[test]
    fn without_servers_there_are_none_and_without_a_secret_no_credentials() {
        let player = PlayerId::new();
        assert!(ice_servers(&config::Turn::default(), player, UnixMs(0)).is_empty());
        let open = config::Turn { secret: None, ..config() };
        assert!(
            ice_servers(&open, player, UnixMs(0))
                .iter()
                .all(|s| s.username.is_none() && s.credential.is_none())
        );
    }
}
