//! How far predicted numbers are from the truth.

use serde::{Deserialize, Serialize};

/// Errors of predictions over pairs where both the truth and the prediction are finite.
///
/// Names and edge rules follow scikit-learn; what it warns about and answers with NaN is `None` here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegressionMetrics {
    /// Mean absolute error (`mean_absolute_error`).
    pub mae: f64,
    /// Root mean squared error (`root_mean_squared_error`).
    pub rmse: f64,
    /// Mean of predicted less true: above zero when predictions are too high.
    pub bias: f64,
    /// Median absolute error (`median_absolute_error`).
    pub median_absolute_error: f64,
    /// Greatest absolute error (`max_error`).
    pub max_error: f64,
    /// Coefficient of determination (`r2_score`): of a constant truth 1 if met exactly, else 0; `None` below two rows.
    pub r2: Option<f64>,
    /// Mean absolute percentage error as a share (`mean_absolute_percentage_error`); `None` when a true value is 0,
    /// where scikit-learn answers with a number near 10^15.
    pub mape: Option<f64>,
    /// Sum of absolute errors over sum of absolute truth; `None` when the truth is all 0.
    pub wape: Option<f64>,
    /// Pairs that were compared.
    pub rows: u64,
}

impl RegressionMetrics {
    /// The metric of that name: `mae`, `rmse`, `bias`, `median_absolute_error`, `max_error`, `r2`, `mape`, `wape`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        match name {
            "mae" => Some(self.mae),
            "rmse" => Some(self.rmse),
            "bias" => Some(self.bias),
            "median_absolute_error" => Some(self.median_absolute_error),
            "max_error" => Some(self.max_error),
            "r2" => self.r2,
            "mape" => self.mape,
            "wape" => self.wape,
            _ => None,
        }
    }

    /// The names that [`Self::get`] knows.
    pub const NAMES: [&'static str; 8] =
        ["mae", "rmse", "bias", "median_absolute_error", "max_error", "r2", "mape", "wape"];

    /// Whether a greater value of the metric of that name is better; all others are errors.
    #[must_use]
    pub fn greater_is_better(name: &str) -> bool {
        name == "r2"
    }
}

/// Compares predictions with the truth, position by position; `None` when no pair is finite.
///
/// Positions beyond the shorter slice, and pairs with a NaN or infinity, are left out and not counted.
#[must_use]
pub fn regression_metrics(truth: &[f64], predicted: &[f64]) -> Option<RegressionMetrics> {
    let pairs: Vec<(f64, f64)> = truth
        .iter()
        .copied()
        .zip(predicted.iter().copied())
        .filter(|(truth, predicted)| truth.is_finite() && predicted.is_finite())
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let mut absolute: Vec<f64> = pairs.iter().map(|(truth, predicted)| (predicted - truth).abs()).collect();
    let absolute_sum: f64 = absolute.iter().sum();
    let squared_sum: f64 = absolute.iter().map(|error| error * error).sum();
    let truth_sum: f64 = pairs.iter().map(|(truth, _)| truth.abs()).sum();
    let mean = pairs.iter().map(|(truth, _)| truth).sum::<f64>() / n;
    let spread: f64 = pairs.iter().map(|(truth, _)| (truth - mean).powi(2)).sum();
    let mape = pairs
        .iter()
        .map(|(truth, predicted)| (*truth != 0.0).then(|| ((predicted - truth) / truth).abs()))
        .sum::<Option<f64>>()
        .map(|sum| sum / n);
    absolute.sort_unstable_by(f64::total_cmp);
    let middle = absolute.len() / 2;
    let upper = absolute.get(middle).copied().unwrap_or_default();
    let lower = if absolute.len().is_multiple_of(2) {
        absolute.get(middle - 1).copied().unwrap_or(upper)
    } else {
        upper
    };
    let r2 = if spread > 0.0 {
        1.0 - squared_sum / spread
    } else if squared_sum == 0.0 {
        1.0
    } else {
        0.0
    };
    Some(RegressionMetrics {
        mae: absolute_sum / n,
        rmse: (squared_sum / n).sqrt(),
        bias: pairs.iter().map(|(truth, predicted)| predicted - truth).sum::<f64>() / n,
        median_absolute_error: f64::midpoint(lower, upper),
        max_error: absolute.last().copied().unwrap_or_default(),
        r2: (pairs.len() > 1).then_some(r2),
        mape,
        wape: (truth_sum > 0.0).then(|| absolute_sum / truth_sum),
        rows: pairs.len() as u64,
    })
}
