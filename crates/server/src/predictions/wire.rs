//! JSON shapes of predictions, labels and SQL.

use archive::{Cell, StoredPrediction};
use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::data::ColumnBody;
use crate::overview::LineageBody;

/// An archived prediction with its newest label.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PredictionBody {
    /// Its id.
    pub id: Value,
    /// The moment that it is about.
    #[schema(value_type = String, format = DateTime)]
    pub event_time: Value,
    /// The moment at which it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub received_time: Value,
    /// The model.
    pub model: Value,
    /// The version that answered.
    #[schema(value_type = i64)]
    pub version: Value,
    /// The deployment that routed it.
    pub deployment: Value,
    /// Its part in the deployment.
    pub variant: Value,
    /// The features by name; lists over all models leave them out.
    #[schema(value_type = Object)]
    pub features: Map<String, Value>,
    /// The answer.
    pub prediction: Value,
    /// What really happened, once that is known.
    pub label: Value,
    /// When that became known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub label_time: Value,
    /// How long the model took, in microseconds.
    #[schema(value_type = i64)]
    pub latency_us: Value,
    /// `ok`, or what went wrong.
    pub status: Value,
    /// The trace of the request.
    pub trace_id: Value,
    /// Who or what it is about.
    pub entity: Value,
    /// Where it came from; lists leave it out, and so does a prediction whose version is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<LineageBody>,
}

/// A page of predictions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PredictionPage {
    /// The predictions, newest event first.
    pub items: Vec<PredictionBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which predictions are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PredictionQuery {
    /// Only those of this model; then with their features.
    pub model: Option<String>,
    /// Only those about this moment or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Only those about a moment before this.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// What must hold, such as `temp > 290 and weather_main = Rain`; only with `model`.
    pub filter: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How many predictions are computed again.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayQuery {
    /// The newest so many: 1 to 10000, 100 if not said.
    pub last: Option<usize>,
}

/// Outcomes of predictions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelsBody {
    /// The model.
    pub model: String,
    /// The outcomes: `{prediction_id, value, label_time}` or `{entity, event_time, value, label_time}`.
    #[schema(value_type = Vec<Object>)]
    pub labels: Vec<platform::NewLabel>,
}

/// What became of labels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenBody {
    /// How many are kept, durably.
    pub taken: usize,
}

/// A question in SQL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlBody {
    /// One `select` over `predictions`, `labels` and `scored` (typed ones as `MODEL.predictions` …) and `datasets.NAME`.
    pub query: String,
    /// How many rows at most: 1000 if not said.
    #[serde(default)]
    pub limit: Option<usize>,
    /// As the archive would have answered at this moment: without predictions and labels that it was told later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub known_by: Option<Timestamp>,
}

/// The answer to a question in SQL.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnswerBody {
    /// Names and types.
    pub columns: Vec<ColumnBody>,
    /// The rows, each with a value a column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than asked for.
    pub truncated: bool,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl PredictionBody {
    /// A row of `scored`: what is no common column is a feature.
    pub(super) fn of_row(mut row: Map<String, Value>) -> Self {
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        let body = PredictionBody {
            id: take("prediction_id"),
            event_time: take("event_time"),
            received_time: take("received_time"),
            model: take("model"),
            version: take("version"),
            deployment: take("deployment"),
            variant: take("variant"),
            features: Map::new(),
            prediction: take("prediction"),
            label: take("label"),
            label_time: take("label_time"),
            latency_us: take("latency_us"),
            status: take("status"),
            trace_id: take("trace_id"),
            entity: take("entity"),
            lineage: None,
        };
        row.remove("weight");
        let features = row.into_iter().map(|(column, value)| (feature_of(column), value)).collect();
        PredictionBody { features, ..body }
    }

    pub(super) fn of_stored(stored: StoredPrediction, lineage: Option<LineageBody>) -> Self {
        let prediction = stored.prediction;
        let (label, label_time) = match stored.label {
            Some(label) => (value_of(label.value), json!(label.label_time)),
            None => (Value::Null, Value::Null),
        };
        PredictionBody {
            id: json!(prediction.id),
            event_time: json!(prediction.event_time),
            received_time: json!(prediction.received_time),
            model: json!(prediction.model),
            version: json!(prediction.version),
            deployment: json!(prediction.deployment),
            variant: json!(prediction.variant),
            features: prediction
                .features
                .into_iter()
                .map(|(name, cell)| (name.to_string(), value_of(cell)))
                .collect(),
            prediction: value_of(prediction.prediction),
            label,
            label_time,
            latency_us: json!(prediction.latency_us),
            status: json!(prediction.status),
            trace_id: json!(prediction.trace_id),
            entity: json!(prediction.entity),
            lineage,
        }
    }
}

/// The columns that every row of `scored` has.
const COMMON: [&str; 15] = [
    "prediction_id",
    "event_time",
    "received_time",
    "model",
    "version",
    "deployment",
    "variant",
    "prediction",
    "label",
    "label_time",
    "latency_us",
    "status",
    "trace_id",
    "entity",
    "weight",
];

/// The feature that a column keeps: one whose name a common column has is kept under `feature_NAME`.
fn feature_of(column: String) -> String {
    match column.strip_prefix("feature_") {
        Some(feature) if COMMON.contains(&feature) => feature.to_owned(),
        _ => column,
    }
}

fn value_of(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(value) => json!(value),
        Cell::Real(value) => json!(value),
        Cell::Text(value) => json!(value),
        Cell::Bool(value) => json!(value),
        Cell::Time(micros) => json!(Timestamp::from_micros(micros)),
    }
}

/// Which predictions are charted, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChartQuery {
    /// The model.
    pub model: String,
    /// The column: a feature, `prediction`, `label`, `event_time` …
    pub column: String,
    /// Only those about this moment or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Only those about a moment before this.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// What must hold, such as `temp > 290 and weather_main = Rain`.
    pub filter: Option<String>,
}

/// How many similar ones are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarQuery {
    /// 1 to 100, 8 if not said.
    pub limit: Option<usize>,
}
