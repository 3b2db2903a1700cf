//! A client of Playhouse's packets (docs/protocol.md): one file to copy. Needs tokio, serde_json and rmp-serde; speaks over
//! any stream, so over TCP and TLS alike.
//!
//! `examples/tcp_client.rs` shows it; the server's own tests and its load generator use it.

use serde_json::{Value, json};
use std::io::{self, ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of SessionConnectReq.
pub const PROTOCOL: u16 = 1;
/// Beside it: the first request is `session.resume`.
pub const RESUMES: u16 = 0x8000;

const CONNECT_REQ: u16 = 0x0001;
const CONNECT_RES: u16 = 0x0002;
const PING_REQ: u16 = 0x0003;
const PONG_RES: u16 = 0x0004;
const REQUEST: u16 = 0x0010;
const MESSAGE: u16 = 0x0011;
const MESSAGE_PART: u16 = 0x0012;
const PROTO_REQUEST: u16 = 0x0020;
const PROTO_MESSAGE: u16 = 0x0021;
const CLOSE: u16 = 0x00ff;

/// What the server says.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// An answer (`re`) or a push (`seq`).
    Message(Value),
    /// The same in Protocol Buffers: the bytes of a ProtoMessage.
    Proto(Vec<u8>),
    /// `client_time`, `server_time`, `seq` of a ping.
    Pong(u64, u64, u32),
    /// Code and reason; nothing follows.
    Close(u16, String),
}

/// A connection. Dropped, it is lost, and its session may be resumed.
pub struct Client<S> {
    stream: S,
    /// Nil until a resumed session is known.
    pub session: [u8; 16],
    /// Of the server, at the connect.
    pub server_time: u64,
    /// The last request's.
    pub id: u32,
    unread: Vec<u8>,
    parts: Vec<u8>,
}

/// A packet's bytes: `size` counts its own header.
pub fn packet(id: u16, payload: &[u8]) -> Vec<u8> {
    let size = u16::try_from(4 + payload.len()).unwrap_or(u16::MAX);
    [&size.to_le_bytes()[..], &id.to_le_bytes(), payload].concat()
}

