//! Datasets and their versions.

use axum::extract::State;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{DatasetBody, DatasetPage, DatasetVersionBody, DatasetVersionPage};
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Dataset);
    Routes::new()
        .documented(view, routes!(list_datasets))
        .documented(view.named_by("dataset"), routes!(get_dataset))
        .documented(view.named_by("dataset"), routes!(list_dataset_versions))
        .documented(view.named_by("dataset"), routes!(get_dataset_version))
}

/// The datasets, by name.
#[utoipa::path(get, path = "/api/v1/datasets", tag = "data", params(Paging), responses((status = 200, body = DatasetPage)))]
async fn list_datasets(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<DatasetPage>, Problem> {
    let found = datasets::list_datasets(&mut app.db().read().await?, &paging.request()).await?;
    let page = found.map(DatasetBody::from);
    Ok(Json(DatasetPage { items: page.items, next_cursor: page.next_cursor }))
}

/// A dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}", tag = "data", params(("dataset" = String, Path)), responses((status = 200, body = DatasetBody)))]
async fn get_dataset(
    State(app): State<App>,
    Path(dataset): Path<String>,
) -> Result<Json<DatasetBody>, Problem> {
    let dataset = datasets::get_dataset(&mut app.db().read().await?, &dataset).await?;
    Ok(Json(DatasetBody::from(dataset)))
}

/// The versions of a dataset, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/{dataset}/versions",
    tag = "data",
    params(("dataset" = String, Path), Paging),
    responses((status = 200, body = DatasetVersionPage))
)]
async fn list_dataset_versions(
    State(app): State<App>,
    Path(dataset): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<DatasetVersionPage>, Problem> {
    let mut read = app.db().read().await?;
    datasets::get_dataset(&mut read, &dataset).await?;
    let page =
        datasets::list_versions(&mut read, &dataset, &paging.request()).await?.map(DatasetVersionBody::from);
    Ok(Json(DatasetVersionPage { items: page.items, next_cursor: page.next_cursor }))
}

/// A version with the profile of its rows, named by its number, `latest`, a tag, or a moment at which it was the newest.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/{dataset}/versions/{version}",
    tag = "data",
    params(("dataset" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = DatasetVersionBody))
)]
async fn get_dataset_version(
    State(app): State<App>,
    Path((dataset, version)): Path<(String, String)>,
) -> Result<Json<DatasetVersionBody>, Problem> {
    let version = datasets::resolve(&mut app.db().read().await?, &dataset, &version.parse()?).await?;
    Ok(Json(DatasetVersionBody::from(version)))
}
