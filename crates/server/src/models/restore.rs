//! What was deleted, and bringing it back.

use axum::extract::State;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{DeletedLimit, DeletedModel, DeletedModels, ModelBody, VersionBody};
use crate::app::App;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The most deleted models that a list tells of.
const MOST: usize = 1_000;

pub(crate) fn routes() -> Routes {
    let delete = may(Action::Delete, ObjectKind::Model).named_by("model");
    Routes::new()
        .documented(may(Action::View, ObjectKind::Model), routes!(list_deleted_models))
        .documented(delete, routes!(restore_model))
        .documented(delete, routes!(restore_version))
}

/// Models that were deleted and can be brought back, newest first.
#[utoipa::path(get, path = "/api/v1/deleted-models", tag = "models", params(DeletedLimit), responses((status = 200, body = DeletedModels)))]
async fn list_deleted_models(
    State(app): State<App>,
    Query(asked): Query<DeletedLimit>,
) -> Result<Json<DeletedModels>, Problem> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let found = registry::deleted_models(&mut app.db().read().await?, limit).await?;
    let items = found
        .into_iter()
        .map(|model| DeletedModel {
            name: model.name,
            deleted_at: model.deleted_at,
            versions: model.versions,
        })
        .collect();
    Ok(Json(DeletedModels { items }))
}

/// Brings back the model of that name that was deleted last, with the versions that went with it, without its aliases.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/restore",
    tag = "models",
    params(("model" = String, Path)),
    responses((status = 200, body = ModelBody))
)]
async fn restore_model(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
) -> Result<Json<ModelBody>, Problem> {
    let (name, actor, now) = (model.clone(), caller.actor(), app.now());
    app.db()
        .write::<_, registry::Error, _>(move |tx| {
            Box::pin(async move { registry::restore_model(tx, &name, &actor, now).await })
        })
        .await?;
    Ok(Json(ModelBody::from(app.platform().model(&model).await?)))
}

/// Brings back a version that was deleted, without its aliases.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/versions/{version}/restore",
    tag = "models",
    params(("model" = String, Path), ("version" = i64, Path)),
    responses((status = 200, body = VersionBody))
)]
async fn restore_version(
    State(app): State<App>,
    caller: Caller,
    Path((model, version)): Path<(String, i64)>,
) -> Result<Json<VersionBody>, Problem> {
    let (name, actor, now) = (model.clone(), caller.actor(), app.now());
    app.db()
        .write::<_, registry::Error, _>(move |tx| {
            Box::pin(async move { registry::restore_version(tx, &name, version, &actor, now).await })
        })
        .await?;
    Ok(Json(VersionBody::from(app.platform().version(&model, version).await?)))
}