/// A SessionConnectReq.
pub fn connect_req(protocol: u16, token: &str) -> Vec<u8> {
    let length = u16::try_from(token.len()).unwrap_or(u16::MAX);
    packet(CONNECT_REQ, &[&protocol.to_le_bytes()[..], &length.to_le_bytes(), token.as_bytes()].concat())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Connects with an access token; an empty one is a guest.
    ///
    /// # Errors
    /// The stream's, or `ConnectionRefused` with the result: 1 bad version, 2 bad token, 3 full, 4 draining.
    pub async fn connect(stream: S, token: &str) -> io::Result<Self> {
        Self::connect_as(stream, PROTOCOL, token).await
    }

    /// As [`connect`](Self::connect) in this version, which may have [`RESUMES`].
    ///
    /// # Errors
    /// As there.
    pub async fn connect_as(mut stream: S, protocol: u16, token: &str) -> io::Result<Self> {
        stream.write_all(&connect_req(protocol, token)).await?;
        stream.flush().await?;
        let (session, parts) = ([0; 16], Vec::new());
        let mut client = Self { stream, session, server_time: 0, id: 0, unread: Vec::new(), parts };
        match client.packet().await? {
            (CONNECT_RES, payload) if payload.len() == 26 => {
                let result = u16::from_le_bytes([payload[0], payload[1]]);
                if result != 0 {
                    return Err(io::Error::new(ErrorKind::ConnectionRefused, format!("result {result}")));
                }
                client.session.copy_from_slice(&payload[2..18]);
                client.server_time = u64_at(&payload, 18);
                Ok(client)
            }
            (id, _) => Err(odd(format!("packet {id:#06x} instead of a SessionConnectRes"))),
        }
    }

    /// Asks for a pong.
    ///
    /// # Errors
    /// The stream's.
    pub async fn ping(&mut self, client_time: u64, seq: u32) -> io::Result<()> {
        self.send(PING_REQ, &[&client_time.to_le_bytes()[..], &seq.to_le_bytes()].concat()).await
    }

    /// Sends a request; its id is in [`Client::id`].
    ///
    /// # Errors
    /// The stream's.
    pub async fn request(&mut self, kind: &str, payload: Value) -> io::Result<()> {
        self.id += 1;
        let request = json!({"id": self.id, "type": kind, "payload": payload});
        let bytes = rmp_serde::to_vec_named(&request).map_err(|error| odd(error.to_string()))?;
        self.send(REQUEST, &bytes).await
    }

    /// Sends the bytes of a ProtoRequest. What comes from then on is in Protocol Buffers.
    ///
    /// # Errors
    /// The stream's.
    pub async fn proto_request(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(PROTO_REQUEST, bytes).await
    }

    /// Sends a request and waits for its answer; pushes before it go to `seen`.
    ///
    /// # Errors
    /// The stream's, or a close.
    pub async fn ask(&mut self, kind: &str, payload: Value, seen: &mut Vec<Value>) -> io::Result<Value> {
        self.request(kind, payload).await?;
        let wanted = self.id;
        loop {
            match self.next().await? {
                Incoming::Message(message) if message["re"] == json!(wanted) => return Ok(message),
                Incoming::Message(message) => seen.push(message),
                Incoming::Close(code, reason) => return Err(odd(format!("closed with {code}: {reason}"))),
                Incoming::Pong(..) | Incoming::Proto(_) => {}
            }
        }
    }

    /// The next thing that the server says. Loses nothing when dropped.
    ///
    /// # Errors
    /// The stream's; `UnexpectedEof` at its end.
    pub async fn next(&mut self) -> io::Result<Incoming> {
        loop {
            let (id, payload) = self.packet().await?;
            return Ok(match id {
                MESSAGE => Incoming::Message(message(&payload)?),
                PROTO_MESSAGE => Incoming::Proto(payload),
                MESSAGE_PART => {
                    let (last, part) = payload.split_first().ok_or_else(|| odd("an empty part"))?;
                    self.parts.extend_from_slice(part);
                    if *last == 0 {
                        continue;
                    }
                    let whole = std::mem::take(&mut self.parts);
                    // A map of MessagePack begins with 0x8_, 0xde or 0xdf; no ProtoMessage does.
                    if whole.first().is_some_and(|byte| *byte >= 0x80) {
                        Incoming::Message(message(&whole)?)
                    } else {
                        Incoming::Proto(whole)
                    }
                }
                PONG_RES if payload.len() == 20 => {
                    let seq = u32::from_le_bytes([payload[16], payload[17], payload[18], payload[19]]);
                    Incoming::Pong(u64_at(&payload, 0), u64_at(&payload, 8), seq)
                }
                CLOSE if payload.len() >= 2 => {
                    let reason = String::from_utf8_lossy(&payload[2..]).into_owned();
                    Incoming::Close(u16::from_le_bytes([payload[0], payload[1]]), reason)
                }
                id => return Err(odd(format!("packet {id:#06x} of {} bytes", payload.len()))),
            });
        }
    }

    /// The stream, for what this client would not do.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    async fn send(&mut self, id: u16, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&packet(id, payload)).await?;
        self.stream.flush().await
    }

    async fn packet(&mut self) -> io::Result<(u16, Vec<u8>)> {
        loop {
            if let [a, b, c, d, ..] = self.unread[..] {
                let size = usize::from(u16::from_le_bytes([a, b]));
                if size < 4 {
                    return Err(odd("a packet's size is 4 at least"));
                }
                if self.unread.len() >= size {
                    let rest = self.unread.split_off(size);
                    let packet = std::mem::replace(&mut self.unread, rest);
                    return Ok((u16::from_le_bytes([c, d]), packet[4..].to_vec()));
                }
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn message(bytes: &[u8]) -> io::Result<Value> {
    rmp_serde::from_slice(bytes).map_err(|error| odd(error.to_string()))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}
