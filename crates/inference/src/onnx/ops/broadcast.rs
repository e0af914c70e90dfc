//! Two tensors element by element, the smaller one repeated as numpy does it.

use super::Problem;
use crate::Shape;

/// The shape that two shapes broadcast to.
pub(super) fn common(left: &Shape, right: &Shape) -> Result<Shape, Problem> {
    let rank = left.rank().max(right.rank());
    let at = |shape: &Shape, place: usize| {
        (place + shape.rank())
            .checked_sub(rank)
            .and_then(|place| shape.lengths().get(place).copied())
            .unwrap_or(1)
    };
    let mut lengths = Vec::with_capacity(rank);
    for place in 0..rank {
        lengths.push(match (at(left, place), at(right, place)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => return Err(format!("the shapes {left:?} and {right:?} do not go together").into()),
        });
    }
    Shape::new(&lengths).ok_or_else(|| Problem::from("its result would be too large"))
}

/// How the elements of a tensor are stepped through when it is repeated to `shape`: the step in
/// each dimension, zero where it is repeated.
fn steps(from: &Shape, shape: &Shape) -> Vec<usize> {
    let mut steps = vec![0; shape.rank()];
    let mut step = 1;
    for (length, place) in from.lengths().iter().rev().zip((0..shape.rank()).rev()) {
        if *length != 1
            && let Some(slot) = steps.get_mut(place)
        {
            *slot = step;
        }
        step *= length;
    }
    steps
}

/// Calls `visit` with the places of both operands for each element of `shape`, in order.
fn each(shape: &Shape, left: &Shape, right: &Shape, mut visit: impl FnMut(usize, usize)) {
    let (left, right) = (steps(left, shape), steps(right, shape));
    let mut at = vec![0usize; shape.rank()];
    let (mut a, mut b) = (0usize, 0usize);
    for _ in 0..shape.elements() {
        visit(a, b);
        for place in (0..shape.rank()).rev() {
            let (Some(index), Some(length)) = (at.get_mut(place), shape.lengths().get(place)) else { break };
            let (step_a, step_b) =
                (left.get(place).copied().unwrap_or(0), right.get(place).copied().unwrap_or(0));
            *index += 1;
            a += step_a;
            b += step_b;
            if *index < *length {
                break;
            }
            a -= step_a * *index;
            b -= step_b * *index;
            *index = 0;
        }
    }
}

/// Combines two lists of the given shapes.
pub(super) fn combine<A, B, C>(
    shape: &Shape,
    (left, left_shape): (&[A], &Shape),
    (right, right_shape): (&[B], &Shape),
    with: impl Fn(&A, &B) -> C,
) -> Vec<C> {
    if left_shape == right_shape {
        return left.iter().zip(right).map(|(a, b)| with(a, b)).collect();
    }
    if let ([b], true) = (right, left_shape == shape) {
        return left.iter().map(|a| with(a, b)).collect();
    }
    if let ([a], true) = (left, right_shape == shape) {
        return right.iter().map(|b| with(a, b)).collect();
    }
    // A row repeated down a matrix, and a column repeated across it.
    if left_shape == shape && !right.is_empty() {
        let mut result = Vec::with_capacity(left.len());
        if shape.lengths().last() == Some(&right.len()) {
            for row in left.chunks_exact(right.len()) {
                result.extend(row.iter().zip(right).map(|(a, b)| with(a, b)));
            }
            return result;
        }
        let rows_only = right_shape.rank() == shape.rank() && right_shape.lengths().last() == Some(&1);
        if rows_only && shape.elements() == right.len() * shape.lengths().last().copied().unwrap_or(0) {
            let width = shape.lengths().last().copied().unwrap_or(1).max(1);
            for (row, b) in left.chunks_exact(width).zip(right) {
                result.extend(row.iter().map(|a| with(a, b)));
            }
            return result;
        }
    }
    let mut result = Vec::with_capacity(shape.elements());
    each(shape, left_shape, right_shape, |a, b| {
        if let (Some(a), Some(b)) = (left.get(a), right.get(b)) {
            result.push(with(a, b));
        }
    });
    result
}

/// The place in a tensor of shape `from` for each element of `shape`.
pub(super) fn places(from: &Shape, shape: &Shape) -> Vec<usize> {
    let mut result = Vec::with_capacity(shape.elements());
    each(shape, from, from, |place, _| result.push(place));
    result
}
