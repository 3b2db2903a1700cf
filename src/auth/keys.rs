//! The Ed25519 keys of an installation: the newest signs, all of them verify (spec 2.1).
//!
//! Made by the first node that starts and shared through the store, read once at the start of a node.

use super::{AuthError, opaque};
use crate::{clock::UnixMs, store::Store};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One key that verifies.
struct PublicKey {
    kid: String,
    /// base64url of the 32 bytes: `x` of the JWK.
    x: String,
    decoding: DecodingKey,
}

/// All keys.
pub(super) struct KeyRing {
    /// The newest, by name.
    kid: String,
    signing: EncodingKey,
    public: Vec<PublicKey>,
}

impl KeyRing {
    /// Reads the keys; makes the first one if there is none.
    pub async fn open(store: &Store, now: UnixMs) -> Result<Self, AuthError> {
        let candidate = opaque::random();
        let seeds = store.signing_keys(&kid_of(&SigningKey::from_bytes(&candidate)), &candidate, now).await?;
        Self::from_seeds(&seeds)
    }

    /// `seeds`: 32 bytes each, newest first.
    pub fn from_seeds(seeds: &[Vec<u8>]) -> Result<Self, AuthError> {
        let keys = seeds
            .iter()
            .map(|seed| seed.as_slice().try_into().map(SigningKey::from_bytes))
            .collect::<Result<Vec<SigningKey>, _>>()
            .map_err(|_| AuthError::Bug("a stored signing key has not 32 bytes".into()))?;
        let newest = keys.first().ok_or_else(|| AuthError::Bug("there is no signing key".into()))?;
        let der = newest.to_pkcs8_der().map_err(|error| AuthError::Bug(error.to_string()))?;
        Ok(Self {
            kid: kid_of(newest),
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            public: keys.iter().map(public).collect(),
        })
    }

    /// The key that signs, and its name.
    pub fn signing(&self) -> (&str, &EncodingKey) {
        (&self.kid, &self.signing)
    }

    /// The key of this name.
    pub fn verifying(&self, kid: &str) -> Option<&DecodingKey> {
        self.public.iter().find(|key| key.kid == kid).map(|key| &key.decoding)
    }

    /// RFC 8037 keys in an RFC 7517 set.
    pub fn jwks(&self) -> Value {
        let shown = |key: &PublicKey| json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.x});
        json!({"keys": self.public.iter().map(shown).collect::<Vec<_>>()})
    }
}

fn public(key: &SigningKey) -> PublicKey {
    let bytes = key.verifying_key().to_bytes();
    PublicKey {
        kid: kid_of(key),
        x: URL_SAFE_NO_PAD.encode(bytes),
        decoding: DecodingKey::from_ed_der(&bytes),
    }
}

/// The start of the public key's hash: says nothing, and two keys never share it.
fn kid_of(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(key.verifying_key().as_bytes())[..12])
}
