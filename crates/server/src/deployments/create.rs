//! Making an endpoint for a model that no `gingham.yaml` describes.

use axum::extract::State;
use governance::{Action, ObjectKind};
use platform::Endpoint;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::DeploymentBody;
use crate::app::App;
use crate::extract::{Caller, Json};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new().documented(may(Action::Create, ObjectKind::Deployment), routes!(create_deployment))
}

/// A wish for an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDeploymentBody {
    /// The name that requests use; the model's when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The model, such as one that was registered through MLflow.
    pub model: String,
    /// The alias whose version answers; `champion` when absent.
    #[serde(default)]
    pub alias: Option<String>,
}

/// Makes an endpoint that follows an alias of a model.
#[utoipa::path(
    post,
    path = "/api/v1/deployments",
    tag = "deployments",
    request_body = NewDeploymentBody,
    responses((status = 200, body = DeploymentBody))
)]
async fn create_deployment(
    State(app): State<App>,
    caller: Caller,
    Json(wanted): Json<NewDeploymentBody>,
) -> Result<Json<DeploymentBody>, Problem> {
    let endpoint = Endpoint {
        name: wanted.name.unwrap_or_else(|| wanted.model.clone()),
        model: wanted.model,
        alias: wanted.alias.unwrap_or_else(|| "champion".to_owned()),
    };
    Ok(Json(DeploymentBody::from(app.platform().make_endpoint(endpoint, &caller.actor()).await?)))
}
