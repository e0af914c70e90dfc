//! Pipeline runs and their steps.

use base::{Actor, Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Change, Error, StepParts};

/// How far a pipeline run or a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It is under way.
    Running,
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl RunState {
    /// The word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with that word.
    pub fn parse(word: &str) -> Result<Self, Error> {
        [Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| Error::UnknownWord { what: "run state", found: word.to_owned() })
    }
}

/// A walk through the steps of a model's pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineRun {
    /// Its id.
    pub id: String,
    /// The model.
    pub model: String,
    /// The job that does it, if there is one.
    pub job: Option<String>,
    /// Why it was started, in words.
    pub cause: String,
    /// Who started it.
    pub actor: Actor,
    /// How far it is.
    pub state: RunState,
    /// What came out or went wrong, in words.
    pub message: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Its steps, in the order in which they began. Lists of runs leave them out.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A pipeline run that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The model.
    pub model: String,
    /// The job that does it. A run whose job is not running any more is taken for abandoned.
    pub job: Option<String>,
    /// Why, in words.
    pub cause: String,
    /// Who starts it.
    pub actor: Actor,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name, unique in the run.
    pub name: String,
    /// How far it is.
    pub state: RunState,
    /// Whether its outputs were taken from an earlier run.
    pub cached: bool,
    /// The run that they were taken from.
    pub reused_from: Option<String>,
    /// Its cache key.
    pub key: Digest,
    /// What the key is made of.
    pub parts: StepParts,
    /// What came out: digests, ids and figures.
    pub outputs: Value,
    /// What came out or went wrong, in words.
    pub message: Option<String>,
    /// The tracked run that belongs to it.
    pub run_id: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnd {
    /// The state it ended in.
    pub state: RunState,
    /// What came out.
    pub outputs: Value,
    /// What came out or went wrong, in words.
    pub message: Option<String>,
    /// The tracked run that belongs to it.
    pub run_id: Option<String>,
}

impl StepEnd {
    /// It did what it should, and this came out.
    #[must_use]
    pub const fn succeeded(outputs: Value) -> Self {
        Self { state: RunState::Succeeded, outputs, message: None, run_id: None }
    }

    /// It failed for this reason.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { state: RunState::Failed, outputs: Value::Null, message: Some(message.into()), run_id: None }
    }

    /// The same end with the tracked run that belongs to it.
    #[must_use]
    pub fn tracked_as(mut self, run_id: &str) -> Self {
        self.run_id = Some(run_id.to_owned());
        self
    }
}

/// An earlier step with the same key.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedStep {
    /// The run in which it really ran.
    pub run: String,
    /// Its name there.
    pub step: String,
    /// What came out.
    pub outputs: Value,
    /// The tracked run that belongs to it.
    pub run_id: Option<String>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// Why a step is or is not taken from the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whether an earlier step has the same key.
    pub cached: bool,
    /// The newest earlier run with a step of this name that succeeded.
    pub previous_run: Option<String>,
    /// What changed since then.
    pub changes: Vec<Change>,
}
