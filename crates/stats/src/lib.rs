//! Profiles, drift and test statistics: pure functions, no clock, no I/O.
//!
//! - [`Profile`]: what is kept of a column in a window; it merges, so any range of time is a sum of profiles.
//! - [`Sample`] and [`Shares`]: two views of a comparison, rows in order and shares of rows by bin, with the
//!   distances and tests that belong to each.
//! - [`regression_metrics`], [`paired_bootstrap`] and [`adjusted_p_values`]: how good a model is, whether one is
//!   better than another, and how much to believe many tests at once.
//!
//! Conventions (bins, floors, logarithms, tails) stand beside each function; every value is compared with scipy
//! and scikit-learn in `tests/it`.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod base64;
mod bootstrap;
mod bound;
mod classes;
mod classification;
mod column;
mod comparison;
mod discovery;
mod edges;
mod error;
mod estimate;
mod fairness;
mod importance;
mod kolmogorov;
mod levels;
mod moments;
mod ordered;
mod profile;
mod profiled;
mod random;
mod regression;
mod sample;
mod shares;
mod sketch;
mod slices;
mod subspace;
mod tails;
mod two_samples;

pub use bootstrap::{Interval, paired_bootstrap};
pub use bound::prediction_bound;
pub use classes::{ClassificationMetrics, class_metrics, probability_metrics};
pub use classification::{CALIBRATION_BINS, average_precision, brier, expected_calibration_error, log_loss};
pub use column::{
    EXACT_TEXTS, Exactness, NumberColumn, NumberFigures, NumberGathering, SideProfile, TextColumn,
    TextFigures,
};
pub use comparison::{
    Bars, Comparison, LevelChange, Missing, Precision, Statistic, compare_numbers, compare_texts,
};
pub use discovery::adjusted_p_values;
pub use edges::{Bins, COARSE_BINS, Edges, FINE_BINS};
pub use error::Error;
pub use estimate::{BinaryMetrics, Calibration, ErrorModel, Explains, binary_metrics, expected_metrics};
pub use fairness::{Against, Fairness, Group, Pair, Rate, SMALL_GROUP, fairness, parity};
pub use importance::{PermutationImportance, permutation_importance};
pub use levels::{EXACT_LEVELS, Levels, TopValue};
pub use moments::Moments;
pub use ordered::{EXACT_VALUES, Gathering, Ordered};
pub use profile::{NumberProfile, Profile, TextProfile, Values};
pub use profiled::ProfiledColumn;
pub use random::Random;
pub use regression::{RegressionMetrics, regression_metrics};
pub use sample::{KolmogorovSmirnov, Sample};
pub use shares::{ChiSquare, SHARE_FLOOR, Shares, psi_null_quantile};
pub use sketch::{DistinctSketch, QuantileSketch};
pub use slices::{Part, SliceColumn, SliceLimits, WeakSlice, parts, weak_slices};
pub use subspace::Subspace;
pub use two_samples::{OrderTests, Tested, order_tests, proportions, welch};
