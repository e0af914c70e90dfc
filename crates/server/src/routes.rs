//! The one decision point: a route exists only together with its rule.
//!
//! [`Routes`] is the only way to give the server a route, and each of its methods asks for a [`Rule`]: what the
//! request does, and to what. The gate in front of the handler asks `governance::decide` before the handler runs.
//! A response that passed no gate is withheld by the front door, so that a route smuggled in some other way fails.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams, Request};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use base::Kind;
use governance::{Action, Object, ObjectKind, Principal, decide};
use tracing::Instrument;
use utoipa::openapi::{OpenApi, PathItem};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::app::App;
use crate::extract::Caller;
use crate::mlflow::scope::InProject;
use crate::problem::Problem;

/// The body that a request may have unless its rule says otherwise, in bytes.
const BODY_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// How long a request may take until its response begins, unless its rule says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a route does and to what, and how much it may take. Made by [`may`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    action: Action,
    kind: ObjectKind,
    name_from: Option<&'static str>,
    body_limit_bytes: usize,
    deadline: Duration,
    outlives_client: bool,
}

/// The rule of a route that does `action` to objects of `kind`.
#[must_use]
pub const fn may(action: Action, kind: ObjectKind) -> Rule {
    Rule {
        action,
        kind,
        name_from: None,
        body_limit_bytes: BODY_LIMIT_BYTES,
        deadline: DEADLINE,
        outlives_client: true,
    }
}

impl Rule {
    /// The path parameter that names the object.
    #[must_use]
    pub const fn named_by(mut self, parameter: &'static str) -> Self {
        self.name_from = Some(parameter);
        self
    }

    /// The largest body in bytes. A handler that streams a raw `Body` counts by itself where the client sends no
    /// `Content-Length`.
    #[must_use]
    pub const fn body_limit_bytes(mut self, bytes: usize) -> Self {
        self.body_limit_bytes = bytes;
        self
    }

    /// How long the request may take until its response begins.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The work stops when the client goes away, although the method is not a safe one.
    #[must_use]
    pub const fn cancelled_with_its_client(mut self) -> Self {
        self.outlives_client = false;
        self
    }

    /// What the route does.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// To what kind of object.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        self.kind
    }
}

/// A route as the list of all routes shows it.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// The method.
    pub method: Method,
    /// The path template.
    pub path: String,
    /// Its rule.
    pub rule: Rule,
}

/// Routes with their rules, and the document that describes them.
#[must_use]
pub struct Routes {
    router: Router<App>,
    entries: Vec<RouteEntry>,
    document: OpenApi,
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

impl Routes {
    /// No routes yet.
    pub fn new() -> Self {
        Routes { router: Router::new(), entries: Vec::new(), document: OpenApi::default() }
    }

    /// A handler that carries `#[utoipa::path]`, given as `routes!(handler)`; it appears in the API document.
    pub fn documented(mut self, rule: Rule, (schemas, paths, handler): UtoipaMethodRouter<App>) -> Self {
        for (path, item) in paths.paths {
            for method in methods_of(&item) {
                self.entries.push(RouteEntry { method, path: path.clone(), rule });
            }
            self.router = self.router.route(&path, guarded(rule, handler.clone()));
            match self.document.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => {
                    self.document.paths.paths.insert(path, item);
                }
            }
        }
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self
    }

    /// A `GET` route of a protocol that is described elsewhere. It answers `HEAD` too.
    pub fn get<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        self.on(Method::GET, MethodFilter::GET, path, rule, handler)
    }

    /// A `POST` route of a protocol that is described elsewhere.
    pub fn post<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        self.on(Method::POST, MethodFilter::POST, path, rule, handler)
    }

    /// A `PUT` route of a protocol that is described elsewhere.
    pub fn put<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        self.on(Method::PUT, MethodFilter::PUT, path, rule, handler)
    }

    /// A `PATCH` route of a protocol that is described elsewhere.
    pub fn patch<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        self.on(Method::PATCH, MethodFilter::PATCH, path, rule, handler)
    }

    /// A `DELETE` route of a protocol that is described elsewhere.
    pub fn delete<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        self.on(Method::DELETE, MethodFilter::DELETE, path, rule, handler)
    }

    fn on<H: Handler<T, App>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &str,
        rule: Rule,
        handler: H,
    ) -> Self {
        self.entries.push(RouteEntry { method, path: path.to_owned(), rule });
        self.router = self.router.route(path, guarded(rule, on(filter, handler)));
        self
    }

    /// What answers where no route fits.
    pub fn fallback<H: Handler<T, App>, T: 'static>(mut self, rule: Rule, handler: H) -> Self {
        let gate = middleware::from_fn(move |request: Request, next: Next| gate(rule, request, next));
        self.router = self.router.fallback(any(handler).layer(gate));
        self
    }

    /// These routes and those of `other`.
    pub fn and(mut self, other: Routes) -> Self {
        self.router = self.router.merge(other.router);
        self.entries.extend(other.entries);
        self.document.merge(other.document);
        self
    }

    /// Every route with its rule.
    #[must_use]
    pub fn entries(&self) -> &[RouteEntry] {
        &self.entries
    }

    /// The router, the list of routes and the document.
    pub(crate) fn into_parts(self) -> (Router<App>, Vec<RouteEntry>, OpenApi) {
        (self.router, self.entries, self.document)
    }
}

