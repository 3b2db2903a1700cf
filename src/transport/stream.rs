//! A socket that is enciphered or not: what listeners make and connections read and write.
//!
//! Before there is a session one task does both; then it is split, for whoever pushes to the session writes to the socket himself.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_rustls::server::TlsStream;

/// A socket of a listener.
pub enum Stream {
    /// As it is on the wire.
    Plain(TcpStream),
    /// Under TLS; in a box, for it is large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Plain(socket)
    }
}

macro_rules! on_either {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(socket) => {
                let $inner = Pin::new(socket);
                $call
            }
            Self::Tls(stream) => {
                let $inner = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_either!(self, inner => inner.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_either!(self, inner => inner.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, inner => inner.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_either!(self, inner => inner.poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

/// The half of a socket that is read, by its task alone.
pub(super) enum ReceiveHalf {
    Plain(OwnedReadHalf),
    Tls(ReadHalf<TlsStream<TcpStream>>),
}

/// The half that is written, by one thread at a time.
pub(super) enum SendHalf {
    Plain(OwnedWriteHalf),
    Tls(WriteHalf<TlsStream<TcpStream>>),
}

impl Stream {
    /// Its two halves. Those of a socket under TLS share its state and its lock.
    pub(super) fn split(self) -> (ReceiveHalf, SendHalf) {
        match self {
            Self::Plain(socket) => {
                let (receive, send) = socket.into_split();
                (ReceiveHalf::Plain(receive), SendHalf::Plain(send))
            }
            Self::Tls(stream) => {
                let (receive, send) = split(*stream);
                (ReceiveHalf::Tls(receive), SendHalf::Tls(send))
            }
        }
    }
}

impl AsyncRead for ReceiveHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Tls(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

impl SendHalf {
    /// Writes what goes now: how much, `None` if nothing. Nobody is woken when more would go: whoever has something left polls.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Plain(half) => match half.try_write(bytes) {
                Ok(taken) => Ok(Some(taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            },
            Self::Tls(half) => now(|cx| Pin::new(&mut *half).poll_write(cx, bytes)),
        }
    }

    /// Sends on what it holds itself. True when it holds nothing more.
    pub fn try_flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(half) => now(|cx| Pin::new(&mut *half).poll_flush(cx)).map(|done| done.is_some()),
        }
    }

    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Tls(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(half) => Pin::new(half).poll_flush(cx),
            Self::Tls(half) => Pin::new(half).poll_flush(cx),
        }
    }

    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(half) => Pin::new(half).poll_shutdown(cx),
            Self::Tls(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}

/// What a poll comes to at once, whatever share of its turn the calling task has used up.
fn now<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<Option<T>> {
    let unconstrained = pin!(tokio::task::unconstrained(poll_fn(poll)));
    match unconstrained.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.map(Some),
        Poll::Pending => Ok(None),
    }
}
