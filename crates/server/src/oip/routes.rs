//! Health, metadata and predictions.

use std::sync::Arc;
use std::time::Duration;

use ::serving::Serving;
use ::serving::oip::ModelMetadata;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base::Kind;
use governance::{Action, ObjectKind};
use serde::Deserialize;

use super::context::inference;
use super::payload;
use super::wire::{Live, ModelReady, Ready, ServerMetadata};
use crate::app::App;
use crate::extract::{Body, Json, Path};
use crate::problem::Problem;
use crate::replicas;
use crate::routes::{Routes, Rule, may};

/// The largest request, as it comes and without its compression.
pub(crate) const REQUEST_BYTES: usize = 32 << 20;
/// How long a request may take, its wait for a place included.
const DEADLINE: Duration = Duration::from_secs(30);
/// The extensions of the protocol that are spoken here.
pub(crate) const EXTENSIONS: &[&str] =
    &["binary_tensor_data", "model_repository", "model_configuration", "statistics"];

/// The rule of every request for predictions.
pub(crate) const fn predicting() -> Rule {
    may(Action::Predict, ObjectKind::Deployment)
        .named_by("name")
        .body_limit_bytes(REQUEST_BYTES)
        .deadline(DEADLINE)
        .cancelled_with_its_client()
}

pub(crate) fn routes() -> Routes {
    let open = may(Action::View, ObjectKind::Health);
    let view = may(Action::View, ObjectKind::Deployment).named_by("name");
    let predict = predicting();
    Routes::new()
        .get("/v2", open, get_server_metadata)
        .get("/v2/health/live", open, get_live)
        .get("/v2/health/ready", open, get_server_ready)
        .get("/v2/models/{name}", view, get_model_metadata)
        .get("/v2/models/{name}/ready", view, get_model_ready)
        .post("/v2/models/{name}/infer", predict, infer)
        .get("/v2/models/{name}/versions/{version}", view, get_model_metadata)
        .get("/v2/models/{name}/versions/{version}/ready", view, get_model_ready)
        .post("/v2/models/{name}/versions/{version}/infer", predict, infer)
}

/// The deployments of this process.
pub(crate) struct Deployments(pub(crate) Arc<Serving>);

impl FromRequestParts<App> for Deployments {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Arc<Serving>>().cloned();
        let missing = "this server answers no requests for predictions";
        found.map(Self).ok_or_else(|| Problem::new(Kind::NotFound, "route_not_found", missing))
    }
}

/// Which model is asked, and which version of it.
#[derive(Debug, Deserialize)]
struct Asked {
    name: String,
    version: Option<String>,
}

async fn get_server_metadata() -> Json<ServerMetadata> {
    Json(ServerMetadata { name: "gingham", version: env!("CARGO_PKG_VERSION"), extensions: EXTENSIONS })
}

async fn get_live() -> Json<Live> {
    Json(Live { live: true })
}

async fn get_server_ready(State(app): State<App>) -> Response {
    let ready = replicas::is_ready(&app);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready })).into_response()
}

async fn get_model_metadata(
    Deployments(serving): Deployments,
    Path(asked): Path<Asked>,
) -> Result<Json<ModelMetadata>, Problem> {
    Ok(Json(serving.metadata(&asked.name, asked.version.as_deref())?))
}

async fn get_model_ready(
    Deployments(serving): Deployments,
    Path(asked): Path<Asked>,
) -> Result<Json<ModelReady>, Problem> {
    serving.metadata(&asked.name, asked.version.as_deref())?;
    Ok(Json(ModelReady { name: asked.name, ready: true }))
}

async fn infer(
    Deployments(serving): Deployments,
    Path(asked): Path<Asked>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = payload::inflated(&headers, body, REQUEST_BYTES)?;
    let request = payload::request(&headers, &body)?;
    let answer = serving.infer(&asked.name, request, inference(&headers, asked.version)).await?;
    Ok(payload::response(answer))
}
