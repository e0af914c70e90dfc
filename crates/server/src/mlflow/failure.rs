//! Failures in MLflow's words: `{"error_code": …, "message": …}` with the statuses its clients expect.
//!
//! Clients try again on 429 and 5xx for minutes, so what a user did wrong is never answered with those.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Failure as _, Kind};
use serde_json::json;

use super::shapes::{plain, python_type};
use crate::problem::Problem;

const INVALID: &str = "INVALID_PARAMETER_VALUE";
const MISSING: &str = "RESOURCE_DOES_NOT_EXIST";
const TAKEN: &str = "RESOURCE_ALREADY_EXISTS";
pub(super) const SEE_DOCS: &str = " See the API docs for more information about request parameters.";

/// A failure of this protocol; `?` makes it from the errors of the rooms below.
#[derive(Debug)]
pub(super) struct Failure(Problem);

impl Failure {
    fn new(kind: Kind, status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Problem::new(kind, code, message).with_status(status))
    }

    /// The request breaks a rule.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// There is no such thing.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, StatusCode::NOT_FOUND, MISSING, message)
    }

    fn taken(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, StatusCode::BAD_REQUEST, TAKEN, message)
    }

    /// A required parameter was not given.
    pub(super) fn missing_value(parameter: &str) -> Self {
        Self::invalid(format!("Missing value for required parameter '{parameter}'.{SEE_DOCS}"))
    }

    /// A parameter has a value that cannot be used.
    pub(super) fn invalid_value(parameter: &str, value: &serde_json::Value, hint: &str) -> Self {
        let mut shown = value.to_string();
        if let Some((end, _)) = shown.char_indices().nth(500) {
            shown.truncate(end);
        }
        Self::invalid(format!("Invalid value {shown} for parameter '{parameter}' supplied: {hint}{SEE_DOCS}"))
    }

    /// A value is of another type than its parameter.
    pub(super) fn wrong_type(parameter: &str, value: &serde_json::Value) -> Self {
        Self::invalid_value(parameter, value, &format!(" Hint: Value was of type '{}'.", python_type(value)))
    }

    /// A name breaks a rule; messages of this sort point to no further reading.
    pub(super) fn invalid_name(place: &str, name: &str, why: &str) -> Self {
        let shown = serde_json::Value::from(name);
        Self::invalid(format!("Invalid value {shown} for parameter '{place}' supplied: {why}"))
    }

    /// The body or query cannot be read at all.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        Self(error.into())
    }
}

impl From<artifacts::Error> for Failure {
    fn from(error: artifacts::Error) -> Self {
        match error.kind() {
            Kind::NotFound => Self::missing(error.to_string()),
            Kind::Invalid => Self::invalid("Invalid path"),
            Kind::Conflict => Self::invalid(format!("Invalid path: {error}")),
            _ => Self(error.into()),
        }
    }
}

impl From<experiments::Error> for Failure {
    fn from(error: experiments::Error) -> Self {
        use experiments::Error;
        match &error {
            Error::ExperimentNotFound { experiment } => {
                Self::missing(format!("No Experiment with id={experiment} exists"))
            }
            Error::ExperimentExists { name, deleted } => {
                let deleted = if *deleted {
                    " in deleted state. You can restore the experiment, or permanently delete the experiment to create a new one."
                } else {
                    "."
                };
                Self::taken(format!("Experiment(name={name}) already exists{deleted}"))
            }
            Error::ExperimentDeleted { experiment } => Self::invalid(format!(
                "The experiment {experiment} must be in the 'active' state. Current state is deleted."
            )),
            Error::ExperimentActive { experiment } => Self::invalid(format!(
                "The experiment {experiment} must be in the 'deleted' state. Current state is active."
            )),
            Error::RunNotFound { run } => Self::missing(format!("Run with id={run} not found")),
            Error::RunExists { run } => Self::taken(format!("Run with id={run} already exists.")),
            Error::RunDeleted { run } => Self::invalid(format!(
                "The run {run} must be in the 'active' state. Current state is deleted."
            )),
            Error::ParamChanged { run, key, old, new } => Self::invalid(format!(
                "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' \
                 for run ID='{run}'. Attempted logging new value '{new}'."
            )),
            Error::TagNotFound { owner, key } => match owner.rsplit_once(' ') {
                Some(("logged model", id)) => {
                    Self::missing(format!("No tag with key '{key}' found for model with ID '{id}'."))
                }
                Some((what, id)) => Self::missing(format!("No tag with name: {key} in {what} with id {id}")),
                None => Self::missing(format!("No tag with name: {key} in {owner}")),
            },
            Error::LoggedModelNotFound { model } => {
                Self::missing(format!("Logged model with ID '{model}' not found."))
            }
            Error::Db(_) => Self(error.into()),
            _ => with_hint(&error),
        }
    }
}

