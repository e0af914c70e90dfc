//! Elements moved, repeated or made, not computed.

use super::broadcast::{common, places};
use super::{Inputs, Kernel, Node, Outputs, Problem, axis_of, one};
use crate::{Data, Shape, Tensor};

pub(super) fn identity(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| Ok(vec![inputs.take(0)?])))
}

pub(super) fn constant(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let single = |data: Data| Tensor::new(Shape::default(), data);
    let tensor = if let Some(tensor) = attributes.tensor("value")? {
        Some(tensor)
    } else if attributes.has("value_float") {
        single(Data::Float32(vec![attributes.float("value_float", 0.0)]))
    } else if attributes.has("value_int") {
        single(Data::Int64(vec![attributes.int("value_int", 0)]))
    } else if attributes.has("value_string") {
        single(Data::Text(vec![attributes.text("value_string", "")?]))
    } else if attributes.has("value_floats") {
        Some(Tensor::vector(Data::Float32(attributes.floats("value_floats").to_vec())))
    } else if attributes.has("value_ints") {
        Some(Tensor::vector(Data::Int64(attributes.ints("value_ints").to_vec())))
    } else if attributes.has("value_strings") {
        Some(Tensor::vector(Data::Text(attributes.texts("value_strings")?)))
    } else {
        None
    };
    let tensor = tensor.ok_or("it has no value of a kind that is known")?;
    Ok(Box::new(move |_: &mut Inputs<'_>| Ok(vec![tensor.clone()])))
}

pub(super) fn constant_of_shape(node: &Node<'_>) -> Result<Kernel, Problem> {
    let value = node.attributes.tensor("value")?.map_or(Data::Float32(vec![0.0]), Tensor::into_data);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let shape = shape_in(inputs, 0)?;
        inputs.allow(shape.elements())?;
        one(value.take(std::iter::repeat_n(0, shape.elements())).and_then(|data| Tensor::new(shape, data)))
    }))
}

/// A shape that an input holds.
fn shape_in(inputs: &Inputs<'_>, index: usize) -> Result<Shape, Problem> {
    let lengths = inputs.whole_numbers(index)?.ok_or("its shape is missing")?;
    let lengths: Option<Vec<_>> = lengths.iter().map(|length| usize::try_from(*length).ok()).collect();
    lengths
        .and_then(|lengths| Shape::new(&lengths))
        .ok_or_else(|| "the shape that it is given cannot be".into())
}

pub(super) fn expand(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let shape = common(tensor.shape(), &shape_in(inputs, 1)?)?;
        inputs.allow(shape.elements())?;
        let data = tensor.data().take(places(tensor.shape(), &shape).into_iter());
        one(data.and_then(|data| Tensor::new(shape, data)))
    }))
}

pub(super) fn tile(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let repeats = shape_in(inputs, 1)?;
        let from = tensor.shape().lengths();
        if repeats.rank() != from.len() {
            return Err("it is not told how often to repeat each dimension".into());
        }
        let lengths: Option<Vec<_>> =
            from.iter().zip(repeats.lengths()).map(|(length, times)| length.checked_mul(*times)).collect();
        let shape =
            lengths.and_then(|lengths| Shape::new(&lengths)).ok_or("its result would be too large")?;
        inputs.allow(shape.elements())?;
        let places = (0..shape.elements()).map(|place| {
            let (mut rest, mut step, mut source) = (place, 1, 0);
            for (length, whole) in from.iter().zip(shape.lengths()).rev() {
                let whole = (*whole).max(1);
                source += rest % whole % (*length).max(1) * step;
                rest /= whole;
                step *= length;
            }
            source
        });
        one(tensor.data().take(places).and_then(|data| Tensor::new(shape, data)))
    }))
}

