//! Rows of datasets: added as new versions, and looked at.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use base::PageRequest;
use governance::{Action, ObjectKind};
use platform::Origin;
use tables::{CsvOptions, Format};
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
/// The header with what is known of where rows come from, and its longest value in bytes.
const ORIGIN_HEADER: &str = "gingham-origin";
const MOST_ORIGIN_BYTES: usize = 64 << 10;
/// How many rows a preview shows unless the client says otherwise.
const USUAL_PREVIEW: usize = 50;

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Dataset).named_by("dataset");
    let push = may(Action::Create, ObjectKind::Dataset).named_by("dataset");
    Routes::new()
        .documented(view, routes!(preview_dataset_version))
        .documented(push.body_limit_bytes(PUSH_LIMIT_BYTES).deadline(PUSH_DEADLINE), routes!(push_rows))
}

/// Some rows of a version, in the order in which they came.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/{dataset}/versions/{version}/preview",
    tag = "data",
    params(("dataset" = String, Path), ("version" = String, Path), PreviewQuery),
    responses((status = 200, body = PreviewBody))
)]
async fn preview_dataset_version(
    State(app): State<App>,
    Path((dataset, version)): Path<(String, String)>,
    Query(asked): Query<PreviewQuery>,
) -> Result<Json<PreviewBody>, Problem> {
    let limit = asked.limit.unwrap_or(USUAL_PREVIEW).clamp(1, PageRequest::MOST);
    let version = datasets::resolve(&mut app.db().read().await?, &dataset, &version.parse()?).await?;
    let offset = asked.offset.unwrap_or(0);
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let table = app.platform().some_rows_of(&version, from, limit).await?;
    Ok(Json(PreviewBody {
        columns: columns(&version.schema.columns),
        rows: table.json_arrays(limit),
        version: version.number,
        offset,
        rows_total: version.rows,
    }))
}

/// Adds rows as a new version, after every check that concerns them. The body is CSV (`text/csv`), JSON lines
/// (`application/x-ndjson`), Parquet or Arrow. The header `gingham-origin` may hold an object of JSON with what is known of
/// where they come from: `kind`, `query`, `engine`, `external` (things of other systems, each with `namespace`, `name` and
/// `version`), `files`, `with`.
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
    let format = Format::of_content_type(kind).ok_or_else(|| unknown_format(kind))?;
    let origin = origin_of(&asked, &headers)?;
    let newest = datasets::latest(&mut app.db().read().await?, &dataset).await?;
    let name = asked.origin.unwrap_or_else(|| "body".to_owned());
    // Rows that replace all others may have other types than those.
    let known = newest.filter(|_| !origin.replaces).map(|version| version.schema);
    let options = CsvOptions { known, ..CsvOptions::default() };
    let rows = tokio::task::spawn_blocking(move || format.read(&name, &body, &options))
        .await
        .map_err(|error| panicked(error.to_string()))??;
    let pushed = app.platform().push_rows_of(&dataset, rows, &origin, &caller.actor()).await?;
    let body = PushedBody {
        version: DatasetVersionBody::from(pushed.version),
        verdict: PushVerdictBody::from(pushed.verdict),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

fn unknown_format(kind: &str) -> Problem {
    Problem::invalid("unknown_format", format!("rows cannot be read from `{kind}`"))
        .with_hint(
            "send `Content-Type: text/csv`, `application/x-ndjson`, `application/vnd.apache.parquet` or \
             `application/vnd.apache.arrow.stream`",
        )
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// What a client tells of where its rows come from, beyond words: an object of JSON in a header.
fn origin_of(asked: &PushQuery, headers: &HeaderMap) -> Result<Origin, Problem> {
    let wrong =
        |why: String| Problem::invalid("origin_invalid", format!("the header `{ORIGIN_HEADER}` {why}"));
    let mut facts = serde_json::Map::new();
    if let Some(header) = headers.get(ORIGIN_HEADER) {
        if header.len() > MOST_ORIGIN_BYTES {
            return Err(wrong(format!("is longer than {MOST_ORIGIN_BYTES} bytes")));
        }
        facts = serde_json::from_slice(header.as_bytes())
            .map_err(|error| wrong(format!("is no object of JSON: {error}")))?;
    }
    let source = asked.origin.clone().unwrap_or_else(|| "upload".to_owned());
    Ok(Origin { source, facts, replaces: asked.replace.unwrap_or(false) })
}
