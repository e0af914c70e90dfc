//! What an experiment and a run are, as MLflow's users know them.

use std::collections::BTreeMap;
use std::str::FromStr;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Whether a thing is in use or in the bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// In use.
    Active,
    /// In the bin: refuses writes, can be restored.
    Deleted,
}

impl Lifecycle {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        if word == "deleted" { Self::Deleted } else { Self::Active }
    }
}

/// Which things a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Those in use.
    #[default]
    Active,
    /// Those in the bin.
    Deleted,
    /// Both.
    All,
}

/// A named group of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Experiment {
    /// Its number; 0 is the default experiment.
    pub id: i64,
    /// The project it belongs to.
    pub project: String,
    /// Its name, unique in its project also among deleted ones.
    pub name: String,
    /// Where its runs put artifacts, as a URI.
    pub artifact_location: String,
    /// In use or in the bin.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, lifecycle or tags last changed.
    pub updated_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// At work.
    Running,
    /// Will begin later.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Was stopped.
    Killed,
}

impl RunStatus {
    /// The word for it, as MLflow writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Whether the run is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

impl FromStr for RunStatus {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed]
            .into_iter()
            .find(|status| status.word().eq_ignore_ascii_case(word))
            .ok_or_else(|| {
                Error::invalid(
                    format!("run status `{word}`"),
                    "is none of RUNNING, SCHEDULED, FINISHED, FAILED, KILLED",
                )
            })
    }
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Its value; not-a-number and infinities are kept.
    pub value: f64,
    /// When it was measured.
    pub time: Timestamp,
    /// At which step.
    pub step: i64,
}

/// What a run read: a dataset as MLflow describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetInput {
    /// Its name.
    pub name: String,
    /// Its digest, as the client made it.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// The source, mostly JSON.
    pub source: String,
    /// Its schema, mostly JSON.
    pub schema: Option<String>,
    /// Its profile, mostly JSON.
    pub profile: Option<String>,
    /// Tags of this use of the dataset; `mlflow.data.context` says what for.
    pub tags: BTreeMap<String, String>,
}

/// A logged model that a run read or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelLink {
    /// The logged model.
    pub model_id: String,
    /// At which step.
    pub step: i64,
}

/// A run: its description, its newest metrics and the rest of what it logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The short number that the tables use.
    #[serde(skip)]
    pub number: i64,
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name; not unique.
    pub name: String,
    /// How it is doing.
    pub status: RunStatus,
    /// Who started it, as the client said.
    pub user: String,
    /// Where its artifacts are, as a URI.
    pub artifact_uri: String,
    /// When it began.
    pub start_time: Timestamp,
    /// When it ended, if it has.
    pub end_time: Option<Timestamp>,
    /// In use or in the bin.
    pub lifecycle: Lifecycle,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// The newest point of each metric, by name.
    pub metrics: Vec<Metric>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The datasets that it read.
    pub inputs: Vec<DatasetInput>,
    /// The logged models that it read.
    pub model_inputs: Vec<ModelLink>,
    /// The logged models that it made.
    pub model_outputs: Vec<ModelLink>,
}

/// Some things of a search and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found<T> {
    /// The things, in order.
    pub items: Vec<T>,
    /// The token for the next page; absent on the last one.
    pub next_token: Option<String>,
}
