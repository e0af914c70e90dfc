//! Sums, differences, products and the like, of two or more tensors.

use super::broadcast::{combine, common};
use super::{Inputs, Kernel, Node, Outputs, Problem, wrong_type};
use crate::{Data, Tensor};

#[derive(Clone, Copy)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Mod { like_c: bool },
    Max,
    Min,
}

pub(super) fn make(node: &Node<'_>) -> Result<Kernel, Problem> {
    let operation = match node.op_type {
        "Add" | "Sum" | "Mean" => Operation::Add,
        "Sub" => Operation::Sub,
        "Mul" => Operation::Mul,
        "Div" => Operation::Div,
        "Mod" => Operation::Mod { like_c: node.attributes.flag("fmod", false) },
        "Max" => Operation::Max,
        _ => Operation::Min,
    };
    if node.opset < 7 && node.attributes.has("axis") {
        return Err("broadcasting along an axis, as in operator sets before 7, is not supported".into());
    }
    let mean = node.op_type == "Mean";
    Ok(Box::new(move |inputs: &mut Inputs<'_>| {
        let mut result = if inputs.len() == 1 { inputs.take(0)? } else { two(operation, inputs, 0, None)? };
        for index in 2..inputs.len() {
            result = two(operation, inputs, index, Some(&result))?;
        }
        if mean {
            let count = Tensor::vector(match result.data() {
                Data::Float32(_) => Data::Float32(vec![inputs.len() as f32]),
                Data::Float64(_) => Data::Float64(vec![inputs.len() as f64]),
                other => return Err(wrong_type(other.element_type())),
            });
            result = apply(Operation::Div, &result, &count)?;
        }
        Ok(vec![result])
    }))
}

fn two(
    operation: Operation,
    inputs: &Inputs<'_>,
    index: usize,
    so_far: Option<&Tensor>,
) -> Result<Tensor, Problem> {
    let (left, right) = match so_far {
        Some(so_far) => (so_far, inputs.get(index)?),
        None => (inputs.get(0)?, inputs.get(1)?),
    };
    inputs.allow(common(left.shape(), right.shape())?.elements())?;
    apply(operation, left, right)
}

fn apply(operation: Operation, left: &Tensor, right: &Tensor) -> Result<Tensor, Problem> {
    let shape = common(left.shape(), right.shape())?;
    macro_rules! floats {
        ($kind:ident, $a:expr, $b:expr) => {{
            let (a, b) = (($a.as_slice(), left.shape()), ($b.as_slice(), right.shape()));
            Data::$kind(match operation {
                Operation::Add => combine(&shape, a, b, |a, b| a + b),
                Operation::Sub => combine(&shape, a, b, |a, b| a - b),
                Operation::Mul => combine(&shape, a, b, |a, b| a * b),
                Operation::Div => combine(&shape, a, b, |a, b| a / b),
                Operation::Mod { .. } => combine(&shape, a, b, |a, b| a % b),
                Operation::Max => combine(&shape, a, b, |a, b| if a.is_nan() || a > b { *a } else { *b }),
                Operation::Min => combine(&shape, a, b, |a, b| if a.is_nan() || a < b { *a } else { *b }),
            })
        }};
    }
    macro_rules! ints {
        ($kind:ident, $a:expr, $b:expr) => {{
            let (a, b) = (($a.as_slice(), left.shape()), ($b.as_slice(), right.shape()));
            if matches!(operation, Operation::Div | Operation::Mod { .. }) && $b.contains(&0) {
                return Err("a whole number would be divided by zero".into());
            }
            Data::$kind(match operation {
                Operation::Add => combine(&shape, a, b, |a, b| a.wrapping_add(*b)),
                Operation::Sub => combine(&shape, a, b, |a, b| a.wrapping_sub(*b)),
                Operation::Mul => combine(&shape, a, b, |a, b| a.wrapping_mul(*b)),
                Operation::Div => combine(&shape, a, b, |a, b| a.wrapping_div(*b)),
                Operation::Mod { like_c: true } => combine(&shape, a, b, |a, b| a.wrapping_rem(*b)),
                Operation::Mod { like_c: false } => combine(&shape, a, b, |a, b| {
                    let rest = a.wrapping_rem(*b);
                    if rest != 0 && (rest < 0) != (*b < 0) { rest.wrapping_add(*b) } else { rest }
                }),
                Operation::Max => combine(&shape, a, b, |a, b| *a.max(b)),
                Operation::Min => combine(&shape, a, b, |a, b| *a.min(b)),
            })
        }};
    }
    let data = match (left.data(), right.data()) {
        (Data::Float32(a), Data::Float32(b)) => floats!(Float32, a, b),
        (Data::Float64(a), Data::Float64(b)) => floats!(Float64, a, b),
        (Data::Int64(a), Data::Int64(b)) => ints!(Int64, a, b),
        (Data::Int32(a), Data::Int32(b)) => ints!(Int32, a, b),
        (a, b) => {
            return Err(format!(
                "it does not take {} and {}",
                a.element_type().name(),
                b.element_type().name()
            )
            .into());
        }
    };
    Tensor::new(shape, data).ok_or_else(|| Problem::from("the shapes do not fit"))
}

/// Powers; the exponent may be of another type than the base.
pub(super) fn power(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let (base, exponent) = (inputs.get(0)?, inputs.get(1)?);
        let shape = common(base.shape(), exponent.shape())?;
        inputs.allow(shape.elements())?;
        let powers = exponent.to_numbers();
        let powers = (powers.as_slice(), exponent.shape());
        let data = match base.data() {
            Data::Float32(values) => {
                Data::Float32(combine(&shape, (values, base.shape()), powers, |a, b| power_of_f32(*a, *b)))
            }
            Data::Float64(values) => {
                Data::Float64(combine(&shape, (values, base.shape()), powers, |a, b| power_of(*a, *b)))
            }
            Data::Int64(values) => Data::Int64(combine(&shape, (values, base.shape()), powers, |a, b| {
                (*a as f64).powf(*b) as i64
            })),
            Data::Int32(values) => Data::Int32(combine(&shape, (values, base.shape()), powers, |a, b| {
                f64::from(*a).powf(*b) as i32
            })),
            other => return Err(wrong_type(other.element_type())),
        };
        super::one(Tensor::new(shape, data))
    }))
}

fn power_of(base: f64, exponent: f64) -> f64 {
    if exponent == 2.0 { base * base } else { base.powf(exponent) }
}

fn power_of_f32(base: f32, exponent: f64) -> f32 {
    if exponent == 2.0 { base * base } else { base.powf(exponent as f32) }
}
