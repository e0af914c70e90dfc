//! Models, versions and promotions.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use governance::{Action, ObjectKind};
use registry::{AliasChange, Expected};
use utoipa_axum::routes;

use super::wire::{
    ModelBody, ModelPage, ModelSummary, MoveAlias, MovedAlias, PromotionBody, PromotionPage, TrainBody,
    VersionBody, VersionPage,
};
use crate::app::App;
use crate::extract::{Caller, Json, Paging, Path, Query};
use crate::pipelines::JobBody;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A version is loaded and warmed before it serves.
const SWITCH_DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Model);
    Routes::new()
        .documented(view, routes!(list_models))
        .documented(view.named_by("model"), routes!(get_model))
        .documented(view.named_by("model"), routes!(list_versions))
        .documented(view.named_by("model"), routes!(get_version))
        .documented(view.named_by("model"), routes!(list_promotions))
        .documented(may(Action::Run, ObjectKind::Model).named_by("model"), routes!(train_model))
        .documented(
            may(Action::Promote, ObjectKind::Model).named_by("model").deadline(SWITCH_DEADLINE),
            routes!(move_alias),
        )
        .and(super::file::routes())
}

/// The models, by name.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(Paging), responses((status = 200, body = ModelPage)))]
async fn list_models(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<ModelPage>, Problem> {
    let (models, next_cursor) = app.platform().models(&paging.request()).await?;
    Ok(Json(ModelPage { items: models.into_iter().map(ModelSummary::from).collect(), next_cursor }))
}

/// A model with its file, aliases and newest versions.
#[utoipa::path(get, path = "/api/v1/models/{model}", tag = "models", params(("model" = String, Path)), responses((status = 200, body = ModelBody)))]
async fn get_model(State(app): State<App>, Path(model): Path<String>) -> Result<Json<ModelBody>, Problem> {
    Ok(Json(ModelBody::from(app.platform().model(&model).await?)))
}

/// The versions of a model, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/versions",
    tag = "models",
    params(("model" = String, Path), Paging),
    responses((status = 200, body = VersionPage))
)]
async fn list_versions(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<VersionPage>, Problem> {
    registry::get_model(&mut app.db().read().await?, &model).await?;
    let (versions, next_cursor) = app.platform().versions(&model, &paging.request()).await?;
    Ok(Json(VersionPage { items: versions.into_iter().map(VersionBody::from).collect(), next_cursor }))
}

/// A version with all that is known about it.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/versions/{version}",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, body = VersionBody))
)]
async fn get_version(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<VersionBody>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    Ok(Json(VersionBody::from(app.platform().version(&model, found.number).await?)))
}

/// Which versions were weighed for an alias, and why they took it or not; newest first.
#[utoipa::path(get, path = "/api/v1/models/{model}/promotions", tag = "models", params(("model" = String, Path), Paging), responses((status = 200, body = PromotionPage)))]
async fn list_promotions(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<PromotionPage>, Problem> {
    let page = paging.request();
    let mut read = app.db().read().await?;
    let found = registry::list_promotions(&mut read, &model, page.limit, page.cursor.as_deref()).await?;
    let items = found.items.into_iter().map(PromotionBody::from).collect();
    Ok(Json(PromotionPage { items, next_cursor: found.next_token }))
}

/// Points an alias at a version; the deployments that follow it serve that version before the answer comes.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/aliases/{alias}",
    tag = "models",
    params(("model" = String, Path), ("alias" = String, Path)),
    request_body = MoveAlias,
    responses((status = 200, body = MovedAlias))
)]
async fn move_alias(
    State(app): State<App>,
    caller: Caller,
    Path((model, alias)): Path<(String, String)>,
    Json(asked): Json<MoveAlias>,
) -> Result<Json<MovedAlias>, Problem> {
    let expected = asked.expected_version.map_or(Expected::Anything, Expected::Version);
    let change = AliasChange { model, alias, version: asked.version, expected, reason: asked.reason };
    let moved = app.platform().promote(change, &caller.actor()).await?;
    Ok(Json(MovedAlias::from(moved)))
}

/// Asks for a training; answers the job that does it, which may be one that waits already.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/train",
    tag = "models",
    params(("model" = String, Path)),
    request_body = Option<TrainBody>,
    responses((status = 202, body = JobBody))
)]
async fn train_model(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    asked: Option<Json<TrainBody>>,
) -> Result<(StatusCode, Json<JobBody>), Problem> {
    let reason = asked.map(|Json(asked)| asked.reason).filter(|reason| !reason.is_empty());
    let cause = reason.unwrap_or_else(|| format!("`{}` asked for it", caller.principal()));
    let job = app.platform().order_training(&model, &cause, &caller.actor()).await?;
    Ok((StatusCode::ACCEPTED, Json(JobBody::from(job))))
}
