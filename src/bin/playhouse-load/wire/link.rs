//! The sending half: written to from anywhere, at once, without a task of its own.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::tcp::OwnedWriteHalf;

use super::{CLOSE, PONG, TEXT};

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Payloads up to this length stand in the second byte; longer ones give the marker, then two bytes.
const SHORT_LENGTH: usize = 125;
const TWO_BYTE_LENGTH: u8 = 126;
/// Clients must mask; against a test server any key serves.
const MASK: [u8; 4] = [0x5A, 0xC3, 0x17, 0xE4];

/// A shared handle on the sending half of a socket; the socket's writing side closes with the last one.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    half: OwnedWriteHalf,
    /// Bytes the kernel did not take; a flusher task runs exactly while there are any.
    backlog: Mutex<Vec<u8>>,
}

impl Link {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self(Arc::new(Inner { half, backlog: Mutex::new(Vec::new()) }))
    }

    /// Sends a text frame. False: the socket is dead.
    pub fn text(&self, payload: &[u8]) -> bool {
        self.frame(TEXT, payload)
    }

    /// Answers a ping.
    pub fn pong(&self, payload: &[u8]) -> bool {
        self.frame(PONG, payload)
    }

    /// Sends a close frame.
    pub fn close(&self, code: u16) -> bool {
        self.frame(CLOSE, &code.to_be_bytes())
    }

    fn frame(&self, opcode: u8, payload: &[u8]) -> bool {
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        encode(opcode, payload, &mut bytes);
        self.write(&bytes)
    }

    fn write(&self, bytes: &[u8]) -> bool {
        let mut backlog = self.0.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if !backlog.is_empty() {
            backlog.extend_from_slice(bytes);
            return true;
        }
        match self.0.half.try_write(bytes) {
            Ok(written) if written == bytes.len() => return true,
            Ok(written) => backlog.extend_from_slice(&bytes[written..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => backlog.extend_from_slice(bytes),
            Err(_) => return false,
        }
        tokio::spawn(flush(self.clone()));
        true
    }

    /// Writes what it can of the backlog. `Some(alive)` once there is nothing left to do.
    fn drain(&self) -> Option<bool> {
        let mut backlog = self.0.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        match self.0.half.try_write(&backlog) {
            Ok(written) => {
                backlog.drain(..written);
                backlog.is_empty().then_some(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => {
                backlog.clear();
                Some(false)
            }
        }
    }
}

async fn flush(link: Link) {
    while link.0.half.writable().await.is_ok() {
        if link.drain().is_some() {
            return;
        }
    }
}

/// Appends one masked final frame. Payloads are chat lines and commands, never above 64 KiB.
fn encode(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    into.push(FINAL | opcode);
    match u16::try_from(payload.len()) {
        Ok(length) if payload.len() > SHORT_LENGTH => {
            into.push(MASKED | TWO_BYTE_LENGTH);
            into.extend_from_slice(&length.to_be_bytes());
        }
        _ => into.push(MASKED | payload.len() as u8),
    }
    into.extend_from_slice(&MASK);
    into.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_frames_carry_their_length_and_mask() {
        let mut bytes = Vec::new();
        encode(TEXT, b"hi", &mut bytes);
        assert_eq!(bytes, [0x81, 0x82, 0x5A, 0xC3, 0x17, 0xE4, b'h' ^ 0x5A, b'i' ^ 0xC3]);
        bytes.clear();
        encode(TEXT, &[0; 300], &mut bytes);
        assert_eq!(bytes[..4], [0x81, 0xFE, 1, 44]);
        assert_eq!(bytes.len(), 8 + 300);
    }
}
