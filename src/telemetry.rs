//! Logs and metrics of the process. Traces are [`crate::trace`]'s; a JSON line names the one it belongs to.

use crate::{
    config::{Config, LogFormat},
    protocol::ErrorCode,
    trace,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{fmt, io::IsTerminal, sync::OnceLock};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Sends logs to standard error: pretty on a terminal, JSON elsewhere. The first call of a process counts.
pub fn init_logs(config: &Config) {
    // What webrtc-rs has to say comes with each packet that a stranger has spoilt: not unless it is asked for.
    let ours = || EnvFilter::new(format!("rtc=off,{}", config.log.filter));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| ours());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let pretty = match config.log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let installed = if pretty {
        lines.try_init()
    } else {
        lines.json().map_event_format(|json| Named::new(json, config.node.id.as_deref())).try_init()
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "logs were set up before");
    }
}

/// JSON lines, each with the node's name if it has one (`node.id`), and with the `trace_id` and `span_id` of the request
/// it was written for, if it was for one. Not by spans of `tracing`: those cost at each request, and are not there at
/// all under a filter that lets warnings alone by.
pub(crate) struct Named<F> {
    lines: F,
    /// `"node":"…",`, or nothing.
    node: String,
}

impl<F> Named<F> {
    pub(crate) fn new(lines: F, node: Option<&str>) -> Self {
        let node = node.map_or_else(String::new, |name| format!(r#""node":{},"#, serde_json::json!(name)));
        Self { lines, node }
    }
}

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (trace, node) = (trace::current(), &self.node);
        if trace.is_none() && node.is_empty() {
            return self.lines.format_event(ctx, to, event);
        }
        let mut line = String::new();
        self.lines.format_event(ctx, Writer::new(&mut line), event)?;
        let fields = line.strip_prefix('{').ok_or(fmt::Error)?;
        write!(to, "{{{node}")?;
        if let Some(trace) = trace {
            let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
            write!(to, r#""trace_id":"{trace_id:032x}","span_id":"{span_id:016x}","#)?;
        }
        to.write_str(fields)
    }
}

/// The process's metrics, for `/metrics`; `None` if another recorder was there first.
pub fn metrics() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()
}

/// Figures that alerts and the autoscaler go by are there from the start, for entities of these kinds: to Prometheus, a
/// counter that first shows up as 1 has not risen, and a pod without a gauge cannot be scaled by it.
pub fn begin_at_zero(kinds: &[&'static str]) {
    for kind in kinds {
        metrics::counter!("playhouse_entity_crashes_total", "kind" => *kind).increment(0);
        metrics::counter!("playhouse_entity_fenced_total", "kind" => *kind).increment(0);
    }
    for code in [ErrorCode::TryAgain, ErrorCode::Internal] {
        metrics::counter!("playhouse_refusals_total", "code" => code.wire()).increment(0);
    }
    for outcome in ["sent", "refused", "lost", "overflow"] {
        metrics::counter!("playhouse_bus_parcels_total", "outcome" => outcome).increment(0);
    }
    metrics::counter!("playhouse_commands_total").increment(0);
    metrics::gauge!("playhouse_sockets").increment(0.0);
}
