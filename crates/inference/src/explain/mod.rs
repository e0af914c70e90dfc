//! What each input adds to a prediction of decision trees.
//!
//! The contributions are Shapley values of the trees (Lundberg, Erion, Lee 2018, "Consistent individualized feature
//! attribution for tree ensembles", the path-dependent form): together with the base they add up to the sum of the
//! trees exactly, up to rounding. How often rows go each way at a node comes from the file where it says so (XGBoost,
//! LightGBM), else from background rows that are sent through the trees.
//!
//! They explain the sum before any link: log-odds of a classifier with a logistic link, the prediction itself of most
//! regressions.

mod shap;

use serde::Serialize;

pub(crate) use shap::{Flat, FlatNode, shap};

/// What the inputs add to the predictions of some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The sum of the trees that is expected when nothing is known of a row.
    pub base: f64,
    /// For each row what each input adds, in the order of [`crate::Engine::columns`].
    pub contributions: Vec<Vec<f64>>,
    /// For each row the sum of the trees: the base and all that the inputs add.
    pub sums: Vec<f64>,
    /// Where the numbers of rows at the nodes come from: `file` or `background`.
    pub covers: &'static str,
}

/// How far contributions may be off the sum of the trees, as a share of what is added up.
pub const ADDITIVE_WITHIN: f64 = 1e-6;

impl Explanation {
    /// The greatest difference of what is added up and the sum of the trees, over all rows.
    #[must_use]
    pub fn gap(&self) -> f64 {
        self.contributions
            .iter()
            .zip(&self.sums)
            .map(|(row, sum)| {
                let total = self.base + row.iter().sum::<f64>();
                let size = self.base.abs() + row.iter().map(|part| part.abs()).sum::<f64>();
                (total - sum).abs() / size.max(1.0)
            })
            .fold(0.0, f64::max)
    }

    /// Whether everything adds up, within [`ADDITIVE_WITHIN`].
    #[must_use]
    pub fn is_additive(&self) -> bool {
        self.gap() <= ADDITIVE_WITHIN
    }
}
