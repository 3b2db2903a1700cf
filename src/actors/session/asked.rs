//! A request on its way through the session: where its answer goes, and the span that it ends.

use crate::{
    ids::SessionId,
    trace::{self, Entered, Span},
};
use std::future::Future;

/// What came with a request, or with something that the session does by itself.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// `id` of the request, if it wants an answer.
    pub id: Option<u32>,
    span: Span,
}

impl Asked {
    /// A frame of the client: a trace begins.
    pub(super) fn by_client(session: SessionId, id: Option<u32>, message: Option<&str>) -> Self {
        let mut span = Span::begin(trace::SESSION_REQUEST, None);
        span.record("session_id", || session.to_string());
        span.record("message", || message.unwrap_or("unreadable").to_owned());
        Self { id, span }
    }

    /// The session works for this request until the guard goes.
    pub(super) fn enter(&self) -> Entered {
        self.span.enter()
    }

    /// A future that works for this request.
    pub(super) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        trace::within(self.span.context(), future)
    }

    /// Its answer is a refusal.
    pub(super) fn refused(&mut self, code: &'static str) {
        self.span.record("refused", || code);
    }
}
