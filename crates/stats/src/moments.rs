//! Central moments that merge.

use serde::{Deserialize, Serialize};

/// Count, mean and the second to fourth central moment sums of finite values.
///
/// Two of them merge by the pairwise formulas of Chan, Golub and LeVeque (extended by Pébay), so that the moments
/// of a whole equal those of its parts up to rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// Sum of squared differences from the mean.
    pub m2: f64,
    /// Sum of cubed differences from the mean.
    pub m3: f64,
    /// Sum of fourth powers of differences from the mean.
    pub m4: f64,
}

impl Moments {
    /// Moments of finite values; the caller leaves out NaN and infinities.
    ///
    /// Two passes over blocks, merged: as exact as the data allows, in one read of the memory.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        values.chunks(1024).map(Self::of_block).fold(Self::default(), |left, right| left.merged(&right))
    }

    fn of_block(values: &[f64]) -> Self {
        let count = values.len() as u64;
        if count == 0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let mut block = Self { count, mean, ..Self::default() };
        for value in values {
            let difference = value - mean;
            let square = difference * difference;
            block.m2 += square;
            block.m3 += square * difference;
            block.m4 += square * square;
        }
        block
    }

    /// The moments of both sets of values together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let delta = other.mean - self.mean;
        let shift = delta / n;
        Self {
            count: self.count + other.count,
            mean: self.mean + shift * b,
            m2: self.m2 + other.m2 + delta * shift * a * b,
            m3: self.m3
                + other.m3
                + delta * shift * shift * a * b * (a - b)
                + 3.0 * shift * (a * other.m2 - b * self.m2),
            m4: self.m4
                + other.m4
                + delta * shift * shift * shift * a * b * (a * a - a * b + b * b)
                + 6.0 * shift * shift * (a * a * other.m2 + b * b * self.m2)
                + 4.0 * shift * (a * other.m3 - b * self.m3),
        }
    }

    /// Sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.mean * self.count as f64
    }

    /// Standard deviation with `n` in the divisor; `None` without values.
    #[must_use]
    pub fn population_deviation(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.m2 / self.count as f64).sqrt())
    }

    /// Standard deviation with `n - 1` in the divisor; `None` below two values.
    #[must_use]
    pub fn sample_deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.m2 / (self.count - 1) as f64).sqrt())
    }

    /// Skewness (Fisher, biased, as `scipy.stats.skew`); `None` when all values are equal.
    #[must_use]
    pub fn skewness(&self) -> Option<f64> {
        (self.m2 > 0.0).then(|| (self.count as f64).sqrt() * self.m3 / self.m2.powf(1.5))
    }

    /// Excess kurtosis (biased, as `scipy.stats.kurtosis`); `None` when all values are equal.
    #[must_use]
    pub fn kurtosis(&self) -> Option<f64> {
        (self.m2 > 0.0).then(|| self.count as f64 * self.m4 / (self.m2 * self.m2) - 3.0)
    }
}
