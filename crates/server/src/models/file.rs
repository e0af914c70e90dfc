//! The file of a version that was trained here.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::Path;
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Model).named_by("model"), routes!(download_version))
}

/// The model file of a version that was trained here, to the byte: its digest is the version's. What MLflow logged is a
/// folder of files with its run instead.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/versions/{version}/file",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, description = "the file", content_type = "application/octet-stream", body = Vec<u8>))
)]
async fn download_version(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    let bytes = app.platform().version_file(&found).await?;
    let name =
        format!("attachment; filename=\"{}-{}.json\"", found.model.replace(['/', '"'], "-"), found.number);
    Ok(([(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_DISPOSITION, name)], bytes))
}
