//! What serving asks of other rooms: an engine to predict with, and a place where predictions are kept.

use std::sync::Arc;

use archive::{Archive, Cell, Prediction};
use inference::{Data, ElementType, Input, Tensor};
use serving::{
    Column, Engine, EngineFailure, FieldKind, InputField, PredictionSink, ServedPrediction, Signature,
    SinkFailure, SinkFuture,
};

/// An engine of `inference`, as serving takes it.
#[derive(Debug)]
pub(crate) struct ServedEngine {
    engine: Arc<dyn inference::Engine>,
    signature: Signature,
    platform: String,
}

impl ServedEngine {
    pub(crate) fn new(engine: Arc<dyn inference::Engine>) -> Self {
        let inputs = engine
            .columns()
            .fields
            .iter()
            .map(|field| InputField {
                name: field.name.clone(),
                kind: match field.element_type {
                    ElementType::Text => FieldKind::Category,
                    _ => FieldKind::Number,
                },
                required: field.required,
                width: 1,
            })
            .collect();
        let about = engine.about();
        let output = about.outputs.get(about.primary).map(|output| output.name.clone()).unwrap_or_default();
        let signature = Signature { inputs, output, more_outputs: Vec::new() };
        Self { platform: about.platform(), signature, engine }
    }

    /// One number a row: the prediction itself, or the place of a class among those of the model.
    fn numbers(&self, outputs: &[Tensor], rows: usize) -> Result<Vec<f64>, EngineFailure> {
        let about = self.engine.about();
        let primary =
            outputs.get(about.primary).ok_or_else(|| EngineFailure::internal("there is no output"))?;
        if let Data::Text(labels) = primary.data() {
            let classes =
                about.scores.and_then(|scores| about.outputs.get(scores)).map(|scores| &scores.labels);
            let place =
                |label: &String| classes.and_then(|classes| classes.iter().position(|class| class == label));
            return Ok(labels
                .iter()
                .map(|label| place(label).map_or(f64::NAN, |place| place as f64))
                .collect());
        }
        let numbers = primary.to_numbers();
        let width = numbers.len().checked_div(rows).unwrap_or(0);
        // Of several numbers a row the last is archived: the probability of the last class.
        let last = |row: &[f64]| row.last().copied().unwrap_or(f64::NAN);
        Ok(if width > 1 { numbers.chunks_exact(width).map(last).collect() } else { numbers })
    }
}

impl Engine for ServedEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let rows = columns.first().map_or(0, Column::len);
        let inputs = columns
            .iter()
            .map(|column| match column {
                Column::Numbers(values) => Input::Numbers(values.clone()),
                Column::Words(words) => Input::Words(words.clone()),
            })
            .collect();
        let outputs = self.engine.run_columns(inputs).map_err(|error| EngineFailure::of(&error))?;
        self.numbers(&outputs, rows)
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
