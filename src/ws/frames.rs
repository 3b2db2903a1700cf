//! Bytes of WebSocket frames, both ways, on actix-http's codec.

use crate::{
    actors::session::Outgoing,
    protocol::{CloseCode, Encoding},
    transport::{Fault, Framing, Incoming},
};
use actix_http::ws::{Codec, Frame, Item};
use actix_web_actors::ws::{CloseReason, Message, ProtocolError};
use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Reads frames and puts fragments together, within one bound.
pub(super) struct FrameReader {
    codec: Codec,
    bytes: BytesMut,
    fragments: Option<(Encoding, BytesMut)>,
    longest: usize,
}

impl FrameReader {
    pub(super) fn new(longest: usize) -> Self {
        Self { codec: Codec::new().max_size(longest), bytes: BytesMut::new(), fragments: None, longest }
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<Incoming>, Fault> {
        Ok(Some(match frame {
            Frame::Text(bytes) => Incoming::Data(Encoding::Json, bytes),
            Frame::Binary(bytes) => Incoming::Data(Encoding::MsgPack, bytes),
            Frame::Ping(payload) => Incoming::Ping(payload),
            Frame::Pong(_) => Incoming::Pong,
            Frame::Close(reason) => Incoming::Close {
                clean: reason.is_some_and(|r| u16::from(r.code) == CloseCode::Normal as u16),
            },
            Frame::Continuation(item) => return self.fragment(item),
        }))
    }

    fn fragment(&mut self, item: Item) -> Result<Option<Incoming>, Fault> {
        match item {
            Item::FirstText(bytes) => self.fragments = Some((Encoding::Json, BytesMut::from(&bytes[..]))),
            Item::FirstBinary(bytes) => {
                self.fragments = Some((Encoding::MsgPack, BytesMut::from(&bytes[..])))
            }
            Item::Continue(bytes) => self.append(&bytes)?,
            Item::Last(bytes) => {
                self.append(&bytes)?;
                let (encoding, bytes) = self.fragments.take().ok_or(MALFORMED)?;
                return Ok(Some(Incoming::Data(encoding, bytes.freeze())));
            }
        }
        Ok(None)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (_, whole) = self.fragments.as_mut().ok_or(MALFORMED)?;
        if whole.len() + bytes.len() > self.longest {
            return Err(Fault::TooLarge);
        }
        whole.extend_from_slice(bytes);
        Ok(())
    }
}

const MALFORMED: Fault = Fault::Malformed("not WebSocket");

/// Text frames are JSON, binary frames MessagePack: whether the subprotocol wants them is for the peer to say.
impl Framing for FrameReader {
    fn feed(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    fn next(&mut self) -> Result<Option<Incoming>, Fault> {
        while !self.bytes.is_empty() {
            let frame = match self.codec.decode(&mut self.bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                Err(ProtocolError::Overflow) => return Err(Fault::TooLarge),
                Err(_) => return Err(MALFORMED),
            };
            if let Some(incoming) = self.accept(frame)? {
                return Ok(Some(incoming));
            }
        }
        self.bytes = BytesMut::new(); // an idle connection holds no read buffer
        Ok(None)
    }

    /// Appends one item as a server's frame (unmasked).
    fn write(out: &mut BytesMut, item: Outgoing<'_>, encoding: Encoding) {
        match item {
            Outgoing::Message(head, tail) => {
                let opcode = if encoding == Encoding::Json { FINAL_TEXT } else { FINAL_BINARY };
                put_header(out, opcode, head.len() + tail.len());
                out.extend_from_slice(head);
                out.extend_from_slice(tail);
            }
            Outgoing::Ping => encode(out, Message::Ping(Bytes::new())),
            Outgoing::Pong(payload) => encode(out, Message::Pong(Bytes::copy_from_slice(payload))),
            Outgoing::Close(code, reason) => {
                let reason = CloseReason { code: (code as u16).into(), description: Some(reason.to_owned()) };
                encode(out, Message::Close(Some(reason)));
            }
        }
    }
}

const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;

fn put_header(out: &mut BytesMut, opcode: u8, len: usize) {
    out.put_u8(opcode);
    match u16::try_from(len) {
        Ok(short @ 0..=125) => out.put_u8(short as u8),
        Ok(medium) => {
            out.put_u8(126);
            out.put_u16(medium);
        }
        Err(_) => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
}

fn encode(out: &mut BytesMut, message: Message) {
    if Codec::new().encode(message, out).is_err() {
        tracing::debug!("a control frame could not be encoded");
    }
}
