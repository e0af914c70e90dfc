//! Where predictions go.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base::Timestamp;
use uuid::Uuid;

/// One value of a prediction's features.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Missing,
    /// A quantity.
    Number(f64),
    /// A word.
    Word(String),
}

/// One answered row.
#[derive(Debug, Clone, PartialEq)]
pub struct ServedPrediction {
    /// Its id, time-ordered.
    pub id: Uuid,
    /// When what it is about happens; the time of receipt unless the request says.
    pub event_time: Timestamp,
    /// When the request came.
    pub received_time: Timestamp,
    /// The deployment that was asked.
    pub deployment: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// The version that answered.
    pub version: i64,
    /// The part of the deployment that answered.
    pub variant: &'static str,
    /// The names of the features, in the order of `features`.
    pub feature_names: Arc<[Arc<str>]>,
    /// The features.
    pub features: Vec<Cell>,
    /// What was predicted, as a number; NaN for a label that has none.
    pub prediction: f64,
    /// The names of `outputs`.
    pub output_names: Arc<[Arc<str>]>,
    /// Labels and scores beside the prediction.
    pub outputs: Vec<Cell>,
    /// From receipt until the model had answered, in microseconds.
    pub latency_us: i64,
    /// The trace that the request belongs to.
    pub trace_id: Option<String>,
    /// Whom or what it is about.
    pub entity: Option<String>,
}

/// Why predictions were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SinkFailure(pub String);

/// The promise of a sink to have taken predictions.
pub type SinkFuture<'a> = Pin<Box<dyn Future<Output = Result<(), SinkFailure>> + Send + 'a>>;

/// Takes predictions for good.
pub trait PredictionSink: fmt::Debug + Send + Sync {
    /// Takes predictions; they are durable when the future answers.
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_>;
}
