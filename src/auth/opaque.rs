//! Opaque secrets of 256 bit: refresh tokens and tickets. Shown to the client once, stored as a hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Bytes of a secret.
pub(super) const LEN: usize = 32;

/// 256 bit from the process's CSPRNG, which the operating system seeds.
pub(super) fn random() -> [u8; LEN] {
    rand::random()
}

/// A secret that a client holds. Has no `Debug`, so that it is not logged by chance.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Opaque([u8; LEN]);

impl Opaque {
    /// A fresh one.
    pub fn new() -> Self {
        Self(random())
    }

    /// Reads what [`Opaque::text`] wrote; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> [u8; LEN] {
        self.0
    }

    /// 43 characters of base64url.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored. The secret has 256 bit of entropy, so that a plain hash cannot be searched.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// The one secret that follows this one: HMAC-SHA-256 under the installation's own, so that the same
    /// successor can be answered again while none is stored in clear.
    pub fn successor(&self, secret: &[u8]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(b"playhouse refresh successor");
        mac.update(&self.0);
        Some(Self(mac.finalize().into_bytes().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_is_the_same_secret() {
        let secret = Opaque::new();
        assert!(Opaque::parse(&secret.text()) == Some(secret.clone()));
        assert_eq!(secret.text().len(), 43);
        assert!(secret != Opaque::new());
        for wrong in ["", "abc", &format!("{}A", secret.text()), "ü"] {
            assert!(Opaque::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_successor_is_determined_by_token_and_secret() {
        let token = Opaque::new();
        let next = |secret: &[u8]| token.successor(secret).map(|next| next.text());
        assert_eq!(next(b"a"), next(b"a"));
        assert_ne!(next(b"a"), next(b"b"));
        assert_ne!(next(b"a"), Some(token.text()));
    }
}
