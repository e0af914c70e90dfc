//! Rows of datasets: added as new versions, and looked at.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use base::PageRequest;
use governance::{Action, ObjectKind};
use tables::{CsvOptions, Schema, Table};
use utoipa_axum::routes;

use super::wire::{
    DatasetVersionBody, PreviewBody, PreviewQuery, PushQuery, PushVerdictBody, PushedBody, columns,
};
use crate::app::App;
use crate::extract::{Body, Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may, panicked};

/// The most bytes that one request may bring; more rows come in more requests.
const PUSH_LIMIT_BYTES: usize = 256 * 1024 * 1024;
/// Checks over that many rows take a while.
const PUSH_DEADLINE: Duration = Duration::from_secs(300);
/// How many rows a preview shows unless the client says otherwise.
const USUAL_PREVIEW: usize = 50;

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Dataset).named_by("dataset");
    let push = may(Action::Create, ObjectKind::Dataset).named_by("dataset");
    Routes::new()
        .documented(view, routes!(preview_dataset_version))
        .documented(push.body_limit_bytes(PUSH_LIMIT_BYTES).deadline(PUSH_DEADLINE), routes!(push_rows))
}

/// The first rows of a version.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/{dataset}/versions/{version}/preview",
    tag = "data",
    params(("dataset" = String, Path), ("version" = i64, Path), PreviewQuery),
    responses((status = 200, body = PreviewBody))
)]
async fn preview_dataset_version(
    State(app): State<App>,
    Path((dataset, version)): Path<(String, i64)>,
    Query(asked): Query<PreviewQuery>,
) -> Result<Json<PreviewBody>, Problem> {
    let limit = asked.limit.unwrap_or(USUAL_PREVIEW).clamp(1, PageRequest::MOST);
    let version = datasets::get_version(&mut app.db().read().await?, &dataset, version).await?;
    let table = app.platform().rows_of(&version).await?;
    Ok(Json(PreviewBody { columns: columns(&version.schema.columns), rows: table.json_arrays(limit) }))
}

/// Adds rows as a new version, after every check that concerns them. The body is CSV (`text/csv`) or Parquet.
#[utoipa::path(
    post,
    path = "/api/v1/datasets/{dataset}/versions",
    tag = "data",
    params(("dataset" = String, Path), PushQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 201, body = PushedBody))
)]
async fn push_rows(
    State(app): State<App>,
    caller: Caller,
    Path(dataset): Path<String>,
    Query(asked): Query<PushQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<(StatusCode, Json<PushedBody>), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let format = Format::of(kind)?;
    let newest = datasets::latest(&mut app.db().read().await?, &dataset).await?;
    let name = asked.origin.clone().unwrap_or_else(|| "body".to_owned());
    let known = newest.map(|version| version.schema);
    let rows = tokio::task::spawn_blocking(move || format.read(&name, &body, known))
        .await
        .map_err(|error| panicked(error.to_string()))??;
    let origin = asked.origin.unwrap_or_else(|| "upload".to_owned());
    let pushed = app.platform().push_rows(&dataset, rows, &origin, &caller.actor()).await?;
    let body = PushedBody {
        version: DatasetVersionBody::from(pushed.version),
        verdict: PushVerdictBody::from(pushed.verdict),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// In which form rows come.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    Parquet,
}

impl Format {
    fn of(content_type: &str) -> Result<Self, Problem> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "text/csv" | "application/csv" => Ok(Format::Csv),
            "application/vnd.apache.parquet" | "application/parquet" | "application/x-parquet" => {
                Ok(Format::Parquet)
            }
            _ => Err(Problem::invalid("unknown_format", format!("rows cannot be read from `{kind}`"))
                .with_hint("send `Content-Type: text/csv` or `application/vnd.apache.parquet`")
                .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }

    /// Reads the rows; values of CSV must fit the columns that are known already.
    fn read(self, name: &str, body: &[u8], known: Option<Schema>) -> Result<Table, tables::Error> {
        match self {
            Format::Csv => tables::read_csv_bytes(name, body, &CsvOptions { known, ..CsvOptions::default() }),
            Format::Parquet => Table::from_parquet(body.to_vec()),
        }
    }
}
