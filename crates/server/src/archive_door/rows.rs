//! Predictions and labels of models that are served elsewhere.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use governance::{Action, ObjectKind};
use platform::{RowsTaken, table_of_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tables::Table;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::SentQuery;
use crate::app::App;
use crate::extract::{Body, Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may, panicked};

/// The most bytes that one call may bring; more rows come in more calls.
const ROWS_LIMIT_BYTES: usize = 64 * 1024 * 1024;
const ROWS_DEADLINE: Duration = Duration::from_secs(120);

pub(super) fn routes() -> Routes {
    let prediction = may(Action::Create, ObjectKind::Prediction);
    let label = may(Action::Create, ObjectKind::Label);
    let sized = |rule: crate::routes::Rule| rule.body_limit_bytes(ROWS_LIMIT_BYTES).deadline(ROWS_DEADLINE);
    Routes::new()
        .documented(sized(prediction), routes!(send_predictions))
        .documented(sized(label), routes!(send_labels))
}

/// What became of rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowsTakenBody {
    /// Rows that are kept now, durably.
    taken: usize,
    /// Rows that had been sent before, and are not kept twice.
    repeated: usize,
}

impl From<RowsTaken> for RowsTakenBody {
    fn from(taken: RowsTaken) -> Self {
        Self { taken: taken.taken, repeated: taken.repeated }
    }
}

/// Keeps predictions that a model served elsewhere has made; answers when they are durable.
///
/// The body is JSON (a list of rows, or `{"rows": […]}`), an Arrow IPC stream
/// (`application/vnd.apache.arrow.stream`) or Parquet (`application/vnd.apache.parquet`). Each row has a
/// `prediction`, and may have `prediction_id`, `event_time`, `version`, `entity`, `deployment`, `variant`,
/// `latency_us`, `status`, `trace_id` and `weight`; all other columns are features.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/predictions",
    tag = "predictions",
    params(("model" = String, Path), SentQuery),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, body = RowsTakenBody))
)]
async fn send_predictions(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    Query(asked): Query<SentQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<RowsTakenBody>, Problem> {
    let rows = rows_of(&model, &headers, body).await?;
    let taken = app.platform().take_predictions(&model, &rows, &asked.into(), &caller.actor()).await?;
    Ok(Json(taken.into()))
}

/// Keeps outcomes of a model's predictions, each once; the body is as for predictions, its columns are `label`, and
/// `prediction_id` or `entity` and `event_time`, and perhaps `label_time` and `source`.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/labels",
    tag = "predictions",
    params(("model" = String, Path), SentQuery),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, body = RowsTakenBody))
)]
async fn send_labels(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(asked): Query<SentQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<RowsTakenBody>, Problem> {
    let rows = rows_of(&model, &headers, body).await?;
    let taken = app.platform().take_label_rows(&model, &rows, &asked.into()).await?;
    Ok(Json(taken.into()))
}

/// JSON rows, alone or with a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonRows {
    Plain(Vec<Map<String, Value>>),
    Named { rows: Vec<Map<String, Value>> },
}

async fn rows_of(model: &str, headers: &HeaderMap, body: Bytes) -> Result<Table, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let model = model.to_owned();
    let read = move || -> Result<Table, Problem> {
        match kind.as_str() {
            "application/json" => {
                let rows = serde_json::from_slice(&body).map_err(|error| {
                    Problem::invalid("invalid_json", format!("the body is no list of rows: {error}"))
                })?;
                let (JsonRows::Plain(rows) | JsonRows::Named { rows }) = rows;
                Ok(table_of_json(&model, &rows)?)
            }
            "application/vnd.apache.arrow.stream" => Ok(Table::from_ipc(&body)?),
            "application/vnd.apache.parquet" | "application/x-parquet" => {
                Ok(Table::from_parquet(Vec::from(body))?)
            }
            other => Err(Problem::invalid("content_type_unknown", format!("the body is `{other}`")).with_hint(
                "send `application/json`, `application/vnd.apache.arrow.stream` or `application/vnd.apache.parquet`",
            )),
        }
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(panicked(error.to_string())))
}
