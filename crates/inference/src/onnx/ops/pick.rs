//! Some elements out of a tensor.

use super::{Inputs, Kernel, Node, Outputs, Problem, axis_of, one};
use crate::{Data, Shape, Tensor};

/// Lengths before, at and after an axis, multiplied.
fn around(shape: &Shape, axis: usize) -> (usize, usize, usize) {
    let lengths = shape.lengths();
    (
        lengths.iter().take(axis).product(),
        lengths.get(axis).copied().unwrap_or(1),
        lengths.iter().skip(axis + 1).product(),
    )
}

/// The tensor with only the slices at `picked` along an axis.
fn along(tensor: &Tensor, axis: usize, picked: &[usize], middle: &[usize]) -> Outputs {
    let (outer, length, inner) = around(tensor.shape(), axis);
    let mut lengths: Vec<usize> = tensor.shape().lengths().iter().take(axis).copied().collect();
    lengths.extend(middle);
    lengths.extend(tensor.shape().lengths().iter().skip(axis + 1));
    let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
    let mut data = Data::empty(tensor.element_type());
    data.reserve(shape.elements());
    for block in 0..outer {
        for at in picked {
            let from = (block * length + at) * inner;
            if *at >= length || !data.append_range(tensor.data(), from..from + inner) {
                return Err(format!("there is no place {at} among {length}").into());
            }
        }
    }
    one(Tensor::new(shape, data))
}

fn place_of(index: i64, length: usize) -> Result<usize, Problem> {
    let counted = if index < 0 { index.saturating_add(length as i64) } else { index };
    let place = usize::try_from(counted).ok().filter(|place| *place < length);
    place.ok_or_else(|| Problem(format!("there is no place {index} among {length}")))
}

pub(super) fn gather(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 0);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let (outer, length, inner) = around(tensor.shape(), axis);
        let indices = inputs.whole_numbers(1)?.ok_or("its places are missing")?;
        inputs.allow(outer.saturating_mul(inner).saturating_mul(indices.len()))?;
        let picked = indices.iter().map(|index| place_of(*index, length)).collect::<Result<Vec<_>, _>>()?;
        along(tensor, axis, &picked, inputs.get(1)?.shape().lengths())
    }))
}

pub(super) fn gather_elements(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 0);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let (_, length, inner) = around(tensor.shape(), axis);
        let shape = *inputs.get(1)?.shape();
        let outside = |place: usize| (tensor.shape().lengths().get(place), shape.lengths().get(place));
        if shape.rank() != tensor.shape().rank()
            || (0..shape.rank()).any(|place| place != axis && outside(place).0 != outside(place).1)
        {
            return Err("its places have another shape than its elements".into());
        }
        let picked = around(&shape, axis).1;
        let indices = inputs.whole_numbers(1)?.ok_or("its places are missing")?;
        let mut places = Vec::with_capacity(indices.len());
        for (at, index) in indices.iter().enumerate() {
            let block = at / (picked * inner).max(1);
            places.push((block * length + place_of(*index, length)?) * inner + at % inner.max(1));
        }
        one(tensor.data().take(places.into_iter()).and_then(|data| Tensor::new(shape, data)))
    }))
}

/// `ArrayFeatureExtractor`: some columns of the last dimension.
pub(super) fn features(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let indices = inputs.whole_numbers(1)?.ok_or("its columns are missing")?;
        let rank = tensor.shape().rank();
        let width = tensor.shape().lengths().last().copied().ok_or("it takes no single value")?;
        let picked = indices.iter().map(|index| place_of(*index, width)).collect::<Result<Vec<_>, _>>()?;
        inputs.allow(tensor.data().len().checked_div(width).unwrap_or(0).saturating_mul(picked.len()))?;
        let made = along(tensor, rank - 1, &picked, &[picked.len()])?;
        if rank > 1 {
            return Ok(made);
        }
        one(made.into_iter().next().and_then(|tensor| tensor.reshaped(Shape::matrix(1, picked.len()))))
    }))
}

