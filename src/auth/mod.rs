//! Who somebody is: guest accounts, access and refresh tokens, WebSocket tickets (spec 1.1, 1.2, 2.1).
//!
//! Owns [`Identity`], which REST handlers and the socket upgrade ask, and the installation's secrets, which the
//! nodes share through the store. Time comes from the clock port. Never knows HTTP, rooms or games, never
//! writes a token, a ticket or a key to a log, and stores what clients present as a hash alone.

mod access;
mod accounts;
mod error;
mod keys;
mod nickname;
mod opaque;
mod refresh;
#[cfg(test)]
pub(crate) mod tests;
mod tickets;

pub use access::Principal;
pub use accounts::{Account, Role};
pub use error::AuthError;
pub use nickname::{Nickname, NicknameFault};
pub use refresh::Tokens;
pub use tickets::Ticket;

use crate::{clock::SharedClock, config::Config, store::Store};
use access::AccessTokens;
use keys::KeyRing;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{Arc, atomic::AtomicI64},
};
use uuid::Uuid;

/// One sign-in on one device: the family of refresh tokens that follow one another, `sid` in access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignInId(pub Uuid);

impl fmt::Display for SignInId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Accounts and tokens of an installation; cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    store: Store,
    config: Arc<Config>,
    clock: SharedClock,
    access: AccessTokens,
    resume_secret: Vec<u8>,
    /// Derives a refresh token's successor.
    refresh_secret: Vec<u8>,
    /// When expired rows are deleted next, Unix milliseconds.
    next_sweep: AtomicI64,
}

impl Identity {
    /// Reads the keys and secrets of the installation; the first node to start makes them.
    pub async fn open(store: &Store, config: &Arc<Config>, clock: SharedClock) -> Result<Self, AuthError> {
        let keys = KeyRing::open(store, clock.now()).await?;
        let resume_secret = store.secret("resume", &opaque::random()).await?;
        let refresh_secret = store.secret("refresh", &opaque::random()).await?;
        Ok(Self(Arc::new(Inner {
            store: store.clone(),
            access: AccessTokens::new(keys, &config.auth),
            config: config.clone(),
            clock,
            resume_secret,
            refresh_secret,
            next_sweep: AtomicI64::new(0),
        })))
    }

    /// The principal of an access token that we issued and that has not expired.
    pub fn verify_access(&self, token: &str) -> Result<Principal, AuthError> {
        self.0.access.verify(token, self.0.clock.now())
    }

    /// The public keys, as a JWK set (RFC 7517), so that any service verifies access tokens by itself.
    pub fn jwks(&self) -> serde_json::Value {
        self.0.access.jwks()
    }

    /// Signs the resume tokens of sessions; outlives the process, the same on each node. 32 bytes.
    pub fn resume_secret(&self) -> &[u8] {
        &self.0.resume_secret
    }
}
