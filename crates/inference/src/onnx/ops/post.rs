//! What classifiers do with their scores at the end, and the labels they choose.

use super::Problem;
use crate::onnx::Attributes;
use crate::{Data, Tensor};

/// The last step of a classifier or regressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn of(attributes: Attributes<'_>) -> Result<Self, Problem> {
        match attributes.text("post_transform", "NONE")?.as_str() {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "PROBIT" => Ok(Self::Probit),
            other => Err(format!("the transform `{other}` is not known").into()),
        }
    }

    /// Applies it to the scores of one row.
    pub(super) fn apply(self, scores: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax | Self::SoftmaxZero => {
                let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for score in &mut *scores {
                    if self == Self::SoftmaxZero && score.abs() <= 1e-7 {
                        *score *= (-greatest).exp();
                    } else {
                        *score = (*score - greatest).exp();
                        sum += *score;
                    }
                }
                if sum > 0.0 {
                    scores.iter_mut().for_each(|score| *score /= sum);
                }
            }
        }
    }
}

pub(super) fn logistic(value: f64) -> f64 {
    let size = 1.0 / (1.0 + (-value.abs()).exp());
    if value < 0.0 { 1.0 - size } else { size }
}

/// The inverse of the normal distribution, by Winitzki's approximation of the inverse error
/// function with a = 0.147, which is what ONNX Runtime computes.
fn probit(value: f64) -> f64 {
    let x = 2.0 * value - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let logarithm = ((1.0 - x) * (1.0 + x)).ln();
    let a = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * logarithm;
    std::f64::consts::SQRT_2 * sign * ((a * a - logarithm / 0.147).sqrt() - a).sqrt()
}

/// The classes of a classifier.
#[derive(Debug, Clone)]
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

impl Labels {
    pub(super) fn of(attributes: Attributes<'_>, numbers: &str, texts: &str) -> Result<Self, Problem> {
        let named = attributes.texts(texts)?;
        Ok(if named.is_empty() {
            Self::Numbers(attributes.ints(numbers).to_vec())
        } else {
            Self::Texts(named)
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// The labels at these places.
    pub(super) fn pick(&self, places: &[usize]) -> Result<Tensor, Problem> {
        let all = match self {
            Self::Numbers(labels) => Data::Int64(labels.clone()),
            Self::Texts(labels) => Data::Text(labels.clone()),
        };
        let picked = all.take(places.iter().copied());
        picked.map(Tensor::vector).ok_or_else(|| Problem::from("it has fewer labels than classes"))
    }
}

/// The place of the greatest, the first of equals.
pub(super) fn greatest(scores: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, score) in scores.iter().enumerate() {
        if *score > best.1 {
            best = (place, *score);
        }
    }
    best.0
}

/// Rows of numbers of any kind that operators on features take.
pub(super) enum Rows<'a> {
    Single(std::borrow::Cow<'a, [f32]>),
    Double(&'a [f64]),
}

/// Rows and columns of a tensor of numbers. Whole numbers become single precision, as ONNX Runtime has it.
pub(super) fn rows_of(tensor: &Tensor) -> Result<(Rows<'_>, usize, usize), Problem> {
    let shape = tensor.shape();
    let (rows, columns) = match shape.lengths() {
        [columns] => (1, *columns),
        _ => shape.as_matrix(),
    };
    let values = match tensor.data() {
        Data::Float32(values) => Rows::Single(values.as_slice().into()),
        Data::Float64(values) => Rows::Double(values),
        Data::Int64(values) => Rows::Single(values.iter().map(|value| *value as f32).collect()),
        Data::Int32(values) => Rows::Single(values.iter().map(|value| *value as f32).collect()),
        other => return Err(super::wrong_type(other.element_type())),
    };
    Ok((values, rows, columns))
}

impl Rows<'_> {
    /// The same in double precision.
    pub(super) fn wide(&self) -> std::borrow::Cow<'_, [f64]> {
        match self {
            Self::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Self::Double(values) => std::borrow::Cow::Borrowed(values),
        }
    }
}
