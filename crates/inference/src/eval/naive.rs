//! The same value as a season ago.

use super::{damaged, finite};
use crate::{Error, Fallback, FeatureKind, Signature};

/// The value of one input, or a mean where it is missing.
#[derive(Debug)]
pub(crate) struct SeasonalNaive {
    column: usize,
    fallback: Option<(usize, Vec<(f64, f64)>)>,
    mean: f64,
}

impl SeasonalNaive {
    pub(super) fn new(
        signature: &Signature,
        column: &str,
        fallback: Option<&Fallback>,
        mean: f64,
    ) -> Result<Self, Error> {
        finite("body.seasonal_naive.mean", &[mean])?;
        let number = |place: &str, name: &str| {
            let position = signature.position(name);
            match position.and_then(|position| signature.inputs.get(position)) {
                Some(field) if field.kind == FeatureKind::Number => Ok(position.unwrap_or_default()),
                _ => Err(damaged(place, format!("no number of the signature is called `{name}`"))),
            }
        };
        let fallback = match fallback {
            None => None,
            Some(fallback) => {
                let place = "body.seasonal_naive.fallback";
                let means: Vec<_> = fallback.means.iter().map(|entry| (entry.value, entry.mean)).collect();
                for (value, mean) in &means {
                    finite(place, &[*value, *mean])?;
                }
                if !means.is_sorted_by(|left, right| left.0 < right.0) {
                    return Err(damaged(place, "the values do not ascend"));
                }
                Some((number(place, &fallback.column)?, means))
            }
        };
        Ok(Self { column: number("body.seasonal_naive.column", column)?, fallback, mean })
    }

    pub(super) fn row(&self, row: &[f64]) -> f64 {
        let cell = |place: usize| row.get(place).copied().filter(|value| !value.is_nan());
        if let Some(value) = cell(self.column) {
            return value;
        }
        let like = self.fallback.as_ref().and_then(|(column, means)| {
            let wanted = cell(*column)?;
            let place = means.binary_search_by(|(value, _)| value.total_cmp(&wanted)).ok()?;
            means.get(place).map(|(_, mean)| *mean)
        });
        like.unwrap_or(self.mean)
    }
}
