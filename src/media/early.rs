//! What comes before a connection's path is chosen: none of it may be lost, for browsers are slow to say it again.
//!
//! Owns a few datagrams of a connection that does not stand yet. Called by [`super::wire`]. The crate puts a nomination
//! (USE-CANDIDATE) off until its own check has succeeded, without an answer, and drops whatever is not STUN until there was
//! one. A browser says its DTLS hello as soon as any check is answered, nominates with its next check, which may be a second
//! later, and repeats a hello that was lost after as much as three: its timer grows out of a round trip that it takes for
//! 3 s at first. So a hello waits here for the path, a nomination for the check, and who says hello on a path that he
//! has checked has chosen it (RFC 8445 §12.1: either side may send on any valid pair).

use super::{
    mux::Datagram,
    stun::{BindingRequest, Kind},
};
use bytes::BytesMut;
use std::net::SocketAddr;

/// Datagrams of a handshake that wait at most: a hello with keys of the newer kinds takes two. More are dropped.
const HELLOS: usize = 4;
/// Paths that are checked at once at most: a browser has one for each of its addresses.
const CHECKS: usize = 4;

/// What waits.
#[derive(Default)]
pub(super) struct Early {
    chosen: bool,
    password: String,
    checks: Vec<Datagram>,
    nomination: Option<Datagram>,
    hellos: Vec<Datagram>,
}

impl Early {
    /// Checks are signed with this from now on; those before are void.
    pub(super) fn answer_to(&mut self, password: &str) {
        if self.password != password {
            password.clone_into(&mut self.password);
            self.checks.clear();
            self.nomination = None;
        }
    }

    /// What is to be read now, if it does not wait.
    pub(super) fn admit(&mut self, datagram: Datagram) -> Option<Datagram> {
        if self.chosen {
            return Some(datagram);
        }
        match Kind::of(&datagram.bytes) {
            Kind::Dtls => {
                let nomination = self.nominate(&datagram);
                if self.hellos.len() < HELLOS {
                    self.hellos.push(datagram);
                }
                return nomination;
            }
            Kind::Request => self.note(&datagram),
            _ => {}
        }
        Some(datagram)
    }

    fn note(&mut self, datagram: &Datagram) {
        if BindingRequest::read(&datagram.bytes).is_some_and(|request| request.nominates()) {
            self.nomination = Some(datagram.clone());
            return;
        }
        self.checks.retain(|check| check.from != datagram.from);
        if self.checks.len() == CHECKS {
            self.checks.remove(0);
        }
        self.checks.push(datagram.clone());
    }

    /// The nomination that a hello stands for: the last check from there, with it.
    fn nominate(&mut self, hello: &Datagram) -> Option<Datagram> {
        let at = self.checks.iter().position(|check| check.from == hello.from)?;
        let check = self.checks.swap_remove(at);
        let bytes = BindingRequest::read(&check.bytes)?.nominating(&self.password);
        let nomination = Datagram { bytes: BytesMut::from(&bytes[..]), ..check };
        self.nomination = Some(nomination.clone());
        Some(nomination)
    }

    /// A check of ours was answered from there: the nomination that waited for it, to be read once more.
    pub(super) fn checked(&mut self, from: SocketAddr) -> Option<Datagram> {
        self.nomination.take_if(|nomination| nomination.from == from).filter(|_| !self.chosen)
    }

    /// A path is chosen, or is not any more. What waited for one, in order, to be read now.
    pub(super) fn choose(&mut self, chosen: bool) -> Vec<Datagram> {
        self.chosen = chosen;
        if !chosen {
            return Vec::new();
        }
        self.checks.clear();
        self.nomination = None;
        std::mem::take(&mut self.hellos)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stun::signed_request_with, *};
    use std::time::Instant;

    const HELLO: [u8; 13] = [22; 13];

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn datagram(bytes: &[u8], port: u16) -> Datagram {
        Datagram { bytes: BytesMut::from(bytes), from: at(port), at: Instant::now() }
    }

    fn request(nominates: bool, port: u16) -> Datagram {
        datagram(&signed_request_with("ours", "password", nominates), port)
    }

    #[test]
    fn a_nomination_is_read_twice_and_a_hello_once_there_is_a_path() {
        let mut early = Early::default();
        assert!(early.admit(datagram(&HELLO, 1)).is_none(), "it waits");
        assert!(early.admit(request(true, 1)).is_some(), "it begins the check");
        let again = early.checked(at(1)).expect("once more");
        assert_eq!(again.bytes, request(true, 1).bytes);
        assert!(early.checked(at(1)).is_none(), "and no third time");
        assert_eq!(early.choose(true).len(), 1);
        assert!(early.admit(datagram(&HELLO, 1)).is_some(), "nothing waits any more");
        assert!(early.choose(true).is_empty());
    }

    #[test]
    fn a_hello_chooses_the_path_on_which_it_comes_once() {
        let mut early = Early::default();
        early.answer_to("password");
        early.admit(request(false, 1));
        early.admit(request(false, 2));
        assert!(early.checked(at(1)).is_none(), "nobody has chosen");
        assert!(early.admit(datagram(&HELLO, 3)).is_none(), "nobody has checked that path");
        let nomination = early.admit(datagram(&HELLO, 2)).expect("instead of the hello");
        let read = BindingRequest::read(&nomination.bytes).expect("well-formed");
        assert!(read.nominates() && read.is_signed_with("password"));
        assert_eq!(nomination.from.port(), 2);
        assert!(early.admit(datagram(&HELLO, 2)).is_none());
        assert!(early.checked(at(1)).is_none(), "of another path");
        assert_eq!(early.checked(at(2)).expect("once more").bytes, nomination.bytes);
        assert_eq!(early.choose(true).len(), 3);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut early = Early::default();
        (0..100).for_each(|_| assert!(early.admit(datagram(&HELLO, 1)).is_none()));
        (0..100).for_each(|port| drop(early.admit(request(false, port))));
        assert_eq!(early.checks.len(), CHECKS);
        assert!(early.admit(datagram(&HELLO, 0)).is_none() && early.admit(datagram(&HELLO, 99)).is_some());
        assert_eq!(early.choose(true).len(), HELLOS);
    }

    #[test]
    fn after_a_restart_what_was_checked_before_is_void() {
        let mut early = Early::default();
        early.answer_to("password");
        early.choose(true);
        early.admit(request(true, 1));
        assert!(early.checked(at(1)).is_none(), "a path that is chosen stays");
        early.choose(false);
        early.admit(request(true, 1));
        early.admit(request(false, 1));
        early.answer_to("another");
        assert!(early.checked(at(1)).is_none() && early.admit(datagram(&HELLO, 1)).is_none());
    }
}
