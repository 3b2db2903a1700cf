//! Writes to sockets from whichever thread has pushed: one flush a thread, when the tasks that were ready have run.
//!
//! A room that pushes to its members only marks their outboxes; the thread's flusher then writes each of them once, whatever
//! came to it meanwhile. While sockets get more than one message at a time it waits a moment before each flush, so that
//! a busy server makes fewer system calls. Started on each arbiter by `cluster::Arbiters`; where there is none, the socket's own
//! task writes. Order is the outbox's, not the flusher's: it only says when.

use super::Outbox;
use std::{
    cell::RefCell,
    future::poll_fn,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

/// From so many messages a socket on the next flush waits for more.
const BUSY: usize = 2;

#[derive(Default)]
struct Marked {
    /// Outboxes of which something waits to be written by this thread.
    outboxes: Vec<Arc<Outbox>>,
    runs: bool,
    /// Of the flusher's task, while there is nothing to do.
    waker: Option<Waker>,
}

thread_local! {
    static MARKED: RefCell<Marked> = RefCell::default();
}

/// Whether this thread has a flusher.
pub(super) fn runs_here() -> bool {
    MARKED.try_with(|marked| marked.borrow().runs).unwrap_or(false) // a thread that ends has none
}

/// This thread's flusher will flush it; there is one.
pub(super) fn mark(outbox: Arc<Outbox>) {
    let waker = MARKED.with_borrow_mut(|marked| {
        marked.outboxes.push(outbox);
        marked.waker.take()
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Starts the flusher of the calling thread's arbiter, unless it runs. It lives as long as the arbiter.
pub(crate) fn start() {
    let ran = MARKED.with_borrow_mut(|marked| std::mem::replace(&mut marked.runs, true));
    if !ran {
        actix::spawn(run(Running));
    }
}

/// While this lives the thread has a flusher. What is marked when it ends goes back to the sockets' tasks.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let left = MARKED.try_with(RefCell::take).unwrap_or_default();
        left.outboxes.iter().for_each(|outbox| outbox.unmark());
    }
}

async fn run(_running: Running) {
    let mut spare = Vec::new();
    let mut gather = Duration::ZERO;
    loop {
        some_marked().await;
        if !gather.is_zero() {
            tokio::time::sleep(gather).await;
        }
        MARKED.with_borrow_mut(|marked| std::mem::swap(&mut marked.outboxes, &mut spare));
        let (mut sockets, mut messages) = (0, 0);
        let longest = spare.first().map_or(Duration::ZERO, |outbox: &Arc<Outbox>| outbox.gathers());
        for outbox in spare.drain(..) {
            let written = outbox.flush();
            sockets += usize::from(written > 0);
            messages += written;
        }
        gather = if messages >= BUSY * sockets.max(1) { longest } else { Duration::ZERO };
    }
}

/// Pending until something is marked.
async fn some_marked() {
    poll_fn(|cx| {
        MARKED.with_borrow_mut(|marked| {
            if marked.outboxes.is_empty() {
                marked.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
    })
    .await;
}
