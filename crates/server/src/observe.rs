//! Figures about requests, for Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Installs the recorder of the process, once; every room's figures end up there.
pub(crate) fn prometheus() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // Fails only for an empty list of bounds.
        let builder = PrometheusBuilder::new();
        let recorder = match builder.set_buckets(&LATENCY_SECONDS) {
            Ok(builder) => builder.build_recorder(),
            Err(_) => PrometheusBuilder::new().build_recorder(),
        };
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of figures is installed; `/metrics` stays empty");
        }
        metrics::describe_counter!("gingham_http_requests_total", "requests answered, by route and status");
        metrics::describe_histogram!(
            "gingham_http_request_duration_seconds",
            metrics::Unit::Seconds,
            "time until the response began, by route"
        );
        handle
    })
}

/// Folds what was recorded into the histograms, again and again: until then each single value is kept in memory, also
/// where nobody ever asks for `/metrics`.
pub(crate) async fn fold_figures() {
    loop {
        tokio::time::sleep(FOLD_EVERY).await;
        prometheus().run_upkeep();
    }
}

/// Counts one answered request under its route's template, so that names in paths make no new series.
pub(crate) fn note_request(method: &Method, template: Option<&str>, status: StatusCode, duration: Duration) {
    let method = if is_usual(method) { method.to_string() } else { "OTHER".to_owned() };
    let route = template.unwrap_or("none").to_owned();
    let labels =
        [("method", method.clone()), ("route", route.clone()), ("status", status.as_u16().to_string())];
    metrics::counter!("gingham_http_requests_total", &labels).increment(1);
    metrics::histogram!("gingham_http_request_duration_seconds", "method" => method, "route" => route)
        .record(duration.as_secs_f64());
}

fn is_usual(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
        .contains(method)
}
