//! Checks of a model version: the same shape as checks of data, the same results.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `written` | a check as it stands in `gingham.yaml` |
//! | [`Subject`] | what is checked: a model, rows to judge by, and what stands around them |
//! | `bench` | evaluating a list of checks into a [`crate::Verdict`] |
//! | `metric` | metrics by name, gates of one and of every slice, weak slices, calibration, fairness |
//! | `behaviour` | what happens to predictions when inputs change |
//! | `leakage` | features that know the answer, rows on both sides of the split |
//! | `fitness` | time, size, what consumers send, licences, unsafe files, drift |
//!
//! This room knows no engine: whoever evaluates hands over a [`Predictor`].

mod behaviour;
mod bench;
mod fitness;
mod leakage;
mod metric;
mod pickle;
mod subject;
#[cfg(test)]
mod tests;
mod words;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Rule, Share};
use crate::{DriftBounds, Scalar, Severity};

pub use bench::evaluate_model;
pub use metric::{METRIC_NAMES, losses_of, metric_of};
pub use pickle::{Finding, unsafe_imports};
pub use subject::{
    Consumer, Footprint, InputKind, ModelFile, ModelInput, Package, Predictor, Rival, Subject,
};

/// One assertion about a model version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "written::Written", into = "written::Written")]
pub struct ModelCheck {
    /// Its name, unique in its list.
    pub id: String,
    /// What must hold.
    pub kind: ModelCheckKind,
    /// What it means when it does not; `block` when not said, as that is what keeps a version out of production.
    pub severity: Severity,
    /// The least share of rows that must hold, for checks of single rows.
    pub mostly: f64,
    /// A condition in SQL over the prepared rows; only rows that meet it are looked at.
    pub where_sql: Option<String>,
    /// Why the check is there.
    pub reason: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// What must hold of a model version.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelCheckKind {
    /// A metric against a number, the baselines or the champion; of each slice of a column where one is named.
    Metric {
        /// The rule.
        rule: Rule,
        /// The column whose every part must hold.
        by: Option<String>,
        /// Parts with fewer rows are not judged.
        min_rows: u64,
    },
    /// A metric is not worse than the champion's by more than a share; of each slice of a column where one is named.
    NoWorse {
        /// The metric.
        metric: String,
        /// By how much it may be worse.
        by_share: Share,
        /// The column whose every part must hold.
        by: Option<String>,
        /// Parts with fewer rows are not judged.
        min_rows: u64,
    },
    /// No part of the rows carries more than a share of the whole error beyond what it would elsewhere.
    WeakSlices {
        /// The greatest share.
        at_most: Share,
    },
    /// Probabilities mean what they say: expected calibration error, or the Brier score.
    Calibration {
        /// The greatest expected calibration error over ten bins.
        ece: Option<f64>,
        /// The greatest Brier score.
        brier: Option<f64>,
    },
    /// Groups of people are treated alike.
    Fairness {
        /// The column of the groups.
        column: String,
        /// The figure, as Fairlearn names it.
        metric: String,
        /// The greatest difference, or the least ratio.
        bound: FairnessBound,
        /// From which score on a row is called true.
        threshold: f64,
        /// What is compared.
        against: stats::Against,
    },
    /// Predictions do not change when a column is given other values.
    Invariant {
        /// The column.
        column: String,
        /// The values that it is given, one after another.
        values: Vec<Option<Scalar>>,
        /// By how much a prediction may change.
        tolerance: f64,
    },
    /// Predictions move one way, or not at all, when a column of numbers moves.
    Direction {
        /// The column.
        column: String,
        /// How it moves.
        step: Step,
        /// Which way predictions may go.
        may: Way,
        /// By how much a prediction may go the other way.
        tolerance: f64,
    },
    /// Simple cases that any model must get right.
    Cases {
        /// The cases.
        cases: Vec<Case>,
    },
    /// No feature gives the answer away, and no row to judge by was learnt from.
    Leakage {
        /// The greatest share of the target's variance that one feature alone may explain.
        alone: f64,
        /// The greatest share of rows to judge by that may stand among the rows learnt from.
        duplicates: f64,
    },
    /// Another artefact predicts the same.
    Parity {
        /// The other: `champion`, `served`, a version's number or an alias.
        with: String,
        /// By how much the two may differ.
        tolerance: f64,
    },
    /// Some missing or disturbed values do not spoil the metric.
    Robust {
        /// What is done to the values.
        disturbance: Disturbance,
        /// Of which columns; all features when empty.
        columns: Vec<String>,
        /// The metric.
        metric: String,
        /// By how much it may become worse.
        worse_by: Share,
    },
    /// The metric on rows learnt from is not better than on the rows to judge by by more than a share.
    Overfit {
        /// The metric.
        metric: String,
        /// The share.
        by_share: Share,
    },
    /// Predicting takes no longer than this.
    Latency {
        /// Rows in a request.
        rows: u64,
        /// The longest that 99 of 100 requests may take, in milliseconds.
        p99_ms: f64,
    },
    /// The model is no larger than this.
    Size {
        /// The greatest size of its files, in bytes.
        file_bytes: Option<u64>,
        /// The greatest size in memory, in bytes.
        memory_bytes: Option<u64>,
    },
    /// What consumers send now is taken, and what they get keeps its name.
    Consumers,
    /// Every package of the environment has a licence that is allowed.
    Licences {
        /// The licences that are allowed; every one when empty.
        allow: Vec<String>,
        /// Those that are not.
        deny: Vec<String>,
    },
    /// No file of the model can run code when it is loaded.
    NoUnsafeFiles,
    /// Rows resemble those of another time.
    Drift {
        /// Which: `training`, `champion`, `previous`, `season`, or `live`.
        against: String,
        /// Only these columns; all features when empty.
        columns: Vec<String>,
        /// How many columns may have drifted.
        at_most: u64,
        /// From when on a column has.
        bounds: DriftBounds,
    },
}

