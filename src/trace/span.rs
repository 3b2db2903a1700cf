//! A piece of work of a trace. Costs a copied context; only one that is exported notes when it was and what it did.

use super::{Entered, TraceContext, enter, export};
use opentelemetry::{
    KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::SystemTime;

/// Ends, and is exported, when it is dropped.
#[derive(Debug, Default)]
pub struct Span {
    context: Option<TraceContext>,
    open: Option<Box<Open>>,
}

/// Of a span that is exported.
#[derive(Debug)]
struct Open {
    name: &'static str,
    kind: SpanKind,
    parent: Option<TraceContext>,
    began: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// Work that nobody asked for: in no trace.
    pub const fn none() -> Self {
        Self { context: None, open: None }
    }

    /// A client's request: the first of a trace, or of the client's own. He cannot have more exported than
    /// `telemetry.sample_ratio` says.
    pub fn begin(name: &'static str, client: Option<TraceContext>) -> Self {
        let drawn = export::draw();
        let context = match client {
            Some(client) => client.child().with_sampled(client.is_sampled() && drawn),
            None => TraceContext::fresh(drawn),
        };
        Self::open(name, SpanKind::Server, context, client)
    }

    /// What is done for a request, on this node or another.
    pub fn follow(name: &'static str, parent: Option<TraceContext>) -> Self {
        match parent {
            Some(caller) => Self::open(name, SpanKind::Internal, caller.child(), parent),
            None => Self::none(),
        }
    }

    fn open(name: &'static str, kind: SpanKind, context: TraceContext, parent: Option<TraceContext>) -> Self {
        let open = export::wants(context).then(|| {
            let (attributes, status) = (Vec::new(), Status::Unset);
            Box::new(Open { name, kind, parent, began: now(), attributes, status })
        });
        Self { context: Some(context), open }
    }

    /// For logs, and for what is asked of others.
    pub fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// The thread works for this until the guard goes.
    pub fn enter(&self) -> Entered {
        enter(self.context)
    }

    /// Says more of the work; asked for only if it is exported.
    pub fn record<V: Into<Value>>(&mut self, key: &'static str, value: impl FnOnce() -> V) {
        if let Some(open) = &mut self.open {
            open.attributes.push(KeyValue::new(key, value()));
        }
    }

    /// It went wrong by our fault.
    pub fn failed(&mut self, why: &'static str) {
        if let Some(open) = &mut self.open {
            open.status = Status::error(why);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(context), Some(open)) = (self.context, self.open.take()) {
            export::ended(|scope| open.into_data(context, scope));
        }
    }
}

impl Open {
    fn into_data(self, context: TraceContext, scope: opentelemetry::InstrumentationScope) -> SpanData {
        let span_context = SpanContext::new(
            TraceId::from(context.trace_id()),
            SpanId::from(context.span_id()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        SpanData {
            span_context,
            parent_span_id: self.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span_id())),
            parent_span_is_remote: self.parent.is_some() && self.kind == SpanKind::Server,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: self.began,
            end_time: now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: self.status,
            instrumentation_scope: scope,
        }
    }
}

/// Finer than the clock port's milliseconds, and nothing is decided by it.
#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_on_with_its_clients_trace_and_what_nobody_asked_for_has_none() {
        let client = TraceContext::fresh(true);
        let request = Span::begin("http.request", Some(client)).context().expect("a trace");
        assert_eq!(request.trace_id(), client.trace_id());
        assert!(!request.is_sampled(), "nothing is exported here");
        let command = Span::follow("room.command", Some(request)).context().expect("the same trace");
        assert_eq!(command.trace_id(), client.trace_id());
        assert_eq!(Span::follow("room.command", None).context(), None);
        let one = Span::begin("session.request", None).context().expect("a trace");
        let other = Span::begin("session.request", None).context().expect("a trace");
        assert_ne!(one.trace_id(), other.trace_id());
    }

    #[test]
    fn a_span_that_is_not_exported_is_never_asked_what_it_did() {
        let mut span = Span::begin("session.request", None);
        span.record("message", || -> String { panic!("asked") });
        assert!(span.open.is_none());
    }
}