impl From<registry::Error> for Failure {
    fn from(error: registry::Error) -> Self {
        use registry::Error;
        match &error {
            Error::ModelNotFound { model } => {
                let model = plain(model);
                Self::missing(format!("Registered Model with name={model} not found"))
            }
            Error::ModelExists { model } => {
                let model = plain(model);
                Self::taken(format!("Registered Model (name={model}) already exists."))
            }
            Error::VersionNotFound { model, version } => {
                let model = plain(model);
                Self::missing(format!("Model Version (name={model}, version={version}) not found"))
            }
            Error::AliasNotFound { alias, .. } => {
                Self::invalid(format!("Registered model alias {alias} not found."))
            }
            Error::TagNotFound { owner, key } => Self::missing(format!("No tag with name: {key} in {owner}")),
            Error::AliasMoved { .. } => {
                Self::new(Kind::Conflict, StatusCode::CONFLICT, "RESOURCE_CONFLICT", error.to_string())
            }
            Error::WebhookNotFound { id } => Self::missing(format!("Webhook with ID {id} not found.")),
            Error::Db(_) => Self(error.into()),
            Error::Invalid { .. } | Error::BadPageToken { .. } => with_hint(&error),
        }
    }
}

impl From<governance::Error> for Failure {
    fn from(error: governance::Error) -> Self {
        use governance::Error;
        match &error {
            Error::ProjectNotFound { name } => super::scope::not_found(name).into(),
            Error::ProjectExists { name } => Self::taken(format!("Workspace '{name}' already exists.")),
            _ => Self(error.into()),
        }
    }
}

impl From<platform::Error> for Failure {
    fn from(error: platform::Error) -> Self {
        use platform::Error;
        match error {
            Error::Governance(error) => error.into(),
            Error::Experiments(error) => error.into(),
            Error::Registry(error) => error.into(),
            // MLflow's own server says 500 here, which its clients try again for minutes.
            Error::ProjectNotEmpty { .. } => {
                Self::new(Kind::Conflict, StatusCode::CONFLICT, "INVALID_STATE", error.to_string())
            }
            Error::WebhookAddress { .. } => with_hint(&error),
            other => Self(other.into()),
        }
    }
}

impl From<experiments::filter::FilterError> for Failure {
    fn from(error: experiments::filter::FilterError) -> Self {
        with_hint(&experiments::Error::Filter(error))
    }
}

/// A broken rule, with what to do about it: this protocol has no other place for that.
fn with_hint(error: &impl base::Failure) -> Failure {
    let mut message = error.to_string();
    if message.starts_with(|first: char| first.is_ascii_lowercase()) {
        message.replace_range(..1, &message.get(..1).unwrap_or_default().to_ascii_uppercase());
    }
    match error.hint() {
        Some(hint) => Failure::invalid(format!("{message}; {hint}")),
        None => Failure::invalid(message),
    }
}

/// A failure in this protocol's words, also those that never reached a handler.
pub(crate) fn render_problem(problem: &Problem, request_id: &str) -> Response {
    if matches!(problem.code, "route_not_found" | "method_not_allowed") {
        return endpoint_not_found(problem);
    }
    let ours = problem.code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let code = if ours { problem.code } else { error_code(problem.kind) };
    let status = match (ours, problem.kind) {
        (true, _) => problem.status(),
        // Statuses that clients of this protocol do not know, or would try again for minutes.
        (false, Kind::Conflict | Kind::CheckFailed) => StatusCode::BAD_REQUEST,
        (false, Kind::TimedOut) => StatusCode::SERVICE_UNAVAILABLE,
        (false, _) => problem.status(),
    };
    let mut message = problem.detail.clone();
    if status.is_server_error() {
        message = format!("{message} (request {request_id})");
    }
    if let Some(hint) = &problem.hint {
        message = format!("{message}; {hint}");
    }
    (status, axum::Json(json!({"error_code": code, "message": message}))).into_response()
}

/// What clients take for "an older server": they do without, and do not try again.
fn endpoint_not_found(problem: &Problem) -> Response {
    let detail = &problem.detail;
    let message =
        format!("{detail}; this server answers to MLflow's tracking, registry and artifact endpoints");
    (problem.status(), axum::Json(json!({"error_code": "ENDPOINT_NOT_FOUND", "message": message})))
        .into_response()
}

const fn error_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid | Kind::CheckFailed => INVALID,
        Kind::NotFound => "ENDPOINT_NOT_FOUND",
        Kind::Conflict => TAKEN,
        Kind::Unauthenticated => "UNAUTHENTICATED",
        Kind::Denied => "PERMISSION_DENIED",
        Kind::TooLarge => "BAD_REQUEST",
        Kind::Busy => "REQUEST_LIMIT_EXCEEDED",
        Kind::TimedOut | Kind::Unavailable => "TEMPORARILY_UNAVAILABLE",
        Kind::Unsupported => "NOT_IMPLEMENTED",
        Kind::Internal => "INTERNAL_ERROR",
    }
}
