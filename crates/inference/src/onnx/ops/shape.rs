//! The same elements in another shape.

use super::{Inputs, Kernel, Node, Outputs, Problem, axis_of, one};
use crate::{Data, Shape, Tensor};

pub(super) fn reshape(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = node.attributes.has("shape").then(|| node.attributes.ints("shape").to_vec());
    let zero_is_zero = node.attributes.flag("allowzero", false);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let wanted = match &fixed {
            Some(shape) => shape.clone(),
            None => inputs.whole_numbers(1)?.ok_or("its shape is missing")?,
        };
        let tensor = inputs.take(0)?;
        let mut lengths = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (place, length) in wanted.iter().enumerate() {
            lengths.push(match length {
                -1 if open.is_none() => {
                    open = Some(place);
                    1
                }
                0 if !zero_is_zero => *tensor.shape().lengths().get(place).ok_or("its shape cannot be")?,
                length => usize::try_from(*length).map_err(|_| Problem::from("its shape cannot be"))?,
            });
        }
        if let Some(place) = open.and_then(|open| lengths.get_mut(open)) {
            *place = 1;
            let known = Shape::new(&lengths).ok_or("its shape cannot be")?.elements();
            let rest = tensor.data().len().checked_div(known).unwrap_or(0);
            if let Some(place) = open.and_then(|open| lengths.get_mut(open)) {
                *place = rest;
            }
        }
        let shape = Shape::new(&lengths).ok_or("its shape cannot be")?;
        let found = *tensor.shape();
        tensor
            .reshaped(shape)
            .map(|tensor| vec![tensor])
            .ok_or_else(|| format!("{found:?} cannot be reshaped to {wanted:?}").into())
    }))
}

pub(super) fn flatten(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 1);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let lengths = tensor.shape().lengths();
        let rank = lengths.len();
        let axis = if axis == rank as i64 { rank } else { axis_of(axis, rank)? };
        let rows: usize = lengths.iter().take(axis).product();
        let columns: usize = lengths.iter().skip(axis).product();
        one(tensor.reshaped(Shape::matrix(rows, columns)))
    }))
}

/// The axes of an operator that had them as an attribute before operator set 13.
fn axes(inputs: &Inputs<'_>, fixed: Option<&Vec<i64>>) -> Result<Option<Vec<i64>>, Problem> {
    match fixed {
        Some(axes) => Ok(Some(axes.clone())),
        None => inputs.whole_numbers(1),
    }
}

fn fixed_axes(node: &Node<'_>) -> Option<Vec<i64>> {
    node.attributes.has("axes").then(|| node.attributes.ints("axes").to_vec())
}

pub(super) fn squeeze(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = fixed_axes(node);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let axes = axes(inputs, fixed.as_ref())?;
        let tensor = inputs.take(0)?;
        let lengths = tensor.shape().lengths();
        let dropped: Vec<usize> = match axes {
            Some(axes) => axes.iter().map(|axis| axis_of(*axis, lengths.len())).collect::<Result<_, _>>()?,
            None => (0..lengths.len()).filter(|place| lengths.get(*place) == Some(&1)).collect(),
        };
        if dropped.iter().any(|place| lengths.get(*place) != Some(&1)) {
            return Err("it drops a dimension that is not 1".into());
        }
        let kept: Vec<usize> = lengths
            .iter()
            .enumerate()
            .filter(|(place, _)| !dropped.contains(place))
            .map(|(_, length)| *length)
            .collect();
        one(Shape::new(&kept).and_then(|shape| tensor.reshaped(shape)))
    }))
}

pub(super) fn unsqueeze(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = fixed_axes(node);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let axes = axes(inputs, fixed.as_ref())?.ok_or("its axes are missing")?;
        let tensor = inputs.take(0)?;
        let rank = tensor.shape().rank() + axes.len();
        let new = axes.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<Vec<_>, _>>()?;
        let mut old = tensor.shape().lengths().iter();
        let lengths: Vec<usize> = (0..rank)
            .map(|place| if new.contains(&place) { 1 } else { old.next().copied().unwrap_or(1) })
            .collect();
        one(Shape::new(&lengths).and_then(|shape| tensor.reshaped(shape)))
    }))
}

pub(super) fn shape(node: &Node<'_>) -> Result<Kernel, Problem> {
    let (from, to) = (node.attributes.int("start", 0), node.attributes.int("end", i64::MAX));
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let lengths = inputs.get(0)?.shape().lengths();
        let rank = lengths.len() as i64;
        let place = |at: i64| {
            usize::try_from(if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank)).unwrap_or(0)
        };
        let range = lengths.get(place(from)..place(to)).unwrap_or_default();
        Ok(vec![Tensor::vector(Data::Int64(range.iter().map(|length| *length as i64).collect()))])
    }))
}

pub(super) fn size(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let elements = inputs.get(0)?.data().len() as i64;
        one(Tensor::new(Shape::default(), Data::Int64(vec![elements])))
    }))
}
