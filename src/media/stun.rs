//! What a datagram is, and whose: the little of STUN that the one UDP port needs to know.
//!
//! Owns the first look at bytes from anywhere. Called by the demultiplexer for every datagram. Never trusts a length,
//! never allocates, and takes an address for a player's only when the request is signed with the password that he alone
//! was told (RFC 8489 §14.5).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;
const BINDING_REQUEST: [u8; 2] = [0, 1];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const USERNAME: u16 = 0x0006;
const USE_CANDIDATE: u16 = 0x0025;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const SHA1_BYTES: usize = 20;

/// What the first byte says (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A STUN request.
    Request,
    /// What answers a STUN request of ours: the crate's agent checks back, though it is lite.
    Response,
    /// A DTLS record.
    Dtls,
    /// RTP or RTCP, encrypted.
    Media,
    /// Nothing of ours.
    Other,
}

impl Kind {
    /// By the first byte, and by whether there is a header at all.
    pub(super) fn of(datagram: &[u8]) -> Self {
        const SHORTEST_RECORD: usize = 13;
        const SHORTEST_RTCP: usize = 8;
        match datagram.first() {
            Some(0) if datagram.len() >= HEADER => Self::Request,
            Some(1) if datagram.len() >= HEADER => Self::Response,
            Some(20..=63) if datagram.len() >= SHORTEST_RECORD => Self::Dtls,
            Some(128..=191) if datagram.len() >= SHORTEST_RTCP => Self::Media,
            _ => Self::Other,
        }
    }
}

/// A binding request that names a user and carries a signature. Whether it is his is yet to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BindingRequest<'a> {
    datagram: &'a [u8],
    ufrag: &'a str,
    nominates: bool,
    /// Where MESSAGE-INTEGRITY begins.
    integrity: usize,
}

impl<'a> BindingRequest<'a> {
    /// Reads one; `None` for anything else and for what is malformed.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let header = datagram.get(..HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let whole = length + HEADER == datagram.len() && length.is_multiple_of(ATTRIBUTE_HEADER);
        if header[..2] != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE || !whole {
            return None;
        }
        let mut at = HEADER;
        let mut ufrag = None;
        let mut nominates = false;
        while let Some(head) = datagram.get(at..at + ATTRIBUTE_HEADER) {
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = datagram.get(at + ATTRIBUTE_HEADER..at + ATTRIBUTE_HEADER + length)?;
            match kind {
                // What comes after the signature is not signed.
                MESSAGE_INTEGRITY => {
                    let ufrag = ufrag?;
                    return (length == SHA1_BYTES).then_some(Self {
                        datagram,
                        ufrag,
                        nominates,
                        integrity: at,
                    });
                }
                USERNAME if ufrag.is_none() => ufrag = std::str::from_utf8(value).ok()?.split(':').next(),
                USE_CANDIDATE => nominates = true,
                _ => {}
            }
            at += ATTRIBUTE_HEADER + length.next_multiple_of(ATTRIBUTE_HEADER);
        }
        None
    }

    /// Our half of the user name.
    pub(super) fn ufrag(&self) -> &'a str {
        self.ufrag
    }

    /// Whether it chooses this path (RFC 8445 §7.1.2).
    pub(super) fn nominates(&self) -> bool {
        self.nominates
    }

    /// The same request with USE-CANDIDATE, signed anew.
    pub(super) fn nominating(&self, password: &str) -> Vec<u8> {
        let mut datagram = self.datagram[..self.integrity].to_vec();
        add_use_candidate(&mut datagram);
        sign(&mut datagram, password);
        datagram
    }

    /// Whether the signature is made with this password. Compared in constant time.
    pub(super) fn is_signed_with(&self, password: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(password.as_bytes()) else { return false };
        let covered = self.integrity + ATTRIBUTE_HEADER + SHA1_BYTES - HEADER;
        let Ok(covered) = u16::try_from(covered) else { return false };
        mac.update(&self.datagram[..2]);
        mac.update(&covered.to_be_bytes());
        mac.update(&self.datagram[4..self.integrity]);
        let signature = self.integrity + ATTRIBUTE_HEADER;
        mac.verify_slice(&self.datagram[signature..signature + SHA1_BYTES]).is_ok()
    }
}

