//! A trace for each request (the client's own, if he sends a `traceparent`, else a new one), and its figures.

use crate::trace::{self, Span, TraceContext};
use actix_web::{
    Error, HttpMessage as _, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header::HeaderMap},
    middleware::Next,
};
use std::{borrow::Cow, time::Instant};

/// Which route a request has found: to look for it again would cost as much as to find it.
#[derive(Clone, Copy)]
pub(super) struct Found(pub &'static str);

/// The pattern of the request's route.
fn route(request: &HttpRequest) -> Option<Cow<'static, str>> {
    let found = request.extensions().get::<Found>().map(|found| Cow::Borrowed(found.0));
    found.or_else(|| request.match_pattern().map(Cow::Owned))
}

/// Who asks, for the figures: few values, whatever is asked for.
fn asks(route: Option<&str>) -> &'static str {
    match route {
        Some(route) if route.starts_with("/api/v1/admin") => "staff",
        Some(route) if route.starts_with("/api/") => "players",
        Some(_) => "pages",
        None => "unknown",
    }
}

/// How it ended, for the figures.
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

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
    let began = Instant::now();
    let mut span = begin(request.method().as_str(), request.headers());
    let response = trace::within(span.context(), next.call(request)).await?;
    let route = route(response.request());
    span.record("http.route", || route.as_deref().unwrap_or_default().to_owned());
    finish(&mut span, response.status());
    let (of, status) = (asks(route.as_deref()), class(response.status()));
    metrics::counter!("playhouse_http_requests_total", "of" => of, "status" => status).increment(1);
    metrics::histogram!("playhouse_http_seconds", "of" => of).record(began.elapsed().as_secs_f64());
    let _work = span.enter();
    tracing::debug!(
        method = %response.request().method(),
        route = route.as_deref(),
        status = response.status().as_u16(),
        "a request"
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use crate::http::{
        configure, errors,
        tests::{Kit, get},
    };
    use actix_web::{
        App,
        middleware::from_fn,
        test::{call_service, init_service},
    };

    #[actix::test]
    async fn requests_are_counted_and_timed_by_who_asks_and_not_by_what() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _counting = metrics::set_default_local_recorder(&recorder);
        let kit = Kit::new().await;
        let app = App::new().configure(configure(kit.state.clone())).wrap(errors());
        let app = init_service(app.wrap(from_fn(super::traced))).await;
        let staff = ["/api/v1/admin/nodes", "/api/v1/admin/overview"];
        for path in ["/", "/api/v1/me", "/nowhere/1", "/nowhere/2"].into_iter().chain(staff) {
            call_service(&app, get(path).to_request()).await;
        }
        let text = handle.render();
        let count = |labels: &str| {
            let line = format!("playhouse_http_requests_total{{{labels}}} ");
            text.lines().find_map(|found| found.strip_prefix(&line)?.parse::<u64>().ok())
        };
        assert_eq!(count(r#"of="pages",status="2xx""#), Some(1), "{text}");
        assert_eq!(count(r#"of="players",status="4xx""#), Some(1), "{text}");
        assert_eq!(count(r#"of="staff",status="4xx""#), Some(2), "{text}");
        assert_eq!(count(r#"of="unknown",status="4xx""#), Some(2), "{text}");
        assert!(text.contains(r#"playhouse_http_seconds_count{of="staff"} 2"#), "{text}");
    }
}
