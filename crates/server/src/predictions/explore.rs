//! Looking through predictions: charts, what is like one of them, labels that are wrong, slices as datasets.

use std::time::Duration;

use axum::extract::State;
use base::Timestamp;
use governance::{Action, ObjectKind};
use platform::{Similar, Slice, SliceChart};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::wire::{ChartQuery, SimilarQuery};
use crate::app::App;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

const DEADLINE: Duration = Duration::from_secs(120);
/// How many similar predictions are shown unless the client says otherwise, and at most.
const USUAL_SIMILAR: usize = 8;
const MOST_SIMILAR: usize = 100;

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Prediction).deadline(DEADLINE);
    Routes::new()
        .documented(view, routes!(chart_predictions))
        .documented(view.named_by("prediction"), routes!(similar_predictions))
        .documented(may(Action::Create, ObjectKind::Label), routes!(flag_label))
        .documented(may(Action::Create, ObjectKind::Dataset).deadline(DEADLINE), routes!(save_slice))
}

/// Predictions by the value of a column: how many, how many with a label, and how wrong those were.
#[utoipa::path(
    get,
    path = "/api/v1/prediction-charts",
    tag = "predictions",
    params(ChartQuery),
    responses((status = 200, body = Object))
)]
async fn chart_predictions(
    State(app): State<App>,
    Query(asked): Query<ChartQuery>,
) -> Result<Json<SliceChart>, Problem> {
    let slice = Slice {
        model: asked.model,
        from: asked.from,
        to: asked.to,
        filter: asked.filter.unwrap_or_default(),
    };
    Ok(Json(app.platform().slice_chart(&slice, &asked.column).await?))
}

/// Predictions that are like one of them.
#[derive(Debug, Serialize, ToSchema)]
struct SimilarList {
    /// The nearest first.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Similar>,
}

/// Predictions of the same model, from three months around it, whose inputs are most like those of one of them.
#[utoipa::path(
    get,
    path = "/api/v1/predictions/{prediction}/similar",
    tag = "predictions",
    params(("prediction" = String, Path), SimilarQuery),
    responses((status = 200, body = SimilarList))
)]
async fn similar_predictions(
    State(app): State<App>,
    Path(prediction): Path<String>,
    Query(asked): Query<SimilarQuery>,
) -> Result<Json<SimilarList>, Problem> {
    let id = id_of(&prediction)?;
    let limit = asked.limit.unwrap_or(USUAL_SIMILAR).clamp(1, MOST_SIMILAR);
    let items = app.platform().similar(id, limit).await?.ok_or_else(|| unknown(&prediction))?;
    Ok(Json(SimilarList { items }))
}

/// A label that is wrong.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FlagBody {
    /// The prediction whose label it is.
    prediction: String,
    /// Why it is wrong.
    reason: String,
    /// What is right, if that is known: it counts from now on, before every label from elsewhere.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
}

/// That it was noted.
#[derive(Debug, Serialize, ToSchema)]
struct Flagged {
    /// The prediction.
    prediction: String,
    /// Whether a right value was given and counts now.
    corrected: bool,
}

/// Says that the label of a prediction is wrong, and perhaps what is right. What was recorded stays.
#[utoipa::path(post, path = "/api/v1/labels/flag", tag = "predictions", request_body = FlagBody, responses((status = 200, body = Flagged)))]
async fn flag_label(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<FlagBody>,
) -> Result<Json<Flagged>, Problem> {
    let id = id_of(&asked.prediction)?;
    if asked.reason.trim().is_empty() {
        return Err(Problem::invalid("reason_missing", "a label is flagged with a reason".to_owned()));
    }
    let corrected = asked.value.as_ref().is_some_and(|value| !value.is_null());
    let value = asked.value.filter(|value| !value.is_null());
    let done = app.platform().flag_label(id, value, asked.reason.trim(), &caller.actor()).await?;
    done.ok_or_else(|| unknown(&asked.prediction))?;
    Ok(Json(Flagged { prediction: asked.prediction, corrected }))
}

/// A slice of the archive that becomes a dataset version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SliceBody {
    /// The dataset; made when there is none of that name.
    dataset: String,
    /// The model.
    model: String,
    /// From when on.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until before when.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// What must hold.
    #[serde(default)]
    filter: String,
}

/// The version that a slice became.
#[derive(Debug, Serialize, ToSchema)]
struct SavedSlice {
    /// The dataset.
    dataset: String,
    /// Its version.
    version: i64,
    /// Rows that the slice brought.
    rows: u64,
}

/// Keeps the predictions of a slice, with features, answers and labels, as a new version of a dataset.
#[utoipa::path(post, path = "/api/v1/prediction-slices", tag = "predictions", request_body = SliceBody, responses((status = 200, body = SavedSlice)))]
async fn save_slice(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<SliceBody>,
) -> Result<Json<SavedSlice>, Problem> {
    let slice = Slice { model: asked.model, from: asked.from, to: asked.to, filter: asked.filter };
    let saved = app.platform().save_slice(&slice, &asked.dataset, &caller.actor()).await?;
    Ok(Json(SavedSlice {
        dataset: saved.version.name,
        version: saved.version.number,
        rows: saved.version.rows_added,
    }))
}

fn id_of(prediction: &str) -> Result<Uuid, Problem> {
    prediction.parse().map_err(|_| unknown(prediction))
}

fn unknown(prediction: &str) -> Problem {
    Problem::not_found("prediction", "prediction_not_found", prediction)
}
