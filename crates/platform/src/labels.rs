//! The truth that arrives later.

use archive::{Cell, Label};
use base::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Platform};

/// A true value, for a prediction or for an entity at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLabel {
    /// The prediction that it belongs to.
    #[serde(default)]
    pub prediction_id: Option<Uuid>,
    /// Or the entity, together with `event_time`.
    #[serde(default)]
    pub entity: Option<String>,
    /// When what was predicted happened.
    #[serde(default)]
    pub event_time: Option<Timestamp>,
    /// What turned out to be true.
    pub value: f64,
    /// When that became known; now, when absent.
    #[serde(default)]
    pub label_time: Option<Timestamp>,
}

/// What became of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LabelsTaken {
    /// How many are kept, durably.
    pub taken: usize,
}

impl Platform {
    /// Keeps labels; answers when they are durable.
    ///
    /// # Errors
    /// When a label names neither a prediction nor a time; none of them is kept then.
    pub async fn take_labels(&self, model: &str, labels: Vec<NewLabel>) -> Result<LabelsTaken, Error> {
        if registry::find_model(&mut self.db.read().await?, model).await?.is_none() {
            return Err(self.not_applied(model).await?);
        }
        let now = self.clock.now();
        let taken = labels.len();
        let labels = labels
            .into_iter()
            .map(|label| Label {
                prediction_id: label.prediction_id,
                entity: label.entity,
                event_time: label.event_time,
                model: model.to_owned(),
                value: Cell::Real(label.value),
                label_time: label.label_time.unwrap_or(now),
                received_time: now,
                source: "api".to_owned(),
            })
            .collect();
        self.archive.append_labels(labels).await?;
        Ok(LabelsTaken { taken })
    }
}
