//! Comparisons, logic and choice.

use super::broadcast::{combine, common, places};
use super::{Inputs, Kernel, Node, Outputs, Problem};
use crate::{Data, Tensor};

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

pub(super) fn make(node: &Node<'_>) -> Result<Kernel, Problem> {
    let comparison = match node.op_type {
        "Equal" => Comparison::Equal,
        "Less" => Comparison::Less,
        "LessOrEqual" => Comparison::LessOrEqual,
        "Greater" => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let shape = common(left.shape(), right.shape())?;
        inputs.allow(shape.elements())?;
        macro_rules! compared {
            ($a:expr, $b:expr) => {
                combine(&shape, ($a.as_slice(), left.shape()), ($b.as_slice(), right.shape()), |a, b| {
                    comparison.holds(a, b)
                })
            };
        }
        let data = match (left.data(), right.data()) {
            (Data::Float32(a), Data::Float32(b)) => compared!(a, b),
            (Data::Float64(a), Data::Float64(b)) => compared!(a, b),
            (Data::Int64(a), Data::Int64(b)) => compared!(a, b),
            (Data::Int32(a), Data::Int32(b)) => compared!(a, b),
            (Data::Bool(a), Data::Bool(b)) => compared!(a, b),
            (Data::Text(a), Data::Text(b)) => compared!(a, b),
            (a, b) => {
                let (a, b) = (a.element_type().name(), b.element_type().name());
                return Err(format!("it does not compare {a} with {b}").into());
            }
        };
        super::one(Tensor::new(shape, Data::Bool(data)))
    }))
}

pub(super) fn logic(node: &Node<'_>) -> Result<Kernel, Problem> {
    let with: fn(&bool, &bool) -> bool = match node.op_type {
        "And" => |a, b| *a && *b,
        "Or" => |a, b| *a || *b,
        _ => |a, b| a != b,
    };
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let shape = common(left.shape(), right.shape())?;
        inputs.allow(shape.elements())?;
        let (Data::Bool(a), Data::Bool(b)) = (left.data(), right.data()) else {
            return Err("it takes only true and false".into());
        };
        super::one(Tensor::new(
            shape,
            Data::Bool(combine(&shape, (a, left.shape()), (b, right.shape()), with)),
        ))
    }))
}

pub(super) fn choose(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let (condition, yes, no) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        let shape = common(&common(condition.shape(), yes.shape())?, no.shape())?;
        inputs.allow(shape.elements().saturating_mul(4))?;
        let Data::Bool(chosen) = condition.data() else {
            return Err("its condition must be true or false".into());
        };
        // Both sides one after another, so that one list of places picks from them.
        let mut both = yes.data().clone();
        let offset = both.len();
        if !both.append(no.data()) {
            return Err("its two sides differ in type".into());
        }
        let (at_condition, at_yes, at_no) =
            (places(condition.shape(), &shape), places(yes.shape(), &shape), places(no.shape(), &shape));
        let picked = at_condition.iter().zip(at_yes.iter().zip(&at_no)).map(|(condition, (yes, no))| {
            if chosen.get(*condition).copied().unwrap_or(false) { *yes } else { offset + *no }
        });
        super::one(both.take(picked).and_then(|data| Tensor::new(shape, data)))
    }))
}
