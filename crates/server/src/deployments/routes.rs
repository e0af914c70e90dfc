//! Looking at deployments. They are made by a `gingham.yaml` and follow their alias.

use axum::extract::State;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{DeploymentBody, DeploymentPage};
use crate::app::App;
use crate::extract::{Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Deployment);
    Routes::new()
        .documented(view, routes!(list_deployments))
        .documented(view.named_by("deployment"), routes!(get_deployment))
}

/// The deployments, by name.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", responses((status = 200, body = DeploymentPage)))]
async fn list_deployments(State(app): State<App>) -> Result<Json<DeploymentPage>, Problem> {
    let deployments = app.platform().deployments().await?;
    Ok(Json(DeploymentPage { items: deployments.into_iter().map(DeploymentBody::from).collect() }))
}

/// A deployment with the versions that answered.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment}",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = DeploymentBody))
)]
async fn get_deployment(
    State(app): State<App>,
    Path(deployment): Path<String>,
) -> Result<Json<DeploymentBody>, Problem> {
    Ok(Json(DeploymentBody::from(app.platform().deployment(&deployment).await?)))
}
