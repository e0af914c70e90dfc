//! What is known about one window.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use stats::{ClassificationMetrics, RegressionMetrics};

use crate::gap::Gap;
use crate::groups::GroupReport;
use crate::multivariate::Multivariate;
use crate::spec::DriftReference;
use crate::window::Window;

/// How a window, a column or a metric stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Out of bounds in this window, but not yet in enough windows.
    Warn,
    /// Drifted: large enough, certain enough and persistent.
    Drift,
    /// Predictions are worse than allowed, persistently.
    Degraded,
    /// Too few rows or labels to judge.
    NotEnoughData,
    /// Nothing to compare with.
    NoReference,
}

impl State {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Drift => "drift",
            Self::Degraded => "degraded",
            Self::NotEnoughData => "not_enough_data",
            Self::NoReference => "no_reference",
        }
    }

    /// Whether a judgement was possible.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        !matches!(self, Self::NotEnoughData | Self::NoReference)
    }
}

/// The report of one window of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// The model.
    pub model: String,
    /// The version that was watched.
    pub version: i64,
    /// The window.
    #[serde(flatten)]
    pub window: Window,
    /// Event time up to which data was known when it was evaluated.
    pub watermark: Timestamp,
    /// How it stands altogether.
    pub state: State,
    /// Rows and labels.
    pub volume: Volume,
    /// How the inputs and predictions stand altogether.
    pub drift_state: State,
    /// Each column against the reference.
    pub drift: Vec<ColumnDrift>,
    /// All metrics of the labelled rows; absent while there are none.
    pub metrics: Option<RegressionMetrics>,
    /// All metrics of the labelled rows of a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<ClassificationMetrics>,
    /// The metric against the evaluation; absent when no rule asks for it.
    pub performance: Option<Performance>,
    /// Whether inputs hang together as in the reference; absent when drift is not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multivariate: Option<Multivariate>,
    /// The columns of each segment that drifted, segments with most rows first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentDrift>,
    /// Groups that should be treated alike, by column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupReport>,
    /// Figures of the business.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub business: Vec<BusinessValue>,
    /// Values far outside of what training has seen.
    pub ranges: Vec<RangeBreach>,
    /// Stretches without predictions that touch the window.
    pub gaps: Vec<Gap>,
}

/// A segment whose inputs differ from those of the same segment in the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentDrift {
    /// As `COLUMN=VALUE`.
    pub segment: String,
    /// Its predictions in the window.
    pub rows: u64,
    /// How it stands.
    pub state: State,
    /// The columns that drifted in it.
    pub columns: Vec<String>,
    /// What it means.
    pub words: String,
}

/// A figure of the business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusinessValue {
    /// Its name.
    pub name: String,
    /// Its value in the window.
    pub value: Option<f64>,
    /// Whether it is beyond what its rule allows.
    pub breached: bool,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Predictions.
    pub rows: u64,
    /// Those whose label has arrived.
    pub labelled: u64,
    /// Share of labels that has arrived; absent without rows.
    pub maturity: Option<f64>,
    /// Predictions without a value.
    pub failed: u64,
}

/// One column against the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// The column; `prediction` for what was predicted.
    pub column: String,
    /// How it stands.
    pub state: State,
    /// Which statistic decides: `psi` for numbers, `jensen_shannon` for texts.
    pub statistic: String,
    /// Its value.
    pub value: Option<f64>,
    /// What it has to reach to matter: the rule's, or [`Self::own_variation`] if that is greater.
    pub threshold: f64,
    /// What one more window of the reference would stay below in 99 of 100 cases, judged by how much its windows differ
    /// from each other; absent with fewer than four.
    pub own_variation: Option<f64>,
    /// Probability of such a difference by chance (Kolmogorov-Smirnov for numbers, chi-square for texts).
    pub p_value: Option<f64>,
    /// The same, adjusted for the number of columns (Benjamini-Hochberg).
    pub adjusted_p_value: Option<f64>,
    /// Whether this window on its own is out of bounds.
    pub breached: bool,
    /// Whether it is clearly within bounds again (below 80 % of the threshold).
    pub clear: bool,
    /// In how many of the last judged windows it was out of bounds, this one included.
    pub breached_windows: usize,
    /// Out of how many.
    pub judged_windows: usize,
    /// Which reference was used.
    pub reference: DriftReference,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Share of missing values in the window.
    pub null_share: Option<f64>,
    /// Share of missing values in the reference.
    pub reference_null_share: Option<f64>,
    /// Texts that training has never seen, most frequent first, at most ten.
    pub unseen: Vec<Unseen>,
    /// Kolmogorov-Smirnov statistic (numbers).
    pub ks: Option<f64>,
    /// Wasserstein distance over the interquartile range of the reference (numbers).
    pub wasserstein_over_iqr: Option<f64>,
    /// Cramér's V (texts).
    pub cramers_v: Option<f64>,
    /// Middle value of the window (numbers).
    pub median: Option<f64>,
    /// Middle value of the reference (numbers).
    pub reference_median: Option<f64>,
    /// Whether all values of the window are the same although those of the reference are not.
    pub stuck: bool,
    /// Whether all numbers of the reference are the same.
    pub reference_constant: bool,
    /// Share of the window's numbers that are that same one.
    pub share_of_constant: f64,
    /// Shares by bin or value, for a chart.
    pub bins: Vec<BinShare>,
    /// What it means, in a sentence.
    pub words: String,
}

