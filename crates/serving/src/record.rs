//! What is kept of an answered request.

use std::sync::Arc;

use base::Timestamp;

use crate::deployment::Loaded;
use crate::engine::{Answer, Column};
use crate::routing::Variant;
use crate::rows::Rows;
use crate::sink::{Cell, ServedPrediction};

/// What the records of one request have in common.
pub(crate) struct Record<'a> {
    pub(crate) deployment: &'a Arc<str>,
    pub(crate) loaded: &'a Loaded,
    pub(crate) variant: Variant,
    pub(crate) received: Timestamp,
    pub(crate) latency_us: i64,
    pub(crate) trace_id: Option<&'a str>,
}

impl Record<'_> {
    pub(crate) fn of(&self, rows: Rows, answer: &Answer, ids: &[uuid::Uuid]) -> Vec<ServedPrediction> {
        let count = rows.rows;
        let mut features: Vec<Vec<Cell>> =
            (0..count).map(|_| Vec::with_capacity(self.loaded.feature_names.len())).collect();
        for column in rows.columns {
            match column {
                Column::Numbers(values) => {
                    let width = values.len().checked_div(count).unwrap_or(1).max(1);
                    for (row, values) in features.iter_mut().zip(values.chunks(width)) {
                        let cell = |value: &f64| {
                            if value.is_nan() { Cell::Missing } else { Cell::Number(*value) }
                        };
                        row.extend(values.iter().map(cell));
                    }
                }
                Column::Words(values) => {
                    for (row, value) in features.iter_mut().zip(values) {
                        row.push(value.map_or(Cell::Missing, Cell::Word));
                    }
                }
            }
        }
        let said = rows.event_times.into_iter().zip(rows.entities);
        let answers = answer.predictions.iter().zip(ids).zip(features);
        answers
            .zip(said)
            .enumerate()
            .map(|(row, (((prediction, id), features), (event_time, entity)))| ServedPrediction {
                id: *id,
                event_time: event_time.unwrap_or(self.received),
                received_time: self.received,
                deployment: Arc::clone(self.deployment),
                model: Arc::clone(&self.loaded.model),
                version: self.loaded.version,
                variant: self.variant.word(),
                feature_names: Arc::clone(&self.loaded.feature_names),
                features,
                prediction: *prediction,
                output_names: Arc::clone(&self.loaded.output_names),
                outputs: self.outputs(answer, row),
                latency_us: self.latency_us,
                trace_id: self.trace_id.map(str::to_owned),
                entity,
            })
            .collect()
    }

    /// The elements of labels and scores of one row, as many as are archived.
    fn outputs(&self, answer: &Answer, row: usize) -> Vec<Cell> {
        let most = self.loaded.output_names.len();
        if most == 0 {
            return Vec::new();
        }
        let signature = self.loaded.engine.signature();
        let outputs = signature.shown.iter().chain(&signature.more_outputs);
        let cells = outputs.zip(answer.shown.iter().chain(&answer.more)).flat_map(|(output, values)| {
            let width = output.width as usize;
            (row * width..(row + 1) * width).map(|at| values.cell(at))
        });
        cells.take(most).collect()
    }
}
