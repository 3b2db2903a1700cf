//! Logs and metrics of the process. Traces are [`crate::trace`]'s; a JSON line names the one it belongs to.

use crate::{
    config::{Config, LogFormat},
    protocol::ErrorCode,
    trace,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{fmt, io::IsTerminal, sync::OnceLock, time::Duration};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Sends logs to standard error: pretty on a terminal, JSON elsewhere. The first call of a process counts.
pub fn init_logs(config: &Config) {
    // What webrtc-rs has to say comes with each packet that a stranger has spoilt: not unless it is asked for.
    let ours = || EnvFilter::new(format!("rtc=off,{}", config.log.filter));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| ours());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let pretty = match config.log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines = if pretty {
        lines.boxed()
    } else {
        lines.json().map_event_format(|json| Named::new(json, config.node.id.as_deref())).boxed()
    };
    let statements = StatementTimes.with_filter(filter_fn(|event| event.target() == STATEMENTS));
    let installed =
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(statements).try_init();
    if let Err(error) = installed {
        tracing::debug!(%error, "logs were set up before");
    }
}

/// What sqlx calls its events, one a statement.
const STATEMENTS: &str = "sqlx::query";

const STATEMENT_SECONDS: &str = "playhouse_statement_seconds";

/// Every statement's time as a histogram, by its verb (spec 5.3).
struct StatementTimes;

impl<S: Subscriber> Layer<S> for StatementTimes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut statement = Statement { verb: "OTHER", seconds: None };
        event.record(&mut statement);
        if let Some(seconds) = statement.seconds {
            metrics::histogram!(STATEMENT_SECONDS, "verb" => statement.verb).record(seconds);
        }
    }
}

/// What an event says of its statement.
struct Statement {
    verb: &'static str,
    seconds: Option<f64>,
}

impl Visit for Statement {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        const VERBS: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "COMMIT", "BEGIN"];
        if field.name() == "summary" {
            let verb = VERBS
                .iter()
                .find(|verb| value.get(..verb.len()).is_some_and(|v| v.eq_ignore_ascii_case(verb)));
            self.verb = verb.unwrap_or(&"OTHER");
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
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
    HANDLE.get_or_init(|| builder().install_recorder().ok()).clone()
}

/// Puts what was measured into its distribution, again and again: until then each measurement is kept, and where nobody
/// asks for `/metrics` that would be for ever.
pub async fn keep_tidy(metrics: PrometheusHandle, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        metrics.run_upkeep();
    }
}

/// Statements in buckets, which add up over nodes; whole operations in quantiles, which are finer.
fn builder() -> PrometheusBuilder {
    const BUCKETS: [f64; 12] = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
    let statements = Matcher::Full(STATEMENT_SECONDS.to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(statements, &BUCKETS).unwrap_or_else(|error| {
        tracing::error!(%error, "statements are timed without buckets"); // never: there are buckets
        PrometheusBuilder::new()
    })
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
    for outcome in ["answered", "full", "unknown"] {
        metrics::counter!("playhouse_db_served_total", "outcome" => outcome).increment(0);
    }
    for result in ["pass", "bypass", "invalid_pass", "pass_required", "queue_unavailable"] {
        metrics::counter!("playhouse_queue_gate_total", "result" => result).increment(0);
    }
    for outcome in ["completed", "expired", "no_show", "left"] {
        metrics::counter!("playhouse_queue_passes_ended_total", "outcome" => outcome).increment(0);
    }
    metrics::counter!("playhouse_queue_lines_lost_total").increment(0);
    metrics::counter!("playhouse_queue_passes_refused_total").increment(0);
    metrics::counter!("playhouse_commands_total").increment(0);
    metrics::gauge!("playhouse_sockets").increment(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[tokio::test]
    async fn what_is_measured_takes_no_memory_though_nobody_asks_for_it() {
        const ROUNDS: usize = 60;
        const MEASUREMENTS: usize = 50_000;
        let recorder = builder().build_recorder();
        let tidying = tokio::spawn(keep_tidy(recorder.handle(), Duration::from_millis(1)));
        let before = resident_kib();
        for _ in 0..ROUNDS {
            metrics::with_local_recorder(&recorder, || {
                let histogram = metrics::histogram!(STATEMENT_SECONDS, "verb" => "SELECT");
                (0..MEASUREMENTS).for_each(|n| histogram.record(n as f64));
            });
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let grown = resident_kib().saturating_sub(before);
        let all = (ROUNDS * MEASUREMENTS * size_of::<f64>() / 1024) as u64;
        assert!(grown < all / 3, "{grown} KiB of {all}");
        assert!(!tidying.is_finished());
    }

    #[test]
    fn statements_are_timed_by_their_verb() {
        let recorder = builder().build_recorder();
        let layer = StatementTimes.with_filter(filter_fn(|event| event.target() == STATEMENTS));
        let subscriber = tracing_subscriber::registry().with(layer);
        metrics::with_local_recorder(&recorder, || {
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!(target: STATEMENTS, summary = "SELECT * FROM rooms", elapsed_secs = 0.004);
                tracing::debug!(target: STATEMENTS, summary = "insert INTO seats (a)", elapsed_secs = 0.02);
                tracing::debug!(target: "another", summary = "SELECT", elapsed_secs = 9.0);
            });
        });
        let text = recorder.handle().render();
        assert!(text.contains(r#"playhouse_statement_seconds_bucket{verb="SELECT",le="0.005"} 1"#), "{text}");
        assert!(
            text.contains(r#"playhouse_statement_seconds_bucket{verb="SELECT",le="0.0025"} 0"#),
            "{text}"
        );
        assert!(text.contains(r#"playhouse_statement_seconds_count{verb="INSERT"} 1"#), "{text}");
        assert!(text.contains(r#"playhouse_statement_seconds_count{verb="SELECT"} 1"#), "{text}");
    }
}
