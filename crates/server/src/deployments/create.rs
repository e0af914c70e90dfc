//! Making an endpoint for a model that no `gingham.yaml` describes.

use std::time::Duration;

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
    let create = may(Action::Create, ObjectKind::Deployment).deadline(FIRST_DEADLINE);
    Routes::new().documented(create, routes!(create_deployment))
}

/// A model that Python runs has an environment made for it first.
const FIRST_DEADLINE: Duration = Duration::from_secs(30 * 60);

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
    /// On what the model is computed: `cpu`, `cuda` or `cuda:1`; `cpu` when absent.
    #[serde(default)]
    pub device: Option<String>,
    /// Its limits, with the words of `deployment.limits` in a `gingham.yaml`; the usual ones when absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub limits: Option<serde_json::Value>,
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
    let refused = |problem: String| Problem::invalid("invalid_value", problem);
    let mut settings: ::serving::Settings = match wanted.limits {
        Some(limits) => {
            serde_json::from_value(limits).map_err(|error| refused(format!("`limits`: {error}")))?
        }
        None => ::serving::Settings::default(),
    };
    if let Some(word) = &wanted.device {
        settings.device = word.parse().map_err(refused)?;
    }
    let endpoint = Endpoint {
        settings,
        name: wanted.name.unwrap_or_else(|| wanted.model.clone()),
        model: wanted.model,
        alias: wanted.alias.unwrap_or_else(|| "champion".to_owned()),
    };
    Ok(Json(DeploymentBody::from(app.platform().make_endpoint(endpoint, &caller.actor()).await?)))
}
