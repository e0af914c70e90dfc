//! The Open Inference Protocol, version 2, over REST, and the older KServe protocol V1.
//!
//! The handlers find the deployments in the request's extensions: whoever builds the router puts them there with
//! `.layer(Extension(serving))`, where `serving` is an `Arc<serving::Serving>`.

pub(crate) mod context;
pub(crate) mod payload;
pub(crate) mod repository;
mod routes;
#[cfg(test)]
mod tests;
mod v1;
mod wire;

use axum::response::{IntoResponse, Response};

pub(crate) use routes::{Deployments, EXTENSIONS, REQUEST_BYTES, predicting};

use crate::problem::Problem;
use crate::routes::Routes;
use wire::ErrorBody;

pub(crate) fn routes() -> Routes {
    Routes::new().and(routes::routes()).and(repository::routes()).and(v1::routes())
}

/// A failure in this protocol's words: its status, and a body that holds nothing but `error`.
pub(crate) fn render_problem(problem: &Problem, _request_id: &str) -> Response {
    (problem.status(), axum::Json(ErrorBody { error: sentence(problem) })).into_response()
}

/// A failure in one sentence, with its hint.
pub(crate) fn sentence(problem: &Problem) -> String {
    match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.detail),
        None => problem.detail.clone(),
    }
}
