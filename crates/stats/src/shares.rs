//! Distances and tests between two sets of counts over the same bins or values.

use serde::{Deserialize, Serialize};

use crate::edges::Bins;
use crate::levels::Levels;
use crate::tails::{chi_square_quantile, chi_square_tail};

/// No share counts as less than this where a logarithm or a quotient needs it positive.
pub const SHARE_FLOOR: f64 = 1e-4;

/// Reference and current counts over the same bins, both with at least one row.
///
/// Below, `p` are the shares of the reference and `q` those of the current rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    reference: Vec<f64>,
    current: Vec<f64>,
}

/// A two-sample chi-square test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom: bins that have rows, less one.
    pub freedom: u64,
    /// Probability of a statistic at least as large when nothing changed.
    pub p_value: f64,
}

impl Shares {
    /// Pairs counts by position; `None` when the lengths differ or a side has no rows.
    #[must_use]
    pub fn of_counts(reference: &[u64], current: &[u64]) -> Option<Self> {
        let has_rows = |counts: &[u64]| counts.iter().any(|count| *count > 0);
        if reference.len() != current.len() || !has_rows(reference) || !has_rows(current) {
            return None;
        }
        let as_numbers = |counts: &[u64]| counts.iter().map(|count| *count as f64).collect();
        Some(Self { reference: as_numbers(reference), current: as_numbers(current) })
    }

    /// Shares over the coarse bins (deciles of the reference) of two profiles; `None` when their edges differ.
    #[must_use]
    pub fn of_coarse_bins(reference: &Bins, current: &Bins) -> Option<Self> {
        if reference.edges() != current.edges() {
            return None;
        }
        Self::of_counts(&reference.coarse_counts(), &current.coarse_counts())
    }

    /// Shares over the fine bins of two profiles; `None` when their edges differ.
    #[must_use]
    pub fn of_fine_bins(reference: &Bins, current: &Bins) -> Option<Self> {
        if reference.edges() != current.edges() {
            return None;
        }
        Self::of_counts(reference.counts(), current.counts())
    }

    /// Shares over the union of the values of two columns of texts.
    #[must_use]
    pub fn of_levels(reference: &Levels, current: &Levels) -> Option<Self> {
        let (reference, current) = reference.paired(current);
        Self::of_counts(&reference, &current)
    }

