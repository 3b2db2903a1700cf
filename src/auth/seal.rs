//! How signing keys and secrets lie in the database: sealed with XChaCha20-Poly1305 under a key made of
//! `auth.key_secret`, or as they are where that is not set.
//!
//! A sealed value is a version, a nonce and the ciphertext; its name is authenticated with it, so that no value
//! passes for another. Pure: knows no store.

use super::AuthError;
use crate::config::Secret;
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Of what is sealed here.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// What is sealed has 32 bytes, and so has what is not.
const LEN: usize = super::opaque::LEN;
/// A shorter `auth.key_secret` could be guessed: nothing slows the guessing down.
const SECRET_MIN: usize = 32;

/// Seals and opens.
pub(super) struct Seal(Option<XChaCha20Poly1305>);

/// A value that was opened.
pub(super) struct Opened {
    pub value: Vec<u8>,
    /// It lay there in clear although it need not.
    pub bare: bool,
}

impl Seal {
    /// With the secret of the settings, if there is one.
    pub fn new(secret: Option<&Secret>) -> Result<Self, AuthError> {
        let Some(secret) = secret else { return Ok(Self(None)) };
        if secret.0.len() < SECRET_MIN {
            let why = format!("auth.key_secret has fewer than {SECRET_MIN} characters");
            return Err(AuthError::Bug(why));
        }
        let bug = |_| AuthError::Bug("auth.key_secret is no key".into());
        let mut mac =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret.0.as_bytes()).map_err(|_| bug(()))?;
        mac.update(b"playhouse key encryption");
        let key: [u8; LEN] = mac.finalize().into_bytes().into();
        Ok(Self(Some(XChaCha20Poly1305::new(&key.into()))))
    }

    /// As it is to be stored under this name.
    pub fn seal(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, AuthError> {
        let Some(cipher) = &self.0 else { return Ok(value.to_vec()) };
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: value, aad: name.as_bytes() };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| AuthError::Bug("a key could not be sealed".into()))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// What was stored under this name.
    pub fn open(&self, name: &str, stored: &[u8]) -> Result<Opened, AuthError> {
        if stored.len() == LEN {
            return Ok(Opened { value: stored.to_vec(), bare: self.0.is_some() });
        }
        let bug = |why: &str| AuthError::Bug(format!("{name}: {why}"));
        if stored.len() != 1 + NONCE + LEN + TAG || stored[0] != VERSION {
            return Err(bug("not a form of this version"));
        }
        let cipher = self.0.as_ref().ok_or_else(|| bug("is sealed: set auth.key_secret"))?;
        let (nonce, sealed) = stored[1..].split_at(NONCE);
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| bug("has no nonce"))?;
        let payload = Payload { msg: sealed, aad: name.as_bytes() };
        let value = cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| bug("auth.key_secret is not the one that it was sealed with"))?;
        Ok(Opened { value, bare: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str) -> Seal {
        Seal::new(Some(&Secret(secret.repeat(8)))).expect("long enough")
    }

    #[test]
    fn what_is_sealed_opens_with_its_secret_and_name_alone() {
        let (ours, value) = (seal("ours"), [7; LEN]);
        let stored = ours.seal("a", &value).expect("sealed");
        assert!(!stored.windows(8).any(|window| window == &value[..8]), "nothing of it is seen");
        let opened = ours.open("a", &stored).expect("opened");
        assert!(opened.value == value && !opened.bare);
        assert!(ours.open("b", &stored).is_err(), "another name");
        assert!(seal("their").open("a", &stored).is_err(), "another secret");
        assert!(Seal(None).open("a", &stored).is_err(), "no secret");
        let mut bent = stored;
        bent[40] ^= 1;
        assert!(ours.open("a", &bent).is_err(), "changed");
    }

    #[test]
    fn what_lies_in_clear_is_read_and_noticed() {
        let value = [7; LEN];
        assert!(seal("ours").open("a", &value).expect("read").bare);
        assert!(!Seal(None).open("a", &value).expect("read").bare);
        assert!(Seal::new(Some(&Secret("short".into()))).is_err());
    }
}