/// What a fairness figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FairnessBound {
    /// At most; for differences.
    AtMost(f64),
    /// At least; for ratios.
    AtLeast(f64),
}

/// How a column moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// By this much.
    Plus(f64),
    /// To so many times what it is.
    Times(f64),
    /// To this value, where it is less (or greater) now.
    To(f64),
}

/// Which way predictions may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Up, or stay.
    NotLower,
    /// Down, or stay.
    NotHigher,
    /// Up.
    Higher,
    /// Down.
    Lower,
}

/// What is done to values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// This share of them is taken away.
    Nulls(f64),
    /// Noise is added to numbers: normal, with this share of the column's standard deviation.
    Noise(f64),
}

/// A row with what a model must say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in a word or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The inputs; those left out are missing.
    pub inputs: BTreeMap<String, Option<Scalar>>,
    /// The least and the greatest prediction; one of them may be open.
    pub between: (Option<f64>, Option<f64>),
}

impl ModelCheck {
    /// A check with severity `block` of all rows, with nothing said about it.
    pub fn new(id: impl Into<String>, kind: ModelCheckKind) -> Self {
        Self {
            id: id.into(),
            kind,
            severity: Severity::Block,
            mostly: 1.0,
            where_sql: None,
            reason: None,
            owner: None,
        }
    }

    /// A rule of promotion as a check: the first is called `promotion-1`.
    #[must_use]
    pub fn of_rule(place: usize, rule: &Rule) -> Self {
        let kind = ModelCheckKind::Metric { rule: rule.clone(), by: None, min_rows: 1 };
        Self::new(format!("promotion-{}", place + 1), kind)
    }

    /// Which other version it needs, as it is written; none for most checks.
    #[must_use]
    pub fn other_version(&self) -> Option<&str> {
        match &self.kind {
            ModelCheckKind::Parity { with, .. } if with != "served" => Some(with),
            _ => None,
        }
    }
}
