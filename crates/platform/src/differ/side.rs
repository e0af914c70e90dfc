//! What is known of one of the two things that are compared.

use std::collections::BTreeMap;

use experiments::Run;
use registry::{Pointer, Version};
use serde_json::Value;

use super::effect::Factors;
use super::{Area, Subject, packages};
use crate::Platform;

/// Why two things cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// The word names neither a run nor a version.
    #[error("`{given}` names neither a run nor a version of a model")]
    NotUnderstood {
        /// What was given.
        given: String,
    },
    /// The two do not both have the metric.
    #[error("the two do not both have the metric `{metric}`")]
    NoMetric {
        /// The metric asked for.
        metric: String,
    },
    /// The runs.
    #[error(transparent)]
    Experiments(#[from] experiments::Error),
    /// The models.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// One of the two, with all that went in and came out.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) subject: Subject,
    /// What went in, by `area.name`; the same is known of other runs.
    pub(super) factors: Factors,
    /// What went in and is known of this one only.
    pub(super) extras: Factors,
    pub(super) metrics: BTreeMap<String, f64>,
}

/// Tags that tell of the code; what ends with a dot is the beginning of a name.
const CODE_TAGS: &[&str] = &[
    "mlflow.source.git.commit",
    "mlflow.source.git.branch",
    "mlflow.source.git.dirty",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.project.",
    "gingham.code",
    "git.",
];
/// Tags that tell of the environment.
const ENVIRONMENT_TAGS: &[&str] =
    &["env.", "environment.", "gingham.environment", "mlflow.docker.", "mlflow.databricks.cluster."];

fn begins(key: &str, words: &[&str]) -> bool {
    words.iter().any(|word| key == *word || (word.ends_with('.') && key.starts_with(word)))
}

/// What went into a run.
pub(super) fn factors_of(run: &Run) -> Factors {
    let params = run.params.iter().map(|(key, value)| (format!("params.{key}"), value.clone()));
    let tags = run.tags.iter().filter_map(|(key, value)| {
        let area = if begins(key, CODE_TAGS) {
            "code"
        } else if begins(key, ENVIRONMENT_TAGS) {
            "environment"
        } else {
            return None;
        };
        Some((format!("{area}.{key}"), value.clone()))
    });
    let data = run.inputs.iter().map(|input| {
        let context =
            input.tags.get("mlflow.data.context").map(|word| format!("{word} ")).unwrap_or_default();
        (format!("data.{context}{}", input.name), input.digest.clone())
    });
    params.chain(tags).chain(data).collect()
}

/// The area and the name of a factor.
pub(super) fn area_of(key: &str) -> (Area, String) {
    let (area, name) = key.split_once('.').unwrap_or(("params", key));
    let area = match area {
        "code" => Area::Code,
        "data" => Area::Data,
        "environment" => Area::Environment,
        _ => Area::Params,
    };
    (area, name.to_owned())
}

impl Platform {
    pub(super) async fn side(&self, given: &str) -> Result<Side, SideError> {
        match given.split_once(':') {
            Some(("run", id)) => self.side_of_run(id).await,
            Some(("version", version)) => self.side_of_version(version).await,
            _ => Err(SideError::NotUnderstood { given: given.to_owned() }),
        }
    }

    async fn side_of_run(&self, id: &str) -> Result<Side, SideError> {
        let run = experiments::get_run(&mut self.db.read().await?, id).await?;
        let mut extras = Factors::new();
        for model in &run.model_outputs {
            let found = experiments::get_logged_model(&mut self.db.read().await?, &model.model_id).await;
            if let Ok(model) = found {
                extras.extend(packages::of(&self.artifacts, &model.artifact_uri).await);
            }
        }
        Ok(Side {
            factors: factors_of(&run),
            metrics: run.metrics.iter().map(|point| (point.key.clone(), point.value)).collect(),
            extras,
            subject: Subject {
                kind: "run".into(),
                id: run.id.clone(),
                name: run.name,
                experiment: Some(run.experiment_id),
                run: Some(run.id),
            },
        })
    }

    async fn side_of_version(&self, given: &str) -> Result<Side, SideError> {
        let (model, word) =
            given.rsplit_once('@').ok_or_else(|| SideError::NotUnderstood { given: given.to_owned() })?;
        let pointer: Pointer = word.parse()?;
        let version = registry::resolve(&mut self.db.read().await?, model, &pointer).await?;
        let mut side = match &version.source_run {
            Some(run) => match self.side_of_run(run).await {
                Ok(side) => side,
                Err(SideError::Experiments(experiments::Error::RunNotFound { .. })) => nothing_known(),
                Err(error) => return Err(error),
            },
            None => nothing_known(),
        };
        side.extras.extend(packages::of(&self.artifacts, &version.storage_location).await);
        add_version(&mut side, &version);
        side.subject.kind = "version".into();
        side.subject.id = format!("{}@{}", version.model, version.number);
        side.subject.name = format!("{} version {}", version.model, version.number);
        Ok(side)
    }
}

fn nothing_known() -> Side {
    let subject =
        Subject { kind: String::new(), id: String::new(), name: String::new(), run: None, experiment: None };
    Side { subject, factors: Factors::new(), extras: Factors::new(), metrics: BTreeMap::new() }
}

/// What the version itself tells beyond its run.
fn add_version(side: &mut Side, version: &Version) {
    let mut extra = |key: &str, value: &str| {
        if !value.is_empty() {
            side.extras.insert(key.to_owned(), value.to_owned());
        }
    };
    extra("params.trainer", &version.trainer);
    extra("environment.flavor", &version.flavor);
    extra("environment.engine", &version.engine);
    for dataset in version.dataset_versions.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let name = dataset.get("dataset").and_then(Value::as_str);
        if let (Some(name), Some(number)) = (name, dataset.get("number")) {
            extra(&format!("data.{name} version"), &number.to_string());
        }
    }
    for (key, value) in version.metrics.as_ref().and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.as_f64() {
            side.metrics.entry(key.clone()).or_insert(value);
        }
    }
}
