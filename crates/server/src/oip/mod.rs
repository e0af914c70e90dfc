//! The Open Inference Protocol.

use axum::response::Response;

use crate::problem::Problem;
use crate::routes::Routes;

/// The routes of this protocol, each with its rule.
///
/// A route is given as `Routes::new().post(PATH, may(Action::Create, ObjectKind::Run), handler)`. A handler takes
/// `State<App>` and the extractors of `crate::extract`, and answers `Result<_, Problem>`; `?` works on the errors of
/// every room. Failures outside handlers (unknown address, credentials, size) are worded by [`render_problem`] too.
pub(crate) fn routes() -> Routes {
    Routes::new()
}

/// A failure in this protocol's words.
pub(crate) fn render_problem(problem: &Problem, request_id: &str) -> Response {
    problem.render(request_id)
}
