//! The records in which runs and models are brought in: one JSON object a line, each complete in itself, each of them
//! applied twice the same as once.

use std::collections::BTreeMap;

use base::Digest;
use serde::{Deserialize, Deserializer};

/// Texts by name.
pub type Pairs = BTreeMap<String, String>;

/// One thing that was made elsewhere. Times are milliseconds since the epoch, as MLflow keeps them.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// An experiment, found or made by its name.
    Experiment {
        /// Its name.
        name: String,
        /// Where its runs keep artifacts; this server's own store if absent.
        artifact_location: Option<String>,
        /// When it was made, if it is made now.
        created_ms: Option<i64>,
        /// When it last changed.
        updated_ms: Option<i64>,
        /// Its tags.
        #[serde(default)]
        tags: Pairs,
        /// Whether it is taken out of the bin if it is there.
        #[serde(default)]
        restore: bool,
    },
    /// An experiment goes into the bin, its runs with it.
    ExperimentDeleted {
        /// Its name.
        name: String,
    },
    /// A run, found or made by its id and taken out of the bin.
    Run {
        /// Its id.
        id: String,
        /// The name of its experiment.
        experiment: String,
        /// Its name.
        name: Option<String>,
        /// Who started it.
        #[serde(default)]
        user: String,
        /// When it began.
        start_ms: i64,
        /// Where its artifacts stay, if they are not copied.
        artifact_uri: Option<String>,
        /// Its first tags.
        #[serde(default)]
        tags: Pairs,
    },
    /// Params of a run.
    Params {
        /// The run.
        run: String,
        /// The params.
        params: Pairs,
    },
    /// Tags of a run.
    Tags {
        /// The run.
        run: String,
        /// The tags.
        tags: Pairs,
    },
    /// Points of one metric of a run, in three columns of equal length.
    Metric {
        /// The run.
        run: String,
        /// The metric.
        key: String,
        /// At which steps.
        steps: Vec<i64>,
        /// When.
        times_ms: Vec<i64>,
        /// The values; `NaN`, `Infinity` and `-Infinity` are written as texts.
        values: Vec<Real>,
    },
    /// Datasets and logged models that a run read.
    Inputs {
        /// The run.
        run: String,
        /// The datasets.
        #[serde(default)]
        datasets: Vec<Dataset>,
        /// The logged models.
        #[serde(default)]
        models: Vec<Link>,
    },
    /// Logged models that a run made.
    Outputs {
        /// The run.
        run: String,
        /// The logged models.
        models: Vec<Link>,
    },
    /// How a run stands now.
    RunState {
        /// The run.
        run: String,
        /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
        status: String,
        /// When it ended.
        end_ms: Option<i64>,
        /// Whether it is in the bin.
        #[serde(default)]
        deleted: bool,
    },
    /// A logged model.
    LoggedModel {
        /// Its id.
        id: String,
        /// The name of its experiment.
        experiment: String,
        /// Its name.
        name: String,
        /// What sort of model it is.
        model_type: Option<String>,
        /// The run that made it.
        source_run: Option<String>,
        /// `LOGGED_MODEL_PENDING`, `LOGGED_MODEL_READY` or `LOGGED_MODEL_UPLOAD_FAILED`.
        status: String,
        /// A word on the status.
        status_message: Option<String>,
        /// Where its files stay, if they are not copied.
        artifact_uri: Option<String>,
        /// When it was announced.
        created_ms: i64,
        /// When it last changed.
        updated_ms: i64,
        /// Its params.
        #[serde(default)]
        params: Pairs,
        /// Its tags.
        #[serde(default)]
        tags: Pairs,
    },
    /// Metrics of logged models that a run measured.
    LoggedModelMetrics {
        /// The run.
        run: String,
        /// The points.
        points: Vec<ModelPoint>,
    },
    /// A registered model, found or made by its name.
    Model {
        /// Its name.
        name: String,
        /// What it is for.
        #[serde(default)]
        description: String,
        /// When it was made.
        created_ms: i64,
        /// When it last changed.
        updated_ms: i64,
        /// Its tags.
        #[serde(default)]
        tags: Pairs,
    },
    /// A version of a registered model, under its own number.
    Version {
        /// The model.
        model: String,
        /// Its number.
        number: i64,
        /// What is said about it.
        #[serde(default)]
        description: String,
        /// Where its files come from.
        source: String,
        /// Where its files are, if not at the source.
        storage_location: Option<String>,
        /// The run that made it.
        source_run: Option<String>,
        /// A link to that run elsewhere.
        run_link: Option<String>,
        /// The logged model that it was registered from.
        logged_model: Option<String>,
        /// MLflow's stage.
        stage: String,
        /// `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
        status: String,
        /// A word on the status.
        #[serde(default)]
        status_message: String,
        /// When it was registered.
        created_ms: i64,
        /// When it last changed.
        updated_ms: i64,
        /// Its tags.
        #[serde(default)]
        tags: Pairs,
        /// The digest of its files, if they are kept here; found when it is applied.
        #[serde(skip)]
        digest: Option<Digest>,
    },
    /// An alias of a registered model.
    Alias {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
        /// The version that it points at.
        version: i64,
    },
    /// Notes that something has been brought in whole.
    Whole {
        /// What kind of thing, such as `run`.
        what: String,
        /// Which.
        id: String,
        /// In which state.
        fingerprint: String,
    },
}

