//! Packets as a session's messages: what each id is once somebody is connected (spec 5.1).
//!
//! The pong of a ping is made here, with the time at which the ping was read, and waits for its turn in the outbox. An id that
//! nobody knows is answered as a bad message then, and counts as one.

use super::packet::{self, ConnectReq, Packet, PacketReader, id};
use crate::{
    actors::session::Outgoing,
    clock::SharedClock,
    protocol::Encoding,
    transport::{Fault, Framing, Incoming},
};
use bytes::BytesMut;

/// The packets of one connection.
pub(super) struct Packets {
    reader: PacketReader,
    clock: SharedClock,
    /// `limits.frame_bytes`
    longest: usize,
}

/// What may come before somebody is connected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// Who comes: protocol and token.
    Connect(u16, String),
    /// The payload of the pong.
    Ping(bytes::Bytes),
}

impl Packets {
    pub fn new(clock: SharedClock, longest: usize) -> Self {
        Self { reader: PacketReader::default(), clock, longest }
    }

    /// Unix ms.
    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or_default()
    }

    /// The next packet, of one who is not connected: anything but a greeting ends the stream.
    pub fn greeting(&mut self) -> Result<Option<Greeting>, Fault> {
        let Some(packet) = self.reader.next()? else { return Ok(None) };
        match packet.id {
            id::CONNECT_REQ => match ConnectReq::parse(&packet.payload) {
                Some(req) => Ok(Some(Greeting::Connect(req.protocol, req.token.to_owned()))),
                None => Err(Fault::Malformed("not a SessionConnectReq")),
            },
            id::PING_REQ => match packet::pong(&packet.payload, self.now()) {
                Some(pong) => Ok(Some(Greeting::Ping(pong))),
                None => Err(Fault::Malformed("not a PingReq")),
            },
            id::REQUEST | id::PROTO_REQUEST => Err(Fault::Malformed("a request before SessionConnectReq")),
            _ => Err(Fault::Malformed("an unknown packet before SessionConnectReq")),
        }
    }

    fn accept(&self, Packet { id, payload }: Packet) -> Result<Incoming, Fault> {
        if payload.len() > self.longest {
            return Err(Fault::TooLarge);
        }
        Ok(match id {
            id::REQUEST => Incoming::Data(Encoding::MsgPack, payload),
            id::PROTO_REQUEST => Incoming::Data(Encoding::Proto, payload),
            id::PING_REQ => match packet::pong(&payload, self.now()) {
                Some(pong) => Incoming::Ping(pong),
                None => Incoming::Odd("not a PingReq"),
            },
            id::CONNECT_REQ => Incoming::Odd("connected already"),
            _ => Incoming::Odd("no client sends packets of this id"),
        })
    }
}

impl Framing for Packets {
    fn feed(&mut self, chunk: &[u8]) {
        self.reader.feed(chunk);
    }

    fn room(&self) -> usize {
        self.reader.room()
    }

    fn next(&mut self) -> Result<Option<Incoming>, Fault> {
        let Some(packet) = self.reader.next()? else { return Ok(None) };
        self.accept(packet).map(Some)
    }

    fn partial(&self) -> Option<u64> {
        self.reader.partial()
    }

    /// A ping of ours has no packet: here it is the client who pings.
    fn write(out: &mut BytesMut, item: Outgoing<'_>, encoding: Encoding) {
        match item {
            Outgoing::Message(head, tail) => {
                let proto = encoding == Encoding::Proto;
                let id = if proto { id::PROTO_MESSAGE } else { id::MESSAGE };
                packet::put_message(out, id, head, tail);
            }
            Outgoing::Ping => {}
            Outgoing::Pong(payload) => packet::put(out, id::PONG_RES, payload),
            Outgoing::Close(code, reason) => packet::put_close(out, code as u16, reason),
        }
    }
}
