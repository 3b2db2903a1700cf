//! The write side: a response body that drains the session's outbox, one chunk a burst.

use super::frames;
use crate::actors::session::{Attached, Attachment, Drained, Outbox};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// The frames for one socket.
pub(super) enum Writer {
    /// Until the socket has a session (a resume sends nothing before the first frame).
    Waiting(oneshot::Receiver<Attached>),
    Open(Arc<Outbox>, Attachment),
    Done,
}

impl Writer {
    pub(super) fn open(attached: &Attached) -> Self {
        Self::Open(attached.handle.outbox.clone(), attached.attachment)
    }
}

impl Stream for Writer {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Self::Waiting(attached) = &mut *self {
            match Pin::new(attached).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(attached)) => *self = Self::open(&attached),
                Poll::Ready(Err(_)) => *self = Self::Done, // the reader gave up
            }
        }
        let Self::Open(outbox, attachment) = &*self else { return Poll::Ready(None) };
        let mut chunk = BytesMut::new();
        let drained = outbox.poll_drain(*attachment, cx, &mut |item, encoding| {
            frames::write(&mut chunk, item, encoding);
        });
        match drained {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Drained::Open) => {}
            Poll::Ready(Drained::Closed) => *self = Self::Done,
        }
        if chunk.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(chunk.freeze())))
    }
}
