//! Who somebody is: accounts, passwords, access and refresh tokens, WebSocket tickets, staff, other services
//! (spec 1.1, 1.2, 2.1).
//!
//! Owns [`Identity`], which REST handlers and the socket upgrade ask, and the installation's secrets, which the
//! nodes share through the store. Time comes from the clock port. [`watch`] tells the cluster whose sessions end.
//! Never knows HTTP, rooms or games, never writes a password, a token, a ticket or a key to a log, and stores what
//! clients present as a hash alone.

mod access;
mod accounts;
mod credentials;
mod epochs;
mod error;
mod keys;
mod nickname;
mod oidc;
#[cfg(test)]
mod oidc_tests;
mod opaque;
mod passwords;
mod provider;
mod refresh;
mod seal;
mod service;
mod staff;
#[cfg(test)]
pub(crate) mod tests;
mod tickets;
mod watch;

pub use access::Principal;
pub use accounts::{Account, Role};
pub use credentials::{NewAccount, Profile};
pub use error::AuthError;
pub use nickname::{Nickname, NicknameFault};
pub use oidc::{Departure, Return, SignInProvider};
pub use refresh::Tokens;
pub use service::{SCOPES, Service};
pub use staff::Ban;
pub use tickets::Ticket;
pub use watch::watch;

use crate::{
    clock::{SharedClock, UnixMs},
    config::Config,
    ids::PlayerId,
    store::{EpochChange, Store},
};
use access::AccessTokens;
use epochs::Epochs;
use keys::KeyRing;
use passwords::Passwords;
use provider::Provider;
use quick_cache::sync::Cache;
use seal::Seal;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicI64},
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
    epochs: Epochs,
    passwords: Passwords,
    /// The other way to sign in, if the settings name one.
    provider: Option<Provider>,
    seal: Seal,
    /// Who asks for himself again and again, and when he was looked up.
    profiles: Cache<PlayerId, (UnixMs, Arc<Profile>)>,
    /// What ends live sessions, here and on other nodes.
    on_change: OnceLock<Box<dyn Fn(EpochChange) + Send + Sync>>,
    resume_secret: Vec<u8>,
    queue_secret: Vec<u8>,
    /// Derives a refresh token's successor.
    refresh_secret: Vec<u8>,
    /// When expired rows are deleted next, Unix milliseconds.
    next_sweep: AtomicI64,
}

impl Identity {
    /// Reads the keys and secrets of the installation; the first node to start makes them.
    pub async fn open(store: &Store, config: &Arc<Config>, clock: SharedClock) -> Result<Self, AuthError> {
        let (settings, now) = (&config.auth, clock.now());
        let seal = Seal::new(settings.key_secret.as_ref())?;
        let keys = KeyRing::open(store, &seal, settings, now).await?;
        let resume_secret = secret(store, &seal, "resume").await?;
        let refresh_secret = secret(store, &seal, "refresh").await?;
        let queue_secret = secret(store, &seal, "queue").await?;
        let lives = settings.access_ttl_s.saturating_add(settings.epoch_look_back_s);
        let identity = Self(Arc::new(Inner {
            store: store.clone(),
            access: AccessTokens::new(keys, settings),
            epochs: Epochs::new(lives.saturating_mul(1_000), now),
            passwords: Passwords::start(settings)?,
            provider: Provider::of(settings)?,
            seal,
            profiles: Cache::new(settings.profile_cache),
            on_change: OnceLock::new(),
            config: config.clone(),
            clock,
            resume_secret,
            queue_secret,
            refresh_secret,
            next_sweep: AtomicI64::new(0),
        }));
        identity.poll().await?;
        Ok(identity)
    }

    /// The principal of an access token that we issued, that has not expired and that nothing has made void. Asks
    /// neither SQL nor another node.
    pub fn verify_access(&self, token: &str) -> Result<Principal, AuthError> {
        let who = self.0.access.verify(token, self.0.clock.now())?;
        if self.0.epochs.is_void(&who) {
            return Err(AuthError::InvalidToken);
        }
        Ok(who)
    }

    /// The public keys, as a JWK set (RFC 7517), so that any service verifies access tokens by itself.
    pub fn jwks(&self) -> serde_json::Value {
        self.0.access.jwks()
    }

    /// Signs the resume tokens of sessions; outlives the process, the same on each node. 32 bytes.
    pub fn resume_secret(&self) -> &[u8] {
        &self.0.resume_secret
    }

    /// Signs tickets and passes of queues; as [`Identity::resume_secret`].
    pub fn queue_secret(&self) -> &[u8] {
        &self.0.queue_secret
    }
}

/// A secret of the installation; the first node to start makes it.
async fn secret(store: &Store, seal: &Seal, name: &str) -> Result<Vec<u8>, AuthError> {
    let sealed_as = format!("secret {name}");
    let stored = store.secret(name, &seal.seal(&sealed_as, &opaque::random())?).await?;
    let opened = seal.open(&sealed_as, &stored)?;
    if opened.bare {
        store.reseal_secret(name, &stored, &seal.seal(&sealed_as, &opened.value)?).await?;
    }
    Ok(opened.value)
}
