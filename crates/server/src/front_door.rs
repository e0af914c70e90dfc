//! What every request passes before and after its route: request id, guard, credentials, faults, problems, figures.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use artifacts::Artifacts;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::Kind;
use futures::FutureExt;
use governance::Principal;
use serving::Serving;
use tracing::Instrument;

use crate::app::App;
use crate::extract::Caller;
use crate::problem::Problem;
use crate::routes::{Decided, panicked};
use crate::settings::LocalAccess;
use crate::{credentials, guard, mlflow, observe, router, traces};

/// Carries the request's id, from the client or from here, and back.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that is taken over from a client.
const MOST_REQUEST_ID_CHARS: usize = 64;

/// The two ends of the connection that a request came over. Put into each request by `serve`.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that the server listens on.
    pub listener: SocketAddr,
}

impl Connection {
    /// Whether the server can be reached from this machine only.
    #[must_use]
    pub fn listens_on_loopback(&self) -> bool {
        self.listener.ip().to_canonical().is_loopback()
    }

    fn is_loopback(&self) -> bool {
        self.listens_on_loopback() && self.peer.ip().to_canonical().is_loopback()
    }
}

/// Wraps every route and the fallback.
pub(crate) async fn front_door(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let template = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        http.method = %method,
        http.path = %path,
        http.status = tracing::field::Empty,
        otel.kind = "server"
    );
    if app.settings().traces {
        traces::join(&span, request.headers());
    }
    let peer = request.extensions().get::<Connection>().map(|connection| connection.peer.ip());

    let work = async {
        let inner = AssertUnwindSafe(answer(&app, request, next)).catch_unwind().await;
        let response = match inner {
            Ok(response) => response,
            Err(payload) => panicked(words_of(payload.as_ref())).into_response(),
        };
        let response = withhold_undecided(response, &path);
        finish(response, &method, &path, &id)
    };
    let response = work.instrument(span.clone()).await;
    let duration = started.elapsed();
    observe::note_request(&method, template.as_deref(), response.status(), duration);
    if app.settings().traces {
        span.record("http.status", response.status().as_u16());
    }
    let _entered = span.enter();
    if app.settings().access_log {
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        let duration_ms = duration.as_secs_f64() * 1_000.0;
        let status = response.status().as_u16();
        tracing::info!(target: "access", peer, http.status = status, duration_ms, "{method} {path} {status}");
    }
    tracing::debug!(
        http.status = response.status().as_u16(),
        duration_ms = duration.as_secs_f64() * 1_000.0,
        "answered {method} `{path}`"
    );
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(app, &parts).await {
        Ok(principal) => {
            let known = principal != Principal::Anonymous;
            parts.extensions.insert(Caller::new(principal));
            // Protocols find the rooms that they need here; tests put others in their place.
            if parts.extensions.get::<Artifacts>().is_none() {
                parts.extensions.insert(app.platform().artifacts.clone());
            }
            if parts.extensions.get::<Arc<Serving>>().is_none() {
                parts.extensions.insert(Arc::clone(&app.platform().serving));
            }
            // Strangers are refused by the gate, and learn nothing of what there is.
            if known && mlflow::speaks(parts.uri.path()) {
                match mlflow::scope::admit(app, &parts).await {
                    Ok(project) => parts.extensions.insert(project),
                    Err(problem) => return problem.into_response(),
                };
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks, by the same rules over HTTP and gRPC.
pub(crate) async fn admit(app: &App, parts: &Parts) -> Result<Principal, Problem> {
    let connection = parts.extensions.get::<Connection>().copied();
    let on_loopback = connection.is_some_and(|connection| connection.listens_on_loopback());
    guard::check(app.settings(), on_loopback, &parts.method, &parts.uri, &parts.headers)?;
    let presented = credentials::presented(&parts.headers)?;
    if let Some(replica) = &app.settings().replica {
        let local = connection.is_some_and(|connection| connection.is_loopback())
            && !credentials::came_through_a_proxy(&parts.headers);
        return match replica.access.principal(presented.as_deref(), local) {
            Some(principal) => Ok(principal),
            // Health may be asked without a token.
            None if presented.is_none() => Ok(Principal::Anonymous),
            None => Err(Problem::new(
                Kind::Unauthenticated,
                "unknown_token",
                "the token is not the one that clients of this replica show",
            )),
        };
    }
    match presented {
        Some(token) => match app.directory().authenticate(&token, app.now()).await? {
            Some(principal) => Ok(principal),
            None => Err(Problem::new(
                Kind::Unauthenticated,
                "unknown_token",
                "the token is unknown, revoked or expired",
            )),
        },
        None => {
            let trusted = app.settings().local_access == LocalAccess::Trusted
                && connection.is_some_and(|connection| connection.is_loopback())
                && !credentials::came_through_a_proxy(&parts.headers);
            Ok(if trusted { Principal::Local } else { Principal::Anonymous })
        }
    }
}

/// A response that neither passed a gate nor is a problem comes from a route without a rule: it is not sent.
fn withhold_undecided(response: Response, path: &str) -> Response {
    let known =
        response.extensions().get::<Decided>().is_some() || response.extensions().get::<Problem>().is_some();
    if known {
        return response;
    }
    Problem::new(
        Kind::Internal,
        "internal",
        "the server made a mistake; its log says which, by the request id",
    )
    .caused_by(format!("the route of `{path}` has no rule"))
    .into_response()
}

/// Renders a problem in the shape of its protocol, logs the server's own faults, and adds the headers of every response.
fn finish(mut response: Response, method: &Method, path: &str, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        log(&problem, method, path);
        let rendered = router::render_problem(path, &problem, id);
        let mut extra = std::mem::take(response.headers_mut());
        extra.remove(header::CONTENT_LENGTH);
        response = rendered;
        for (name, value) in &extra {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        if problem.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(
                "Basic realm=\"gingham\", charset=\"UTF-8\", Bearer realm=\"gingham\"",
            );
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if problem.kind == Kind::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn log(problem: &Problem, method: &Method, path: &str) {
    let status = problem.status().as_u16();
    if matches!(problem.kind, Kind::Internal | Kind::Unavailable) {
        let error = problem.cause.as_deref().unwrap_or(&problem.detail);
        tracing::error!(
            http.status = status,
            error.code = problem.code,
            error,
            "could not answer {method} `{path}`"
        );
    } else {
        tracing::debug!(
            http.status = status,
            error.code = problem.code,
            "refused {method} `{path}`: {}",
            problem.detail
        );
    }
}

/// The client's own request id if it is short and plain, or a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=MOST_REQUEST_ID_CHARS).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    given.filter(plain).map_or_else(base::id::new_hex_id, str::to_owned)
}

fn words_of(payload: &(dyn Any + Send)) -> String {
    let words = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", words.unwrap_or("no message"))
}
