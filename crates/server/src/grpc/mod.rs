//! gRPC on the same port: the Open Inference Protocol, and health as Kubernetes asks for it.
//!
//! Calls pass the same doors as requests over HTTP: the guard, the credentials, and for each call the one decision who
//! may do what.

mod answers;
mod health;
mod service;
mod status;
mod tensors;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base::Kind;
use futures::FutureExt;
use proto::health::health_server::HealthServer;
use proto::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use tonic::codec::CompressionEncoding;
use tower::ServiceExt;
use tracing::Instrument;

use crate::app::App;
use crate::extract::Caller;
use crate::front_door;
use crate::oip::REQUEST_BYTES;
use crate::problem::Problem;
use crate::traces;
use service::Service;

/// Longer waits than this are cut to it.
const LONGEST_CALL: Duration = Duration::from_secs(3_600);

/// When nobody waits for the answer any more.
#[derive(Debug, Clone, Copy)]
struct Deadline(Instant);

/// The services; cheap to clone.
#[derive(Clone)]
pub(crate) struct Grpc {
    app: App,
    inference: GrpcInferenceServiceServer<Service>,
    health: HealthServer<health::Health>,
}

/// Whether a request is a call.
pub(crate) fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

impl Grpc {
    pub(crate) fn new(app: &App) -> Self {
        let inference = GrpcInferenceServiceServer::new(Service::new(app.clone()))
            .max_decoding_message_size(REQUEST_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
        Self { app: app.clone(), inference, health: HealthServer::new(health::Health::new(app.clone())) }
    }

    /// Answers a call; failures of every kind are a status of gRPC.
    pub(crate) async fn answer(self, request: Request) -> Response {
        let (began, path) = (Instant::now(), request.uri().path().to_owned());
        let span = tracing::info_span!("call", rpc.method = %path, otel.kind = "server");
        if self.app.settings().traces {
            traces::join(&span, request.headers());
        }
        let access_log = self.app.settings().access_log;
        let work = AssertUnwindSafe(self.admitted(request)).catch_unwind().instrument(span);
        let response = work.await.unwrap_or_else(|_| {
            let problem = Problem::new(Kind::Internal, "internal", "the server made a mistake");
            status::of(&problem).into_http()
        });
        note(&path, &response, began.elapsed());
        if access_log {
            let code =
                response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
            let duration_ms = began.elapsed().as_secs_f64() * 1_000.0;
            tracing::info!(target: "access", code, duration_ms, "{path} {code}");
        }
        response
    }

    async fn admitted(self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        match front_door::admit(&self.app, &parts).await {
            Ok(principal) => parts.extensions.insert(Caller::new(principal)),
            Err(problem) => return status::of(&problem).into_http(),
        };
        let timeout = timeout(&parts.headers);
        if let Some(deadline) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
            parts.extensions.insert(Deadline(deadline));
        }
        let health = parts.uri.path().starts_with("/grpc.health.v1.Health/");
        let request = Request::from_parts(parts, body);
        let work = async {
            let answered = if health {
                self.health.oneshot(request).await
            } else {
                self.inference.oneshot(request).await
            };
            match answered {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            }
        };
        match timeout {
            None => work.await,
            Some(timeout) => tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
                tonic::Status::deadline_exceeded("the deadline of the call has passed").into_http()
            }),
        }
    }
}

/// How long the caller waits, by `grpc-timeout`.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let timeout = match unit {
        "H" => Duration::from_secs(count.saturating_mul(3_600)),
        "M" => Duration::from_secs(count.saturating_mul(60)),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    };
    Some(timeout.min(LONGEST_CALL))
}

/// Counts a call; names that are not ours make no new series.
fn note(path: &str, response: &Response, took: Duration) {
    let known = path
        .strip_prefix("/inference.GRPCInferenceService/")
        .or_else(|| path.strip_prefix("/grpc.health.v1.Health/"))
        .filter(|method| service::METHODS.contains(method));
    let method = known.unwrap_or("unknown").to_owned();
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
    metrics::counter!("gingham_grpc_requests_total", "method" => method.clone(), "code" => code.to_owned())
        .increment(1);
    metrics::histogram!("gingham_grpc_request_duration_seconds", "method" => method)
        .record(took.as_secs_f64());
}
