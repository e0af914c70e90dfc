//! What a foreign tracking store holds, whichever way it is read.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::Value;

use super::database::Database;
use super::files::FileStore;
use super::rest::Rest;

/// Texts by name.
pub(super) type Pairs = BTreeMap<String, String>;

/// An experiment there.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Experiment {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) location: String,
    pub(super) deleted: bool,
    pub(super) created_ms: Option<i64>,
    pub(super) updated_ms: Option<i64>,
    pub(super) tags: Pairs,
}

/// A run there, without the histories of its metrics.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) status: String,
    pub(super) start_ms: i64,
    pub(super) end_ms: Option<i64>,
    pub(super) deleted: bool,
    pub(super) artifact_uri: String,
    pub(super) params: Pairs,
    pub(super) tags: Pairs,
    /// Its metrics with a word on their newest point, by which a later import sees that there are more.
    pub(super) metrics: Pairs,
    /// The datasets that it read, as records want them.
    pub(super) datasets: Vec<Value>,
    pub(super) model_inputs: Vec<Link>,
    pub(super) model_outputs: Vec<Link>,
}

/// A logged model that a run read or made.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Link {
    pub(super) model: String,
    pub(super) step: i64,
}

/// Points of one metric.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Points {
    pub(super) key: String,
    pub(super) steps: Vec<i64>,
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<Value>,
}

impl Points {
    pub(super) fn of(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    pub(super) fn push(&mut self, step: i64, time_ms: i64, value: f64) {
        self.steps.push(step);
        self.times_ms.push(time_ms);
        self.values.push(real(value));
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }
}

/// A number as records want it.
pub(super) fn real(value: f64) -> Value {
    if value.is_finite() {
        Value::from(value)
    } else if value.is_nan() {
        Value::from("NaN")
    } else {
        Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

/// A logged model there.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LoggedModel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) model_type: Option<String>,
    pub(super) source_run: Option<String>,
    pub(super) status: String,
    pub(super) status_message: Option<String>,
    pub(super) artifact_uri: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) params: Pairs,
    pub(super) tags: Pairs,
    pub(super) metrics: Vec<ModelPoint>,
}

/// A point of a logged model's metric.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ModelPoint {
    pub(super) run: String,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) time_ms: i64,
    pub(super) step: i64,
    pub(super) dataset_name: String,
    pub(super) dataset_digest: String,
}

/// A registered model there, with its versions.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Registered {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) tags: Pairs,
    pub(super) aliases: BTreeMap<String, i64>,
    pub(super) versions: Vec<Version>,
}

/// A version of a registered model there.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Version {
    pub(super) number: i64,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) storage_location: Option<String>,
    pub(super) source_run: Option<String>,
    pub(super) run_link: Option<String>,
    pub(super) logged_model: Option<String>,
    pub(super) stage: String,
    pub(super) status: String,
    pub(super) status_message: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) tags: Pairs,
}

/// A foreign tracking store.
pub(super) enum Source {
    Rest(Rest),
    Database(Database),
    Files(FileStore),
}

/// A page of a list, and where the next one begins.
pub(super) type Page<T> = (Vec<T>, Option<String>);

impl Source {
    /// Its name, by which a later import goes on; without credentials.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Rest(source) => source.name(),
            Self::Database(source) => source.name(),
            Self::Files(source) => source.name(),
        }
    }

    pub(super) async fn experiments(&self) -> Result<Vec<Experiment>> {
        match self {
            Self::Rest(source) => source.experiments().await,
            Self::Database(source) => source.experiments().await,
            Self::Files(source) => source.experiments(),
        }
    }

    /// How many runs there are, where that is cheap to say.
    pub(super) async fn count_runs(&self, experiments: &[Experiment]) -> Result<Option<u64>> {
        match self {
            Self::Rest(_) => Ok(None),
            Self::Database(source) => source.count_runs(experiments).await.map(Some),
            Self::Files(source) => source.count_runs(experiments).map(Some),
        }
    }

    /// A page of runs of an experiment, deleted ones too.
    pub(super) async fn runs(&self, experiment: &Experiment, after: Option<&str>) -> Result<Page<Run>> {
        match self {
            Self::Rest(source) => source.runs(experiment, after).await,
            Self::Database(source) => source.runs(experiment, after).await,
            Self::Files(source) => source.runs(experiment, after),
        }
    }

    /// All points of a run's metrics, piece by piece.
    pub(super) fn points<'a>(&'a self, run: &'a Run) -> BoxStream<'a, Result<Points>> {
        match self {
            Self::Rest(source) => source.points(run),
            Self::Database(source) => source.points(run),
            Self::Files(source) => source.points(run),
        }
    }

    pub(super) async fn logged_models(
        &self,
        experiment: &Experiment,
        after: Option<&str>,
    ) -> Result<Page<LoggedModel>> {
        match self {
            Self::Rest(source) => source.logged_models(experiment, after).await,
            Self::Database(source) => source.logged_models(experiment, after).await,
            Self::Files(source) => source.logged_models(experiment, after),
        }
    }

    pub(super) async fn registered(&self, after: Option<&str>) -> Result<Page<Registered>> {
        match self {
            Self::Rest(source) => source.registered(after).await,
            Self::Database(source) => source.registered(after).await,
            Self::Files(source) => source.registered(after),
        }
    }
}