pub(super) fn range(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let number = |index: usize| -> Result<f64, Problem> {
            let numbers = inputs.get(index)?.to_numbers();
            numbers.first().copied().ok_or_else(|| Problem::from("its bounds are empty"))
        };
        let (from, to, step) = (number(0)?, number(1)?, number(2)?);
        let count = ((to - from) / step).ceil().max(0.0);
        if !count.is_finite() {
            return Err("its step is zero".into());
        }
        inputs.allow(count as usize)?;
        let values: Vec<f64> = (0..count as usize).map(|index| from + index as f64 * step).collect();
        let kind = inputs.get(0)?.element_type();
        Ok(vec![Tensor::vector(super::cast::converted(Data::Float64(values), kind)?)])
    }))
}

pub(super) fn transpose(node: &Node<'_>) -> Result<Kernel, Problem> {
    let order = node.attributes.ints("perm").to_vec();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let from = tensor.shape().lengths();
        let order: Vec<usize> = if order.is_empty() {
            (0..from.len()).rev().collect()
        } else {
            order.iter().map(|axis| axis_of(*axis, from.len())).collect::<Result<_, _>>()?
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..from.len()) {
            return Err("its order does not name each dimension once".into());
        }
        let mut steps = vec![1usize; from.len()];
        for place in (1..from.len()).rev() {
            if let (Some(step), Some(length)) = (steps.get(place).copied(), from.get(place))
                && let Some(before) = steps.get_mut(place - 1)
            {
                *before = step * length;
            }
        }
        let pick = |list: &[usize]| -> Vec<usize> {
            order.iter().filter_map(|axis| list.get(*axis).copied()).collect()
        };
        let (lengths, steps) = (pick(from), pick(&steps));
        let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
        let mut at = vec![0usize; lengths.len()];
        let mut place = 0usize;
        let places = (0..shape.elements()).map(|_| {
            let here = place;
            for ((index, length), step) in at.iter_mut().zip(&lengths).zip(&steps).rev() {
                *index += 1;
                place += step;
                if *index < *length {
                    break;
                }
                place -= step * *index;
                *index = 0;
            }
            here
        });
        one(tensor.data().take(places).and_then(|data| Tensor::new(shape, data)))
    }))
}

pub(super) fn concat(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 1);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensors = (0..inputs.len()).map(|index| inputs.get(index)).collect::<Result<Vec<_>, _>>()?;
        let first = tensors.first().ok_or("it has no inputs")?;
        let axis = axis_of(axis, first.shape().rank())?;
        joined(inputs, &tensors, axis)
    }))
}

/// Tensors side by side along an axis.
pub(super) fn joined(inputs: &Inputs<'_>, tensors: &[&Tensor], axis: usize) -> Outputs {
    let first = tensors.first().ok_or("it has no inputs")?;
    let mut lengths = first.shape().lengths().to_vec();
    let mut total = 0usize;
    for tensor in tensors {
        let own = tensor.shape().lengths();
        let fits = own.len() == lengths.len()
            && own.iter().zip(&lengths).enumerate().all(|(place, (a, b))| place == axis || a == b);
        if !fits {
            return Err(format!(
                "the shapes {:?} and {:?} cannot stand side by side",
                first.shape(),
                tensor.shape()
            )
            .into());
        }
        total = total.saturating_add(own.get(axis).copied().unwrap_or(0));
    }
    if let Some(length) = lengths.get_mut(axis) {
        *length = total;
    }
    let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
    inputs.allow(shape.elements())?;
    let outer: usize = lengths.iter().take(axis).product();
    let chunks: Vec<usize> =
        tensors.iter().map(|tensor| tensor.shape().lengths().iter().skip(axis).product()).collect();
    let mut data = Data::empty(first.element_type());
    data.reserve(shape.elements());
    for block in 0..outer {
        for (tensor, chunk) in tensors.iter().zip(&chunks) {
            if !data.append_range(tensor.data(), block * chunk..(block + 1) * chunk) {
                return Err(format!(
                    "{} and {} cannot stand side by side",
                    first.element_type().name(),
                    tensor.element_type().name()
                )
                .into());
            }
        }
    }
    one(Tensor::new(shape, data))
}
