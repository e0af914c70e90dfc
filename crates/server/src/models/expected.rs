//! Rows that a version keeps with the outputs that they must have.

use axum::extract::State;
use governance::{Action, ObjectKind};
use platform::parity::ExpectedRows;
use serde_json::{Value, json};
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Model).named_by("model"), routes!(get_expected_rows))
        .documented(may(Action::Promote, ObjectKind::Model).named_by("model"), routes!(put_expected_rows))
}

/// The rows that every engine must answer alike before it takes traffic; null when the version keeps none.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/versions/{version}/expected-rows",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, body = Object))
)]
async fn get_expected_rows(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    Ok(Json(json!(app.platform().expected_rows(&model, found.number).await?)))
}

/// Keeps rows with a version, in place of those that it kept. They hold from its next deployment on.
#[utoipa::path(
    put,
    path = "/api/v1/models/{model}/versions/{version}/expected-rows",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    request_body = Object,
    responses((status = 200, body = Object))
)]
async fn put_expected_rows(
    State(app): State<App>,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
    Json(rows): Json<ExpectedRows>,
) -> Result<Json<Value>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    let digest = app.platform().keep_expected_rows(&found, &rows, &caller.actor()).await?;
    Ok(Json(json!({ "model": model, "version": found.number, "rows": rows.rows(), "digest": digest })))
}
