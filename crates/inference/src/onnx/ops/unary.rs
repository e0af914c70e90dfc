//! One tensor, element by element.

use super::{Inputs, Kernel, Node, Outputs, Problem, wrong_type};
use crate::{Data, Tensor};

type OnSingle = Box<dyn Fn(f32) -> f32 + Send + Sync>;
type OnDouble = Box<dyn Fn(f64) -> f64 + Send + Sync>;

pub(super) fn make(node: &Node<'_>) -> Result<Kernel, Problem> {
    macro_rules! both {
        ($function:expr) => {{
            let (single, double): (OnSingle, OnDouble) = (Box::new($function), Box::new($function));
            (single, double)
        }};
    }
    macro_rules! method {
        ($name:ident) => {{
            let (single, double): (OnSingle, OnDouble) = (Box::new(f32::$name), Box::new(f64::$name));
            (single, double)
        }};
    }
    let attributes = node.attributes;
    let slope = |name: &str, default: f32| {
        (attributes.float(name, default), f64::from(attributes.float(name, default)))
    };
    let (single, double) = match node.op_type {
        "Abs" => return Ok(whole_too(f32::abs, f64::abs, i64::wrapping_abs)),
        "Neg" => return Ok(whole_too(|x: f32| -x, |x: f64| -x, i64::wrapping_neg)),
        "Sign" => return Ok(whole_too(sign_of_single, sign_of_double, i64::signum)),
        "Relu" => {
            return Ok(whole_too(
                |x: f32| if x < 0.0 { 0.0 } else { x },
                |x: f64| if x < 0.0 { 0.0 } else { x },
                |x| x.max(0),
            ));
        }
        "Clip" => return clip(node),
        "Exp" => method!(exp),
        "Log" => method!(ln),
        "Sqrt" => method!(sqrt),
        "Floor" => method!(floor),
        "Ceil" => method!(ceil),
        "Round" => method!(round_ties_even),
        "Reciprocal" => both!(|x| 1.0 / x),
        "Sigmoid" => both!(|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => method!(tanh),
        "Sin" => method!(sin),
        "Cos" => method!(cos),
        "Softplus" => both!(|x| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }),
        "Softsign" => both!(|x| x / (1.0 + x.abs())),
        "Erf" => {
            let pair: (OnSingle, OnDouble) =
                (Box::new(|x| error_function(f64::from(x)) as f32), Box::new(error_function));
            pair
        }
        "LeakyRelu" => {
            let (s, d) = slope("alpha", 0.01);
            let pair: (OnSingle, OnDouble) = (
                Box::new(move |x| if x < 0.0 { s * x } else { x }),
                Box::new(move |x| if x < 0.0 { d * x } else { x }),
            );
            pair
        }
        "Elu" => {
            let (s, d) = slope("alpha", 1.0);
            let pair: (OnSingle, OnDouble) = (
                Box::new(move |x| if x < 0.0 { s * (x.exp() - 1.0) } else { x }),
                Box::new(move |x| if x < 0.0 { d * (x.exp() - 1.0) } else { x }),
            );
            pair
        }
        other => return Err(format!("`{other}` is not known").into()),
    };
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let data = match tensor.into_data() {
            Data::Float32(mut values) => {
                values.iter_mut().for_each(|value| *value = single(*value));
                Data::Float32(values)
            }
            Data::Float64(mut values) => {
                values.iter_mut().for_each(|value| *value = double(*value));
                Data::Float64(values)
            }
            other => return Err(wrong_type(other.element_type())),
        };
        super::one(Tensor::new(shape, data))
    }))
}

fn whole_too(
    single: impl Fn(f32) -> f32 + Send + Sync + 'static,
    double: impl Fn(f64) -> f64 + Send + Sync + 'static,
    whole: impl Fn(i64) -> i64 + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let data = match tensor.into_data() {
            Data::Float32(mut values) => {
                values.iter_mut().for_each(|value| *value = single(*value));
                Data::Float32(values)
            }
            Data::Float64(mut values) => {
                values.iter_mut().for_each(|value| *value = double(*value));
                Data::Float64(values)
            }
            Data::Int64(values) => Data::Int64(values.into_iter().map(&whole).collect()),
            Data::Int32(values) => {
                Data::Int32(values.into_iter().map(|value| whole(i64::from(value)) as i32).collect())
            }
            other => return Err(wrong_type(other.element_type())),
        };
        super::one(Tensor::new(shape, data))
    })
}

fn sign_of_single(x: f32) -> f32 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

fn sign_of_double(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

/// Bounds are attributes before operator set 11 and inputs after.
fn clip(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = (
        f64::from(node.attributes.float("min", f32::NEG_INFINITY)),
        f64::from(node.attributes.float("max", f32::INFINITY)),
    );
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let bound = |index: usize, fixed: f64| {
            inputs.find(index).and_then(|tensor| tensor.to_numbers().first().copied()).unwrap_or(fixed)
        };
        let (least, most) = (bound(1, fixed.0), bound(2, fixed.1));
        let within = |value: f64| {
            if value < least {
                least
            } else if value > most {
                most
            } else {
                value
            }
        };
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let data = match tensor.into_data() {
            Data::Float32(values) => {
                Data::Float32(values.into_iter().map(|value| within(f64::from(value)) as f32).collect())
            }
            Data::Float64(values) => Data::Float64(values.into_iter().map(within).collect()),
            Data::Int64(values) => {
                let (least, most) = (least as i64, most as i64);
                Data::Int64(values.into_iter().map(|value| value.max(least).min(most)).collect())
            }
            other => return Err(wrong_type(other.element_type())),
        };
        super::one(Tensor::new(shape, data))
    }))
}

/// True or false for each element.
pub(super) fn flags(node: &Node<'_>) -> Result<Kernel, Problem> {
    let op_type = node.op_type.to_owned();
    let (up, down) =
        (node.attributes.flag("detect_positive", true), node.attributes.flag("detect_negative", true));
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let infinite = |value: f64| (up && value == f64::INFINITY) || (down && value == f64::NEG_INFINITY);
        let data = match (op_type.as_str(), tensor.data()) {
            ("Not", Data::Bool(values)) => values.iter().map(|value| !value).collect(),
            ("IsNaN", Data::Float32(values)) => values.iter().map(|value| value.is_nan()).collect(),
            ("IsNaN", Data::Float64(values)) => values.iter().map(|value| value.is_nan()).collect(),
            ("IsInf", Data::Float32(values)) => {
                values.iter().map(|value| infinite(f64::from(*value))).collect()
            }
            ("IsInf", Data::Float64(values)) => values.iter().map(|value| infinite(*value)).collect(),
            (_, other) => return Err(wrong_type(other.element_type())),
        };
        super::one(Tensor::new(*tensor.shape(), Data::Bool(data)))
    }))
}

/// The error function, by its series near zero and its continued fraction away from it
/// (Abramowitz and Stegun 7.1.6 and 7.1.14).
pub(super) fn error_function(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let size = x.abs();
    let value = if size < 2.5 {
        let mut term = size;
        let mut sum = size;
        for step in 1..200 {
            term *= 2.0 * size * size / f64::from(2 * step + 1);
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        sum * 2.0 / std::f64::consts::PI.sqrt() * (-size * size).exp()
    } else if size > 6.0 {
        1.0
    } else {
        let mut fraction = size;
        for step in (1..80).rev() {
            fraction = size + f64::from(step) / 2.0 / fraction;
        }
        1.0 - (-size * size).exp() / (fraction * std::f64::consts::PI.sqrt())
    };
    value.copysign(x)
}