fn add_use_candidate(datagram: &mut Vec<u8>) {
    datagram.extend(USE_CANDIDATE.to_be_bytes());
    datagram.extend([0, 0]);
}

/// Adds the signature. It covers the message as if it ended with the signature itself.
fn sign(datagram: &mut Vec<u8>, password: &str) {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(password.as_bytes()) else { return };
    let length = (datagram.len() + ATTRIBUTE_HEADER + SHA1_BYTES - HEADER) as u16;
    datagram[2..4].copy_from_slice(&length.to_be_bytes());
    mac.update(datagram);
    datagram.extend(MESSAGE_INTEGRITY.to_be_bytes());
    datagram.extend((SHA1_BYTES as u16).to_be_bytes());
    datagram.extend(mac.finalize().into_bytes());
}

/// A binding request as a browser sends it, for tests of this folder.
#[cfg(test)]
pub(super) fn signed_request(ufrag: &str, password: &str) -> Vec<u8> {
    signed_request_with(ufrag, password, false)
}

/// The same; `nominates`: with USE-CANDIDATE.
#[cfg(test)]
pub(super) fn signed_request_with(ufrag: &str, password: &str, nominates: bool) -> Vec<u8> {
    let user = format!("{ufrag}:them");
    let mut datagram = Vec::from(BINDING_REQUEST);
    datagram.extend([0, 0]);
    datagram.extend(MAGIC_COOKIE);
    datagram.extend([7; 12]);
    datagram.extend(USERNAME.to_be_bytes());
    datagram.extend((user.len() as u16).to_be_bytes());
    datagram.extend(user.as_bytes());
    datagram.resize(datagram.len().next_multiple_of(ATTRIBUTE_HEADER), 0);
    if nominates {
        add_use_candidate(&mut datagram);
    }
    sign(&mut datagram, password);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    #[test]
    fn a_signed_request_is_told_from_a_forged_one() {
        let datagram = signed_request("ours", "password");
        assert_eq!(Kind::of(&datagram), Kind::Request);
        let request = BindingRequest::read(&datagram).expect("well-formed");
        assert_eq!(request.ufrag(), "ours");
        assert!(request.is_signed_with("password"));
        assert!(!request.is_signed_with("passwore") && !request.is_signed_with(""));
    }

    #[test]
    fn no_byte_that_is_signed_can_be_changed() {
        let good = signed_request("ours", "password");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let accepted = BindingRequest::read(&bad).is_some_and(|r| r.is_signed_with("password"));
            assert!(!accepted, "byte {at} was changed");
        }
    }

    #[test]
    fn a_request_is_made_to_nominate() {
        let plain = signed_request("ours", "password");
        let plain = BindingRequest::read(&plain).expect("well-formed");
        assert!(!plain.nominates());
        let datagram = plain.nominating("another");
        let nominating = BindingRequest::read(&datagram).expect("well-formed");
        assert!(nominating.nominates() && nominating.is_signed_with("another"));
        assert_eq!(nominating.ufrag(), "ours");
    }

    #[test]
    fn what_follows_the_signature_changes_nothing() {
        let mut datagram = signed_request("ours", "password");
        datagram.extend([0x00, 0x06, 0x00, 0x04]);
        datagram.extend(b"evil");
        let length = (datagram.len() - HEADER) as u16;
        datagram[2..4].copy_from_slice(&length.to_be_bytes());
        let request = BindingRequest::read(&datagram).expect("well-formed");
        assert_eq!(request.ufrag(), "ours");
        assert!(request.is_signed_with("password"));
    }

    #[test]
    fn a_million_malformed_datagrams_are_read_without_a_panic() {
        const TRIES: u32 = 1_000_000;
        let mut rng = StdRng::seed_from_u64(5);
        let good = signed_request("ours", "password");
        let mut read = 0;
        for _ in 0..TRIES {
            let mut datagram = good.clone();
            datagram.truncate(rng.random_range(0..=good.len()));
            for _ in 0..rng.random_range(0..6) {
                if let Some(byte) = (!datagram.is_empty()).then(|| rng.random_range(0..datagram.len())) {
                    datagram[byte] = rng.random();
                }
            }
            let _ = Kind::of(&datagram);
            read += u32::from(BindingRequest::read(&datagram).is_some());
        }
        assert!(read > 0 && read < TRIES, "the generator makes both kinds: {read} could be read");
    }
}
