//! From one type of elements to another.

use half::f16;

use super::{Inputs, Kernel, Node, Outputs, Problem};
use crate::onnx::tensors::element_type;
use crate::{Data, ElementType, Tensor};

pub(super) fn make(node: &Node<'_>) -> Result<Kernel, Problem> {
    let fixed = match node.op_type {
        "CastLike" => None,
        _ => {
            let number = i32::try_from(node.attributes.int("to", 0)).unwrap_or(0);
            let kind = element_type(number);
            Some(kind.ok_or_else(|| Problem(format!("elements of type {number} are not known")))?)
        }
    };
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let to = match fixed {
            Some(kind) => kind,
            None => inputs.get(1)?.element_type(),
        };
        let tensor = inputs.take(0)?;
        if tensor.element_type() == to {
            return Ok(vec![tensor]);
        }
        let shape = *tensor.shape();
        let data = converted(tensor.into_data(), to)?;
        super::one(Tensor::new(shape, data))
    }))
}

/// The elements as another type, as a cast in C or a parse of text gives them.
pub(crate) fn converted(data: Data, to: ElementType) -> Result<Data, Problem> {
    macro_rules! numbers {
        ($values:expr, $kind:ty) => {
            match to {
                ElementType::Bool => {
                    Data::Bool($values.into_iter().map(|value| value != (0 as $kind)).collect())
                }
                ElementType::Int8 => Data::Int8($values.into_iter().map(|value| value as i8).collect()),
                ElementType::Int16 => Data::Int16($values.into_iter().map(|value| value as i16).collect()),
                ElementType::Int32 => Data::Int32($values.into_iter().map(|value| value as i32).collect()),
                ElementType::Int64 => Data::Int64($values.into_iter().map(|value| value as i64).collect()),
                ElementType::Uint8 => Data::Uint8($values.into_iter().map(|value| value as u8).collect()),
                ElementType::Uint16 => Data::Uint16($values.into_iter().map(|value| value as u16).collect()),
                ElementType::Uint32 => Data::Uint32($values.into_iter().map(|value| value as u32).collect()),
                ElementType::Uint64 => Data::Uint64($values.into_iter().map(|value| value as u64).collect()),
                ElementType::Float16 => {
                    Data::Float16($values.into_iter().map(|value| f16::from_f64(value as f64)).collect())
                }
                ElementType::Float32 => {
                    Data::Float32($values.into_iter().map(|value| value as f32).collect())
                }
                ElementType::Float64 => {
                    Data::Float64($values.into_iter().map(|value| value as f64).collect())
                }
                ElementType::Text => {
                    Data::Text($values.into_iter().map(|value| spelled(value as f64)).collect())
                }
            }
        };
    }
    Ok(match data {
        Data::Bool(values) if to == ElementType::Text => {
            Data::Text(values.into_iter().map(|value| if value { "1" } else { "0" }.to_owned()).collect())
        }
        Data::Bool(values) => return converted(Data::Uint8(values.into_iter().map(u8::from).collect()), to),
        Data::Int8(values) => numbers!(values, i8),
        Data::Int16(values) => numbers!(values, i16),
        Data::Int32(values) => numbers!(values, i32),
        Data::Int64(values) if to == ElementType::Text => {
            Data::Text(values.into_iter().map(|value| value.to_string()).collect())
        }
        Data::Int64(values) => numbers!(values, i64),
        Data::Uint8(values) => numbers!(values, u8),
        Data::Uint16(values) => numbers!(values, u16),
        Data::Uint32(values) => numbers!(values, u32),
        Data::Uint64(values) => numbers!(values, u64),
        Data::Float16(values) => {
            return converted(Data::Float32(values.into_iter().map(f16::to_f32).collect()), to);
        }
        Data::Float32(values) if to == ElementType::Text => {
            Data::Text(values.into_iter().map(|value| spelled_with(f64::from(value), 8)).collect())
        }
        Data::Float32(values) => numbers!(values, f32),
        Data::Float64(values) => numbers!(values, f64),
        Data::Text(texts) => return of_texts(&texts, to),
    })
}

fn of_texts(texts: &[String], to: ElementType) -> Result<Data, Problem> {
    let wrong = |text: &str| Problem(format!("`{text}` is no {}", to.name()));
    if to.is_float() {
        let numbers = texts.iter().map(|text| text.trim().parse::<f64>().map_err(|_| wrong(text)));
        return converted(Data::Float64(numbers.collect::<Result<_, _>>()?), to);
    }
    let numbers = texts.iter().map(|text| {
        let text = text.trim();
        text.parse::<i64>()
            .ok()
            .or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
            .ok_or_else(|| wrong(text))
    });
    converted(Data::Int64(numbers.collect::<Result<_, _>>()?), to)
}

fn spelled(value: f64) -> String {
    spelled_with(value, 17)
}

/// As C's `%g` with this many digits, which is how ONNX Runtime writes numbers.
fn spelled_with(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(power) = exponent.parse::<i32>() else { return scientific };
    if power < -4 || power >= digits as i32 {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), power.abs());
    }
    let places = usize::try_from(digits as i32 - 1 - power).unwrap_or(0);
    trimmed(&format!("{value:.places$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
