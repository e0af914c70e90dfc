//! JSON shapes of experiments and runs.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A named group of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExperimentBody {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A page of experiments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExperimentPage {
    /// The experiments, newest first.
    pub items: Vec<ExperimentBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunBody {
    /// Its id.
    pub id: String,
    /// Its name; not unique.
    pub name: String,
    /// Its experiment.
    pub experiment_id: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: &'static str,
    /// Whether it is in the bin.
    pub deleted: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Timestamp,
    /// When it ended, if it has.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end_time: Option<Timestamp>,
    /// Who started it.
    pub user: String,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// The newest value of each metric; null where it is not a number.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The datasets that it read.
    pub inputs: Vec<InputBody>,
    /// The files it left; in lists this is null.
    pub artifacts: Option<Vec<ArtifactBody>>,
}

/// A dataset that a run read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InputBody {
    /// Its name.
    pub name: String,
    /// Its digest, as the client made it.
    pub digest: String,
    /// What for, if the client said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What kind of source it has.
    pub source_type: String,
    /// The source.
    pub source: String,
}

/// A file of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArtifactBody {
    /// Its path within the run.
    pub path: String,
    /// Its size in bytes; absent for a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// The runs.
    pub items: Vec<RunBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which runs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQueryBody {
    /// Only runs that pass, in MLflow's language: `metrics.mae < 300 and params.trainer = 'linear'`.
    pub filter: Option<String>,
    /// In which order, separated by commas: `metrics.mae asc, start_time desc`.
    pub order_by: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How much of a metric's history is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// How many points at most: 500 if not said.
    pub points: Option<usize>,
}

/// The history of a metric.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryBody {
    /// The metric.
    pub key: String,
    /// Its points by step.
    pub points: Vec<PointBody>,
    /// Whether points were left out; the lowest and highest of each stretch are kept.
    pub sampled: bool,
}

/// One point of a metric.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PointBody {
    /// At which step.
    pub step: i64,
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Its value; null where it is not a number.
    pub value: Option<f64>,
}

impl From<experiments::Experiment> for ExperimentBody {
    fn from(experiment: experiments::Experiment) -> Self {
        ExperimentBody {
            id: experiment.id.to_string(),
            name: experiment.name,
            created_at: experiment.created_at,
            updated_at: experiment.updated_at,
            tags: experiment.tags,
        }
    }
}

impl From<experiments::Run> for RunBody {
    fn from(run: experiments::Run) -> Self {
        RunBody {
            id: run.id,
            name: run.name,
            experiment_id: run.experiment_id.to_string(),
            status: run.status.word(),
            deleted: run.lifecycle == experiments::Lifecycle::Deleted,
            start_time: run.start_time,
            end_time: run.end_time,
            user: run.user,
            params: run.params,
            metrics: run.metrics.into_iter().map(|metric| (metric.key, finite(metric.value))).collect(),
            tags: run.tags,
            inputs: run.inputs.into_iter().map(InputBody::from).collect(),
            artifacts: None,
        }
    }
}

impl From<experiments::DatasetInput> for InputBody {
    fn from(mut input: experiments::DatasetInput) -> Self {
        InputBody {
            context: input.tags.remove("mlflow.data.context"),
            name: input.name,
            digest: input.digest,
            source_type: input.source_type,
            source: input.source,
        }
    }
}

impl From<experiments::Series> for HistoryBody {
    fn from(series: experiments::Series) -> Self {
        let point = |point: experiments::Metric| PointBody {
            step: point.step,
            timestamp: point.time,
            value: finite(point.value),
        };
        HistoryBody {
            key: series.key,
            points: series.points.into_iter().map(point).collect(),
            sampled: series.sampled,
        }
    }
}

/// JSON knows no infinities and no not-a-number.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
