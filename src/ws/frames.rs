//! Bytes of WebSocket frames, both ways, on actix-http's codec.

use crate::{
    actors::session::Outgoing,
    protocol::{CloseCode, Encoding},
};
use actix_http::ws::{Codec, Frame, Item};
use actix_web_actors::ws::{CloseReason, Message, ProtocolError};
use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// What a client sent, fragments put together.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// A whole data frame: text or binary, as the encoding wants it or not.
    Data {
        text: bool,
        bytes: Bytes,
    },
    Ping(Bytes),
    Pong,
    /// The peer closes; true if with 1000.
    Close {
        clean: bool,
    },
}

/// What makes a connection end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    TooLarge,
    Malformed,
}

/// Reads frames and puts fragments together, within one bound.
pub(super) struct FrameReader {
    codec: Codec,
    bytes: BytesMut,
    fragments: Option<(bool, BytesMut)>,
    longest: usize,
}

impl FrameReader {
    pub(super) fn new(longest: usize) -> Self {
        Self { codec: Codec::new().max_size(longest), bytes: BytesMut::new(), fragments: None, longest }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next whole frame, if the bytes hold one.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, FrameError> {
        while !self.bytes.is_empty() {
            let frame = match self.codec.decode(&mut self.bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                Err(ProtocolError::Overflow) => return Err(FrameError::TooLarge),
                Err(_) => return Err(FrameError::Malformed),
            };
            if let Some(incoming) = self.accept(frame)? {
                return Ok(Some(incoming));
            }
        }
        self.bytes = BytesMut::new(); // an idle connection holds no read buffer
        Ok(None)
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<Incoming>, FrameError> {
        Ok(Some(match frame {
            Frame::Text(bytes) => Incoming::Data { text: true, bytes },
            Frame::Binary(bytes) => Incoming::Data { text: false, bytes },
            Frame::Ping(payload) => Incoming::Ping(payload),
            Frame::Pong(_) => Incoming::Pong,
            Frame::Close(reason) => Incoming::Close {
                clean: reason.is_some_and(|r| u16::from(r.code) == CloseCode::Normal as u16),
            },
            Frame::Continuation(item) => return self.fragment(item),
        }))
    }

    fn fragment(&mut self, item: Item) -> Result<Option<Incoming>, FrameError> {
        match item {
            Item::FirstText(bytes) => self.fragments = Some((true, BytesMut::from(&bytes[..]))),
            Item::FirstBinary(bytes) => self.fragments = Some((false, BytesMut::from(&bytes[..]))),
            Item::Continue(bytes) => self.append(&bytes)?,
            Item::Last(bytes) => {
                self.append(&bytes)?;
                let (text, bytes) = self.fragments.take().ok_or(FrameError::Malformed)?;
                return Ok(Some(Incoming::Data { text, bytes: bytes.freeze() }));
            }
        }
        Ok(None)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        let (_, whole) = self.fragments.as_mut().ok_or(FrameError::Malformed)?;
        if whole.len() + bytes.len() > self.longest {
            return Err(FrameError::TooLarge);
        }
        whole.extend_from_slice(bytes);
        Ok(())
    }
}

const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;

/// Appends one item as a server's frame (unmasked).
pub(super) fn write(out: &mut BytesMut, item: Outgoing<'_>, encoding: Encoding) {
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
