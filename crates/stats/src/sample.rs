//! Rows in order: quantiles, Kolmogorov-Smirnov and Wasserstein.

use serde::{Deserialize, Serialize};

use crate::kolmogorov::two_sided_tail;

/// Finite values in ascending order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    values: Vec<f64>,
}

/// A two-sample Kolmogorov-Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KolmogorovSmirnov {
    /// Greatest difference between the two distribution functions, exact.
    pub statistic: f64,
    /// Asymptotic probability of at least this difference when nothing changed.
    pub p_value: f64,
}

impl Sample {
    /// Puts values in order, leaving out NaN and infinities.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        Self { values }
    }

    /// Puts the values that are there in order.
    #[must_use]
    pub fn of_present(values: &[Option<f64>]) -> Self {
        Self::new(values.iter().flatten().copied())
    }

    /// The values, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Greatest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.values.last().copied()
    }

    /// Least value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.values.first().copied()
    }

    /// Arithmetic mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.values.iter().sum::<f64>() / self.len() as f64)
    }

    /// Quantile with linear interpolation (type 7, as numpy's default); `None` when empty or `share` is not in 0..=1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        let place = share * self.len().checked_sub(1)? as f64;
        let (below, part) = (place.floor(), place.fract());
        let low = self.values.get(below as usize).copied()?;
        let high = self.values.get(below as usize + 1).copied().unwrap_or(low);
        Some(low + (high - low) * part)
    }

    /// Distance between the quartiles.
    #[must_use]
    pub fn interquartile_range(&self) -> Option<f64> {
        Some(self.quantile(0.75)? - self.quantile(0.25)?)
    }

    /// Compares with current values; `None` when a side is empty.
    ///
    /// The statistic is exact, ties included; the p-value is that of `scipy.stats.ks_2samp(method="asymp")`: the
    /// one-sample distribution for `round(n m / (n + m))` values.
    #[must_use]
    pub fn kolmogorov_smirnov(&self, current: &Self) -> Option<KolmogorovSmirnov> {
        self.kolmogorov_smirnov_of(current, current.len() as u64)
    }

    /// Like [`Self::kolmogorov_smirnov`], where `current` stands for `rows` rows.
    #[must_use]
    pub fn kolmogorov_smirnov_of(&self, current: &Self, rows: u64) -> Option<KolmogorovSmirnov> {
        if self.is_empty() || current.is_empty() || rows == 0 {
            return None;
        }
        let (n, m) = (self.len() as f64, current.len() as f64);
        let statistic = self
            .steps(current)
            .map(|step| (step.reference as f64 / n - step.current as f64 / m).abs())
            .fold(0.0, f64::max);
        let m = rows as f64;
        let effective = (n * m / (n + m)).round_ties_even().max(1.0);
        Some(KolmogorovSmirnov { statistic, p_value: two_sided_tail(effective, statistic) })
    }

    /// Wasserstein-1 distance to current values in the unit of the values; `None` when a side is empty.
    #[must_use]
    pub fn wasserstein(&self, current: &Self) -> Option<f64> {
        if self.is_empty() || current.is_empty() {
            return None;
        }
        let (n, m) = (self.len() as f64, current.len() as f64);
        let mut sum = 0.0;
        let mut before: Option<(f64, f64)> = None;
        for step in self.steps(current) {
            if let Some((value, difference)) = before {
                sum += difference * (step.value - value);
            }
            before = Some((step.value, (step.reference as f64 / n - step.current as f64 / m).abs()));
        }
        Some(sum)
    }

    /// [`Self::wasserstein`] divided by the interquartile range of `self`, the reference, so that one outlier hides
    /// nothing; `None` when half of the reference is one value.
    #[must_use]
    pub fn wasserstein_over_iqr(&self, current: &Self) -> Option<f64> {
        let range = self.interquartile_range().filter(|range| *range > 0.0)?;
        Some(self.wasserstein(current)? / range)
    }

    /// The distinct pooled values, ascending, with how many of each side are at or below each.
    fn steps<'a>(&'a self, current: &'a Self) -> impl Iterator<Item = Step> + 'a {
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            let value = match (self.values.get(i), current.values.get(j)) {
                (Some(a), Some(b)) => a.min(*b),
                (Some(a), None) => *a,
                (None, Some(b)) => *b,
                (None, None) => return None,
            };
            while self.values.get(i).is_some_and(|next| *next <= value) {
                i += 1;
            }
            while current.values.get(j).is_some_and(|next| *next <= value) {
                j += 1;
            }
            Some(Step { value, reference: i, current: j })
        })
    }
}

struct Step {
    value: f64,
    reference: usize,
    current: usize,
}
