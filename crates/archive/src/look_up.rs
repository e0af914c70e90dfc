//! One prediction by its id: a path of its own, which plans no query and reads next to nothing.

use tables::{Range, Table};
use uuid::Uuid;

use crate::archive::{Archive, Model};
use crate::ask::Labels;
use crate::{Result, StoredPrediction, layout};

impl Archive {
    /// The prediction of that id with its newest label; none if no model made it. Costs about the same however many rows,
    /// files and models there are.
    pub async fn prediction(&self, id: Uuid) -> Result<Option<StoredPrediction>> {
        let word = id.to_string();
        let range = Range::Text { first: word.clone(), last: word };
        let models = self.inner.all_models();
        // What came last is asked for most. Rows move from memory into the table only, so none is missed on its way.
        for model in &models {
            if let Some(found) = model.predictions.waiting("prediction_id", &range)? {
                return stored(model, &range, &found).await.map(Some);
            }
        }
        for model in &models {
            let found = model.predictions.kept("prediction_id", &range).await?;
            if found.row_count() > 0 {
                return stored(model, &range, &found).await.map(Some);
            }
        }
        Ok(None)
    }
}

/// The first of the rows, with the label that counts.
async fn stored(model: &Model, id: &Range, found: &Table) -> Result<StoredPrediction> {
    let found = found.slice(0, 1);
    let prediction = layout::prediction_of(&found)?;
    let moment = prediction.event_time.as_micros();
    let moment = Range::Time { from: moment, to: moment.saturating_add(1) };
    let labels = Labels::of_one(model, id, &moment).await?;
    let label = match labels.newest(&found)?.first().copied().flatten() {
        Some(row) => Some(layout::label_of(&labels.rows, row)?),
        None => None,
    };
    Ok(StoredPrediction { prediction, label })
}
