//! Export to an OpenTelemetry collector, OTLP over HTTP. One of a process, as logs and metrics are.
//!
//! Whether a span is exported is drawn once, where its trace begins, and travels with the trace. The SDK's batch
//! processor does the rest on a thread of its own: its queue is bounded, and what does not fit is dropped. Ids and
//! the draw are ours, for logs need them without an exporter too.

use super::TraceContext;
use crate::{
    config::{Config, Telemetry},
    ids::NodeId,
};
use anyhow::Context as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor},
};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    ratio: f64,
    longest: Duration,
}

/// Exports from now on, if `telemetry.otlp_endpoint` says where to. The first call of a process counts.
///
/// # Errors
/// The address is none that we can send to.
pub fn start(config: &Config, node: NodeId) -> anyhow::Result<()> {
    let settings = &config.telemetry;
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(()) };
    anyhow::ensure!(
        endpoint.starts_with("http://"),
        "telemetry.otlp_endpoint {endpoint}: http://host:port is needed; a collector beside the node does the TLS"
    );
    if EXPORT.get().is_some() {
        return Ok(());
    }
    let export = Export {
        processor: processor(settings, endpoint, resource(config, node))?,
        scope: InstrumentationScope::builder("playhouse").with_version(env!("CARGO_PKG_VERSION")).build(),
        ratio: settings.sample_ratio,
        longest: Duration::from_millis(settings.timeout_ms),
    };
    if EXPORT.set(export).is_ok() {
        tracing::info!(endpoint, sample_ratio = settings.sample_ratio, "traces are exported");
    }
    Ok(())
}

fn resource(config: &Config, node: NodeId) -> Resource {
    let name = config.node.id.clone().unwrap_or_else(|| node.to_string());
    Resource::builder_empty()
        .with_service_name(config.telemetry.service_name.clone())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", name),
            KeyValue::new("playhouse.node_id", node.to_string()),
        ])
        .build()
}

fn processor(settings: &Telemetry, endpoint: &str, resource: Resource) -> anyhow::Result<BatchSpanProcessor> {
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(Duration::from_millis(settings.timeout_ms))
        .build()
        .context("telemetry.otlp_endpoint")?;
    let pause = Duration::from_millis(settings.warn_ms);
    let counted = Counted { exporter, pause, warned: Mutex::default() };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(settings.queue_spans)
        .with_max_export_batch_size(settings.batch_spans)
        .with_scheduled_delay(Duration::from_millis(settings.batch_ms))
        .build();
    let mut processor = BatchSpanProcessor::builder(counted).with_batch_config(batches).build();
    processor.set_resource(&resource);
    Ok(processor)
}

/// Whether the trace that begins now is exported.
pub(super) fn draw() -> bool {
    EXPORT.get().is_some_and(|export| export.ratio >= 1.0 || rand::random::<f64>() < export.ratio)
}

/// Whether a span of this trace is.
pub(super) fn wants(context: TraceContext) -> bool {
    context.is_sampled() && EXPORT.get().is_some()
}

/// Queues what has ended; never waits.
pub(super) fn ended(data: impl FnOnce(InstrumentationScope) -> SpanData) {
    if let Some(export) = EXPORT.get() {
        export.processor.on_end(data(export.scope.clone()));
    }
}

/// Sends what waits, `telemetry.timeout_ms` at most: for a node that stops.
pub async fn flush() {
    let Some(export) = EXPORT.get() else { return };
    let flushed = tokio::task::spawn_blocking(|| export.processor.force_flush());
    match tokio::time::timeout(export.longest, flushed).await {
        Ok(Ok(Ok(()))) => {}
        other => tracing::debug!(?other, "the last spans may be lost"),
    }
}

/// Counts what is exported, and says that it is lost, but seldom.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    pause: Duration,
    warned: Mutex<Option<Instant>>,
}

impl<E> Counted<E> {
    fn may_warn(&self) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let may = warned.is_none_or(|at| at.elapsed() >= self.pause);
        if may {
            *warned = Some(Instant::now());
        }
        may
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.exporter.export(batch).await;
        let outcome = if result.is_ok() { "exported" } else { "lost" };
        metrics::counter!("playhouse_spans_total", "outcome" => outcome).increment(spans);
        if let Err(error) = &result
            && self.may_warn()
        {
            tracing::warn!(%error, spans, "spans could not be exported and are lost");
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
