//! What this room needs of a model.

use std::fmt;

use base::{Failure, Kind};
use serde::{Deserialize, Serialize};

use crate::oip::Datatype;

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
    /// Elements of each row; more than one only for numbers.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub width: u32,
}

impl InputField {
    /// An input of one element a row.
    pub fn new(name: impl Into<String>, kind: FieldKind, required: bool) -> Self {
        Self { name: name.into(), kind, required, width: 1 }
    }

    /// The names of its elements, as they are archived.
    pub fn element_names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.width.max(1)).map(|at| match self.width {
            0 | 1 => self.name.clone(),
            _ => format!("{}_{at}", self.name),
        })
    }
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_one(width: &u32) -> bool {
    *width == 1
}

/// What the elements of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Real numbers.
    Real,
    /// Whole numbers.
    Integer,
    /// Words.
    Word,
}

/// An output beside the prediction, such as a label or the probabilities of all classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub kind: OutputKind,
    /// Elements of each row.
    pub width: u32,
}

impl Output {
    /// The type of its elements in the protocol.
    #[must_use]
    pub const fn datatype(&self) -> Datatype {
        match self.kind {
            OutputKind::Real => Datatype::Fp64,
            OutputKind::Integer => Datatype::Int64,
            OutputKind::Word => Datatype::Bytes,
        }
    }
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The inputs, in the order in which [`Engine::predict`] gets them.
    pub inputs: Vec<InputField>,
    /// The name of what is predicted, a number: the one that is archived and watched.
    pub output: String,
    /// What else is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_outputs: Vec<Output>,
}

/// The values of one input, row by row: one a row, or as many as the input is wide.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Quantities; NaN is missing.
    Numbers(Vec<f64>),
    /// Words; `None` is missing.
    Words(Vec<Option<String>>),
}

impl Column {
    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether it has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column of that input in which every value is missing.
    #[must_use]
    pub fn missing(field: &InputField, rows: usize) -> Self {
        match field.kind {
            FieldKind::Number => Self::Numbers(vec![f64::NAN; rows.saturating_mul(field.width as usize)]),
            FieldKind::Category => Self::Words(vec![None; rows]),
        }
    }

    /// The rows of `other` behind those of this one; columns of another kind are left as they are.
    pub(crate) fn extend(&mut self, other: &Self) {
        match (self, other) {
            (Self::Numbers(all), Self::Numbers(more)) => all.extend_from_slice(more),
            (Self::Words(all), Self::Words(more)) => all.extend_from_slice(more),
            _ => {}
        }
    }
}

/// The elements of one further output, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Real numbers.
    Reals(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Words.
    Words(Vec<String>),
}

impl Values {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Reals(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of some rows, each `width` elements wide.
    pub(crate) fn rows(&self, from: usize, rows: usize, width: usize) -> Self {
        let range = from * width..(from + rows) * width;
        match self {
            Self::Reals(values) => Self::Reals(values.get(range).unwrap_or_default().to_vec()),
            Self::Integers(values) => Self::Integers(values.get(range).unwrap_or_default().to_vec()),
            Self::Words(values) => Self::Words(values.get(range).unwrap_or_default().to_vec()),
        }
    }
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The prediction of each row.
    pub predictions: Vec<f64>,
    /// The further outputs, in the order of the signature.
    pub more: Vec<Values>,
}

/// Whether a call of an engine is so short that it can be made where requests are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Some microseconds a row: computed at once, on the thread that read the request.
    Cheap,
    /// It may take long or wait for another process or a device: computed on a thread of its own, with a deadline.
    Dear,
}

/// A loaded model. Its calls do not wait for anything but the processor, unless it says that they are dear.
pub trait Engine: fmt::Debug + Send + Sync {
    /// What it takes and gives.
    fn signature(&self) -> &Signature;

    /// Predicts each row. The columns are those of the signature, in its order, checked against it.
    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure>;

    /// Predicts each row, with the further outputs of the signature.
    fn answer(&self, columns: &[Column]) -> Result<Answer, EngineFailure> {
        Ok(Answer { predictions: self.predict(columns)?, more: Vec::new() })
    }

    /// What kind of engine it is; the platform string of the protocol.
    fn name(&self) -> &str;

    /// Whether its calls may take long.
    fn cost(&self) -> Cost {
        Cost::Cheap
    }
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

    /// The model took too long.
    #[must_use]
    pub fn too_slow(limit_ms: u128) -> Self {
        Self {
            kind: Kind::TimedOut,
            code: "inference_timed_out",
            message: format!("the model did not answer within {limit_ms} ms"),
            hint: Some("try again; if it stays so, look at the deployment's page".into()),
        }
    }
}
