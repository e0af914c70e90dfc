//! A case: a model with inputs, and the outputs that an oracle gave.

use std::path::{Path, PathBuf};

use inference::{Data, Shape, Tensor};
use serde::Deserialize;

#[derive(Deserialize)]
struct Stored {
    model: String,
    inputs: Vec<StoredTensor>,
    outputs: Vec<StoredTensor>,
    tolerance: f64,
}

#[derive(Deserialize)]
struct StoredTensor {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    shape: Vec<usize>,
    data: Vec<serde_json::Value>,
}

/// A case as it is run.
pub struct Case {
    pub name: String,
    pub model: Vec<u8>,
    pub inputs: Vec<(String, Tensor)>,
    pub outputs: Vec<(String, Tensor)>,
    pub tolerance: f64,
}

/// Where the cases are; `None` when they were not made.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("GINGHAM_ENGINE_CASES").map(PathBuf::from)
}

/// All cases, in order.
pub fn all(folder: &Path) -> Vec<Case> {
    let names = std::fs::read_to_string(folder.join("complete")).expect("the cases are complete");
    names.lines().map(|name| read(folder, name)).collect()
}

fn read(folder: &Path, name: &str) -> Case {
    let place = folder.join(name);
    let stored: Stored = serde_json::from_slice(&std::fs::read(place.join("case.json")).unwrap()).unwrap();
    let tensors = |stored: Vec<StoredTensor>| {
        stored.into_iter().map(|stored| (stored.name.clone(), tensor(&stored))).collect()
    };
    Case {
        name: name.to_owned(),
        model: std::fs::read(place.join(&stored.model)).unwrap(),
        inputs: tensors(stored.inputs),
        outputs: tensors(stored.outputs),
        tolerance: stored.tolerance,
    }
}

fn tensor(stored: &StoredTensor) -> Tensor {
    let number = |value: &serde_json::Value| match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or(f64::NAN),
    };
    let numbers = || stored.data.iter().map(number);
    let data = match stored.kind.as_str() {
        "float32" => Data::Float32(numbers().map(|value| value as f32).collect()),
        "float64" => Data::Float64(numbers().collect()),
        "int64" => Data::Int64(stored.data.iter().map(|value| value.as_i64().unwrap()).collect()),
        "int32" => Data::Int32(stored.data.iter().map(|value| value.as_i64().unwrap() as i32).collect()),
        "bool" => Data::Bool(stored.data.iter().map(|value| value.as_bool().unwrap()).collect()),
        _ => Data::Text(stored.data.iter().map(|value| value.as_str().unwrap().to_owned()).collect()),
    };
    Tensor::new(Shape::new(&stored.shape).unwrap(), data).unwrap()
}

/// What of `found` is not `expected`, in words.
pub fn difference(found: &Tensor, expected: &Tensor, tolerance: f64) -> Option<String> {
    if found.shape().elements() != expected.shape().elements() {
        return Some(format!("its shape is {:?}, not {:?}", found.shape(), expected.shape()));
    }
    if let (Data::Text(found), Data::Text(expected)) = (found.data(), expected.data()) {
        let row = found.iter().zip(expected).position(|(a, b)| a != b)?;
        return Some(format!("element {row} is `{}`, not `{}`", found[row], expected[row]));
    }
    let (a, b) = (found.to_numbers(), expected.to_numbers());
    let alike = |a: f64, b: f64| {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1.0)
    };
    let row = a.iter().zip(&b).position(|(a, b)| !alike(*a, *b))?;
    Some(format!("element {row} is {}, not {}", a[row], b[row]))
}
