//! The one place where a failure becomes a status and a body.
//!
//! Handlers answer `Result<_, Problem>` and use `?` on the errors of any room. The front door renders the problem in
//! the shape of the protocol that was spoken, adds the request id, and logs what is the server's own fault.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Failure, Kind};
use serde::Serialize;
use utoipa::ToSchema;

/// Something that went wrong with a request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which of the few kinds it is.
    pub kind: Kind,
    /// A stable word for programs.
    pub code: &'static str,
    /// What the client is told.
    pub detail: String,
    /// What the client can do about it.
    pub hint: Option<String>,
    /// What only the log is told.
    pub cause: Option<String>,
    /// The status, where it is not the kind's own.
    status: Option<StatusCode>,
}

/// The body of a problem, as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A stable word for programs, such as `model_not_found`.
    pub code: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong with this request.
    pub detail: String,
    /// What to do about it, if there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request, as the server's log names it.
    pub request_id: String,
}

impl Problem {
    /// A problem of `kind` with its code and what the client is told.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { kind, code, detail: detail.into(), hint: None, cause: None, status: None }
    }

    /// The request makes no sense as it stands.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, detail)
    }

    /// There is no `noun` called `name`.
    #[must_use]
    pub fn not_found(noun: &'static str, code: &'static str, name: &str) -> Self {
        Self::new(Kind::NotFound, code, format!("there is no {noun} `{name}`"))
    }

    /// The same problem with something that the client can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with a cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same problem with another status than its kind has.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| status_of(self.kind))
    }

    /// The kind of problem in words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.kind {
            Kind::Invalid => "the request is not valid",
            Kind::NotFound => "not found",
            Kind::Conflict => "it clashes with what is there",
            Kind::Unauthenticated => "credentials are needed",
            Kind::Denied => "not allowed",
            Kind::TooLarge => "too large",
            Kind::Busy => "too busy",
            Kind::CheckFailed => "a check did not hold",
            Kind::TimedOut => "it took too long",
            Kind::Unsupported => "not offered here",
            Kind::Unavailable => "a part of the server does not answer",
            Kind::Internal => "a fault in the server",
        }
    }

    /// The body for clients of `/api/v1`.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            code: self.code.to_owned(),
            title: self.title().to_owned(),
            status: self.status().as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The response for clients of `/api/v1`.
    #[must_use]
    pub fn render(&self, request_id: &str) -> Response {
        let mut response = (self.status(), axum::Json(self.body(request_id))).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// The status that each kind of failure has.
#[must_use]
pub fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Busy | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::CheckFailed => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The server's own faults keep their cause to themselves: it goes to the log, and the client gets the request id.
impl<E: Failure> From<E> for Problem {
    fn from(error: E) -> Self {
        let (kind, code, hint) = (error.kind(), error.code(), error.hint());
        let problem = match kind {
            Kind::Internal => {
                Problem::new(kind, code, "the server made a mistake; its log says which, by the request id")
            }
            Kind::Unavailable => {
                Problem::new(kind, code, "a part that the server needs does not answer; its log says which")
            }
            _ => return Problem { hint, ..Problem::new(kind, code, error.to_string()) },
        };
        problem.caused_by(causes(&error))
    }
}

/// An error and what lies under it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut under = error.source();
    while let Some(cause) = under {
        let words = cause.to_string();
        if !line.ends_with(&words) {
            line.push_str(": ");
            line.push_str(&words);
        }
        under = cause.source();
    }
    line
}

/// The response carries the problem with it; the front door renders it in the shape of the protocol.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
