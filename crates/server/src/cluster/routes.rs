//! Looking at a deployment in its cluster, applying it, going back, taking it out.

use std::time::Duration;

use axum::extract::State;
use clusters::Conflicts;
use governance::{Action, ObjectKind};
use platform::ClusterOrder;
use utoipa_axum::routes;

use super::wire::{ClusterBody, ClusterChangeBody, ClusterWish, ManifestsBody};
use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A cluster is asked once or twice for each object.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Deployment).named_by("deployment").deadline(DEADLINE);
    let change = may(Action::Change, ObjectKind::Deployment).named_by("deployment").deadline(DEADLINE);
    Routes::new()
        .documented(view, routes!(get_cluster))
        .documented(view, routes!(get_manifests))
        .documented(change, routes!(apply_to_cluster))
        .documented(change, routes!(roll_back_cluster))
        .documented(change, routes!(remove_from_cluster))
}

fn order(deployment: String, wish: &ClusterWish) -> Result<ClusterOrder, Problem> {
    if wish.reason.trim().is_empty() {
        return Err(Problem::invalid("reason_missing", "a change needs a reason")
            .with_hint("say in a few words why; it is kept with the event"));
    }
    let conflicts = if wish.take_over { Conflicts::TakeOver } else { Conflicts::Refuse };
    Ok(ClusterOrder { deployment, reason: wish.reason.trim().to_owned(), conflicts })
}

/// How a deployment is in its cluster: replicas, each object, drift, what was applied.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment}/cluster",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = ClusterBody))
)]
async fn get_cluster(
    State(app): State<App>,
    Path(deployment): Path<String>,
) -> Result<Json<ClusterBody>, Problem> {
    Ok(Json(app.platform().cluster_view(&deployment).await?.into()))
}

/// The objects of a deployment as its `gingham.yaml` wants them.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment}/manifests",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = ManifestsBody))
)]
async fn get_manifests(
    State(app): State<App>,
    Path(deployment): Path<String>,
) -> Result<Json<ManifestsBody>, Problem> {
    Ok(Json(app.platform().cluster_manifests(&deployment).await?.into()))
}

/// Applies a deployment to the cluster as its `gingham.yaml` says.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment}/cluster/apply",
    tag = "deployments",
    params(("deployment" = String, Path)),
    request_body = ClusterWish,
    responses((status = 200, body = ClusterChangeBody))
)]
async fn apply_to_cluster(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
    Json(wish): Json<ClusterWish>,
) -> Result<Json<ClusterChangeBody>, Problem> {
    let order = order(deployment, &wish)?;
    Ok(Json(app.platform().apply_to_cluster(&order, &caller.actor()).await?.into()))
}

/// Applies an earlier revision of a deployment to the cluster again.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment}/cluster/rollback",
    tag = "deployments",
    params(("deployment" = String, Path)),
    request_body = ClusterWish,
    responses((status = 200, body = ClusterChangeBody))
)]
async fn roll_back_cluster(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
    Json(wish): Json<ClusterWish>,
) -> Result<Json<ClusterChangeBody>, Problem> {
    let order = order(deployment, &wish)?;
    Ok(Json(app.platform().cluster_back(&order, wish.revision, &caller.actor()).await?.into()))
}

/// Takes a deployment out of the cluster; this server goes on answering for it.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment}/cluster/remove",
    tag = "deployments",
    params(("deployment" = String, Path)),
    request_body = ClusterWish,
    responses((status = 200, body = ClusterChangeBody))
)]
async fn remove_from_cluster(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
    Json(wish): Json<ClusterWish>,
) -> Result<Json<ClusterChangeBody>, Problem> {
    let order = order(deployment, &wish)?;
    Ok(Json(app.platform().remove_from_cluster(&order, &caller.actor()).await?.into()))
}
