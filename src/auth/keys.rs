//! The Ed25519 keys of an installation (spec 2.1): one signs, those before it verify until the last token of theirs
//! has expired.
//!
//! Made by the first node that starts, shared through the store, read again each second: a new key signs only once
//! every node and every service that keeps our JWK set had time to see it (`auth.key_settle_s`).

use super::{AuthError, opaque, seal::Seal};
use crate::{
    clock::UnixMs,
    config,
    store::{AuditEntry, SigningKeyRow, Store},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One key.
struct Key {
    n: i64,
    kid: String,
    /// base64url of the 32 bytes: `x` of the JWK.
    x: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    signs_from: UnixMs,
    /// When the last token of it has expired.
    verifies_until: Option<UnixMs>,
}

/// All keys, newest first.
pub(super) struct KeyRing {
    keys: Vec<Key>,
}

impl KeyRing {
    /// Reads the keys; makes the first one if there is none. What lies in clear although it need not is sealed.
    pub async fn open(
        store: &Store,
        seal: &Seal,
        settings: &config::Auth,
        now: UnixMs,
    ) -> Result<Self, AuthError> {
        let mut rows = store.signing_keys().await?;
        if rows.is_empty() {
            let (kid, seed) = fresh(seal)?;
            store.add_first_signing_key(&kid, &seed, now).await?;
            rows = store.signing_keys().await?;
        }
        for row in &mut rows {
            let opened = seal.open(&name_of(&row.kid), &row.seed)?;
            if opened.bare {
                let sealed = seal.seal(&name_of(&row.kid), &opened.value)?;
                store.reseal_key(row.n, &row.seed, &sealed).await?;
            }
            row.seed = opened.value;
        }
        Self::of(&rows, settings)
    }

    /// Adds a key that will sign in `auth.key_settle_s` seconds, and answers its name.
    pub async fn add(
        store: &Store,
        seal: &Seal,
        now: UnixMs,
        entry: impl FnOnce(&str) -> AuditEntry,
    ) -> Result<String, AuthError> {
        let (kid, seed) = fresh(seal)?;
        store.add_signing_key(&kid, &seed, now, &entry(&kid)).await?;
        Ok(kid)
    }

    /// `rows`: seeds in clear, newest first.
    pub fn of(rows: &[SigningKeyRow], settings: &config::Auth) -> Result<Self, AuthError> {
        let mut keys: Vec<Key> = Vec::with_capacity(rows.len());
        for row in rows {
            let lives = settings.access_ttl_s.saturating_add(settings.key_settle_s);
            let verifies_until = keys.last().map(|newer| newer.signs_from + lives.saturating_mul(1_000));
            keys.push(key(row, settings, verifies_until)?);
        }
        if keys.is_empty() {
            return Err(AuthError::Bug("there is no signing key".into()));
        }
        Ok(Self { keys })
    }

    /// The key that signs now, and its name.
    pub fn signing(&self, now: UnixMs) -> Option<(&str, &EncodingKey)> {
        let key = self.keys.iter().find(|key| key.signs_from <= now).or(self.keys.last());
        key.map(|key| (key.kid.as_str(), &key.encoding))
    }

    /// The key of this name, if it still verifies.
    pub fn verifying(&self, kid: &str, now: UnixMs) -> Option<&DecodingKey> {
        let lives = |key: &&Key| key.verifies_until.is_none_or(|until| now < until);
        self.keys.iter().find(|key| key.kid == kid).filter(lives).map(|key| &key.decoding)
    }

    /// Below this number no key verifies any more.
    pub fn oldest_needed(&self, now: UnixMs) -> Option<i64> {
        let over = |key: &Key| key.verifies_until.is_some_and(|until| until <= now);
        let oldest = self.keys.iter().rev().find(|key| !over(key)).map(|key| key.n);
        oldest.filter(|n| self.keys.last().is_some_and(|last| last.n < *n))
    }

    /// Whether these are the keys of the ring.
    pub fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        self.keys.len() == rows.len() && self.keys.iter().zip(rows).all(|(key, row)| key.kid == row.kid)
    }

    /// RFC 8037 keys in an RFC 7517 set.
    pub fn jwks(&self) -> Value {
        let shown = |key: &Key| json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.x});
        json!({"keys": self.keys.iter().map(shown).collect::<Vec<_>>()})
    }
}

fn key(
    row: &SigningKeyRow,
    settings: &config::Auth,
    verifies_until: Option<UnixMs>,
) -> Result<Key, AuthError> {
    let seed = row.seed.as_slice().try_into();
    let key: SigningKey = seed
        .map(SigningKey::from_bytes)
        .map_err(|_| AuthError::Bug("a stored signing key has not 32 bytes".into()))?;
    let der = key.to_pkcs8_der().map_err(|error| AuthError::Bug(error.to_string()))?;
    let public = key.verifying_key().to_bytes();
    Ok(Key {
        n: row.n,
        kid: kid_of(&key),
        x: URL_SAFE_NO_PAD.encode(public),
        encoding: EncodingKey::from_ed_der(der.as_bytes()),
        decoding: DecodingKey::from_ed_der(&public),
        signs_from: UnixMs(row.created_at) + settings.key_settle_s.saturating_mul(1_000),
        verifies_until,
    })
}

/// The name of a new key, and its seed as it is stored.
fn fresh(seal: &Seal) -> Result<(String, Vec<u8>), AuthError> {
    let seed = opaque::random();
    let kid = kid_of(&SigningKey::from_bytes(&seed));
    let stored = seal.seal(&name_of(&kid), &seed)?;
    Ok((kid, stored))
}

/// What is sealed with a seed.
fn name_of(kid: &str) -> String {
    format!("signing key {kid}")
}

/// The start of the public key's hash: says nothing, and two keys never share it.
fn kid_of(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(key.verifying_key().as_bytes())[..12])
}
