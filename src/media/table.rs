//! Which connection a datagram is for: by the user that its STUN is signed for, then by the address that did so.
//!
//! Owns the credentials of open connections and the addresses they have proved, both bounded, the latter expiring.
//! Called by the demultiplexer under its lock. Never does I/O, never reads a clock, and never learns an address from
//! anything but a request whose signature it has verified.

use super::stun::{BindingRequest, Kind};
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Names an open connection.
pub(super) type LineId = u64;

/// Bounds of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Addresses that a connection may have at once.
    pub(super) addresses: usize,
    /// Addresses that it may prove in its life: each is remembered by the ICE agent.
    pub(super) addresses_ever: usize,
    /// An address that has proved nothing for so long is forgotten.
    pub(super) ttl: Duration,
}

/// Why a datagram is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unrouted {
    /// Nothing that we speak.
    Malformed,
    /// STUN for a user we do not know.
    UnknownUser,
    /// STUN with a wrong signature.
    Forged,
    /// Anything else from an address that has proved nothing, or not for long.
    UnknownAddress,
    /// One connection, too many addresses.
    TooManyAddresses,
}

struct Line<T> {
    inbox: T,
    /// The newest last; the one before an ICE restart still counts.
    credentials: VecDeque<(String, String)>,
    addresses: Vec<SocketAddr>,
    ever: usize,
}

/// Open connections; `T` is where a connection's datagrams go.
pub(super) struct Table<T> {
    bounds: Bounds,
    next: LineId,
    lines: HashMap<LineId, Line<T>>,
    by_ufrag: HashMap<String, LineId>,
    by_address: HashMap<SocketAddr, (LineId, Instant)>,
}

