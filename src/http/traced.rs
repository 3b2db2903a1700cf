//! A trace for each request: the client's own, if he sends a `traceparent`, else a new one.

use crate::trace::{self, Span, TraceContext};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header::HeaderMap},
    middleware::Next,
};

/// The trace that a client is in.
fn traceparent(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get("traceparent")?.to_str().ok()?)
}

/// The span of a request, from its headers.
pub fn begin(method: &str, headers: &HeaderMap) -> Span {
    let mut span = Span::begin(trace::HTTP_REQUEST, traceparent(headers));
    span.record("http.request.method", || method.to_owned());
    span
}

/// How it ended.
pub fn finish(span: &mut Span, status: StatusCode) {
    span.record("http.response.status_code", || i64::from(status.as_u16()));
    if status.is_server_error() {
        span.failed("the server's fault");
    }
}

/// The middleware: outside all others, so that refusals carry the trace too.
pub async fn traced(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut span = begin(request.method().as_str(), request.headers());
    let response = trace::within(span.context(), next.call(request)).await?;
    span.record("http.route", || response.request().match_pattern().unwrap_or_default());
    finish(&mut span, response.status());
    let _work = span.enter();
    tracing::debug!(
        method = %response.request().method(),
        route = response.request().match_pattern(),
        status = response.status().as_u16(),
        "a request"
    );
    Ok(response)
}
