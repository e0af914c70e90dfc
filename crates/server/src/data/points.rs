//! Tags of datasets, and versions that are selected from other datasets.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use governance::{Action, ObjectKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::{DatasetVersionBody, PushVerdictBody, PushedBody};
use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A query over large datasets takes a while.
const QUERY_DEADLINE: Duration = Duration::from_secs(300);

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Dataset).named_by("dataset");
    let change = may(Action::Create, ObjectKind::Dataset).named_by("dataset");
    Routes::new()
        .documented(view, routes!(list_dataset_tags))
        .documented(change, routes!(set_dataset_tag))
        .documented(change, routes!(remove_dataset_tag))
        .documented(change.deadline(QUERY_DEADLINE), routes!(select_dataset_version))
}

/// A name that points at a version.
#[derive(Debug, Serialize, ToSchema)]
struct DatasetTagBody {
    /// The tag.
    tag: String,
    /// Where it points.
    version: i64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    set_at: base::Timestamp,
    /// By whom.
    set_by: String,
}

/// The tags of a dataset.
#[derive(Debug, Serialize, ToSchema)]
struct DatasetTagList {
    /// By name.
    items: Vec<DatasetTagBody>,
}

/// Where a tag is to point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DatasetTagChange {
    /// The number of the version.
    version: i64,
}

/// What is selected into a version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DatasetSelection {
    /// SQL over `datasets.NAME` and `datasets."NAME@VERSION"`.
    query: String,
    /// Whether the rows stand in place of those before rather than behind them.
    #[serde(default)]
    replace: bool,
}

/// The tags of a dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/tags", tag = "data", params(("dataset" = String, Path)), responses((status = 200, body = DatasetTagList)))]
async fn list_dataset_tags(
    State(app): State<App>,
    Path(dataset): Path<String>,
) -> Result<Json<DatasetTagList>, Problem> {
    let tags = datasets::tags(&mut app.db().read().await?, &dataset).await?;
    let body = |tag: datasets::Tag| DatasetTagBody {
        tag: tag.tag,
        version: tag.version,
        set_at: tag.set_at,
        set_by: tag.set_by,
    };
    Ok(Json(DatasetTagList { items: tags.into_iter().map(body).collect() }))
}

/// Points a tag at a version, wherever it pointed before.
#[utoipa::path(
    put,
    path = "/api/v1/datasets/{dataset}/tags/{tag}",
    tag = "data",
    params(("dataset" = String, Path), ("tag" = String, Path)),
    request_body = DatasetTagChange,
    responses((status = 204, description = "the tag points there"))
)]
async fn set_dataset_tag(
    State(app): State<App>,
    caller: Caller,
    Path((dataset, tag)): Path<(String, String)>,
    Json(change): Json<DatasetTagChange>,
) -> Result<StatusCode, Problem> {
    let (actor, now) = (caller.actor(), app.now());
    let set: Result<(), datasets::Error> = app
        .db()
        .write(move |tx| {
            Box::pin(async move { datasets::set_tag(tx, &dataset, &tag, change.version, &actor, now).await })
        })
        .await;
    set?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a tag away.
#[utoipa::path(
    delete,
    path = "/api/v1/datasets/{dataset}/tags/{tag}",
    tag = "data",
    params(("dataset" = String, Path), ("tag" = String, Path)),
    responses((status = 204, description = "the tag is gone"))
)]
async fn remove_dataset_tag(
    State(app): State<App>,
    caller: Caller,
    Path((dataset, tag)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let actor = caller.actor();
    let removed: Result<(), datasets::Error> = app
        .db()
        .write(move |tx| Box::pin(async move { datasets::remove_tag(tx, &dataset, &tag, &actor).await }))
        .await;
    removed?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds what a query selects from other datasets as a new version. The versions that were read are kept with it.
#[utoipa::path(
    post,
    path = "/api/v1/datasets/{dataset}/versions/from-query",
    tag = "data",
    params(("dataset" = String, Path)),
    request_body = DatasetSelection,
    responses((status = 201, body = PushedBody))
)]
async fn select_dataset_version(
    State(app): State<App>,
    caller: Caller,
    Path(dataset): Path<String>,
    Json(selection): Json<DatasetSelection>,
) -> Result<(StatusCode, Json<PushedBody>), Problem> {
    let platform = app.platform();
    let pushed = platform.push_query(&dataset, &selection.query, selection.replace, &caller.actor()).await?;
    let body = PushedBody {
        version: DatasetVersionBody::from(pushed.version),
        verdict: PushVerdictBody::from(pushed.verdict),
    };
    Ok((StatusCode::CREATED, Json(body)))
}
