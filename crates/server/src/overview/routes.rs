//! Status, search and lineage.

use axum::extract::State;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{AttentionBody, HitBody, HitPage, LineageBody, LineageQuery, SearchQuery, StatusBody};
use crate::app::App;
use crate::deployments::DeploymentBody;
use crate::events::EventBody;
use crate::extract::{Json, Query};
use crate::models::ModelSummary;
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Server), routes!(get_status))
        .documented(may(Action::View, ObjectKind::Server), routes!(search))
        .documented(may(Action::View, ObjectKind::Model), routes!(get_lineage))
}

/// What needs attention, and how everything is.
#[utoipa::path(get, path = "/api/v1/status", tag = "overview", responses((status = 200, body = StatusBody)))]
async fn get_status(State(app): State<App>) -> Result<Json<StatusBody>, Problem> {
    let status = app.platform().status().await?;
    Ok(Json(StatusBody {
        needs_attention: status.needs_attention.into_iter().map(AttentionBody::from).collect(),
        models: status.models.into_iter().map(ModelSummary::from).collect(),
        deployments: status.deployments.into_iter().map(DeploymentBody::from).collect(),
        alerts_firing: status.alerts_firing,
        jobs_running: status.jobs_running,
        recent_events: status.recent_events.into_iter().map(EventBody::from).collect(),
    }))
}

/// Everything with a name that fits what was typed.
#[utoipa::path(get, path = "/api/v1/search", tag = "overview", params(SearchQuery), responses((status = 200, body = HitPage)))]
async fn search(State(app): State<App>, Query(asked): Query<SearchQuery>) -> Result<Json<HitPage>, Problem> {
    let hits = app.platform().search(&asked.q).await?;
    Ok(Json(HitPage { items: hits.into_iter().map(HitBody::from).collect() }))
}

/// The way back from an object to the rows it came from.
#[utoipa::path(get, path = "/api/v1/lineage", tag = "overview", params(LineageQuery), responses((status = 200, body = LineageBody)))]
async fn get_lineage(
    State(app): State<App>,
    Query(asked): Query<LineageQuery>,
) -> Result<Json<LineageBody>, Problem> {
    let lineage = app.platform().lineage(&asked.object).await?;
    Ok(Json(LineageBody::from(lineage)))
}
