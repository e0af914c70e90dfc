//! Categories to numbers, numbers to categories, and maps of classes.

use std::collections::HashMap;

use super::{Inputs, Kernel, Node, Outputs, Problem, one, wrong_type};
use crate::onnx::Attributes;
use crate::{Data, Shape, Tensor};

pub(super) fn one_hot(node: &Node<'_>) -> Result<Kernel, Problem> {
    let texts = node.attributes.texts("cats_strings")?;
    let numbers = node.attributes.ints("cats_int64s").to_vec();
    let zeros = node.attributes.flag("zeros", true);
    let classes = texts.len().max(numbers.len());
    let place = |length: usize| 0..length;
    let by_text: HashMap<String, usize> = texts.iter().cloned().zip(place(texts.len())).collect();
    let by_number: HashMap<i64, usize> = numbers.iter().copied().zip(place(numbers.len())).collect();
    if classes == 0 {
        return Err("it has no categories".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let mut lengths = tensor.shape().lengths().to_vec();
        lengths.push(classes);
        let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
        inputs.allow(shape.elements())?;
        let find = |number: f64| {
            if number.is_nan() { None } else { by_number.get(&(number as i64)).copied() }
        };
        let places: Vec<Option<usize>> = match tensor.data() {
            Data::Text(values) => values.iter().map(|value| by_text.get(value).copied()).collect(),
            Data::Int64(values) => values.iter().map(|value| by_number.get(value).copied()).collect(),
            Data::Int32(values) => {
                values.iter().map(|value| by_number.get(&i64::from(*value)).copied()).collect()
            }
            Data::Float32(values) => values.iter().map(|value| find(f64::from(*value))).collect(),
            Data::Float64(values) => values.iter().map(|value| find(*value)).collect(),
            other => return Err(wrong_type(other.element_type())),
        };
        let mut made = vec![0f32; shape.elements()];
        for (row, place) in made.chunks_exact_mut(classes).zip(&places) {
            match place.and_then(|place| row.get_mut(place)) {
                Some(cell) => *cell = 1.0,
                None if zeros => {}
                None => return Err("it was given a category that it does not know".into()),
            }
        }
        one(Tensor::new(shape, Data::Float32(made)))
    }))
}

/// A key that can be looked up; NaN is a key too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Whole(i64),
    Fraction(u64),
}

impl Key {
    fn of(number: f64) -> Self {
        Self::Fraction(if number.is_nan() { f64::NAN.to_bits() } else { (number + 0.0).to_bits() })
    }
}

fn keys(data: &Data) -> Result<Vec<Key>, Problem> {
    Ok(match data {
        Data::Text(values) => values.iter().map(|value| Key::Text(value.clone())).collect(),
        Data::Int64(values) => values.iter().map(|value| Key::Whole(*value)).collect(),
        Data::Int32(values) => values.iter().map(|value| Key::Whole(i64::from(*value))).collect(),
        Data::Bool(values) => values.iter().map(|value| Key::Whole(i64::from(*value))).collect(),
        Data::Float32(values) => values.iter().map(|value| Key::of(f64::from(*value))).collect(),
        Data::Float64(values) => values.iter().map(|value| Key::of(*value)).collect(),
        other => return Err(wrong_type(other.element_type())),
    })
}

/// The list that an attribute of some type holds.
fn listed(attributes: Attributes<'_>, prefix: &str) -> Result<Option<Data>, Problem> {
    let name = |end: &str| format!("{prefix}_{end}");
    if attributes.has(&name("strings")) {
        return Ok(Some(Data::Text(attributes.texts(&name("strings"))?)));
    }
    if attributes.has(&name("int64s")) {
        return Ok(Some(Data::Int64(attributes.ints(&name("int64s")).to_vec())));
    }
    if attributes.has(&name("floats")) {
        return Ok(Some(Data::Float32(attributes.floats(&name("floats")).to_vec())));
    }
    Ok(attributes.tensor(&name("tensor"))?.map(Tensor::into_data))
}

pub(super) fn label(node: &Node<'_>) -> Result<Kernel, Problem> {
    let (attributes, opset) = (node.attributes, node.opset);
    if attributes.has("classes_strings") {
        return first_label(attributes);
    }
    let from = listed(attributes, "keys")?.ok_or("its keys are missing")?;
    let mut to = listed(attributes, "values")?.ok_or("its values are missing")?;
    if from.len() != to.len() {
        return Err("it has another number of keys than of values".into());
    }
    let default = attributes.tensor("default_tensor")?.map(Tensor::into_data);
    let otherwise = match (&to, default) {
        (_, Some(default)) if default.element_type() == to.element_type() => default,
        (Data::Text(_), _) => Data::Text(vec![attributes.text("default_string", "_Unused")?]),
        (Data::Int64(_), _) => Data::Int64(vec![attributes.int("default_int64", -1)]),
        (Data::Float32(_), _) => Data::Float32(vec![attributes.float("default_float", -0.0)]),
        (Data::Float64(_), _) => Data::Float64(vec![f64::from(attributes.float("default_float", -0.0))]),
        (Data::Int32(_), _) => Data::Int32(vec![-1]),
        (other, _) => return Err(wrong_type(other.element_type())),
    };
    let known: HashMap<Key, usize> = {
        let mut known = HashMap::new();
        for (place, key) in keys(&from)?.into_iter().enumerate() {
            // Before version 4 NaN is no key: it equals nothing.
            if opset < 4 && key == Key::of(f64::NAN) {
                continue;
            }
            known.entry(key).or_insert(place);
        }
        known
    };
    let unknown = to.len();
    if otherwise.len() != 1 || !to.append(&otherwise) {
        return Err("its default is of another type than its values".into());
    }
    let kind = from.element_type();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        if tensor.element_type() != kind {
            return Err(wrong_type(tensor.element_type()));
        }
        let places: Vec<usize> = match tensor.data() {
            // Texts are looked up without being copied.
            Data::Text(values) => {
                values.iter().map(|value| lookup(&known, value).unwrap_or(unknown)).collect()
            }
            data => keys(data)?.iter().map(|key| known.get(key).copied().unwrap_or(unknown)).collect(),
        };
        one(to.take(places.into_iter()).and_then(|data| Tensor::new(*tensor.shape(), data)))
    }))
}

