//! What addresses say: query strings of the archive's doors.

use base::Timestamp;
use platform::Sent;
use serde::Deserialize;
use utoipa::IntoParams;

/// What holds for all rows of a call.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SentQuery {
    /// The version that answered, for rows that do not say.
    pub(super) version: Option<i64>,
    /// Where it is served, for rows that do not say.
    pub(super) deployment: Option<String>,
    /// The same word when the call is made again: rows without a `prediction_id` get theirs from it.
    pub(super) key: Option<String>,
    /// Who told it, for labels that do not say; `override…` overrules what was recorded.
    pub(super) source: Option<String>,
}

impl From<SentQuery> for Sent {
    fn from(asked: SentQuery) -> Self {
        Sent { version: asked.version, deployment: asked.deployment, key: asked.key, source: asked.source }
    }
}

/// What the address says about events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// The model; the `inferenceservicename` of the event when it is not given.
    pub(super) model: Option<String>,
}

/// What is exported, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Only predictions about this moment or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(super) from: Option<Timestamp>,
    /// Only predictions about a moment before this.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(super) to: Option<Timestamp>,
    /// As the archive would have answered at this moment: without predictions and labels that it was told later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(super) known_by: Option<Timestamp>,
    /// `parquet` if not said, `csv`, or `json` (one object a line).
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Parquet,
    Csv,
    Json,
}
