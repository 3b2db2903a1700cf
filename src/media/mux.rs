//! The node's one UDP port: every connection of every player goes through it.
//!
//! Owns the socket and the table of who is where. Called by connections, which open a [`Line`] each, and by nobody else.
//! Never waits for a receiver: what the socket does not take, or a connection's full inbox, is lost as on the wire, and
//! counted.

use super::table::{Bounds, LineId, Table, Unrouted};
use crate::config;
use bytes::BytesMut;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::mpsc};

/// Larger than any datagram that fits a network; what is longer is cut and fails its checks.
const LONGEST_DATAGRAM: usize = 2_048;
/// Datagrams read in one go before other tasks of the thread have their turn: so many that on a busy thread they wait in
/// their inboxes, where it is known since when, and not in the socket.
const BURST: usize = 2_048;

/// A datagram for a connection.
#[derive(Clone)]
pub(super) struct Datagram {
    /// As it came.
    pub(super) bytes: BytesMut,
    /// Whence.
    pub(super) from: SocketAddr,
    /// When.
    pub(super) at: Instant,
}

/// What the port has done.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Datagrams that came.
    pub(super) received: AtomicU64,
    /// Datagrams that left.
    pub(super) sent: AtomicU64,
    /// Datagrams that the socket's buffer did not take.
    pub(super) send_full: AtomicU64,
    /// Datagrams that a connection's inbox did not take.
    pub(super) inbox_full: AtomicU64,
    malformed: AtomicU64,
    unknown_user: AtomicU64,
    forged: AtomicU64,
    unknown_address: AtomicU64,
    too_many_addresses: AtomicU64,
}

impl Counters {
    /// How many were dropped for this reason.
    pub(super) fn dropped(&self, why: Unrouted) -> &AtomicU64 {
        match why {
            Unrouted::Malformed => &self.malformed,
            Unrouted::UnknownUser => &self.unknown_user,
            Unrouted::Forged => &self.forged,
            Unrouted::UnknownAddress => &self.unknown_address,
            Unrouted::TooManyAddresses => &self.too_many_addresses,
        }
    }

    /// Each with its name.
    fn each(&self) -> [(&'static str, &AtomicU64); 9] {
        [
            ("received", &self.received),
            ("sent", &self.sent),
            ("send_full", &self.send_full),
            ("inbox_full", &self.inbox_full),
            ("malformed", &self.malformed),
            ("unknown_user", &self.unknown_user),
            ("forged", &self.forged),
            ("unknown_address", &self.unknown_address),
            ("too_many_addresses", &self.too_many_addresses),
        ]
    }
}

/// The port.
pub(super) struct Mux {
    socket: UdpSocket,
    public: SocketAddr,
    inbox: usize,
    table: Mutex<Table<mpsc::Sender<Datagram>>>,
    pub(super) counters: Counters,
}

impl Mux {
    /// Opens the port. Must run on the thread that will read it.
    pub(super) fn open(config: &config::Media) -> io::Result<Arc<Self>> {
        let socket = bind(config)?;
        let public = SocketAddr::new(config.public_address, socket.local_addr()?.port());
        let bounds = Bounds {
            addresses: config.addresses,
            addresses_ever: config.addresses_ever,
            ttl: Duration::from_millis(config.address_ttl_ms),
        };
        Ok(Arc::new(Self {
            socket,
            public,
            inbox: config.inbox_packets,
            table: Mutex::new(Table::new(bounds)),
            counters: Counters::default(),
        }))
    }

    /// The address of the one candidate in each description.
    pub(super) fn public(&self) -> SocketAddr {
        self.public
    }

    /// A new connection's line, and what comes on it.
    pub(super) fn line(self: &Arc<Self>) -> (Line, mpsc::Receiver<Datagram>) {
        let (inbox, datagrams) = mpsc::channel(self.inbox);
        (Line { id: self.table().open(inbox), mux: self.clone() }, datagrams)
    }

    /// Open connections, and addresses known.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.table().counts()
    }