/// A text that training has never seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// The text.
    pub value: String,
    /// Rows that have it.
    pub rows: u64,
}

/// Share of rows in one bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinShare {
    /// The bin in words, or the text.
    pub label: String,
    /// Share in the reference.
    pub reference: f64,
    /// Share in the window.
    pub current: f64,
}

/// The predictions of a window against what turned out to be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// How it stands.
    pub state: State,
    /// The metric that decides.
    pub metric: String,
    /// Its value in the window.
    pub value: Option<f64>,
    /// Its value in the version's evaluation.
    pub reference: Option<f64>,
    /// How many times the reference error the window's error is.
    pub ratio: Option<f64>,
    /// How many times it may be.
    pub worse_than: f64,
    /// Whether this window on its own is out of bounds.
    pub breached: bool,
    /// Whether it is clearly within bounds again.
    pub clear: bool,
    /// In how many of the last judged windows it was out of bounds, this one included.
    pub breached_windows: usize,
    /// Out of how many.
    pub judged_windows: usize,
    /// The days with the greatest error, at most three, worst first.
    pub worst_days: Vec<DayError>,
    /// What it means, in a sentence.
    pub words: String,
}

/// How wrong predictions were on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayError {
    /// The day.
    pub date: String,
    /// Mean absolute error.
    pub mae: f64,
    /// Labelled rows.
    pub rows: u64,
    /// Share of the window's whole absolute error.
    pub share: f64,
}

/// Values far outside of what training has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeBreach {
    /// The column.
    pub column: String,
    /// The value farthest out.
    pub value: f64,
    /// When it came.
    pub at: Timestamp,
    /// Rows that are out.
    pub rows: u64,
    /// First of them.
    pub first: Timestamp,
    /// Last of them.
    pub last: Timestamp,
    /// Least value of training.
    pub training_min: f64,
    /// Greatest value of training.
    pub training_max: f64,
    /// Up to here was accepted, or down to here if the value is too small.
    pub limit: f64,
    /// What it means, in a sentence.
    pub words: String,
}

/// One line of the list of windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowSummary {
    /// The window.
    #[serde(flatten)]
    pub window: Window,
    /// The version that was watched.
    pub version: i64,
    /// Predictions.
    pub rows: u64,
    /// Those whose label has arrived.
    pub labelled: u64,
    /// Share of labels that has arrived.
    pub maturity: Option<f64>,
    /// How it stands altogether.
    pub state: State,
    /// All metrics of the window.
    pub metric: Option<RegressionMetrics>,
    /// All metrics of the window of a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<ClassificationMetrics>,
    /// The greatest difference between groups, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, f64>,
    /// Figures of the business, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub business: BTreeMap<String, f64>,
    /// Mean distance of rows from how inputs hung together in the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multivariate: Option<f64>,
    /// The deciding metric in the version's evaluation.
    pub reference_metric: Option<f64>,
    /// How the inputs and predictions stand altogether.
    pub drift_state: State,
    /// The column that differs most for its threshold.
    pub worst: Option<Worst>,
    /// How much each column differs, by name.
    #[serde(default)]
    pub drift: BTreeMap<String, f64>,
    /// What each column's difference has to reach to matter, by name.
    #[serde(default)]
    pub drift_thresholds: BTreeMap<String, f64>,
}

/// The column that differs most for its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// The column.
    pub column: String,
    /// Which statistic.
    pub statistic: String,
    /// Its value.
    pub value: f64,
    /// Its threshold.
    pub threshold: f64,
}

impl WindowReport {
    /// The line for a list of windows.
    #[must_use]
    pub fn summary(&self) -> WindowSummary {
        let worst = self
            .drift
            .iter()
            .filter_map(|column| Some((column, column.value?)))
            .max_by(|(left, a), (right, b)| (a / left.threshold).total_cmp(&(b / right.threshold)))
            .map(|(column, value)| Worst {
                column: column.column.clone(),
                statistic: column.statistic.clone(),
                value,
                threshold: column.threshold,
            });
        WindowSummary {
            window: self.window,
            version: self.version,
            rows: self.volume.rows,
            labelled: self.volume.labelled,
            maturity: self.volume.maturity,
            state: self.state,
            metric: self.metrics,
            classification: self.classification,
            groups: self
                .groups
                .iter()
                .filter_map(|group| Some((group.column.clone(), group.rate_difference?)))
                .collect(),
            business: self
                .business
                .iter()
                .filter_map(|figure| Some((figure.name.clone(), figure.value?)))
                .collect(),
            multivariate: self.multivariate.as_ref().and_then(|found| found.value),
            reference_metric: self.performance.as_ref().and_then(|performance| performance.reference),
            drift_state: self.drift_state,
            worst,
            drift: self
                .drift
                .iter()
                .filter_map(|column| Some((column.column.clone(), column.value?)))
                .collect(),
            drift_thresholds: self
                .drift
                .iter()
                .filter(|column| column.value.is_some())
                .map(|column| (column.column.clone(), column.threshold))
                .collect(),
        }
    }
}
