//! The Open Inference Protocol V2 as types: what comes in, what goes out, what a model says of itself.
//!
//! JSON has no NaN and no infinity: a missing number comes in as `null` for `FP32` and `FP64`, and goes out as `null`.
//! `null` in `BYTES` is a missing word. Tensors may be flat or nested, or come as bytes behind the JSON ([`binary`]).

pub mod binary;
mod data;
pub mod raw;

pub use data::{Data, Scalar};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{Output, Values};
use crate::{Error, FieldKind, Result, Signature};

/// The element types of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

impl Datatype {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        const ALL: [Datatype; 14] = [
            Datatype::Bool,
            Datatype::Uint8,
            Datatype::Uint16,
            Datatype::Uint32,
            Datatype::Uint64,
            Datatype::Int8,
            Datatype::Int16,
            Datatype::Int32,
            Datatype::Int64,
            Datatype::Fp16,
            Datatype::Bf16,
            Datatype::Fp32,
            Datatype::Fp64,
            Datatype::Bytes,
        ];
        ALL.into_iter().find(|datatype| datatype.word() == word)
    }

    /// Bytes of one element in binary form; none for [`Datatype::Bytes`], whose elements say their length.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

/// A request for predictions. What is not known is ignored, as the protocol asks.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct InferRequest {
    /// Given back as it is.
    #[serde(default)]
    pub id: Option<String>,
    /// Wishes of the request: `event_time`, `entity`, `return_prediction_id`.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The tensors.
    pub inputs: Vec<RequestInput>,
    /// Which outputs, in which order; all when empty.
    #[serde(default)]
    pub outputs: Vec<RequestedOutput>,
}

impl InferRequest {
    /// Reads a body. Fails with [`Error::BadBody`], which names line and column.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(|error| Error::BadBody { problem: error.to_string() })
    }
}

/// A tensor that comes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RequestInput {
    /// The name of the input.
    pub name: String,
    /// The shape: `[n]` or `[n, 1]` for n rows.
    pub shape: Vec<i64>,
    /// The type of the elements.
    pub datatype: Datatype,
    /// `binary_data_size` says how many bytes behind the JSON are this tensor's; others are ignored.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The elements.
    #[serde(default)]
    pub data: Option<Data>,
    /// The elements as bytes, little-endian, in place of `data`.
    #[serde(skip)]
    pub raw: Option<Vec<u8>>,
}

/// A wish for one output.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RequestedOutput {
    /// The name of the output.
    pub name: String,
    /// `binary_data` asks for bytes behind the JSON; others are ignored.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InferResponse {
    /// The name that was asked for.
    pub model_name: String,
    /// The version that answered.
    pub model_version: String,
    /// The id of the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tensors.
    pub outputs: Vec<ResponseOutput>,
    /// Which part of the deployment answered, and for whom.
    #[serde(skip)]
    pub route: crate::Route,
}

impl InferResponse {
    /// The output of that name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&ResponseOutput> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// A tensor that goes out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResponseOutput {
    /// The name of the output.
    pub name: String,
    /// The type of the elements.
    pub datatype: Datatype,
    /// The shape.
    pub shape: Vec<i64>,
    /// How the elements come; absent when they follow as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// The elements; absent when they come as bytes behind the JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<OutputData>,
    /// Whether the request wants this tensor as bytes.
    #[serde(skip)]
    pub binary: bool,
}

/// The elements of a tensor that goes out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OutputData {
    /// Numbers; those that JSON cannot hold go out as `null`.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
}

impl OutputData {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Values> for OutputData {
    fn from(values: Values) -> Self {
        match values {
            Values::Reals(values) => Self::Numbers(values),
            Values::Integers(values) => Self::Integers(values),
            Values::Words(values) => Self::Texts(values),
        }
    }
}

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// The name it is asked by.
    pub name: String,
    /// The versions that can be asked for.
    pub versions: Vec<String>,
    /// `gingham_` and the kind of engine.
    pub platform: String,
    /// What it takes.
    pub inputs: Vec<TensorMetadata>,
    /// What it gives.
    pub outputs: Vec<TensorMetadata>,
}

/// A tensor as metadata tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub datatype: Datatype,
    /// Its shape; -1 for any number of rows.
    pub shape: Vec<i64>,
}

/// The output tensor with the ids under which predictions are archived.
pub const PREDICTION_ID: &str = "prediction_id";
/// The extra input, or parameter, with the time that a row is about.
pub const EVENT_TIME: &str = "event_time";
/// An input that stands for all inputs at once: a tensor of the shape `[n, inputs]`, in the order of the metadata.
pub const FEATURES: &str = "features";
/// The extra input, or parameter, with whom or what a row is about.
pub const ENTITY: &str = "entity";

impl ModelMetadata {
    /// What a model with that signature says of itself.
    #[must_use]
    pub fn of(name: &str, version: i64, engine: &str, signature: &Signature) -> Self {
        let tensor =
            |name: &str, datatype| TensorMetadata { name: name.to_owned(), datatype, shape: vec![-1] };
        let outputs = signature.outputs().into_iter().map(|output: Output| TensorMetadata {
            datatype: output.datatype(),
            shape: output.shape(-1),
            name: output.name,
        });
        Self {
            name: name.to_owned(),
            versions: vec![version.to_string()],
            platform: format!("gingham_{engine}"),
            inputs: inputs(signature),
            outputs: outputs.chain([tensor(PREDICTION_ID, Datatype::Bytes)]).collect(),
        }
    }
}

/// The inputs as the model has them: its own tensors, or their columns where those have names.
fn inputs(signature: &Signature) -> Vec<TensorMetadata> {
    let mut told = Vec::new();
    let mut place = 0;
    while let Some(field) = signature.inputs.get(place) {
        if let Some(tensor) = signature.numbered_tensor(place) {
            let row = tensor.row.iter().map(|length| i64::from(*length));
            told.push(TensorMetadata {
                name: tensor.name.clone(),
                datatype: tensor.datatype,
                shape: std::iter::once(-1).chain(row).collect(),
            });
            place += tensor.columns().max(1);
            continue;
        }
        told.push(TensorMetadata {
            name: field.name.clone(),
            datatype: match field.kind {
                FieldKind::Number => Datatype::Fp64,
                FieldKind::Category => Datatype::Bytes,
            },
            shape: if field.width == 1 { vec![-1] } else { vec![-1, i64::from(field.width)] },
        });
        place += 1;
    }
    told
}
