//! Whether one model is better than another, with what certainty.

use serde::{Deserialize, Serialize};

use crate::Random;

/// The difference of two mean errors with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Mean of `a` less mean of `b` on all rows.
    pub difference: f64,
    /// Lower end (2.5 % of the resampled differences lie below).
    pub low: f64,
    /// Upper end (2.5 % lie above).
    pub high: f64,
    /// Share of resampled differences below zero: how sure it is that `a` has the smaller error.
    pub a_is_lower: f64,
    /// Rows compared.
    pub rows: u64,
    /// How often rows were drawn.
    pub resamples: u32,
}

/// Resamples rows with replacement, the same rows for both models, and compares their mean errors.
///
/// `errors_a` and `errors_b` hold one error a row, same rows in the same order. The same seed gives the same interval
/// on every machine. `None` when there are no rows, the lengths differ, an error is not finite or `resamples` is 0.
#[must_use]
pub fn paired_bootstrap(errors_a: &[f64], errors_b: &[f64], seed: u64, resamples: u32) -> Option<Interval> {
    let rows = errors_a.len();
    if rows == 0 || rows != errors_b.len() || resamples == 0 {
        return None;
    }
    let differences: Vec<f64> = errors_a.iter().zip(errors_b).map(|(a, b)| a - b).collect();
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let mut random = Random::new(seed);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let sum: f64 = (0..rows).filter_map(|_| differences.get(random.below(rows))).sum();
            sum / rows as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let below = means.partition_point(|mean| *mean < 0.0);
    let sample = crate::sample::Sample::new(means);
    Some(Interval {
        difference: differences.iter().sum::<f64>() / rows as f64,
        low: sample.quantile(0.025)?,
        high: sample.quantile(0.975)?,
        a_is_lower: below as f64 / f64::from(resamples),
        rows: rows as u64,
        resamples,
    })
}
