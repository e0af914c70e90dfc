//! The parts of a `gingham.yaml`.

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use checks::Check;
use checks::gate::Rule;
use checks::model::ModelCheck;
use governance::policy::Policy;
use monitoring::MonitorSpec;
use serde::{Deserialize, Serialize};

/// A whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name of the model.
    pub model: String,
    /// The project it belongs to.
    #[serde(default = "default_project")]
    pub project: String,
    /// What it predicts, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Who answers for it: a team or a person.
    #[serde(default)]
    pub owner: Option<String>,
    /// Where its rows come from.
    pub data: DataSpec,
    /// What must hold for its rows.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// What must hold for each of its versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_checks: Vec<ModelCheck>,
    /// How it is made.
    pub pipeline: PipelineSpec,
    /// What must hold before it goes into production.
    pub promotion: PromotionSpec,
    /// Where it is served.
    #[serde(default)]
    pub deployment: Option<DeploymentSpec>,
    /// How it is watched.
    #[serde(default)]
    pub monitor: Option<MonitorSpec>,
    /// When it is trained again.
    #[serde(default)]
    pub retrain: RetrainSpec,
    /// How long its predictions are kept; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveSpec>,
    /// How much is at stake, and the policy for that; without it aliases move as whoever may wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskSpec>,
    /// What people say of its versions: fields of the model card.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub card: BTreeMap<String, String>,
    /// The policy that `risk` names, once its file is read.
    #[serde(skip)]
    pub policy: Option<Policy>,
}

/// How much is at stake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskSpec {
    /// The tier, such as `low`.
    pub tier: String,
    /// The file of the policy for that tier, beside the `gingham.yaml`: `low.policy.yaml`.
    pub policy: String,
}

/// How predictions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveSpec {
    /// How long after the moment that a prediction is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Period>,
    /// Columns of words that are masked before they are kept: the same word always becomes the same mask, and nobody can
    /// tell it from the mask. `entity` may be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<String>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The dataset they become versions of.
    pub dataset: String,
    /// A file beside the `gingham.yaml`; `gingham apply` brings its rows in as the first version.
    #[serde(default)]
    pub source: Option<String>,
    /// The column that says when a row happened.
    pub time: String,
    /// Only rows before this time become the first version.
    #[serde(default)]
    pub first_until: Option<Timestamp>,
    /// What people say of the dataset: fields of its datasheet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub datasheet: BTreeMap<String, String>,
}

/// How a model is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// A file with SQL over the table `input`, beside the `gingham.yaml`.
    pub prepare: String,
    /// The column of the prepared rows that says when a row happened.
    pub time: String,
    /// The column to be predicted.
    pub target: String,
    /// The columns to predict it from.
    pub features: Vec<String>,
    /// How candidates are judged.
    pub evaluate: EvaluateSpec,
    /// What is trained.
    pub candidates: Vec<Candidate>,
}

/// How candidates are judged: on the newest rows, which they have not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSpec {
    /// How much of the newest time is kept for judging.
    pub last: Period,
    /// The metric that decides which candidate is best.
    pub metric: String,
}

/// One thing to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Its name within the pipeline.
    pub id: String,
    /// The built-in trainer.
    pub trainer: String,
    /// A baseline is what others must beat; it is never registered itself.
    #[serde(default)]
    pub baseline: bool,
    /// The trainer's parameters.
    #[serde(default)]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// What must hold before the alias moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionSpec {
    /// The alias that moves.
    #[serde(default = "default_alias")]
    pub alias: String,
    /// All of these must hold.
    pub rules: Vec<Rule>,
}

/// Where a model is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// The name of the endpoint.
    pub name: String,
    /// The alias it follows.
    #[serde(default = "default_alias")]
    pub alias: String,
    /// Its limits.
    #[serde(default)]
    pub limits: serving::Settings,
    /// On what the model is computed: `cpu`, `cuda` or `cuda:1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<serving::Device>,
    /// How requests are shared out among versions; what `gingham traffic` has set stays when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<serving::Traffic>,
    /// Replicas in a Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Box<clusters::Kubernetes>>,
}

impl DeploymentSpec {
    /// The limits with the device.
    #[must_use]
    pub fn settings(&self) -> serving::Settings {
        serving::Settings { device: self.device.unwrap_or(self.limits.device), ..self.limits }
    }
}

/// When a model is trained again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrainSpec {
    /// After an automatic training no other one for this long, by the time of the data.
    #[serde(default = "default_cooldown")]
    pub cooldown: Period,
    /// Which rows it learns from.
    #[serde(default)]
    pub window: RetrainWindow,
}

/// Which rows a training learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum RetrainWindow {
    /// Everything there is.
    #[default]
    All,
}

impl Default for RetrainSpec {
    fn default() -> Self {
        Self { cooldown: default_cooldown(), window: RetrainWindow::All }
    }
}

fn default_project() -> String {
    "default".to_owned()
}

fn default_alias() -> String {
    "champion".to_owned()
}

const fn default_cooldown() -> Period {
    Period::from_days(7)
}
