//! What serving asks of other rooms: an engine to predict with, and a place where predictions are kept.

use std::sync::Arc;

use archive::{Archive, Cell, Prediction};
use inference::{Batch, FeatureKind, Input};
use serving::{
    Column, Engine, EngineFailure, FieldKind, InputField, PredictionSink, ServedPrediction, Signature,
    SinkFailure, SinkFuture,
};

/// An engine of `inference`, as serving takes it.
#[derive(Debug)]
pub(crate) struct ServedEngine {
    engine: Arc<inference::TrainedModel>,
    signature: Signature,
    platform: String,
}

impl ServedEngine {
    pub(crate) fn new(engine: Arc<inference::TrainedModel>) -> Self {
        let own = engine.signature();
        let inputs = own
            .inputs
            .iter()
            .map(|field| InputField {
                name: field.name.clone(),
                kind: match field.kind {
                    FeatureKind::Number => FieldKind::Number,
                    FeatureKind::Category => FieldKind::Category,
                },
                required: field.required,
            })
            .collect();
        let signature = Signature { inputs, output: own.output.name.clone() };
        Self { platform: format!("gingham_{}", engine.name()), signature, engine }
    }
}

impl Engine for ServedEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let named = self
            .signature
            .inputs
            .iter()
            .zip(columns)
            .map(|(field, column)| {
                let input = match column {
                    Column::Numbers(values) => Input::Numbers(values.clone()),
                    Column::Words(words) => Input::Words(words.clone()),
                };
                (field.name.clone(), input)
            })
            .collect();
        Batch::from_columns(self.engine.signature(), named)
            .and_then(|batch| self.engine.predict(&batch))
            .map_err(|error| EngineFailure::of(&error))
    }

    fn name(&self) -> &str {
        &self.platform
    }
}

/// Keeps predictions in the archive.
pub(crate) struct ArchiveSink {
    archive: Arc<Archive>,
}

impl ArchiveSink {
    pub(crate) const fn new(archive: Arc<Archive>) -> Self {
        Self { archive }
    }
}

impl std::fmt::Debug for ArchiveSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ArchiveSink")
    }
}

impl PredictionSink for ArchiveSink {
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_> {
        Box::pin(async move {
            let rows = predictions.into_iter().map(kept).collect();
            self.archive.append(rows).await.map_err(|error| SinkFailure(error.to_string()))
        })
    }
}

fn kept(served: ServedPrediction) -> Prediction {
    let features = served
        .feature_names
        .iter()
        .zip(served.features)
        .map(|(name, cell)| {
            let cell = match cell {
                serving::Cell::Missing => Cell::Null,
                serving::Cell::Number(number) => Cell::Real(number),
                serving::Cell::Word(word) => Cell::Text(word),
            };
            (name.clone(), cell)
        })
        .collect();
    Prediction {
        id: served.id,
        event_time: served.event_time,
        received_time: served.received_time,
        model: served.model.to_string(),
        version: served.version,
        deployment: served.deployment.to_string(),
        variant: served.variant.to_owned(),
        features,
        prediction: Cell::Real(served.prediction),
        latency_us: served.latency_us,
        status: "ok".to_owned(),
        trace_id: served.trace_id,
        entity: served.entity,
        weight: 1.0,
    }
}