fn methods_of(item: &PathItem) -> Vec<Method> {
    let operations = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    operations.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
}

/// Marks a response that came through a gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided;

fn guarded(rule: Rule, handler: MethodRouter<App>) -> MethodRouter<App> {
    handler.route_layer(middleware::from_fn(move |request: Request, next: Next| gate(rule, request, next)))
}

/// Asks whether the principal may, holds the request to its limits, and only then lets it through.
async fn gate(rule: Rule, request: Request, next: Next) -> Response {
    let mut response = match admit(rule, request).await {
        Ok(request) => run(rule, request, next).await,
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Decided);
    response
}

async fn admit(rule: Rule, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let object = match rule.name_from {
        Some(parameter) => match path_parameter(&mut parts, parameter).await {
            // KServe's first protocol writes `NAME:predict`; no name holds a colon.
            Some(name) => Object::named(rule.kind, name.trim_end_matches(":predict")),
            None => Object::of(rule.kind),
        },
        None => Object::of(rule.kind),
    };
    let object = placed(object, rule.action, parts.extensions.get::<InProject>());
    let principal =
        parts.extensions.get::<Caller>().map_or(Principal::Anonymous, |caller| caller.principal().clone());
    let decision = decide(&principal, rule.action, &object);
    if !decision.allowed {
        tracing::info!(
            principal.name = principal.name(),
            action = rule.action.as_str(),
            object = %object,
            "refused: {}", decision.reason
        );
        return Err(match principal {
            Principal::Anonymous => Problem::new(Kind::Unauthenticated, "unauthenticated", decision.reason)
                .with_hint("send a token as `Authorization: Bearer gng_…`; the first one is in the file `token` of the data folder"),
            _ => Problem::new(Kind::Denied, "denied", decision.reason),
        });
    }
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > rule.body_limit_bytes as u64) {
        return Err(too_large(rule.body_limit_bytes));
    }
    let mut request = Request::from_parts(parts, body);
    DefaultBodyLimit::max(rule.body_limit_bytes).apply(&mut request);
    Ok(request)
}

/// The object within the project that the request speaks of, if it speaks of one. A project lies within itself, and
/// making one is not up to those of another.
fn placed(object: Object, action: Action, project: Option<&InProject>) -> Object {
    match (project, object.kind, object.name.clone()) {
        (Some(_), ObjectKind::Project, Some(name)) => object.within(name),
        (Some(_), ObjectKind::Project, None) if action != Action::View => object,
        (Some(project), _, _) => object.within(project.name()),
        (None, _, _) => object,
    }
}

async fn path_parameter(parts: &mut Parts, parameter: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(name, _)| *name == parameter).map(|(_, value)| value.to_owned())
}

/// Runs the handler within its deadline. What changes something runs to its end even if the client goes away.
async fn run(rule: Rule, request: Request, next: Next) -> Response {
    let safe = request.method().is_safe() || !rule.outlives_client;
    let work = next.run(request);
    let outcome = if safe {
        tokio::time::timeout(rule.deadline, work).await.map(Ok)
    } else {
        tokio::time::timeout(rule.deadline, tokio::spawn(work.in_current_span())).await
    };
    match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(stopped)) => panicked(stopped.to_string()).into_response(),
        Err(_) => {
            let seconds = rule.deadline.as_secs();
            Problem::new(
                Kind::TimedOut,
                "deadline_exceeded",
                format!("the request took longer than {seconds} s"),
            )
            .into_response()
        }
    }
}

/// The problem of a handler that was broken off by a fault in the program.
pub(crate) fn panicked(cause: String) -> Problem {
    Problem::new(
        Kind::Internal,
        "internal",
        "the server made a mistake; its log says which, by the request id",
    )
    .caused_by(cause)
}

/// The problem of a body that is larger than the route takes.
pub(crate) fn too_large(limit_bytes: usize) -> Problem {
    Problem::new(Kind::TooLarge, "body_too_large", format!("the body may hold at most {limit_bytes} bytes"))
}
