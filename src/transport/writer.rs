//! The write side of a connection: what waits for one socket, in bursts, and no more than the socket takes.
//!
//! Called by [`super::Connection`] in the socket's own task. Frames are written into one buffer a thread; only what the kernel does
//! not take is kept, and nothing more is drained until it has gone.

use super::{Framing, Peer};
use crate::{
    actors::session::{Drained, Outgoing},
    protocol::CloseCode,
    session_log::Traffic,
};
use bytes::{Buf, BytesMut};
use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncWrite;

thread_local! {
    static WRITE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// There is no more to say.
    All,
    /// There is nobody to say it to.
    Broken,
}

/// The write side: drains what waits for one socket.
#[derive(Default)]
pub(super) struct Writer {
    /// What the socket has not taken of the last burst.
    unsent: BytesMut,
    /// The stream may hold what it took: one that is enciphered does.
    unflushed: bool,
    /// The last word has been said.
    done: bool,
    /// And was this.
    pub closed: Option<CloseCode>,
}

impl Writer {
    /// Ready when the socket is to end: at once then, whatever is still unsent.
    pub fn poll_serve<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
        peer: &impl Peer,
        traffic: &mut Traffic,
    ) -> Poll<Written> {
        match self.poll_write_all::<F>(cx, stream, peer, traffic) {
            Poll::Ready(Ok(())) => Poll::Ready(Written::All),
            Poll::Ready(Err(_)) => Poll::Ready(Written::Broken),
            Poll::Pending if self.unsent.is_empty() && !self.unflushed => Poll::Pending,
            Poll::Pending => peer.poll_ending(cx).map(|()| Written::All),
        }
    }

    /// Ready when the last word has been written.
    pub fn poll_write_all<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
        peer: &impl Peer,
        traffic: &mut Traffic,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx, stream))?;
            if self.done {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_burst::<F>(cx, stream, peer, traffic))?;
        }
    }

    fn poll_unsent(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let n = ready!(Pin::new(&mut *stream).poll_write(cx, &self.unsent))?;
            self.unsent.advance(n);
        }
        self.unsent = BytesMut::new(); // gives its memory back
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// One burst into the socket; what the socket does not take becomes `unsent`.
    fn poll_burst<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
        peer: &impl Peer,
        traffic: &mut Traffic,
    ) -> Poll<io::Result<()>> {
        WRITE.with_borrow_mut(|burst| {
            burst.clear();
            let drained = peer.poll_drain(cx, &mut |item, encoding| {
                match item {
                    Outgoing::Message(..) => traffic.messages_out += 1,
                    Outgoing::Close(code, _) => self.closed = Some(code),
                    _ => {}
                }
                F::write(burst, item, encoding);
            });
            traffic.bytes_out += burst.len() as u64;
            self.done = ready!(drained) == Drained::Closed;
            if burst.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.unflushed = true;
            let taken = match Pin::new(stream).poll_write(cx, burst) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            };
            self.unsent.extend_from_slice(&burst[taken..]);
            Poll::Ready(Ok(()))
        })
    }
}
