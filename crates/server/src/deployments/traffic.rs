//! How a deployment shares its requests out: looking, changing, taking away and putting back.

use ::serving::{Branch, Traffic, traffic_store::Revision};
use axum::extract::State;
use base::Timestamp;
use governance::{Action, ObjectKind};
use platform::TrafficView;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::DeploymentBody;
use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Deployment).named_by("deployment");
    let change = may(Action::Change, ObjectKind::Deployment).named_by("deployment");
    Routes::new()
        .documented(view, routes!(get_traffic))
        .documented(change, routes!(put_traffic))
        .documented(change, routes!(load_deployment))
        .documented(change, routes!(unload_deployment))
}

/// How a deployment shares its requests out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrafficBody {
    /// The deployment.
    pub deployment: String,
    /// What holds now: `canary`, `shadow`, `fallback`, `rollback`, each only if it is set.
    #[schema(value_type = Object)]
    pub traffic: Value,
    /// In a line.
    pub summary: String,
    /// How the A/B test stands: labels and mean loss of both sides, their difference with its margin, the verdict.
    #[schema(value_type = Option<Object>)]
    pub test: Option<Value>,
    /// The versions behind it with what was asked of them, the primary first.
    pub branches: Vec<BranchBody>,
    /// The revisions, newest first.
    pub history: Vec<RevisionBody>,
}

/// One version behind a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BranchBody {
    /// `primary`, `canary`, `shadow` or `fallback`.
    pub variant: String,
    /// The version.
    pub version: i64,
    /// The share of requests that it is meant to get, 0 to 1.
    pub share: f64,
    /// Requests since the server started.
    pub requests_total: u64,
    /// Requests that failed since the server started.
    pub errors_total: u64,
    /// Half of the requests took no longer, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: Option<f64>,
    /// How a shadow's answers compare with those that were given.
    #[schema(value_type = Option<Object>)]
    pub comparison: Option<Value>,
    /// Why it is being taken back, if it is.
    pub tripped: Option<String>,
}

/// A revision of the traffic settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevisionBody {
    /// Its number.
    pub revision: i64,
    /// In a line.
    pub summary: String,
    /// Why it came.
    pub reason: String,
    /// Who brought it.
    pub actor: String,
    /// From when on it held.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// New traffic settings.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PutTraffic {
    /// What shall hold; what is left out is switched off.
    #[schema(value_type = Object)]
    pub traffic: Value,
    /// Why.
    pub reason: String,
}

/// Why a deployment is taken away.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Unload {
    /// Why.
    pub reason: String,
}

fn branch(branch: Branch) -> BranchBody {
    BranchBody {
        variant: branch.variant.word().to_owned(),
        version: branch.version,
        share: branch.share,
        requests_total: branch.stats.requests_total,
        errors_total: branch.stats.errors_total,
        p50_ms: branch.stats.latency_ms.p50,
        p99_ms: branch.stats.latency_ms.p99,
        comparison: branch.comparison.map(|comparison| json!(comparison)),
        tripped: branch.tripped,
    }
}

fn revision(revision: Revision) -> RevisionBody {
    RevisionBody {
        revision: revision.revision,
        summary: revision.traffic.in_words(),
        reason: revision.reason,
        actor: revision.actor.as_str().to_owned(),
        at: revision.at,
    }
}

fn body(view: TrafficView) -> TrafficBody {
    TrafficBody {
        deployment: view.deployment,
        traffic: json!(view.traffic),
        summary: view.summary,
        test: view.test.map(|test| json!(test)),
        branches: view.branches.into_iter().map(branch).collect(),
        history: view.history.into_iter().map(revision).collect(),
    }
}

fn reason(given: &str) -> Result<&str, Problem> {
    match given.trim() {
        "" => Err(Problem::invalid("reason_missing", "a change needs a reason")
            .with_hint("say in a few words why; it is kept with the event")),
        reason => Ok(reason),
    }
}

/// How a deployment shares its requests out.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment}/traffic",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = TrafficBody))
)]
async fn get_traffic(
    State(app): State<App>,
    Path(deployment): Path<String>,
) -> Result<Json<TrafficBody>, Problem> {
    Ok(Json(body(app.platform().traffic(&deployment).await?)))
}

/// Shares the requests of a deployment out anew.
#[utoipa::path(
    put,
    path = "/api/v1/deployments/{deployment}/traffic",
    tag = "deployments",
    params(("deployment" = String, Path)),
    request_body = PutTraffic,
    responses((status = 200, body = TrafficBody))
)]
async fn put_traffic(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
    Json(new): Json<PutTraffic>,
) -> Result<Json<TrafficBody>, Problem> {
    let reason = reason(&new.reason)?.to_owned();
    let traffic: Traffic = serde_json::from_value(new.traffic)
        .map_err(|error| Problem::invalid("traffic_invalid", format!("`traffic`: {error}")))?;
    let view = app.platform().set_traffic(&deployment, traffic, &reason, &caller.actor()).await?;
    Ok(Json(body(view)))
}

/// Puts a deployment that was taken away back into service.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment}/load",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = DeploymentBody))
)]
async fn load_deployment(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
) -> Result<Json<DeploymentBody>, Problem> {
    app.platform().load_deployment(&deployment, &caller.actor()).await?;
    Ok(Json(DeploymentBody::from(app.platform().deployment(&deployment).await?)))
}

/// Takes a deployment out of service until it is loaded again; requests under way are answered.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment}/unload",
    tag = "deployments",
    params(("deployment" = String, Path)),
    request_body = Unload,
    responses((status = 200, body = DeploymentBody))
)]
async fn unload_deployment(
    State(app): State<App>,
    caller: Caller,
    Path(deployment): Path<String>,
    Json(unload): Json<Unload>,
) -> Result<Json<DeploymentBody>, Problem> {
    let reason = reason(&unload.reason)?;
    app.platform().unload_deployment(&deployment, reason, &caller.actor()).await?;
    Ok(Json(DeploymentBody::from(app.platform().deployment(&deployment).await?)))
}