    /// Reads the port for as long as it is polled.
    pub(super) async fn serve(self: Arc<Self>) {
        let mut buffer = vec![0; LONGEST_DATAGRAM];
        loop {
            if let Err(error) = self.socket.readable().await {
                tracing::error!(%error, "the media port cannot be read any more");
                return;
            }
            for _ in 0..BURST {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((length, from)) => self.deliver(&buffer[..length], from),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Such as ICMP's "port unreachable" for a player who has gone.
                    Err(error) => tracing::debug!(%error, "a datagram could not be read"),
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn deliver(&self, datagram: &[u8], from: SocketAddr) {
        self.counters.received.fetch_add(1, Relaxed);
        let at = Instant::now();
        let mut table = self.table();
        match table.route(datagram, from, at) {
            Ok(inbox) => {
                let datagram = Datagram { bytes: BytesMut::from(datagram), from, at };
                if inbox.try_send(datagram).is_err() {
                    self.counters.inbox_full.fetch_add(1, Relaxed);
                }
            }
            Err(why) => {
                self.counters.dropped(why).fetch_add(1, Relaxed);
            }
        }
    }

    /// Brings the process's metrics up to date.
    pub(super) fn observe(&self) {
        for (what, count) in self.counters.each() {
            metrics::counter!("playhouse_media_datagrams_total", "what" => what)
                .absolute(count.load(Relaxed));
        }
        let (lines, addresses) = self.counts();
        metrics::gauge!("playhouse_media_connections").set(lines as f64);
        metrics::gauge!("playhouse_media_addresses").set(addresses as f64);
    }

    fn table(&self) -> MutexGuard<'_, Table<mpsc::Sender<Datagram>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's share of the port. Dropped, it is closed.
pub(super) struct Line {
    mux: Arc<Mux>,
    id: LineId,
}

impl Line {
    /// From now on requests of this user, signed with this password, are for this connection.
    pub(super) fn answer_to(&self, ufrag: &str, password: &str) {
        self.mux.table().answer_to(self.id, ufrag, password);
    }

    /// Sends, or loses it.
    pub(super) fn send(&self, datagram: &[u8], to: SocketAddr) {
        let counters = &self.mux.counters;
        let counter = match self.mux.socket.try_send_to(datagram, to) {
            Ok(_) => &counters.sent,
            Err(_) => &counters.send_full,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// As in [`Mux::public`].
    pub(super) fn public(&self) -> SocketAddr {
        self.mux.public
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.mux.table().close(self.id);
    }
}

/// A node that players reach on its own machine alone listens there alone.
fn bind(config: &config::Media) -> io::Result<UdpSocket> {
    let ip = match config.public_address {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let address = SocketAddr::new(ip, config.udp_port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel gives what net.core.rmem_max and wmem_max allow, and says nothing if it is less.
    socket.set_recv_buffer_size(config.socket_bytes)?;
    socket.set_send_buffer_size(config.socket_bytes)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::{super::stun::signed_request, *};

    fn config() -> config::Media {
        config::Media { udp_port: 0, inbox_packets: 2, ..config::Media::default() }
    }

    async fn client() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.expect("a port")
    }

    #[actix::test]
    async fn a_full_inbox_and_a_closed_line_lose_datagrams_and_nothing_else() {
        let mux = Mux::open(&config()).expect("a port");
        let (from, request) =
            (client().await.local_addr().expect("bound"), signed_request("ours", "password"));
        let (line, mut datagrams) = mux.line();
        line.answer_to("ours", "password");
        (0..5).for_each(|_| mux.deliver(&request, from));
        assert_eq!(mux.counters.inbox_full.load(Relaxed), 3);
        assert_eq!(datagrams.recv().await.expect("one came").from, from);
        drop(line);
        mux.deliver(&request, from);
        assert_eq!(mux.counters.dropped(Unrouted::UnknownUser).load(Relaxed), 1);
        assert_eq!(mux.counts(), (0, 0));
    }

    /// One connection, four addresses: how many it may have, and whether the first is forgotten.
    async fn addresses(config: config::Media) -> (u64, u64) {
        let mux = Mux::open(&config).expect("a port");
        let (line, _datagrams) = mux.line();
        line.answer_to("ours", "password");
        let request = signed_request("ours", "password");
        (1..=4).for_each(|port| mux.deliver(&request, ([127, 0, 0, 1], port).into()));
        mux.deliver(&[22; 20], ([127, 0, 0, 1], 1).into());
        let dropped = |why| mux.counters.dropped(why).load(Relaxed);
        (4 - dropped(Unrouted::TooManyAddresses), dropped(Unrouted::UnknownAddress))
    }

    #[actix::test]
    async fn addresses_are_as_many_and_last_as_long_as_is_set() {
        assert_eq!(addresses(config()).await, (4, 0));
        assert_eq!(addresses(config::Media { addresses: 3, ..config() }).await, (3, 0));
        assert_eq!(addresses(config::Media { addresses_ever: 2, ..config() }).await, (2, 0));
        assert_eq!(addresses(config::Media { address_ttl_ms: 0, ..config() }).await, (4, 1));
    }

    #[actix::test]
    async fn the_port_is_where_players_are_told_and_its_buffers_are_as_large_as_is_set() {
        let there = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let mux = Mux::open(&config::Media { public_address: there, socket_bytes: 65_536, ..config() });
        let mux = mux.expect("a port");
        assert_eq!(mux.public().ip(), there);
        let socket = socket2::SockRef::from(&mux.socket);
        let sizes = [socket.recv_buffer_size(), socket.send_buffer_size()].map(|size| size.expect("known"));
        assert_eq!(sizes, [131_072; 2], "Linux doubles it, for its own needs");
    }

    #[actix::test]
    async fn datagrams_cross_the_port_both_ways() {
        let mux = Mux::open(&config()).expect("a port");
        let reading = actix::spawn(mux.clone().serve());
        let (line, mut datagrams) = mux.line();
        line.answer_to("ours", "password");
        let client = client().await;
        client.send_to(b"noise", mux.public()).await.expect("sent");
        client.send_to(&signed_request("ours", "password"), mux.public()).await.expect("sent");
        let datagram = datagrams.recv().await.expect("the request");
        line.send(b"answer", datagram.from);
        let mut buffer = [0; 16];
        let length = client.recv(&mut buffer).await.expect("the answer");
        assert_eq!(&buffer[..length], b"answer");
        assert_eq!(mux.counters.dropped(Unrouted::Malformed).load(Relaxed), 1);
        reading.abort();
    }
}
