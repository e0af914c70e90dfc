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

/// An input of the model itself that several columns fill, such as one tensor of ten numbers a row. Requests may give
/// it whole, or its columns one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTensor {
    /// Its name.
    pub name: String,
    /// The type of its elements in the model.
    pub datatype: Datatype,
    /// The lengths of a row's dimensions; their product is the number of its columns, which are one element wide.
    pub row: Vec<u32>,
    /// The place of its first column among the inputs of the signature; the others follow.
    pub first: usize,
}

impl InputTensor {
    /// How many columns fill it.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.row.iter().map(|length| *length as usize).product()
    }

    /// The places of its columns.
    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        self.first..self.first.saturating_add(self.columns())
    }
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
    /// The classes that the elements of a row stand for, where the model says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

impl Output {
    /// An output whose elements have no names.
    pub fn new(name: impl Into<String>, kind: OutputKind, width: u32) -> Self {
        Self { name: name.into(), kind, width, labels: Vec::new() }
    }

    /// The shape of its tensor for so many rows; -1 stands for any number.
    pub(crate) fn shape(&self, rows: i64) -> Vec<i64> {
        if self.width == 1 { vec![rows] } else { vec![rows, i64::from(self.width)] }
    }

    /// The names of the elements of a row: by class where the classes are known, else by number.
    fn element_names(&self) -> impl Iterator<Item = String> + '_ {
        let named = self.labels.len() == self.width as usize;
        (0..self.width).map(move |at| match (self.width, self.labels.get(at as usize).filter(|_| named)) {
            (1, _) => self.name.clone(),
            (_, Some(label)) => format!("{}_{label}", self.name),
            (_, None) => format!("{}_{at}", self.name),
        })
    }

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
    /// The inputs of the model itself that take several of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<InputTensor>,
    /// The name of what is predicted. A number of it is archived as the prediction and watched.
    pub output: String,
    /// How it is given where it is more than that number: a label, or several elements a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Output>,
    /// What else is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_outputs: Vec<Output>,
}

/// The most elements of outputs that are archived of a row, beside the prediction.
const MOST_ARCHIVED: usize = 64;

impl Signature {
    /// What an input of that name takes: its kind, and how many elements a row. A tensor of the model's own counts.
    #[must_use]
    pub fn takes(&self, name: &str) -> Option<(FieldKind, usize)> {
        if let Some(field) = self.inputs.iter().find(|field| field.name == name) {
            return Some((field.kind, field.width.max(1) as usize));
        }
        let tensor = self.tensors.iter().find(|tensor| tensor.name == name)?;
        Some((self.inputs.get(tensor.first)?.kind, tensor.columns()))
    }

    /// The tensor whose columns begin at this place and have no names of their own, only its name and a number.
    pub(crate) fn numbered_tensor(&self, place: usize) -> Option<&InputTensor> {
        let tensor = self.tensors.iter().find(|tensor| tensor.first == place)?;
        let columns = self.inputs.get(tensor.places())?;
        let numbered = |(at, field): (usize, &InputField)| field.name == format!("{}_{at}", tensor.name);
        columns.iter().enumerate().all(numbered).then_some(tensor)
    }

    /// All outputs in the order in which they are given.
    #[must_use]
    pub fn outputs(&self) -> Vec<Output> {
        let number = || Output::new(self.output.clone(), OutputKind::Real, 1);
        let first = self.shown.clone().unwrap_or_else(number);
        std::iter::once(first).chain(self.more_outputs.iter().cloned()).collect()
    }

    /// The columns in which labels and scores are archived beside the prediction, at most 64: one for each element of
    /// an output, `output_` before its name.
    #[must_use]
    pub fn archived_outputs(&self) -> Vec<(String, OutputKind)> {
        let taken: std::collections::HashSet<String> =
            self.inputs.iter().flat_map(InputField::element_names).collect();
        let free = |name: String| {
            let name = format!("output_{name}");
            if taken.contains(&name) { format!("output_{name}") } else { name }
        };
        let outputs = self.shown.iter().chain(&self.more_outputs);
        let named = outputs.flat_map(|output| output.element_names().map(|name| (name, output.kind)));
        named.take(MOST_ARCHIVED).map(|(name, kind)| (free(name), kind)).collect()
    }
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

    /// The element at that place, as it is archived.
    pub(crate) fn cell(&self, at: usize) -> crate::Cell {
        use crate::Cell;
        let number = |value: f64| if value.is_nan() { Cell::Missing } else { Cell::Number(value) };
        #[expect(clippy::cast_precision_loss, reason = "labels and counts")]
        let cell = match self {
            Self::Reals(values) => values.get(at).map(|value| number(*value)),
            Self::Integers(values) => values.get(at).map(|value| number(*value as f64)),
            Self::Words(values) => values.get(at).map(|value| Cell::Word(value.clone())),
        };
        cell.unwrap_or(Cell::Missing)
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
    /// The number that is archived of each row; for a label its place among the classes, NaN where it has none.
    pub predictions: Vec<f64>,
    /// What is given in its place, where the signature says so.
    pub shown: Option<Values>,
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

/// Where a model is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The engine: `gingham`, `onnxruntime` or `python`.
    pub engine: String,
    /// What computes: `cpu` or `cuda`.
    pub provider: String,
    /// On which device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The release of the engine.
    pub release: String,
}

/// A loaded model. Its calls do not wait for anything but the processor, unless it says that they are dear.
pub trait Engine: fmt::Debug + Send + Sync {
    /// What it takes and gives.
    fn signature(&self) -> &Signature;

    /// Predicts each row. The columns are those of the signature, in its order, checked against it.
    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure>;

    /// Predicts each row, with the further outputs of the signature.
    fn answer(&self, columns: &[Column]) -> Result<Answer, EngineFailure> {
        Ok(Answer { predictions: self.predict(columns)?, shown: None, more: Vec::new() })
    }

    /// What kind of engine it is; the platform string of the protocol.
    fn name(&self) -> &str;

    /// Where it computes.
    fn place(&self) -> Place {
        Place {
            engine: self.name().to_owned(),
            provider: "cpu".into(),
            device: "cpu".into(),
            release: String::new(),
        }
    }

    /// Whether `predict` of the library that made the model gives the first output alone. MLflow's way of asking then
    /// gives it alone, too.
    fn gives_first_alone(&self) -> bool {
        true
    }

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