impl<T> Table<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, next: 0, lines: HashMap::new(), by_ufrag: HashMap::new(), by_address: HashMap::new() }
    }

    /// Adds a connection, which nobody can reach yet.
    pub(super) fn open(&mut self, inbox: T) -> LineId {
        self.next += 1;
        let line = Line { inbox, credentials: VecDeque::new(), addresses: Vec::new(), ever: 0 };
        self.lines.insert(self.next, line);
        self.next
    }

    /// From now on the connection answers to this user too; the last but one is forgotten.
    pub(super) fn answer_to(&mut self, id: LineId, ufrag: &str, password: &str) {
        const KEPT: usize = 2;
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.credentials.iter().any(|(known, _)| known == ufrag) {
            return;
        }
        if line.credentials.len() == KEPT
            && let Some((old, _)) = line.credentials.pop_front()
        {
            self.by_ufrag.remove(&old);
        }
        line.credentials.push_back((ufrag.to_owned(), password.to_owned()));
        line.ever = 0;
        self.by_ufrag.insert(ufrag.to_owned(), id);
    }

    /// Forgets a connection with all that led to it.
    pub(super) fn close(&mut self, id: LineId) {
        let Some(line) = self.lines.remove(&id) else { return };
        for (ufrag, _) in &line.credentials {
            self.by_ufrag.remove(ufrag);
        }
        for address in &line.addresses {
            self.by_address.remove(address);
        }
    }

    /// Where this datagram goes.
    pub(super) fn route(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) -> Result<&T, Unrouted> {
        let id = match Kind::of(datagram) {
            Kind::Request => self.proved(datagram, from, now)?,
            Kind::Response | Kind::Dtls | Kind::Media => self.known(from, now)?,
            Kind::Other => return Err(Unrouted::Malformed),
        };
        self.lines.get(&id).map(|line| &line.inbox).ok_or(Unrouted::UnknownAddress)
    }

    /// A request that proves its address; the address is learned.
    fn proved(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) -> Result<LineId, Unrouted> {
        let request = BindingRequest::read(datagram).ok_or(Unrouted::Malformed)?;
        let id = *self.by_ufrag.get(request.ufrag()).ok_or(Unrouted::UnknownUser)?;
        let line = self.lines.get(&id).ok_or(Unrouted::UnknownUser)?;
        let password = line.credentials.iter().find(|(ufrag, _)| ufrag == request.ufrag());
        if !password.is_some_and(|(_, password)| request.is_signed_with(password)) {
            return Err(Unrouted::Forged);
        }
        self.learn(id, from, now).map(|()| id)
    }

    fn learn(&mut self, id: LineId, from: SocketAddr, now: Instant) -> Result<(), Unrouted> {
        match self.by_address.get_mut(&from) {
            Some((owner, seen)) if *owner == id => {
                *seen = now;
                return Ok(());
            }
            // The same address, another connection: a browser uses one socket for one after the other.
            Some((owner, _)) => {
                if let Some(before) = self.lines.get_mut(owner) {
                    before.addresses.retain(|address| *address != from);
                }
            }
            None => {}
        }
        self.expire(id, now);
        let bounds = self.bounds;
        let Some(line) = self.lines.get_mut(&id) else { return Err(Unrouted::UnknownUser) };
        if line.addresses.len() >= bounds.addresses || line.ever >= bounds.addresses_ever {
            self.by_address.remove(&from);
            return Err(Unrouted::TooManyAddresses);
        }
        line.addresses.push(from);
        line.ever += 1;
        self.by_address.insert(from, (id, now));
        Ok(())
    }

    fn known(&mut self, from: SocketAddr, now: Instant) -> Result<LineId, Unrouted> {
        let (id, seen) = *self.by_address.get(&from).ok_or(Unrouted::UnknownAddress)?;
        if now.saturating_duration_since(seen) <= self.bounds.ttl {
            return Ok(id);
        }
        self.expire(id, now);
        Err(Unrouted::UnknownAddress)
    }

    /// Forgets the addresses of a connection that have proved nothing for long.
    fn expire(&mut self, id: LineId, now: Instant) {
        let (ttl, by_address) = (self.bounds.ttl, &mut self.by_address);
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.addresses.retain(|address| {
            let fresh = by_address
                .get(address)
                .is_some_and(|(owner, seen)| *owner == id && now.saturating_duration_since(*seen) <= ttl);
            if !fresh {
                by_address.remove(address);
            }
            fresh
        });
    }

    /// Open connections, and addresses known.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.lines.len(), self.by_address.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stun::signed_request, *};

    const BOUNDS: Bounds = Bounds { addresses: 3, addresses_ever: 5, ttl: Duration::from_secs(30) };
    const DTLS: [u8; 16] = [22; 16];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn with_line() -> (Table<u8>, LineId) {
        let mut table = Table::new(BOUNDS);
        let id = table.open(9);
        table.answer_to(id, "ours", "password");
        (table, id)
    }

    #[test]
    fn an_address_counts_only_after_it_has_proved_itself() {
        let (mut table, now) = (with_line().0, Instant::now());
        assert_eq!(table.route(&DTLS, address(1), now), Err(Unrouted::UnknownAddress));
        let forged = signed_request("ours", "guess");
        assert_eq!(table.route(&forged, address(1), now), Err(Unrouted::Forged));
        let stranger = signed_request("theirs", "password");
        assert_eq!(table.route(&stranger, address(1), now), Err(Unrouted::UnknownUser));
        assert_eq!(
            table.route(&DTLS, address(1), now),
            Err(Unrouted::UnknownAddress),
            "forgery taught nothing"
        );
        assert_eq!(table.counts(), (1, 0));
        assert_eq!(table.route(&signed_request("ours", "password"), address(1), now), Ok(&9));
        assert_eq!(table.route(&DTLS, address(1), now), Ok(&9));
        assert_eq!(table.route(&DTLS, address(2), now), Err(Unrouted::UnknownAddress));
    }

    #[test]
    fn an_address_that_proves_nothing_more_expires_however_much_it_sends() {
        let (mut table, start) = (with_line().0, Instant::now());
        assert!(table.route(&signed_request("ours", "password"), address(1), start).is_ok());
        assert!(table.route(&DTLS, address(1), start + BOUNDS.ttl).is_ok());
        let later = start + BOUNDS.ttl + Duration::from_millis(1);
        assert_eq!(table.route(&DTLS, address(1), later), Err(Unrouted::UnknownAddress));
        assert_eq!(table.counts(), (1, 0));
    }

    #[test]
    fn addresses_are_bounded_at_once_and_for_good() {
        let (mut table, start) = (with_line().0, Instant::now());
        let good = signed_request("ours", "password");
        (1..=3).for_each(|port| assert!(table.route(&good, address(port), start).is_ok()));
        assert_eq!(table.route(&good, address(4), start), Err(Unrouted::TooManyAddresses));
        let later = start + BOUNDS.ttl * 2;
        (4..=5)
            .for_each(|port| assert!(table.route(&good, address(port), later).is_ok(), "old ones expired"));
        assert_eq!(table.route(&good, address(6), later), Err(Unrouted::TooManyAddresses));
        assert_eq!(table.counts(), (1, 2));
    }

    #[test]
    fn an_ice_restart_keeps_the_last_user_and_forgets_the_one_before() {
        let (mut table, id) = with_line();
        let now = Instant::now();
        table.answer_to(id, "second", "p2");
        assert!(table.route(&signed_request("ours", "password"), address(1), now).is_ok());
        table.answer_to(id, "third", "p3");
        assert_eq!(
            table.route(&signed_request("ours", "password"), address(1), now),
            Err(Unrouted::UnknownUser)
        );
        assert!(table.route(&signed_request("second", "p2"), address(1), now).is_ok());
        assert_eq!(table.route(&signed_request("third", "p2"), address(1), now), Err(Unrouted::Forged));
    }

    #[test]
    fn a_closed_connection_leaves_nothing_and_an_address_may_change_hands() {
        let (mut table, first) = with_line();
        let (second, now) = (table.open(7), Instant::now());
        table.answer_to(second, "other", "p");
        assert_eq!(table.route(&signed_request("ours", "password"), address(1), now), Ok(&9));
        assert_eq!(table.route(&signed_request("other", "p"), address(1), now), Ok(&7));
        assert_eq!(table.route(&DTLS, address(1), now), Ok(&7));
        table.close(first);
        assert_eq!(table.route(&DTLS, address(1), now), Ok(&7), "it was another's by then");
        table.close(second);
        assert_eq!(table.counts(), (0, 0));
        assert!(table.by_ufrag.is_empty());
    }
}
