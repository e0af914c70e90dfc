//! The Open Inference Protocol, version 2, over REST.
//!
//! The handlers find the deployments in the request's extensions: whoever builds the router puts them there with
//! `.layer(Extension(serving))`, where `serving` is an `Arc<serving::Serving>`.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use axum::response::{IntoResponse, Response};

pub(crate) use routes::routes;

use crate::problem::Problem;
use wire::ErrorBody;

/// A failure in this protocol's words: its status, and a body that holds nothing but `error`.
pub(crate) fn render_problem(problem: &Problem, _request_id: &str) -> Response {
    let error = match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.detail),
        None => problem.detail.clone(),
    };
    (problem.status(), axum::Json(ErrorBody { error })).into_response()
}
