//! KServe's first protocol: `instances` in, `predictions` out.

use axum::http::HeaderMap;
use axum::response::Response;
use governance::{Action, ObjectKind};
use serde_json::{Value, json};

use super::context::inference;
use super::payload;
use super::routes::{Deployments, REQUEST_BYTES, predicting};
use crate::endpoint::tabular;
use crate::extract::{Body, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let list = may(Action::View, ObjectKind::Deployment);
    Routes::new()
        .get("/v1/models", list, get_models)
        .get("/v1/models/{name}", list.named_by("name"), get_model)
        .post("/v1/models/{name}", predicting(), post_predict)
}

async fn get_models(Deployments(serving): Deployments) -> Json<Value> {
    Json(json!({ "models": serving.names() }))
}

async fn get_model(
    Deployments(serving): Deployments,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    serving.metadata(&name, None)?;
    Ok(Json(json!({ "name": name, "ready": true })))
}

async fn post_predict(
    Deployments(serving): Deployments,
    Path(called): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let Some(name) = called.strip_suffix(":predict") else {
        let problem = Problem::not_found("call", "route_not_found", &called);
        return Err(problem.with_hint("predictions are asked for at `/v1/models/NAME:predict`"));
    };
    let body = payload::inflated(&headers, body, REQUEST_BYTES)?;
    let loaded = serving.current(name)?;
    let request = tabular::instances(loaded.engine.signature(), &body)?;
    let answer = serving.infer(name, request, inference(&headers, None)).await?;
    Ok(tabular::predictions(&answer))
}
