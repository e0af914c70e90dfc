//! What this room needs of a model.

use std::fmt;

use base::{Failure, Kind};
use serde::{Deserialize, Serialize};

/// How an input is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// A quantity.
    Number,
    /// A word out of some set.
    Category,
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputField {
    /// Its name.
    pub name: String,
    /// How it is taken.
    pub kind: FieldKind,
    /// Whether every row must have a value.
    pub required: bool,
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The inputs, in the order in which [`Engine::predict`] gets them.
    pub inputs: Vec<InputField>,
    /// The name of what is predicted, a number.
    pub output: String,
}

/// The values of one input, a row each.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Quantities; NaN is missing.
    Numbers(Vec<f64>),
    /// Words; `None` is missing.
    Words(Vec<Option<String>>),
}

impl Column {
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A loaded model. Its calls do not wait for anything but the processor.
pub trait Engine: fmt::Debug + Send + Sync {
    /// What it takes and gives.
    fn signature(&self) -> &Signature;

    /// Predicts each row. The columns are those of the signature, in its order, checked against it.
    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure>;

    /// What kind of engine it is; the platform string of the protocol.
    fn name(&self) -> &str;
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineFailure {
    /// Whose fault it is: the rows' (`Invalid`) or ours (`Internal`).
    pub kind: Kind,
    /// The word for programs.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl EngineFailure {
    /// The failure of an engine, from its own error.
    pub fn of(error: &impl Failure) -> Self {
        Self { kind: error.kind(), code: error.code(), message: error.to_string(), hint: error.hint() }
    }

    /// A fault of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, code: "inference_failed", message: message.into(), hint: None }
    }
}
