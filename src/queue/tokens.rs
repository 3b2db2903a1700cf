//! Tickets and passes: signed, so that whoever brings one brings what it says (spec 3.1).
//!
//! A token is its content and an HMAC-SHA-256 of it under a secret of the installation, shortened to 128 bits, in base64url:
//! it fits into a path and a header. What it says is no secret. That a pass was ended, or a ticket left, it does not
//! know: that is for the line and for SQL.

use crate::{
    ids::{PlayerId, QueueId},
    store::Place,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

const MAC: usize = 16;
const ID: usize = 16;
/// First byte of each kind, for a version of it.
const TICKET: u8 = 1;
const PASS: u8 = 2;

/// Signs and reads.
pub(crate) struct QueueTokens {
    key: Hmac<Sha256>,
}

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TicketClaims {
    pub queue: QueueId,
    pub place: Place,
}

/// What a pass says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassClaims {
    pub queue: QueueId,
    pub account: PlayerId,
    pub id: Uuid,
}

impl QueueTokens {
    /// `secret` is the installation's: the same on each node, and over restarts.
    pub fn new(secret: &[u8]) -> Self {
        let key = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { key }
    }

    fn mac(&self, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(b"playhouse queue");
        mac.update(content);
        mac
    }

    fn sign(&self, mut content: Vec<u8>) -> String {
        let mac = self.mac(&content).finalize().into_bytes();
        content.extend_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(content)
    }

    fn content<const N: usize>(&self, text: &str, kind: u8) -> Option<[u8; N]> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, mac) = bytes.split_at_checked(N)?;
        let content: [u8; N] = content.try_into().ok()?;
        (content[0] == kind && mac.len() == MAC).then_some(())?;
        self.mac(&content).verify_truncated_left(mac).ok()?;
        Some(content)
    }

    /// The ticket of a place in a queue; always the same.
    pub fn ticket(&self, TicketClaims { queue, place }: TicketClaims) -> String {
        let mut content = vec![TICKET];
        content.extend_from_slice(queue.0.as_bytes());
        content.extend_from_slice(place.account.0.as_bytes());
        content.extend_from_slice(&place.number.to_be_bytes());
        self.sign(content)
    }

    /// What a ticket of ours says.
    pub fn read_ticket(&self, text: &str) -> Option<TicketClaims> {
        let content: [u8; 1 + 2 * ID + 8] = self.content(text, TICKET)?;
        let (queue, account) = (id(&content, 1)?, id(&content, 1 + ID)?);
        let number = i64::from_be_bytes(content[1 + 2 * ID..].try_into().ok()?);
        Some(TicketClaims { queue: QueueId(queue), place: Place { number, account: PlayerId(account) } })
    }

    /// A pass; always the same.
    pub fn pass(&self, PassClaims { queue, account, id }: PassClaims) -> String {
        let mut content = vec![PASS];
        for part in [queue.0, account.0, id] {
            content.extend_from_slice(part.as_bytes());
        }
        self.sign(content)
    }

    /// What a pass of ours says.
    pub fn read_pass(&self, text: &str) -> Option<PassClaims> {
        let content: [u8; 1 + 3 * ID] = self.content(text, PASS)?;
        let (queue, account) = (id(&content, 1)?, id(&content, 1 + ID)?);
        Some(PassClaims { queue: QueueId(queue), account: PlayerId(account), id: id(&content, 1 + 2 * ID)? })
    }
}

fn id(content: &[u8], at: usize) -> Option<Uuid> {
    Uuid::from_slice(content.get(at..at + ID)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> TicketClaims {
        let place = Place { number: 70_001, account: PlayerId::new() };
        TicketClaims { queue: QueueId::new(), place }
    }

    #[test]
    fn a_ticket_and_a_pass_say_what_they_were_made_of() {
        let (tokens, says) = (QueueTokens::new(b"secret"), ticket());
        assert_eq!(tokens.read_ticket(&tokens.ticket(says)), Some(says));
        let pass = PassClaims { queue: says.queue, account: says.place.account, id: Uuid::new_v4() };
        assert_eq!(tokens.read_pass(&tokens.pass(pass)), Some(pass));
        assert_eq!(tokens.ticket(says), tokens.ticket(says), "a repeated request gets the same ticket");
    }

    #[test]
    fn what_is_forged_or_of_another_kind_is_none() {
        let (tokens, says) = (QueueTokens::new(b"secret"), ticket());
        let good = tokens.ticket(says);
        assert_eq!(QueueTokens::new(b"other").read_ticket(&good), None);
        assert_eq!(tokens.read_pass(&good), None, "a ticket is no pass");
        for n in 0..good.len() {
            let mut bent = good.clone().into_bytes();
            bent[n] = if bent[n] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).expect("ASCII");
            assert_ne!(tokens.read_ticket(&bent), Some(says), "letter {n} of {good}");
        }
        for odd in ["", "AQ", "…", &good[..good.len() - 2], &format!("{good}AA")] {
            assert_eq!(tokens.read_ticket(odd), None, "{odd}");
        }
    }
}
