//! From sums of leaves to what a model of a boosting library answers.

use crate::{Data, ElementType, Tensor, TensorSpec};

/// What becomes of the sums of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// They are the answer.
    Identity,
    /// `1 / (1 + exp(-scale * sum))`, each for itself.
    Logistic { scale: f64 },
    /// `exp(sum)`.
    Exponential,
    /// One if the sum is positive, else zero.
    Step,
    /// `sign(sum) * sum * sum`, for models of the square root.
    SignedSquare,
    /// `ln(1 + exp(sum))`.
    Softplus,
    /// Shares that add up to one.
    Softmax,
}

impl Link {
    /// In single precision, as XGBoost computes.
    pub(super) fn apply_single(self, sums: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Logistic { .. } => {
                sums.iter_mut().for_each(|sum| *sum = 1.0 / ((-*sum).min(88.7).exp() + 1.0 + 1e-16));
            }
            Self::Exponential => sums.iter_mut().for_each(|sum| *sum = sum.exp()),
            Self::Step => sums.iter_mut().for_each(|sum| *sum = f32::from(u8::from(*sum > 0.0))),
            Self::SignedSquare => sums.iter_mut().for_each(|sum| *sum = sum.signum() * *sum * *sum),
            Self::Softplus => sums.iter_mut().for_each(|sum| *sum = sum.exp().ln_1p()),
            Self::Softmax => {
                let greatest = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                sums.iter_mut().for_each(|sum| *sum = (*sum - greatest).exp());
                let whole = sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() as f32;
                sums.iter_mut().for_each(|sum| *sum /= whole);
            }
        }
    }

    /// In double precision, as LightGBM computes.
    pub(super) fn apply(self, sums: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Logistic { scale } => {
                sums.iter_mut().for_each(|sum| *sum = 1.0 / (1.0 + (-scale * *sum).exp()));
            }
            Self::Exponential => sums.iter_mut().for_each(|sum| *sum = sum.exp()),
            Self::Step => sums.iter_mut().for_each(|sum| *sum = f64::from(u8::from(*sum > 0.0))),
            Self::SignedSquare => sums.iter_mut().for_each(|sum| *sum = sum.signum() * *sum * *sum),
            Self::Softplus => sums.iter_mut().for_each(|sum| *sum = sum.exp().ln_1p()),
            Self::Softmax => {
                let greatest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                sums.iter_mut().for_each(|sum| *sum = (*sum - greatest).exp());
                let whole: f64 = sums.iter().sum();
                sums.iter_mut().for_each(|sum| *sum /= whole);
            }
        }
    }
}

/// Whether the answers are probabilities of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classes {
    /// They are numbers.
    None,
    /// One probability between two classes.
    Two,
    /// A probability for each class.
    Many,
}

/// The outputs of such a model: what the library's own `predict` answers, and for classifiers the
/// class and the probabilities of all classes too.
pub(super) fn output_specs(
    classes: Classes,
    groups: usize,
    kind: ElementType,
    whole: bool,
) -> Vec<TensorSpec> {
    let shape = if groups > 1 && !whole { vec![None, Some(groups)] } else { vec![None] };
    let mut specs = vec![TensorSpec::new("prediction", kind, shape)];
    let count = match classes {
        Classes::None => return specs,
        Classes::Two => 2,
        Classes::Many => groups,
    };
    specs.push(TensorSpec::new("label", ElementType::Int64, vec![None]));
    let mut probabilities = TensorSpec::new("probabilities", kind, vec![None, Some(count)]);
    probabilities.labels = (0..count).map(|class| class.to_string()).collect();
    specs.push(probabilities);
    specs
}

/// The class of each row and the probabilities of all classes.
pub(super) fn label_and_probabilities(
    classes: Classes,
    groups: usize,
    answers: &[f64],
    single: bool,
) -> Vec<Tensor> {
    let rows = answers.len().checked_div(groups).unwrap_or(0);
    let (labels, probabilities, count): (Vec<i64>, Vec<f64>, usize) = match classes {
        Classes::None => return Vec::new(),
        Classes::Two => (
            answers.iter().map(|chance| i64::from(*chance > 0.5)).collect(),
            answers
                .iter()
                .flat_map(|chance| {
                    [if single { f64::from(1.0 - *chance as f32) } else { 1.0 - chance }, *chance]
                })
                .collect(),
            2,
        ),
        Classes::Many => {
            let best = |row: &[f64]| {
                let mut best = (0, f64::NEG_INFINITY);
                for (class, chance) in row.iter().enumerate() {
                    if *chance > best.1 {
                        best = (class as i64, *chance);
                    }
                }
                best.0
            };
            (answers.chunks_exact(groups.max(1)).map(best).collect(), answers.to_vec(), groups)
        }
    };
    let data = if single {
        Data::Float32(probabilities.into_iter().map(|chance| chance as f32).collect())
    } else {
        Data::Float64(probabilities)
    };
    std::iter::once(Tensor::vector(Data::Int64(labels))).chain(Tensor::matrix(rows, count, data)).collect()
}
