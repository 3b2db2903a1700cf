//! A TURN client over UDP or TCP: the wire around `rtc::turn`, which knows the protocol and no sockets.

use bytes::BytesMut;
use rtc::{
    crypto,
    sansio::Protocol as _,
    shared::{TransportContext, TransportMessage, TransportProtocol},
    turn::client::{Client, ClientConfig, Event},
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(10);

enum Wire {
    Udp(UdpSocket),
    /// And what has come of a message that is not whole yet.
    Tcp(TcpStream, Vec<u8>),
}

/// An allocation: a place on the server where others reach this client.
pub struct Relayed {
    client: Client,
    wire: Wire,
    server: SocketAddr,
    local: SocketAddr,
    /// Where.
    pub address: SocketAddr,
    /// What came for it while something else was waited for.
    came: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// A server as the node tells of it: `turn:host:port?transport=udp`.
fn parsed(url: &str) -> (SocketAddr, bool) {
    let (address, way) = url.strip_prefix("turn:").and_then(|rest| rest.split_once("?transport=")).unwrap();
    (address.parse().unwrap(), way == "tcp")
}

impl Relayed {
    /// Allocates, with these credentials.
    pub async fn allocate(url: &str, username: &str, password: &str) -> Result<Self, String> {
        let (server, tcp) = parsed(url);
        let (wire, local) = if tcp {
            let stream = TcpStream::connect(server).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let local = stream.local_addr().unwrap();
            (Wire::Tcp(stream, Vec::new()), local)
        } else {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let local = socket.local_addr().unwrap();
            (Wire::Udp(socket), local)
        };
        let config = ClientConfig {
            turn_serv_addr: server.to_string(),
            local_addr: local,
            transport_protocol: if tcp { TransportProtocol::TCP } else { TransportProtocol::UDP },
            username: username.to_owned(),
            password: password.to_owned(),
            ..ClientConfig::default()
        };
        let mut client = Client::new(config, crypto::default_provider().unwrap()).unwrap();
        client.allocate(Instant::now()).unwrap();
        let mut relayed = Self { client, wire, server, local, address: local, came: VecDeque::new() };
        relayed.address = relayed
            .until(|event| match event {
                Event::AllocateResponse(_, address) => Some(Ok(*address)),
                Event::AllocateError(_, error) => Some(Err(error.to_string())),
                _ => None,
            })
            .await?;
        Ok(relayed)
    }

    /// From now on this peer is let through.
    pub async fn permit(&mut self, peer: SocketAddr) -> Result<(), String> {
        let asked = self.client.relay(self.address).unwrap().create_permission(Instant::now(), peer).unwrap();
        assert!(asked.is_some());
        self.until(|event| match event {
            Event::CreatePermissionResponse(..) => Some(Ok(())),
            Event::CreatePermissionError(_, error) => Some(Err(error.to_string())),
            _ => None,
        })
        .await
    }

    /// Sends to a peer that is let through.
    pub async fn send(&mut self, data: &[u8], peer: SocketAddr) {
        self.client.relay(self.address).unwrap().send_to(Instant::now(), data, peer).unwrap();
        self.flush().await;
    }

    /// The next that came through the relay.
    pub async fn receive(&mut self) -> (SocketAddr, Vec<u8>) {
        loop {
            if let Some(came) = self.came.pop_front() {
                return came;
            }
            self.take_events();
            if self.came.is_empty() {
                self.read().await;
            }
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        let mut others = Vec::new();
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::DataIndicationOrChannelData(_, from, data) => {
                    self.came.push_back((from, data.to_vec()))
                }
                event => others.push(event),
            }
        }
        others
    }

    async fn until<T>(
        &mut self,
        mut wanted: impl FnMut(&Event) -> Option<Result<T, String>>,
    ) -> Result<T, String> {
        let found = timeout(PATIENCE, async {
            loop {
                self.flush().await;
                if let Some(found) = self.take_events().iter().find_map(&mut wanted) {
                    return found;
                }
                if timeout(Duration::from_millis(200), self.read()).await.is_err() {
                    self.client.handle_timeout(Instant::now()).unwrap();
                }
            }
        });
        found.await.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    async fn flush(&mut self) {
        while let Some(out) = self.client.poll_write() {
            match &mut self.wire {
                Wire::Udp(socket) => drop(socket.send_to(&out.message, self.server).await.unwrap()),
                Wire::Tcp(stream, _) => stream.write_all(&out.message).await.unwrap(),
            }
        }
    }

    /// Reads one message, or more of one. Safe to drop.
    async fn read(&mut self) {
        let mut buffer = vec![0; 4_096];
        match &mut self.wire {
            Wire::Udp(socket) => {
                let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
                self.take(&buffer[..length]);
            }
            Wire::Tcp(stream, half) => {
                let length = stream.read(&mut buffer).await.unwrap();
                assert!(length > 0, "the server has closed the connection");
                half.extend(&buffer[..length]);
                let mut whole = std::mem::take(half);
                while let Some(length) = framed(&whole) {
                    let rest = whole.split_off(length);
                    self.take(&whole);
                    whole = rest;
                }
                if let Wire::Tcp(_, half) = &mut self.wire {
                    *half = whole;
                }
            }
        }
    }

    fn take(&mut self, message: &[u8]) {
        let transport_protocol = TransportProtocol::UDP; // of the message; the wire is ours
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: self.server,
            transport_protocol,
            ecn: None,
        };
        let message = TransportMessage { now: Instant::now(), transport, message: BytesMut::from(message) };
        self.client.handle_read(message).unwrap();
    }
}

/// How long the message at the head of a stream is, if it is whole: STUN has 20 bytes of header, channel data 4, and is
/// padded (RFC 8656, 12.5).
fn framed(stream: &[u8]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([*stream.get(2)?, *stream.get(3)?]));
    let length = if stream[0] & 0xC0 == 0 { 20 + length } else { (4 + length).next_multiple_of(4) };
    (stream.len() >= length).then_some(length)
}
