//! The operators' listener: is the process alive, does it take work, what does it count.

use super::HttpState;
use actix_web::{
    HttpResponse,
    web::{self, Data, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use std::time::Duration;

/// `/healthz`, `/readyz` and `/metrics`. `observe` sets the figures that are counted only when asked for;
/// `in_touch` says whether the other nodes hear of this one.
pub fn configure_admin(
    state: HttpState,
    metrics: Option<PrometheusHandle>,
    observe: impl Fn() + Clone + 'static,
    in_touch: impl Fn() -> bool + Clone + 'static,
) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        let metrics = move || {
            observe();
            std::future::ready(exposition(metrics.as_ref()))
        };
        app.app_data(Data::new(state))
            .route("/healthz", web::get().to(health))
            .route("/readyz", web::get().to(move |state| readiness(state, in_touch())))
            .route("/metrics", web::get().to(metrics));
    }
}

/// The process answers: that is all.
async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// 200 while the node takes work, its database answers (here, or on one of `db_nodes`), their clocks agree and the other nodes hear of it, else 503.
async fn readiness(state: Data<HttpState>, in_touch: bool) -> HttpResponse {
    let longest = Duration::from_millis(state.config.database.timeout_ms);
    let database = match tokio::time::timeout(longest, state.store.ping()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            "unavailable"
        }
        Err(_) => "slow",
    };
    let skew = state.clock_skew_ms();
    let clock = skew.unsigned_abs() <= state.config.database.clock_fail_ms;
    let ready = state.is_ready();
    let all_well = ready && clock && in_touch && database == "ok";
    let mut response = if all_well { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let mut body = json!({"ready": ready, "database": database, "clock_skew_ms": skew, "in_touch": in_touch,
        "roles": state.config.node.roles});
    if let Some(nodes) = state.store.db_nodes() {
        body["db_nodes"] = nodes.into();
    }
    response.json(body)
}

/// Prometheus's text format.
fn exposition(metrics: Option<&PrometheusHandle>) -> HttpResponse {
    match metrics {
        Some(metrics) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render()),
        None => HttpResponse::ServiceUnavailable().json(json!({"metrics": "not recorded in this process"})),
    }
}
