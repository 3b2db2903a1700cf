//! Logs and metrics of the process.

use crate::{
    config::{Config, LogFormat},
    protocol::ErrorCode,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{io::IsTerminal, sync::OnceLock};
use tracing_subscriber::EnvFilter;

/// Sends logs to standard error: pretty on a terminal, JSON elsewhere. The first call of a process counts.
pub fn init_logs(config: &Config) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.log.filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let pretty = match config.log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let installed = if pretty { lines.try_init() } else { lines.json().try_init() };
    if let Err(error) = installed {
        tracing::debug!(%error, "logs were set up before");
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
