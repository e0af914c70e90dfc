//! What is known of inputs and predictions over any stretch of time, from what was kept of them.

use std::time::Duration;

use axum::extract::State;
use governance::{Action, ObjectKind};
use platform::{ProfileAsked, ProfileView};
use utoipa_axum::routes;

use super::wire::ProfileQuery;
use crate::app::App;
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The first look at a large archive sums all of it up.
const DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Monitor).named_by("model").deadline(DEADLINE);
    Routes::new().documented(view, routes!(get_profile))
}

/// Every input and the predictions of a model over a stretch of time, judged against what the version in service was trained
/// on. No archived row is read for it: what counts are the profiles that were kept as rows arrived.
#[utoipa::path(
    get,
    path = "/api/v1/monitors/{model}/profile",
    tag = "monitoring",
    params(("model" = String, Path), ProfileQuery),
    responses((status = 200, body = Object))
)]
async fn get_profile(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(asked): Query<ProfileQuery>,
) -> Result<Json<ProfileView>, Problem> {
    let asked = ProfileAsked { from: asked.from, to: asked.to, segment: asked.segment };
    Ok(Json(app.platform().profile_view(&model, &asked).await?))
}
