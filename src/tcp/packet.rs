//! Packets as bytes: `size: u16` with the header, `id: u16`, payload; little-endian, packed (spec 5.1).
//!
//! Pure: bytes in, packets out, and back. Nothing here panics, whatever the bytes are, and no more is kept than one packet.

use crate::{ids::SessionId, transport::Fault};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Bytes of a header.
pub(super) const HEADER: usize = 4;

/// Bytes of a packet at most, its header with them: what `size` can say.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// Bytes of a payload at most.
pub(super) const PAYLOAD: usize = LONGEST - HEADER;

macro_rules! packets {
    ($($NAME:ident = $id:literal, $name:literal, $way:literal, $payload:literal;)*) => {
        /// What packets are called on the wire.
        pub(super) mod id {
            $(pub const $NAME: u16 = $id;)*
        }

        /// For the documents: id, name, who sends it, payload.
        #[cfg(test)]
        pub(crate) const TABLE: &[(u16, &str, &str, &str)] = &[$(($id, $name, $way, $payload),)*];
    };
}

packets! {
    CONNECT_REQ = 0x0001, "SessionConnectReq", "client", "`protocol: u16, token_len: u16, token: utf-8` (an access token)";
    CONNECT_RES = 0x0002, "SessionConnectRes", "server", "`result: u16` (0 ok, 1 bad version, 2 bad token, 3 full, 4 draining), `session_id: 16 bytes` (the UUID in network order), `server_time: u64`";
    PING_REQ = 0x0003, "PingReq", "client", "`client_time: u64, seq: u32`";
    PONG_RES = 0x0004, "PongRes", "server", "`client_time: u64, server_time: u64, seq: u32`";
    REQUEST = 0x0010, "Request", "client", "a request in MessagePack, as in `playhouse.v1.msgpack`";
    MESSAGE = 0x0011, "Message", "server", "an answer or a push in MessagePack";
    MESSAGE_PART = 0x0012, "MessagePart", "server", "`last: u8`, bytes of a message too long for one packet";
    PROTO_REQUEST = 0x0020, "ProtoRequest", "client", "a request in Protocol Buffers";
    PROTO_MESSAGE = 0x0021, "ProtoMessage", "server", "an answer or a push in Protocol Buffers";
    CLOSE = 0x00ff, "Close", "server", "`code: u16`, reason in utf-8; nothing follows";
}

/// A whole packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub id: u16,
    pub payload: Bytes,
}

/// Cuts a stream into packets.
#[derive(Default)]
pub(super) struct PacketReader {
    /// The packet that is coming: never a whole one for long.
    bytes: BytesMut,
    /// How many came.
    whole: u64,
}

impl PacketReader {
    pub fn feed(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// Bytes that may be fed, so that never more than 64 KiB are kept.
    pub fn room(&self) -> usize {
        (LONGEST + 1).saturating_sub(self.bytes.len()).max(1)
    }

    /// The packet that is there in part, by its number.
    pub fn partial(&self) -> Option<u64> {
        (!self.bytes.is_empty()).then_some(self.whole)
    }

    /// The next whole packet. One whose size is under four makes the stream unreadable.
    pub fn next(&mut self) -> Result<Option<Packet>, Fault> {
        let Some((size, id)) = self.header() else {
            if self.bytes.is_empty() {
                self.bytes = BytesMut::new(); // an idle connection holds no read buffer
            }
            return Ok(None);
        };
        if size < HEADER {
            return Err(Fault::Malformed("a packet's size is 4 at least"));
        }
        if self.bytes.len() < size {
            return Ok(None);
        }
        let mut packet = self.bytes.split_to(size).freeze();
        packet.advance(HEADER);
        self.whole += 1;
        Ok(Some(Packet { id, payload: packet }))
    }

    fn header(&self) -> Option<(usize, u16)> {
        let [a, b, c, d] = *self.bytes.first_chunk::<HEADER>()?;
        Some((usize::from(u16::from_le_bytes([a, b])), u16::from_le_bytes([c, d])))
    }
}

/// Payload of 0x0001.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectReq<'a> {
    pub protocol: u16,
    pub token: &'a str,
}

impl<'a> ConnectReq<'a> {
    /// `None`: not one. What follows the token is for later versions.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let token = rest.get(..usize::from(u16::from_le_bytes([c, d])))?;
        Some(Self { protocol: u16::from_le_bytes([a, b]), token: std::str::from_utf8(token).ok()? })
    }
}

/// What a connect comes to: `result` of 0x0002.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectResult {
    Ok = 0,
    BadVersion = 1,
    BadToken = 2,
    Full = 3,
    Draining = 4,
}

impl ConnectResult {
    /// For the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BadVersion => "bad_version",
            Self::BadToken => "bad_token",
            Self::Full => "full",
            Self::Draining => "draining",
        }
    }
}

/// 0x0002. The id of a session that is not known yet, or not there, is nil.
pub(super) fn connect_res(result: ConnectResult, session: Option<SessionId>, server_time: u64) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEADER + 26);
    put_header(&mut out, id::CONNECT_RES, 26);
    out.put_u16_le(result as u16);
    out.put_slice(&session.map_or([0; 16], |session| *session.0.as_bytes()));
    out.put_u64_le(server_time);
    out
}

/// The payload of the 0x0004 that answers this payload of a 0x0003. `None`: it is none.
pub(super) fn pong(ping: &[u8], server_time: u64) -> Option<Bytes> {
    let ping = ping.first_chunk::<12>()?;
    let mut pong = BytesMut::with_capacity(20);
    pong.put_slice(&ping[..8]);
    pong.put_u64_le(server_time);
    pong.put_slice(&ping[8..]);
    Some(pong.freeze())
}

/// Appends a packet. The payload is one that fits.
pub(super) fn put(out: &mut BytesMut, id: u16, payload: &[u8]) {
    put_header(out, id, payload.len());
    out.put_slice(payload);
}

/// Appends a message, given as two halves: in one packet of this id, or in parts.
pub(super) fn put_message(out: &mut BytesMut, id: u16, head: &[u8], tail: &[u8]) {
    if head.len() + tail.len() <= PAYLOAD {
        put_header(out, id, head.len() + tail.len());
        out.put_slice(head);
        return out.put_slice(tail);
    }
    let mut message = head.chain(tail);
    while message.has_remaining() {
        let length = message.remaining().min(PAYLOAD - 1);
        put_header(out, id::MESSAGE_PART, 1 + length);
        out.put_u8(u8::from(length == message.remaining()));
        out.put((&mut message).take(length));
    }
}

/// Appends a 0x00FF.
pub(super) fn put_close(out: &mut BytesMut, code: u16, reason: &str) {
    put_header(out, id::CLOSE, 2 + reason.len());
    out.put_u16_le(code);
    out.put_slice(reason.as_bytes());
}

/// `payload` is [`PAYLOAD`] at most.
fn put_header(out: &mut BytesMut, id: u16, payload: usize) {
    debug_assert!(payload <= PAYLOAD, "{payload} bytes in one packet");
    out.put_u16_le(u16::try_from(HEADER + payload).unwrap_or(u16::MAX));
    out.put_u16_le(id);
}
