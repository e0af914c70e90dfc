//! An intercept and a sum of terms.

use super::{Encoder, damaged, finite};
use crate::{Error, FeatureKind, Signature, Term};

/// A checked linear model.
#[derive(Debug)]
pub(crate) struct Linear {
    intercept: f64,
    terms: Vec<Flat>,
}

#[derive(Debug)]
enum Flat {
    Number {
        input: usize,
        mean: f64,
        scale: f64,
        weight: f64,
        missing: f64,
    },
    /// The last weight is that of unknown words.
    Category {
        input: usize,
        weights: Vec<f64>,
        missing: f64,
    },
}

impl Linear {
    pub(super) fn new(
        signature: &Signature,
        encoder: &Encoder,
        intercept: f64,
        terms: &[Term],
    ) -> Result<Self, Error> {
        finite("body.linear.intercept", &[intercept])?;
        if terms.len() > signature.inputs.len() {
            return Err(damaged("body.linear.terms", "there are more terms than inputs"));
        }
        let mut flat = Vec::with_capacity(terms.len());
        for (index, term) in terms.iter().enumerate() {
            let place = format!("body.linear.terms[{index}]");
            flat.push(flatten(signature, encoder, &place, term)?);
        }
        Ok(Self { intercept, terms: flat })
    }

    pub(super) fn row(&self, row: &[f64]) -> f64 {
        let cell = |input: usize| row.get(input).copied().unwrap_or(f64::NAN);
        self.terms.iter().fold(self.intercept, |sum, term| {
            sum + match term {
                Flat::Number { input, mean, scale, weight, missing } => match cell(*input) {
                    value if value.is_nan() => *missing,
                    value => (value - mean) / scale * weight,
                },
                Flat::Category { input, weights, missing } => match cell(*input) {
                    code if code.is_nan() => *missing,
                    code => weights.get(code as usize).copied().unwrap_or_default(),
                },
            }
        })
    }
}

fn flatten(signature: &Signature, encoder: &Encoder, place: &str, term: &Term) -> Result<Flat, Error> {
    let find = |name: &str, kind: FeatureKind| {
        let position = signature.position(name);
        match position.and_then(|position| signature.inputs.get(position)) {
            Some(field) if field.kind == kind => Ok(position.unwrap_or_default()),
            _ => Err(damaged(place, format!("the signature has no such input `{name}`"))),
        }
    };
    match term {
        Term::Number { input, mean, scale, weight, missing_weight } => {
            finite(place, &[*mean, *scale, *weight, *missing_weight])?;
            if *scale <= 0.0 {
                return Err(damaged(place, "the scale is not above zero"));
            }
            let input = find(input, FeatureKind::Number)?;
            Ok(Flat::Number { input, mean: *mean, scale: *scale, weight: *weight, missing: *missing_weight })
        }
        Term::Category { input, weights, unknown_weight, missing_weight } => {
            finite(place, weights)?;
            finite(place, &[*unknown_weight, *missing_weight])?;
            let input = find(input, FeatureKind::Category)?;
            if encoder.vocabulary_len(input) != Some(weights.len()) {
                return Err(damaged(place, "there is not one weight for each word of the vocabulary"));
            }
            let weights = weights.iter().copied().chain([*unknown_weight]).collect();
            Ok(Flat::Category { input, weights, missing: *missing_weight })
        }
    }
}
