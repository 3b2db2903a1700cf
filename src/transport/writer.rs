//! The write side of a connection: what waits for one socket, in bursts, and no more than the socket takes.
//!
//! A [`Wire`] is the sending half of the socket. The session's outbox has it as its port: whichever thread flushes the outbox
//! writes to the socket there and then. [`Writer`] is the socket's own task: it sends on what the kernel did not take, writes where
//! nobody else does, and the close. Frames are written into one buffer a thread; only what the kernel does not take is
//! kept, and nothing more is drained until it has gone. The outbox's lock is held while its burst is written, so that no two
//! threads' bursts change places; a wire's own lock is always the inner one.

use super::{Framing, Peer, stream::SendHalf};
use crate::{
    actors::session::{Drained, Outgoing, Port, Take},
    protocol::CloseCode,
    session_log::Traffic,
};
use bytes::{Buf, BytesMut};
use std::{
    cell::RefCell,
    io,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

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

/// The sending half of a socket, whose messages stand in frames of `F`.
pub(super) struct Wire<F> {
    sending: Mutex<Sending>,
    framing: PhantomData<fn(F)>,
}

struct Sending {
    half: SendHalf,
    /// What the socket has not taken of the last burst.
    unsent: BytesMut,
    /// The socket may hold what it took: one that is enciphered does.
    unflushed: bool,
    broken: bool,
    /// The last word was this.
    closed: Option<CloseCode>,
    bytes_out: u64,
    messages_out: u64,
}

impl Sending {
    fn is_clear(&self) -> bool {
        self.unsent.is_empty() && !self.unflushed && !self.broken
    }

    /// As much as goes now; the rest becomes `unsent`.
    fn send(&mut self, burst: &[u8]) {
        if burst.is_empty() {
            return;
        }
        self.bytes_out += burst.len() as u64;
        let sent = self.half.try_write(burst).and_then(|taken| {
            let taken = taken.unwrap_or(0);
            self.unsent.extend_from_slice(&burst[taken..]);
            let flushed = self.unsent.is_empty() && self.half.try_flush()?;
            self.unflushed = !flushed;
            Ok(())
        });
        self.broken |= sent.is_err();
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        while !self.unsent.is_empty() {
            let n = ready!(self.half.poll_write(cx, &self.unsent))?;
            self.unsent.advance(n);
        }
        self.unsent = BytesMut::new(); // gives its memory back
        if self.unflushed {
            ready!(self.half.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<F> Wire<F> {
    fn lock(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Framing> Port for Wire<F> {
    fn burst(&self, fill: &mut dyn FnMut(&mut Take<'_>)) -> bool {
        let mut sending = self.lock();
        if !sending.is_clear() {
            return false;
        }
        WRITE.with_borrow_mut(|burst| {
            burst.clear();
            fill(&mut |item, encoding| {
                match item {
                    Outgoing::Message(..) => sending.messages_out += 1,
                    Outgoing::Close(code, _) => sending.closed = Some(code),
                    _ => {}
                }
                F::write(burst, item, encoding);
            });
            sending.send(burst);
        });
        sending.is_clear()
    }
}

/// The part of a socket's task that writes.
pub(super) struct Writer<F> {
    wire: Arc<Wire<F>>,
    /// The last word has been said.
    done: bool,
}

impl<F: Framing> Writer<F> {
    /// Of a socket over which so much has gone already.
    pub fn new(half: SendHalf, traffic: &Traffic) -> Self {
        let sending = Sending {
            half,
            unsent: BytesMut::new(),
            unflushed: false,
            broken: false,
            closed: None,
            bytes_out: traffic.bytes_out,
            messages_out: traffic.messages_out,
        };
        Self { wire: Arc::new(Wire { sending: Mutex::new(sending), framing: PhantomData }), done: false }
    }

    /// For whoever else writes to the socket.
    pub fn port(&self) -> Arc<dyn Port> {
        self.wire.clone()
    }

    /// What has gone out.
    pub fn tally(&self, traffic: &mut Traffic) {
        let sending = self.wire.lock();
        (traffic.bytes_out, traffic.messages_out) = (sending.bytes_out, sending.messages_out);
    }

    /// With which code it was closed.
    pub fn closed(&self) -> Option<CloseCode> {
        self.wire.lock().closed
    }

    /// Ready when the socket is to end: at once then, whatever is still unsent.
    pub fn poll_serve(&mut self, cx: &mut Context<'_>, peer: &impl Peer) -> Poll<Written> {
        let (written, stuck) = self.poll_writing(cx, peer);
        match written {
            Poll::Ready(Ok(())) => Poll::Ready(Written::All),
            Poll::Ready(Err(_)) => Poll::Ready(Written::Broken),
            Poll::Pending if stuck => peer.poll_ending(cx).map(|()| Written::All),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ready when the last word has been written.
    pub fn poll_write_all(&mut self, cx: &mut Context<'_>, peer: &impl Peer) -> Poll<io::Result<()>> {
        self.poll_writing(cx, peer).0
    }

    /// As [`poll_write_all`](Self::poll_write_all), and whether it is the socket that keeps it.
    fn poll_writing(&mut self, cx: &mut Context<'_>, peer: &impl Peer) -> (Poll<io::Result<()>>, bool) {
        loop {
            let sent = self.wire.lock().poll_unsent(cx);
            match sent {
                Poll::Ready(Ok(())) if self.done => return (sent, false),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) | Poll::Pending => return (sent, true),
            }
            match peer.poll_drain(cx, &*self.wire) {
                Poll::Ready(drained) => self.done = drained == Drained::Closed,
                Poll::Pending => return (Poll::Pending, false),
            }
        }
    }

    /// Says that no more will come.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.wire.lock().half.poll_shutdown(cx)).await
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
