//! JSON shapes of bringing things in.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where a batch comes from.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CarryQuery {
    /// The store that the records come from, such as `sqlite:mlflow.db`; at most 500 characters.
    pub source: String,
    /// The batch's own id: one that was applied before is not applied again.
    pub batch: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CarriedBody {
    /// How many records were applied.
    pub applied: usize,
    /// Whether the batch had been applied before, and was left alone now.
    pub repeated: bool,
    /// The records that were left out, and why.
    pub refused: Vec<RefusedBody>,
}

/// A record that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedBody {
    /// What it is about.
    pub subject: String,
    /// The stable word for why.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// What has been brought in whole is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WholeQuery {
    /// The store.
    pub source: String,
    /// What kind of thing: `run`, `experiment`, `model`, `logged_model`.
    pub kind: String,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Something that has been brought in whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeBody {
    /// Which.
    pub id: String,
    /// In which state.
    pub fingerprint: String,
}

/// A page of what has been brought in whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholePage {
    /// By id.
    pub items: Vec<WholeBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl From<platform::carry::Carried> for CarriedBody {
    fn from(carried: platform::carry::Carried) -> Self {
        let refused = |refused: platform::carry::Refused| RefusedBody {
            subject: refused.subject,
            code: refused.code,
            reason: refused.reason,
        };
        CarriedBody {
            applied: carried.applied,
            repeated: carried.repeated,
            refused: carried.refused.into_iter().map(refused).collect(),
        }
    }
}