pub(super) fn slice(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = node.attributes.has("starts").then(|| {
        let ints = |name: &str| node.attributes.ints(name).to_vec();
        (ints("starts"), ints("ends"), node.attributes.has("axes").then(|| ints("axes")))
    });
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (starts, ends, axes, steps) = match &fixed {
            Some((starts, ends, axes)) => (starts.clone(), ends.clone(), axes.clone(), None),
            None => (
                inputs.whole_numbers(1)?.ok_or("its starts are missing")?,
                inputs.whole_numbers(2)?.ok_or("its ends are missing")?,
                inputs.whole_numbers(3)?,
                inputs.whole_numbers(4)?,
            ),
        };
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err("its starts, ends, axes and steps differ in number".into());
        }
        let mut tensor = inputs.take(0)?;
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = axis_of(*axis, tensor.shape().rank())?;
            let length = around(tensor.shape(), axis).1 as i64;
            let counted = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
            let picked: Vec<usize> = match *step {
                0 => return Err("its step is zero".into()),
                step if step > 0 => {
                    let (from, to) = (counted(*start).clamp(0, length), counted(*end).clamp(0, length));
                    (from..to).step_by(step as usize).map(|at| at as usize).collect()
                }
                step => {
                    let (from, to) =
                        (counted(*start).clamp(-1, length - 1), counted(*end).clamp(-1, length - 1));
                    let by = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
                    (to + 1..=from).rev().step_by(by).map(|at| at as usize).collect()
                }
            };
            let made = along(&tensor, axis, &picked, &[picked.len()])?;
            tensor = made.into_iter().next().ok_or("there is nothing to slice")?;
        }
        Ok(vec![tensor])
    }))
}

pub(super) fn split(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 0);
    let fixed = node.attributes.has("split").then(|| node.attributes.ints("split").to_vec());
    let parts = node.outputs;
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let length = around(tensor.shape(), axis).1;
        let given = match &fixed {
            Some(sizes) => Some(sizes.clone()),
            None => inputs.whole_numbers(1)?,
        };
        let sizes: Vec<usize> = match given {
            Some(sizes) => sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect(),
            None => {
                let each = length.div_ceil(parts.max(1));
                (0..parts).map(|part| each.min(length.saturating_sub(part * each))).collect()
            }
        };
        if sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) != Some(length) {
            return Err("its parts are not as long as the whole".into());
        }
        let mut from = 0;
        let mut made = Vec::with_capacity(sizes.len());
        for size in sizes {
            let picked: Vec<usize> = (from..from + size).collect();
            made.extend(along(tensor, axis, &picked, &[size])?);
            from += size;
        }
        Ok(made)
    }))
}

/// `OneHot`: one new dimension with `on` where the index says and `off` elsewhere.
pub(super) fn one_hot(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", -1);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let indices = inputs.get(0)?;
        let depth = inputs.get(1)?.to_numbers().first().copied().unwrap_or(0.0);
        let depth = if (1.0..1e9).contains(&depth) {
            depth as usize
        } else {
            return Err("its depth cannot be".into());
        };
        let values = inputs.get(2)?.data();
        let mut lengths = indices.shape().lengths().to_vec();
        let axis = axis_of(axis, lengths.len() + 1)?;
        inputs.allow(indices.data().len().saturating_mul(depth))?;
        let inner: usize = lengths.iter().skip(axis).product();
        lengths.insert(axis, depth);
        let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
        let wanted = indices.to_numbers();
        let places = (0..shape.elements()).map(|place| {
            let (block, rest) = (place / (depth * inner).max(1), place % (depth * inner).max(1));
            let (class, within) = (rest / inner.max(1), rest % inner.max(1));
            let index = wanted.get(block * inner + within).copied().unwrap_or(f64::NAN);
            let index = if index < 0.0 { index + depth as f64 } else { index };
            usize::from(index == class as f64)
        });
        one(values.take(places).and_then(|data| Tensor::new(shape, data)))
    }))
}