/// A dataset as MLflow describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What kind of source it has.
    #[serde(default)]
    pub source_type: String,
    /// The source.
    #[serde(default)]
    pub source: String,
    /// Its schema.
    pub schema: Option<String>,
    /// Its profile.
    pub profile: Option<String>,
    /// Tags of this use of it.
    #[serde(default)]
    pub tags: Pairs,
}

/// A logged model that a run read or made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its id.
    pub model: String,
    /// At which step.
    #[serde(default)]
    pub step: i64,
}

/// A point of a metric of a logged model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPoint {
    /// The logged model.
    pub model: String,
    /// The metric.
    pub key: String,
    /// The value.
    pub value: Real,
    /// When.
    pub time_ms: i64,
    /// At which step.
    #[serde(default)]
    pub step: i64,
    /// The dataset that it was measured on.
    #[serde(default)]
    pub dataset_name: String,
    /// That dataset's digest.
    #[serde(default)]
    pub dataset_digest: String,
}

/// A number, for which JSON has no word when it is not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real(pub f64);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Word(String),
        }
        match Written::deserialize(from)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Word(word) => word.parse().map(Self).map_err(|_| {
                serde::de::Error::custom(format!("`{word}` is no number: write NaN, Infinity or -Infinity"))
            }),
        }
    }
}

impl Record {
    /// What the record is about, for people.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Experiment { name, .. } | Self::ExperimentDeleted { name } => format!("experiment {name}"),
            Self::Run { id, .. } => format!("run {id}"),
            Self::Params { run, .. }
            | Self::Tags { run, .. }
            | Self::Inputs { run, .. }
            | Self::Outputs { run, .. }
            | Self::RunState { run, .. }
            | Self::LoggedModelMetrics { run, .. } => format!("run {run}"),
            Self::Metric { run, key, .. } => format!("run {run}, metric {key}"),
            Self::LoggedModel { id, .. } => format!("logged model {id}"),
            Self::Model { name, .. } => format!("model {name}"),
            Self::Version { model, number, .. } => format!("model {model} version {number}"),
            Self::Alias { model, alias, .. } => format!("model {model} alias {alias}"),
            Self::Whole { what, id, .. } => format!("{what} {id}"),
        }
    }

    /// Whether the record writes to the model registry.
    #[must_use]
    pub const fn registers(&self) -> bool {
        matches!(self, Self::Model { .. } | Self::Version { .. } | Self::Alias { .. })
    }

    /// Whether the record puts something into the bin.
    #[must_use]
    pub const fn deletes(&self) -> bool {
        matches!(self, Self::ExperimentDeleted { .. } | Self::RunState { deleted: true, .. })
    }

    /// The records that can be applied on their own where this one as a whole is refused.
    pub(super) fn apart(self) -> Vec<Self> {
        let alone = |pair: (String, String)| Pairs::from([pair]);
        match self {
            Self::Params { run, params } => params
                .into_iter()
                .map(|pair| Self::Params { run: run.clone(), params: alone(pair) })
                .collect(),
            Self::Tags { run, tags } => {
                tags.into_iter().map(|pair| Self::Tags { run: run.clone(), tags: alone(pair) }).collect()
            }
            Self::Inputs { run, datasets, models } => {
                let models = Self::Inputs { run: run.clone(), datasets: Vec::new(), models };
                let one =
                    |dataset| Self::Inputs { run: run.clone(), datasets: vec![dataset], models: Vec::new() };
                datasets.into_iter().map(one).chain([models]).collect()
            }
            Self::LoggedModelMetrics { run, points } => points
                .into_iter()
                .map(|point| Self::LoggedModelMetrics { run: run.clone(), points: vec![point] })
                .collect(),
            whole => vec![whole],
        }
    }
}
