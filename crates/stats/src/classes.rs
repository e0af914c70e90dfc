//! How good a classifier is, from its answers and what came true.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classification::{brier, expected_calibration_error, log_loss};
use crate::estimate::binary_metrics;

/// Figures of a classifier, with scikit-learn's names and edge rules: what is not defined is absent, never a made-up number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassificationMetrics {
    /// Rows with an answer and the truth.
    pub rows: u64,
    /// Different classes among answers and truths.
    pub classes: u64,
    /// Share of rows that are right.
    pub accuracy: f64,
    /// Of two classes: share of those called 1 that are. Of more: mean over the classes (`macro`).
    pub precision: Option<f64>,
    /// Of two classes: share of the 1s that are called so. Of more: mean over the classes.
    pub recall: Option<f64>,
    /// Harmonic mean of both. Of more than two classes: mean over the classes.
    pub f1: Option<f64>,
    /// Area under the receiver operating curve; of two classes with probabilities, both present.
    pub roc_auc: Option<f64>,
    /// Mean negative logarithm of the probability given to what came true (nats).
    pub log_loss: Option<f64>,
    /// Mean square of the difference between probability and truth.
    pub brier: Option<f64>,
    /// Expected calibration error: mean distance of probability and share that came true, over ten bins of equal width, each
    /// by its rows.
    pub calibration_error: Option<f64>,
    /// Share of rows called 1, of two classes.
    pub positive_rate: Option<f64>,
    /// Share of rows that were 1, of two classes.
    pub base_rate: Option<f64>,
}

impl ClassificationMetrics {
    /// The metrics that have a name.
    pub const NAMES: [&'static str; 8] =
        ["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "calibration_error"];

    /// The metric of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        match name {
            "accuracy" => Some(self.accuracy),
            "precision" => self.precision,
            "recall" => self.recall,
            "f1" => self.f1,
            "roc_auc" => self.roc_auc,
            "log_loss" => self.log_loss,
            "brier" => self.brier,
            "calibration_error" => self.calibration_error,
            _ => None,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn greater_is_better(name: &str) -> bool {
        matches!(name, "accuracy" | "precision" | "recall" | "f1" | "roc_auc")
    }
}

/// Figures of probabilities of a label of 1, called 1 from `threshold` on; `None` without rows.
#[must_use]
pub fn probability_metrics(chances: &[f64], truth: &[bool], threshold: f64) -> Option<ClassificationMetrics> {
    let base = binary_metrics(chances, truth, threshold)?;
    let rows = chances.len().min(truth.len());
    let pairs = || chances.iter().copied().zip(truth.iter().copied());
    let mean = |sum: f64| sum / rows as f64;
    let called = pairs().filter(|(chance, _)| *chance >= threshold).count() as f64;
    let positive = pairs().filter(|(_, truth)| *truth).count() as f64;
    Some(ClassificationMetrics {
        rows: rows as u64,
        classes: 2,
        accuracy: base.accuracy,
        precision: base.precision,
        recall: base.recall,
        f1: base.f1,
        roc_auc: base.roc_auc,
        log_loss: log_loss(chances, truth),
        brier: brier(chances, truth),
        calibration_error: expected_calibration_error(chances, truth),
        positive_rate: Some(mean(called)),
        base_rate: Some(mean(positive)),
    })
}

/// Figures of answers that name a class; `None` without rows. With the classes `0` and `1` the ratios are those of `1`; with
/// others they are means over the classes (`macro`), a class that is never answered counting 0.
#[must_use]
pub fn class_metrics<T: AsRef<str>>(answers: &[T], truths: &[T]) -> Option<ClassificationMetrics> {
    let rows = answers.len().min(truths.len());
    if rows == 0 {
        return None;
    }
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut right = 0_u64;
    for (answer, truth) in answers.iter().zip(truths) {
        let (answer, truth) = (answer.as_ref(), truth.as_ref());
        counts.entry(answer).or_default().called += 1;
        counts.entry(truth).or_default().real += 1;
        if answer == truth {
            right += 1;
            counts.entry(answer).or_default().both += 1;
        }
    }
    let two = counts.keys().all(|class| matches!(*class, "0" | "1"));
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let of_one = counts.get("1").copied().unwrap_or_default();
    let mean = |figure: fn(&Counts) -> (u64, u64)| {
        let sum: f64 =
            counts.values().map(figure).map(|(part, whole)| ratio(part, whole).unwrap_or(0.0)).sum();
        Some(sum / counts.len() as f64)
    };
    let pick = |figure: fn(&Counts) -> (u64, u64)| {
        if two {
            let (part, whole) = figure(&of_one);
            ratio(part, whole)
        } else {
            mean(figure)
        }
    };
    Some(ClassificationMetrics {
        rows: rows as u64,
        classes: counts.len() as u64,
        accuracy: right as f64 / rows as f64,
        precision: pick(|counts| (counts.both, counts.called)),
        recall: pick(|counts| (counts.both, counts.real)),
        f1: pick(|counts| (2 * counts.both, counts.called + counts.real)),
        roc_auc: None,
        log_loss: None,
        brier: None,
        calibration_error: None,
        positive_rate: two.then(|| of_one.called as f64 / rows as f64),
        base_rate: two.then(|| of_one.real as f64 / rows as f64),
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    called: u64,
    real: u64,
    both: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    /// `sklearn.metrics` 1.7 on the same rows; the calibration error is by hand.
    #[test]
    fn probabilities_are_judged_as_scikit_learn_does() {
        let chances = [0.1, 0.4, 0.35, 0.8, 0.65, 0.5, 0.9, 0.05];
        let truth = [false, false, true, true, false, true, true, false];
        let found = probability_metrics(&chances, &truth, 0.5).unwrap();
        near(Some(found.accuracy), 0.75);
        near(found.precision, 0.75);
        near(found.recall, 0.75);
        near(found.f1, 0.75);
        near(found.roc_auc, 0.8125);
        near(found.log_loss, 0.473_596_866_292_588_1);
        near(found.brier, 0.164_687_5);
        near(found.calibration_error, 0.331_25);
        near(found.base_rate, 0.5);
    }

    #[test]
    fn classes_are_judged_by_the_mean_over_them() {
        let answers = ["a", "b", "c", "a", "b", "c"];
        let truths = ["a", "b", "a", "a", "c", "c"];
        let found = class_metrics(&answers, &truths).unwrap();
        near(Some(found.accuracy), 4.0 / 6.0);
        near(found.precision, (1.0 + 0.5 + 0.5) / 3.0);
        near(found.recall, (2.0 / 3.0 + 1.0 + 0.5) / 3.0);
        near(found.f1, (0.8 + 2.0 / 3.0 + 0.5) / 3.0);
        assert_eq!(found.classes, 3);
    }

    #[test]
    fn what_is_not_defined_is_absent() {
        let found = probability_metrics(&[0.2, 0.3], &[false, false], 0.5).unwrap();
        assert_eq!((found.roc_auc, found.precision, found.recall), (None, None, None));
        assert!(probability_metrics(&[], &[], 0.5).is_none());
        assert!(class_metrics::<&str>(&[], &[]).is_none());
    }
}