fn lookup(known: &HashMap<Key, usize>, text: &str) -> Option<usize> {
    known.get(&Key::Text(text.to_owned())).copied()
}

/// The form of ai.onnx.ml 1: texts to their places and back.
fn first_label(attributes: Attributes<'_>) -> Result<Kernel, Problem> {
    let classes = attributes.texts("classes_strings")?;
    let (text, number) = (attributes.text("default_string", "_Unused")?, attributes.int("default_int64", -1));
    let known: HashMap<String, i64> = classes.iter().cloned().zip(0..).collect();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let data = match tensor.data() {
            Data::Text(values) => {
                Data::Int64(values.iter().map(|value| known.get(value).copied().unwrap_or(number)).collect())
            }
            Data::Int64(values) => {
                let class = |place: &i64| usize::try_from(*place).ok().and_then(|place| classes.get(place));
                Data::Text(values.iter().map(|value| class(value).unwrap_or(&text).clone()).collect())
            }
            other => return Err(wrong_type(other.element_type())),
        };
        one(Tensor::new(*tensor.shape(), data))
    }))
}

pub(super) fn category(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let (texts, numbers) = (attributes.texts("cats_strings")?, attributes.ints("cats_int64s").to_vec());
    if texts.len() != numbers.len() {
        return Err("it has another number of texts than of numbers".into());
    }
    let (text, number) = (attributes.text("default_string", "_Unused")?, attributes.int("default_int64", -1));
    let to_number: HashMap<String, i64> = texts.iter().cloned().zip(numbers.iter().copied()).collect();
    let to_text: HashMap<i64, String> = numbers.into_iter().zip(texts).collect();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let data = match tensor.data() {
            Data::Text(values) => Data::Int64(
                values.iter().map(|value| to_number.get(value).copied().unwrap_or(number)).collect(),
            ),
            Data::Int64(values) => {
                Data::Text(values.iter().map(|value| to_text.get(value).unwrap_or(&text).clone()).collect())
            }
            other => return Err(wrong_type(other.element_type())),
        };
        one(Tensor::new(*tensor.shape(), data))
    }))
}

/// The classes that a `ZipMap` names its columns by.
pub(crate) fn zipmap_labels(attributes: Attributes<'_>) -> Result<Vec<String>, Problem> {
    let texts = attributes.texts("classlabels_strings")?;
    if texts.is_empty() {
        return Ok(attributes.ints("classlabels_int64s").iter().map(ToString::to_string).collect());
    }
    Ok(texts)
}

/// The columns stay as they are; their names become the labels of the output.
pub(super) fn zipmap(node: &Node<'_>) -> Result<Kernel, Problem> {
    let classes = zipmap_labels(node.attributes)?.len();
    if classes == 0 {
        return Err("it names no classes".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let (rows, width) = match tensor.shape().lengths() {
            [width] => (1, *width),
            _ => tensor.shape().as_matrix(),
        };
        if width != classes {
            return Err(format!("it names {classes} classes, but there are {width} columns").into());
        }
        one(tensor.reshaped(Shape::matrix(rows, width)))
    }))
}

/// Picks columns of the maps that a `ZipMap` made, in the order of its vocabulary.
pub(super) fn dictionary(node: &Node<'_>) -> Result<Kernel, Problem> {
    let labels = node.labels.ok_or("it takes maps, and models cannot be given maps here")?;
    let attributes = node.attributes;
    let texts = attributes.texts("string_vocabulary")?;
    let vocabulary = if texts.is_empty() {
        attributes.ints("int64_vocabulary").iter().map(ToString::to_string).collect()
    } else {
        texts
    };
    let places: Vec<Option<usize>> =
        vocabulary.iter().map(|word| labels.iter().position(|label| label == word)).collect();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let (rows, width) = tensor.shape().as_matrix();
        let Data::Float32(values) = tensor.data() else { return Err(wrong_type(tensor.element_type())) };
        inputs.allow(rows.saturating_mul(places.len()))?;
        let mut made = Vec::with_capacity(rows * places.len());
        for row in values.chunks_exact(width.max(1)) {
            made.extend(
                places.iter().map(|place| place.and_then(|place| row.get(place)).copied().unwrap_or(0.0)),
            );
        }
        one(Tensor::matrix(rows, places.len(), Data::Float32(made)))
    }))
}
