//! Traces: which request of a client this work belongs to, on whichever node it is done (spec 6.4).
//!
//! A request begins a trace ([`Span::begin`]): a frame in the session, a call in HTTP. While it is handled its
//! [`TraceContext`] is the thread's ([`enter`], [`within`]): log lines carry it ([`crate::telemetry`]), asks take
//! it along, within the node in the envelope and between nodes in the parcel. It is four words and is copied;
//! a [`Span`] holds more only if it is exported (`export`). Decides nothing: nobody acts upon a trace.

mod context;
mod export;
mod span;

pub use context::{TraceContext, lenient};
pub use export::{flush, start};
pub use span::Span;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::pin,
};

/// A call of the REST API or a page, or the upgrade to a socket.
pub const HTTP_REQUEST: &str = "http.request";
/// A client's frame in its session, until all that it asks for is done.
pub const SESSION_REQUEST: &str = "session.request";
/// A frame of `/ws/signal` in its session, until it is handed on.
pub const SIGNAL_REQUEST: &str = "signal.request";
/// A command in its match of two, its commit included.
pub const DUEL_COMMAND: &str = "duel.command";
/// A command in its room, its commit included.
pub const ROOM_COMMAND: &str = "room.command";

thread_local! {
    static CURRENT: Cell<Option<TraceContext>> = const { Cell::new(None) };
}

/// What this thread works for now.
pub fn current() -> Option<TraceContext> {
    CURRENT.get()
}

/// From now on the thread works for this, or for nobody, until the guard goes.
#[must_use = "it ends with the guard"]
pub fn enter(context: Option<TraceContext>) -> Entered {
    Entered { before: CURRENT.replace(context), here: PhantomData }
}

/// See [`enter`]. Not to be held across an await: that is [`within`].
#[derive(Debug)]
pub struct Entered {
    before: Option<TraceContext>,
    /// Of one thread.
    here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Runs a future for this, wherever it is polled.
pub async fn within<F: Future>(context: Option<TraceContext>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _work = enter(context);
        future.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn work_is_for_one_trace_at_a_time_and_the_one_before_comes_back() {
        let (outer, inner) = (TraceContext::fresh(false), TraceContext::fresh(false));
        let _outer = enter(Some(outer));
        {
            let _inner = enter(Some(inner));
            assert_eq!(current(), Some(inner));
        }
        let other = within(Some(inner), async {
            tokio::task::yield_now().await;
            current()
        });
        let (seen, meanwhile) = tokio::join!(other, async { current() });
        assert_eq!((seen, meanwhile), (Some(inner), Some(outer)));
    }
}
