//! The receiving half: borrowed payloads out of one buffer a thread.
//!
//! A connection owns no buffer of its own but the tail of a frame that was cut by the end of a
//! read, so 100,000 idle ones cost little, and a busy one costs one `recv` for all that waits.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Cursor, Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

/// All that one socket may hand over at once.
const READ_BYTES: usize = 64 * 1024;
/// A frame larger than any the server sends (its own limit is 64 KiB; a snapshot may be larger).
const FRAME_LIMIT: u64 = 4 * 1024 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// One whole frame; the payload lives until the next read.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Opcode: [`super::TEXT`] and its like.
    pub opcode: u8,
    /// Unmasked payload.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The code of a close frame; 1005 (none given) if it has none.
    pub fn close_code(&self) -> u16 {
        const NO_CODE: u16 = 1005;
        self.payload.first_chunk().map_or(NO_CODE, |code| u16::from_be_bytes(*code))
    }
}

/// The receiving half of a socket.
pub struct Reader {
    half: OwnedReadHalf,
    /// Bytes of a frame not yet whole.
    rest: Vec<u8>,
    /// Frames may wait in `rest` that came together with the upgrade's answer.
    fresh: bool,
}

impl Reader {
    pub(super) fn new(half: OwnedReadHalf, rest: Vec<u8>) -> Self {
        Self { half, fresh: !rest.is_empty(), rest }
    }

    /// Waits for bytes and hands the whole frames in them to `take`, once a read: whoever takes
    /// them looks at the clock and locks his books once for many frames.
    /// `Ok(0)`: the peer has closed; otherwise the number of bytes read.
    ///
    /// Cancel-safe: a cancelled call has read nothing.
    pub async fn read(&mut self, mut take: impl FnMut(&mut Frames<'_>)) -> Result<usize> {
        if self.fresh {
            self.fresh = false;
            let rest = std::mem::take(&mut self.rest);
            self.absorb(&rest, &mut take)?;
            return Ok(rest.len());
        }
        poll_fn(|cx| self.poll_read(cx, &mut take)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&mut Frames<'_>),
    ) -> Poll<Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            // `poll_read` and not `try_read`: a short read tells the reactor that the socket is
            // empty, which saves the second system call that would only say so.
            let mut into = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.half).poll_read(cx, &mut into))?;
            let bytes = into.filled();
            Poll::Ready(self.absorb(bytes, take).map(|()| bytes.len()))
        })
    }

    fn absorb(&mut self, bytes: &[u8], take: &mut impl FnMut(&mut Frames<'_>)) -> Result<()> {
        if self.rest.is_empty() {
            let used = split(bytes, take)?;
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let used = split(&self.rest, take)?;
            self.rest.drain(..used);
        }
        if self.rest.is_empty() {
            self.rest = Vec::new(); // no memory for a connection that owes nothing
        }
        Ok(())
    }
}

/// The whole frames of one read, in order.
pub struct Frames<'a> {
    bytes: &'a [u8],
    used: usize,
    error: Option<Error>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        match next_frame(&self.bytes[self.used..]) {
            Ok(Some((frame, length))) => {
                self.used += length;
                Some(frame)
            }
            Ok(None) => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

/// Hands out the whole frames at the start of `bytes`; returns how many bytes they took.
fn split(bytes: &[u8], take: &mut impl FnMut(&mut Frames<'_>)) -> Result<usize> {
    let mut frames = Frames { bytes, used: 0, error: None };
    take(&mut frames);
    frames.by_ref().for_each(drop);
    frames.error.map_or(Ok(frames.used), Err)
}

fn next_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>> {
    let mut cursor = Cursor::new(bytes);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|error| broken(&error.to_string()))?;
    let Some((header, length)) = parsed else { return Ok(None) };
    if header.mask.is_some() || !header.is_final || length > FRAME_LIMIT {
        return Err(broken("a masked, cut or oversized frame"));
    }
    let start = usize::try_from(cursor.position()).map_err(Error::other)?;
    let end = start + usize::try_from(length).map_err(Error::other)?;
    let opcode = u8::from(header.opcode);
    Ok(bytes.get(start..end).map(|payload| (Frame { opcode, payload }, end)))
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("broken WebSocket stream: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_split_and_a_cut_one_waits() {
        let bytes = [0x81, 2, b'h', b'i', 0x89, 0, 0x81, 5, b'c', b'u'];
        let mut seen = Vec::new();
        let used = split(&bytes, &mut |frames| {
            seen.extend(frames.map(|frame| (frame.opcode, frame.payload.to_vec())));
        })
        .unwrap();
        assert_eq!(seen, vec![(super::super::TEXT, b"hi".to_vec()), (super::super::PING, Vec::new())]);
        assert_eq!(used, 6);
    }

    #[test]
    fn a_close_frame_tells_its_code() {
        assert_eq!(Frame { opcode: 8, payload: &[0x03, 0xF5, b'x'] }.close_code(), 1013);
        assert_eq!(Frame { opcode: 8, payload: &[] }.close_code(), 1005);
    }
}
