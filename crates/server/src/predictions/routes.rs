//! Predictions, labels and questions in SQL.

use std::time::Duration;

use axum::extract::State;
use base::{Failure, Kind};
use governance::{Action, ObjectKind};
use tables::QueryLimits;
use utoipa_axum::routes;
use uuid::Uuid;

use super::list::{Cursor, question};
use super::wire::{
    AnswerBody, LabelsBody, PredictionBody, PredictionPage, PredictionQuery, SqlBody, TakenBody,
};
use crate::app::App;
use crate::data::columns;
use crate::extract::{Json, Paging, Path, Query};
use crate::overview::LineageBody;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Labels of a hundred thousand predictions.
const LABELS_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// How many rows of an answer are shown unless the client says otherwise, and at most.
const USUAL_ROWS: usize = 1_000;
const MOST_ROWS: usize = 100_000;
/// A question may take longer than other requests; the query has its own limit below this.
const SQL_DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Prediction);
    let label = may(Action::Create, ObjectKind::Label).body_limit_bytes(LABELS_LIMIT_BYTES);
    Routes::new()
        .documented(view.deadline(SQL_DEADLINE), routes!(list_predictions))
        .documented(view.named_by("prediction"), routes!(get_prediction))
        .and(super::replay::routes())
        .and(super::explore::routes())
        .documented(label, routes!(take_labels))
        .documented(may(Action::Query, ObjectKind::Prediction).deadline(SQL_DEADLINE), routes!(run_sql))
}

/// Predictions with their newest labels, newest event first.
#[utoipa::path(get, path = "/api/v1/predictions", tag = "predictions", params(PredictionQuery), responses((status = 200, body = PredictionPage)))]
async fn list_predictions(
    State(app): State<App>,
    Query(asked): Query<PredictionQuery>,
) -> Result<Json<PredictionPage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor.clone() }.request();
    let archive = &app.platform().archive;
    let known = archive.models();
    let nothing = match &asked.model {
        Some(model) => {
            let unknown = !known.contains(model);
            if unknown {
                registry::get_model(&mut app.db().read().await?, model).await?;
            }
            unknown
        }
        None => known.is_empty(),
    };
    if nothing {
        return Ok(Json(PredictionPage { items: Vec::new(), next_cursor: None }));
    }
    let cursor = page.cursor.as_deref().map(Cursor::read).transpose()?;
    let filter = match (&asked.model, &asked.filter) {
        (Some(model), Some(filter)) if !filter.trim().is_empty() => {
            let slice =
                platform::Slice { model: model.clone(), filter: filter.clone(), ..Default::default() };
            Some(app.platform().slice_sql(&slice)?.1)
        }
        (None, Some(filter)) if !filter.trim().is_empty() => {
            let hint = "features differ from model to model";
            return Err(
                Problem::invalid("invalid_filter", "a filter needs a model".to_owned()).with_hint(hint)
            );
        }
        _ => None,
    };
    let sql = question(&asked, filter, cursor.as_ref(), page.limit + 1)?;
    let rows = archive.sql(&sql, QueryLimits::default()).await?;
    let more = rows.row_count() > page.limit;
    let items: Vec<_> = rows.json_rows(page.limit).into_iter().map(PredictionBody::of_row).collect();
    let last = items.last().filter(|_| more);
    let next_cursor = last.and_then(|last| Cursor::write(last.event_time.as_str()?, last.id.as_str()?));
    Ok(Json(PredictionPage { items, next_cursor }))
}

/// A prediction with its label and where it came from.
#[utoipa::path(
    get,
    path = "/api/v1/predictions/{prediction}",
    tag = "predictions",
    params(("prediction" = String, Path)),
    responses((status = 200, body = PredictionBody))
)]
async fn get_prediction(
    State(app): State<App>,
    Path(prediction): Path<String>,
) -> Result<Json<PredictionBody>, Problem> {
    let unknown = || Problem::not_found("prediction", "prediction_not_found", &prediction);
    let id: Uuid = prediction.parse().map_err(|_| unknown())?;
    let stored = app.platform().archive.prediction(id).await?.ok_or_else(unknown)?;
    let lineage = match app.platform().prediction_lineage(&stored).await {
        Ok(lineage) => Some(LineageBody::from(lineage)),
        // A version that was deleted since takes the way back with it, not the prediction.
        Err(error) if error.kind() == Kind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Json(PredictionBody::of_stored(stored, lineage)))
}

/// Keeps outcomes of predictions; answers when they are durable.
#[utoipa::path(post, path = "/api/v1/labels", tag = "predictions", request_body = LabelsBody, responses((status = 200, body = TakenBody)))]
async fn take_labels(
    State(app): State<App>,
    Json(asked): Json<LabelsBody>,
) -> Result<Json<TakenBody>, Problem> {
    let taken = app.platform().take_labels(&asked.model, asked.labels).await?;
    Ok(Json(TakenBody { taken: taken.taken }))
}

/// Answers a question in SQL; it can only read.
#[utoipa::path(post, path = "/api/v1/sql", tag = "predictions", request_body = SqlBody, responses((status = 200, body = AnswerBody)))]
async fn run_sql(State(app): State<App>, Json(asked): Json<SqlBody>) -> Result<Json<AnswerBody>, Problem> {
    let limit = asked.limit.unwrap_or(USUAL_ROWS).clamp(1, MOST_ROWS);
    let answer = app.platform().sql_known_by(&asked.query, limit, asked.known_by).await?;
    Ok(Json(AnswerBody {
        columns: columns(&answer.columns),
        rows: answer.rows,
        truncated: answer.truncated,
        elapsed_ms: answer.elapsed_ms,
    }))
}
