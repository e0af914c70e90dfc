//! Sums, means, standard deviations, and distances from the mean.

use std::borrow::Cow;

use super::{Asked, Ended, Found, Look, keep_first};
use crate::check::Measure;

/// Count, sum and squared distances from the mean, added up piece by piece.
///
/// The squares of two parts are joined as by Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
/// computing sample variances" (1979); sums carry what rounding took, as by Neumaier (1974).
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: u64,
    sum: f64,
    /// What rounding took from the sum.
    lost: f64,
    mean: f64,
    squares: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
impl Moments {
    fn add(&mut self, values: &[f64], with_squares: bool) {
        if values.is_empty() {
            return;
        }
        let sum = sum_of(values, |value| value);
        self.add_sum(sum);
        let (before, count) = (self.count as f64, values.len() as f64);
        self.count += values.len() as u64;
        if !with_squares {
            return;
        }
        let (mean, squares) = if sum.is_finite() {
            let mean = sum / count;
            (mean, sum_of(values, |value| (value - mean) * (value - mean)))
        } else {
            one_by_one(values)
        };
        if before == 0.0 {
            (self.mean, self.squares) = (mean, squares);
            return;
        }
        let apart = mean - self.mean;
        let all = before + count;
        self.mean += apart * count / all;
        self.squares += squares + apart * apart * before * count / all;
    }

    fn add_sum(&mut self, part: f64) {
        let sum = self.sum + part;
        if sum.is_finite() {
            let (more, less) = if self.sum.abs() >= part.abs() { (self.sum, part) } else { (part, self.sum) };
            self.lost += (more - sum) + less;
        }
        self.sum = sum;
    }

    fn sum(&self) -> f64 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum() / self.count as f64)
    }

    /// The standard deviation of a sample; none of fewer than two values.
    fn deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }
}

/// The mean and the squared distances from it where sums pass what a number can hold.
fn one_by_one(values: &[f64]) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let apart = value - mean;
        mean += apart / count;
        squares += apart * (value - mean);
    }
    (mean, squares)
}

/// A sum in eight strands, which the processor adds up side by side.
fn sum_of(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut strands = [0.0_f64; 8];
    let parts = values.chunks_exact(8);
    let rest: f64 = parts.remainder().iter().map(|value| of(*value)).sum();
    for part in parts {
        strands.iter_mut().zip(part).for_each(|(strand, value)| *strand += of(*value));
    }
    strands.into_iter().sum::<f64>() + rest
}

/// The sum, the mean or the standard deviation of a column.
#[derive(Debug)]
pub(super) struct MomentsLook {
    column: usize,
    measure: Measure,
    moments: Moments,
}

impl MomentsLook {
    pub(super) fn new(column: usize, measure: Measure) -> Self {
        Self { column, measure, moments: Moments::default() }
    }
}

impl Look for MomentsLook {
    fn see(&mut self, asked: &Asked<'_>) {
        self.moments.add(&asked.numbers(self.column), self.measure == Measure::Stdev);
    }

    fn end(&mut self) -> Ended {
        let value = match self.measure {
            Measure::Mean => self.moments.mean(),
            Measure::Stdev => self.moments.deviation(),
            _ => (self.moments.count > 0).then(|| self.moments.sum()),
        };
        Ended::Found(Found { rows: self.moments.count, value, first: Vec::new() })
    }
}

/// Rows that lie too many standard deviations from the mean. The mean must be known first, so that it goes over its
/// column twice.
#[derive(Debug)]
pub(super) struct ZLook {
    column: usize,
    below: f64,
    moments: Moments,
    known: Option<(f64, f64)>,
    rows: u64,
    failing: u64,
    first: Vec<u64>,
}

impl ZLook {
    pub(super) fn new(column: usize, below: f64) -> Self {
        let moments = Moments::default();
        Self { column, below, moments, known: None, rows: 0, failing: 0, first: Vec::new() }
    }
}

impl Look for ZLook {
    fn see(&mut self, asked: &Asked<'_>) {
        let values = asked.numbers(self.column);
        let Some((mean, deviation)) = self.known else {
            self.rows += values.len() as u64;
            let numbers: Cow<'_, [f64]> = if values.iter().any(|value| value.is_nan()) {
                values.iter().copied().filter(|value| !value.is_nan()).collect()
            } else {
                values
            };
            self.moments.add(&numbers, true);
            return;
        };
        let limit = self.below * deviation;
        // Without a deviation only the mean itself is near.
        let is_near = |value: f64| (value - mean).abs() < limit || value == mean;
        let far = |value: f64| !is_near(value);
        let count = values.iter().filter(|value| far(**value)).count();
        if count > 0 {
            self.failing += count as u64;
            let question = asked.there(&[self.column]);
            let rows = question.rows().zip(values.iter()).filter(|(_, value)| far(**value));
            keep_first(&mut self.first, asked.first(), rows.map(|(row, _)| row));
        }
    }

    fn end(&mut self) -> Ended {
        if self.known.is_none() && self.rows > 0 {
            // Where nothing is a number there is no mean, and nothing is near it.
            let mean = self.moments.mean().unwrap_or(f64::NAN);
            self.known = Some((mean, self.moments.deviation().unwrap_or_default()));
            return Ended::Again;
        }
        Ended::Found(Found::failing(self.rows, self.failing, std::mem::take(&mut self.first)))
    }
}
