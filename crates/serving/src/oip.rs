//! The Open Inference Protocol V2 as types: what comes in, what goes out, what a model says of itself.
//!
//! JSON has no NaN and no infinity: a missing number comes in as `null` for `FP32` and `FP64`, and goes out as `null`.
//! `null` in `BYTES` is a missing word. Tensors may be flat or nested. Binary tensors are not offered yet.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }
}

/// A request for predictions. What is not known is ignored, as the protocol asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    /// Ignored, save that binary data is refused.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The elements.
    #[serde(default)]
    pub data: Option<Data>,
}

/// A wish for one output.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RequestedOutput {
    /// The name of the output.
    pub name: String,
    /// Ignored, save that binary data is refused.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// The elements of a tensor in row-major order, with the shape they were nested in.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The elements.
    pub values: Vec<Scalar>,
    /// How they were nested; one number when flat.
    pub nesting: Vec<usize>,
}

/// An element as JSON has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond those.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Real(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Uint(value) => value.fmt(formatter),
            Self::Real(value) => value.fmt(formatter),
            Self::Text(value) => write!(formatter, "\"{}\"", value.chars().take(40).collect::<String>()),
        }
    }
}

/// How deep tensors may be nested.
const DEEPEST: usize = 8;

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outermost;
        impl<'de> Visitor<'de> for Outermost {
            type Value = Data;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Data, A::Error> {
                let mut data = Data { values: Vec::new(), nesting: Vec::new() };
                read_array(&mut data, 0, elements)?;
                Ok(data)
            }
        }
        deserializer.deserialize_seq(Outermost)
    }
}

/// Reads one array at a depth; all arrays at one depth must have one length.
fn read_array<'de, A: SeqAccess<'de>>(
    data: &mut Data,
    depth: usize,
    mut elements: A,
) -> Result<(), A::Error> {
    if depth >= DEEPEST {
        return Err(A::Error::custom("the data is nested too deeply"));
    }
    // Its place is taken before those of the arrays within it.
    let first = data.nesting.len() == depth;
    if first {
        data.nesting.push(0);
    }
    let mut length = 0;
    while elements.next_element_seed(Element { data: &mut *data, depth: depth + 1 })?.is_some() {
        length += 1;
    }
    match data.nesting.get_mut(depth) {
        Some(known) if first => *known = length,
        Some(known) if *known == length => {}
        _ => return Err(A::Error::custom("the nested arrays have different lengths")),
    }
    Ok(())
}

/// One element, which may be an array again.
struct Element<'a> {
    data: &'a mut Data,
    depth: usize,
}

impl Element<'_> {
    fn push<E: serde::de::Error>(self, value: Scalar) -> Result<(), E> {
        if self.data.nesting.len() != self.depth {
            return Err(E::custom("the data mixes elements and arrays"));
        }
        self.data.values.push(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a text, true, false, null or an array of them")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.push(Scalar::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(Scalar::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(Scalar::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.push(i64::try_from(value).map_or(Scalar::Uint(value), Scalar::Int))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(Scalar::Real(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.push(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<(), E> {
        self.push(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        // An array after an element at the same depth finds no place for its length.
        if self.data.nesting.len() == self.depth && !self.data.values.is_empty() {
            return Err(A::Error::custom("the data mixes elements and arrays"));
        }
        read_array(self.data, self.depth, elements)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferResponse {
    /// The name that was asked for.
    pub model_name: String,
    /// The version that answered.
    pub model_version: String,
    /// The id of the request, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tensors.
    pub outputs: Vec<ResponseOutput>,
}

impl InferResponse {
    /// The output of that name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&ResponseOutput> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// A tensor that goes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseOutput {
    /// The name of the output.
    pub name: String,
    /// The type of the elements.
    pub datatype: Datatype,
    /// The shape.
    pub shape: Vec<i64>,
    /// The elements.
    pub data: OutputData,
}

/// The elements of a tensor that goes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutputData {
    /// Numbers; those that JSON cannot hold go out as `null`.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
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
/// The extra input, or parameter, with whom or what a row is about.
pub const ENTITY: &str = "entity";

impl ModelMetadata {
    /// What a model with that signature says of itself.
    #[must_use]
    pub fn of(name: &str, version: i64, engine: &str, signature: &Signature) -> Self {
        let tensor =
            |name: &str, datatype| TensorMetadata { name: name.to_owned(), datatype, shape: vec![-1] };
        let inputs = signature.inputs.iter().map(|field| {
            tensor(
                &field.name,
                match field.kind {
                    FieldKind::Number => Datatype::Fp64,
                    FieldKind::Category => Datatype::Bytes,
                },
            )
        });
        Self {
            name: name.to_owned(),
            versions: vec![version.to_string()],
            platform: format!("gingham_{engine}"),
            inputs: inputs.collect(),
            outputs: vec![tensor(&signature.output, Datatype::Fp64), tensor(PREDICTION_ID, Datatype::Bytes)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Result<Data, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn flat_and_nested_data_are_one() {
        let flat = data("[1, 2.5, null, \"x\", true, 18446744073709551615]").unwrap();
        assert_eq!(flat.nesting, [6]);
        assert_eq!(flat.values[5], Scalar::Uint(u64::MAX));
        let nested = data("[[[1, 2]], [[3, 4]], [[5, 6]]]").unwrap();
        assert_eq!(nested.nesting, [3, 1, 2]);
        assert_eq!(nested.values, (1..=6).map(Scalar::Int).collect::<Vec<_>>());
        assert_eq!(data("[]").unwrap(), Data { values: Vec::new(), nesting: vec![0] });
    }

    #[test]
    fn uneven_data_is_refused() {
        for (json, why) in [
            ("[[1], [2, 3]]", "different lengths"),
            ("[1, [2]]", "mixes elements and arrays"),
            ("[[1], 2]", "mixes elements and arrays"),
            ("[[[[[[[[[1]]]]]]]]]", "nested too deeply"),
            ("[{}]", "invalid type: map"),
            ("3", "an array of elements"),
            ("[1e999]", "number out of range"),
        ] {
            let error = data(json).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
