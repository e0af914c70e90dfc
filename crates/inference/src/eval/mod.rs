//! The evaluators: a model file checked and laid out for speed.

mod encoder;
mod linear;
mod naive;
mod trees;

pub(crate) use encoder::Encoder;

use crate::{Body, Error, Explanation, ModelFile};

/// A checked body. Rows are numbers by now: words are codes, what is missing is NaN.
#[derive(Debug)]
pub(crate) enum Compiled {
    SeasonalNaive(naive::SeasonalNaive),
    Linear(linear::Linear),
    Trees(trees::Trees),
}

impl Compiled {
    pub(crate) fn new(file: &ModelFile, encoder: &Encoder) -> Result<Self, Error> {
        let signature = &file.signature;
        match &file.body {
            Body::SeasonalNaive { column, fallback, mean } => {
                naive::SeasonalNaive::new(signature, column, fallback.as_ref(), *mean)
                    .map(Self::SeasonalNaive)
            }
            Body::Linear { intercept, terms } => {
                linear::Linear::new(signature, encoder, *intercept, terms).map(Self::Linear)
            }
            Body::Trees { base, trees } => {
                trees::Trees::new(signature, encoder, *base, trees).map(Self::Trees)
            }
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::SeasonalNaive(_) => "seasonal_naive",
            Self::Linear(_) => "linear",
            Self::Trees(_) => "trees",
        }
    }

    /// What it keeps in memory; nothing where that is not worth counting.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Trees(model) => model.bytes(),
            _ => 0,
        }
    }

    /// What the inputs add to the predictions of rows of `width` numbers.
    pub(crate) fn explain(
        &self,
        rows: &[f64],
        background: Option<&[f64]>,
        width: usize,
    ) -> Result<Explanation, Error> {
        match self {
            Self::Trees(model) => model.explain(rows, background, width),
            other => Err(Error::NotExplainable {
                reason: format!("a model of the kind `{}` is no sum of trees", other.name()),
            }),
        }
    }

    pub(crate) fn row(&self, row: &[f64]) -> f64 {
        match self {
            Self::SeasonalNaive(model) => model.row(row),
            Self::Linear(model) => model.row(row),
            Self::Trees(model) => model.row(row),
        }
    }

    /// Appends the predictions of a block of rows, each `width` numbers long.
    pub(crate) fn rows(&self, block: &[f64], width: usize, predictions: &mut Vec<f64>) {
        match self {
            Self::Trees(model) => model.rows(block, width, predictions),
            other => predictions.extend(block.chunks_exact(width).map(|row| other.row(row))),
        }
    }
}

fn damaged(place: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Damaged { place: place.into(), reason: reason.into() }
}

/// Refuses numbers that JSON cannot hold, for files made in memory.
fn finite(place: &str, numbers: &[f64]) -> Result<(), Error> {
    if numbers.iter().all(|number| number.is_finite()) {
        Ok(())
    } else {
        Err(damaged(place, "a number is not finite"))
    }
}