    /// How many bins there are.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.reference.len()
    }

    /// Rows of the reference and of the current side.
    #[must_use]
    pub fn rows(&self) -> (f64, f64) {
        (self.reference.iter().sum(), self.current.iter().sum())
    }

    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        let (n, m) = self.rows();
        self.reference.iter().zip(&self.current).map(move |(p, q)| (p / n, q / m))
    }

    fn floored(&self) -> impl Iterator<Item = (f64, f64)> {
        self.pairs().map(|(p, q)| (p.max(SHARE_FLOOR), q.max(SHARE_FLOOR)))
    }

    /// Population stability index `sum (q - p) ln(q / p)`, shares floored at [`SHARE_FLOOR`], not renormalised.
    #[must_use]
    pub fn population_stability(&self) -> f64 {
        self.floored().map(|(p, q)| (q - p) * (q / p).ln()).sum()
    }

    /// What each bin adds to [`Self::population_stability`], in order of the bins.
    #[must_use]
    pub fn stability_contributions(&self) -> Vec<f64> {
        self.floored().map(|(p, q)| (q - p) * (q / p).ln()).collect()
    }

    /// Kullback-Leibler divergence of the reference from the current shares in nats, floored at [`SHARE_FLOOR`] and
    /// then renormalised (as `scipy.stats.entropy` does).
    #[must_use]
    pub fn kullback_leibler(&self) -> f64 {
        let (p_sum, q_sum) = self.floored().fold((0.0, 0.0), |(a, b), (p, q)| (a + p, b + q));
        let sum: f64 = self.floored().map(|(p, q)| (p / p_sum) * ((p / p_sum) / (q / q_sum)).ln()).sum();
        sum.max(0.0)
    }

    /// Jensen-Shannon distance with base 2: 0 for equal shares, 1 for disjoint ones.
    #[must_use]
    pub fn jensen_shannon(&self) -> f64 {
        let against = |share: f64, middle: f64| {
            if share > 0.0 { share * (share / middle).log2() } else { 0.0 }
        };
        let sum: f64 = self
            .pairs()
            .map(|(p, q)| {
                let middle = f64::midpoint(p, q);
                against(p, middle) + against(q, middle)
            })
            .sum();
        (sum / 2.0).max(0.0).sqrt().min(1.0)
    }

    /// Hellinger distance, 0 to 1.
    #[must_use]
    pub fn hellinger(&self) -> f64 {
        let sum: f64 = self.pairs().map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
        (sum / 2.0).sqrt().min(1.0)
    }

    /// Total variation distance: the share of rows that would have to move, 0 to 1.
    #[must_use]
    pub fn total_variation(&self) -> f64 {
        (self.pairs().map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0).min(1.0)
    }

    /// Greatest difference of any one share.
    #[must_use]
    pub fn l_infinity(&self) -> f64 {
        self.pairs().map(|(p, q)| (p - q).abs()).fold(0.0, f64::max)
    }

    /// Two-sample chi-square test without continuity correction; bins empty on both sides are left out.
    ///
    /// Both sides count as samples. (Taking the reference as exact, as some tools do, alarms in about 30 % of clean
    /// comparisons at p < 0.05.)
    #[must_use]
    pub fn chi_square(&self) -> ChiSquare {
        let (n, m) = self.rows();
        let total = n + m;
        let (mut statistic, mut used) = (0.0, 0_u64);
        for (reference, current) in self.reference.iter().zip(&self.current) {
            let both = reference + current;
            if both > 0.0 {
                used += 1;
                let (expected_reference, expected_current) = (both * n / total, both * m / total);
                statistic += (reference - expected_reference).powi(2) / expected_reference
                    + (current - expected_current).powi(2) / expected_current;
            }
        }
        let freedom = used.saturating_sub(1);
        ChiSquare { statistic, freedom, p_value: chi_square_tail(statistic, freedom as f64) }
    }

    /// Two-sample likelihood ratio test (G), as `scipy.stats.chi2_contingency(lambda_="log-likelihood", correction=False)`.
    #[must_use]
    pub fn likelihood_ratio(&self) -> ChiSquare {
        let (n, m) = self.rows();
        let total = n + m;
        let part = |seen: f64, expected: f64| if seen > 0.0 { seen * (seen / expected).ln() } else { 0.0 };
        let (mut statistic, mut used) = (0.0, 0_u64);
        for (reference, current) in self.reference.iter().zip(&self.current) {
            let both = reference + current;
            if both > 0.0 {
                used += 1;
                statistic += 2.0 * (part(*reference, both * n / total) + part(*current, both * m / total));
            }
        }
        let freedom = used.saturating_sub(1);
        ChiSquare { statistic, freedom, p_value: chi_square_tail(statistic, freedom as f64) }
    }

    /// Cramér's V of the two-sample table, `sqrt(chi2 / (n + m))`, 0 to 1, without bias correction.
    #[must_use]
    pub fn cramers_v(&self) -> f64 {
        let (n, m) = self.rows();
        (self.chi_square().statistic / (n + m)).sqrt().min(1.0)
    }
}

/// The population stability index that `share` of comparisons stay below when nothing changed.
///
/// `(1/n + 1/m)` times the quantile of a chi-square with `bins - 1` degrees of freedom: why 0.25 means much with
/// 100,000 rows and little with 100.
#[must_use]
pub fn psi_null_quantile(reference_rows: u64, current_rows: u64, bins: usize, share: f64) -> Option<f64> {
    if reference_rows == 0 || current_rows == 0 || bins == 0 {
        return None;
    }
    let scale = 1.0 / reference_rows as f64 + 1.0 / current_rows as f64;
    Some(scale * chi_square_quantile(1.0 - share, (bins - 1) as f64))
}
