//! Predictions against what turned out to be true.

use std::collections::BTreeMap;

use base::Timestamp;
use stats::{
    ClassificationMetrics, RegressionMetrics, class_metrics, probability_metrics, regression_metrics,
};

use crate::report::{DayError, Performance, State, WindowReport};
use crate::rows::{Reference, Rows};
use crate::spec::PerformanceRule;
use crate::words;

/// An error is clearly within bounds below this share of what is allowed on top of the reference.
const CLEAR_SHARE: f64 = 0.8;

/// Predictions with their labels, where both are there.
pub(crate) struct Pairs {
    times: Vec<Timestamp>,
    truth: Vec<f64>,
    predicted: Vec<f64>,
    binary: bool,
    words: Option<(Vec<String>, Vec<String>)>,
}

impl Pairs {
    pub(crate) fn of(rows: &Rows) -> Self {
        let binary = rows.is_binary();
        let mut pairs =
            Self { times: Vec::new(), truth: Vec::new(), predicted: Vec::new(), binary, words: None };
        if let Some((answers, truths)) = rows.words() {
            let mut words = (Vec::new(), Vec::new());
            for (time, (answer, truth)) in rows.times().iter().zip(answers.iter().zip(truths)) {
                if let (Some(answer), Some(truth)) = (answer, truth) {
                    pairs.times.push(*time);
                    pairs.truth.push(0.0);
                    // What is worst on a day is told by how many were wrong.
                    pairs.predicted.push(f64::from(u8::from(answer != truth)));
                    words.0.push(answer.clone());
                    words.1.push(truth.clone());
                }
            }
            pairs.words = Some(words);
            return pairs;
        }
        for (time, (label, prediction)) in
            rows.times().iter().zip(rows.labels().iter().zip(rows.predictions()))
        {
            if let (Some(label), Some(prediction)) = (label, prediction) {
                pairs.times.push(*time);
                pairs.truth.push(*label);
                pairs.predicted.push(*prediction);
            }
        }
        pairs
    }

    pub(crate) fn metrics(&self) -> Option<RegressionMetrics> {
        if self.words.is_some() { None } else { regression_metrics(&self.truth, &self.predicted) }
    }

    /// Metrics of a classifier: of words, or of two classes. Answers that are 0 or 1 and nothing between name a class.
    pub(crate) fn classification(&self) -> Option<ClassificationMetrics> {
        if let Some((answers, truths)) = &self.words {
            return class_metrics(answers, truths);
        }
        if !self.binary {
            return None;
        }
        if self.predicted.iter().all(|answer| *answer == 0.0 || *answer == 1.0) {
            let named = |values: &[f64]| -> Vec<&str> {
                values.iter().map(|value| if *value == 1.0 { "1" } else { "0" }).collect()
            };
            return class_metrics(&named(&self.predicted), &named(&self.truth));
        }
        let truth: Vec<bool> = self.truth.iter().map(|truth| *truth == 1.0).collect();
        probability_metrics(&self.predicted, &truth, 0.5)
    }

    /// The metric that a rule names, and the rows that it was taken over.
    fn metric(&self, name: &str) -> (Option<f64>, u64) {
        if ClassificationMetrics::NAMES.contains(&name) {
            let found = self.classification();
            return (found.and_then(|found| found.get(name)), found.map_or(0, |found| found.rows));
        }
        let found = self.metrics();
        (found.and_then(|found| found.get(name)), found.map_or(0, |found| found.rows))
    }
}

/// Compares the labelled rows of a window, and their metrics, with the version's evaluation.
pub(crate) fn judge(
    rule: &PerformanceRule,
    min_rows: u64,
    pairs: &Pairs,
    reference: Option<&Reference>,
    earlier: &[&WindowReport],
) -> Performance {
    let (value, labelled) = pairs.metric(&rule.metric);
    let reference = reference.and_then(|reference| reference.evaluation(&rule.metric));
    let ratio = value.zip(reference).and_then(|(value, reference)| ratio(&rule.metric, value, reference));
    let enough = labelled >= min_rows;
    let breached = enough && ratio.is_some_and(|ratio| ratio > rule.worse_than);
    let clear = enough && ratio.is_some_and(|ratio| ratio < 1.0 + CLEAR_SHARE * (rule.worse_than - 1.0));
    let judged = enough && ratio.is_some();
    let past = earlier
        .iter()
        .rev()
        .filter_map(|report| report.performance.as_ref())
        .filter(|performance| performance.metric == rule.metric && performance.state.is_judged())
        .take(rule.persist.of.saturating_sub(1));
    let (mut breached_windows, mut judged_windows) = (usize::from(breached), usize::from(judged));
    for performance in past {
        breached_windows += usize::from(performance.breached);
        judged_windows += 1;
    }
    let state = if !enough {
        State::NotEnoughData
    } else if ratio.is_none() {
        State::NoReference
    } else if breached && breached_windows >= rule.persist.windows {
        State::Degraded
    } else if breached {
        State::Warn
    } else {
        State::Ok
    };
    let mut performance = Performance {
        state,
        metric: rule.metric.clone(),
        value,
        reference,
        ratio,
        worse_than: rule.worse_than,
        breached,
        clear,
        breached_windows,
        judged_windows,
        worst_days: worst_days(pairs),
        words: String::new(),
    };
    performance.words = sentence(&performance, labelled, min_rows);
    performance
}

/// Whether more of a metric is better.
pub(crate) fn greater_is_better(metric: &str) -> bool {
    RegressionMetrics::greater_is_better(metric) || ClassificationMetrics::greater_is_better(metric)
}

/// How many times worse; of metrics where more is better, how many times farther from perfect.
fn ratio(metric: &str, value: f64, reference: f64) -> Option<f64> {
    let (now, then) = if greater_is_better(metric) {
        (1.0 - value, 1.0 - reference)
    } else {
        (value.abs(), reference.abs())
    };
    (then > 0.0).then(|| now / then)
}

fn worst_days(pairs: &Pairs) -> Vec<DayError> {
    let mut days: BTreeMap<String, (f64, u64)> = BTreeMap::new();
    for (time, (truth, predicted)) in pairs.times.iter().zip(pairs.truth.iter().zip(&pairs.predicted)) {
        let error = (predicted - truth).abs();
        if error.is_finite() {
            let day = days.entry(time.date()).or_default();
            day.0 += error;
            day.1 += 1;
        }
    }
    let whole: f64 = days.values().map(|(error, _)| error).sum();
    let mut errors: Vec<DayError> = days
        .into_iter()
        .map(|(date, (error, rows))| DayError {
            date,
            mae: error / rows as f64,
            rows,
            share: if whole > 0.0 { error / whole } else { 0.0 },
        })
        .collect();
    errors.sort_by(|left, right| right.share.total_cmp(&left.share));
    errors.truncate(3);
    errors
}

fn sentence(performance: &Performance, labelled: u64, min_rows: u64) -> String {
    let metric = &performance.metric;
    let (Some(value), true) = (performance.value, performance.state != State::NotEnoughData) else {
        return format!("too few labels to judge: {labelled} have arrived, at least {min_rows} are needed");
    };
    let value = words::number(value);
    let (Some(reference), Some(ratio)) = (performance.reference, performance.ratio) else {
        return format!(
            "{metric} is {value}; the evaluation of this version has no {metric} to compare with"
        );
    };
    let (reference, allowed) = (words::number(reference), words::times(performance.worse_than));
    let ratio = format!("{} the {reference} of the evaluation", words::times(ratio));
    match performance.state {
        State::Degraded => format!(
            "{metric} is {value}, {ratio} (allowed: {allowed}), in {} of the last {} windows",
            performance.breached_windows, performance.judged_windows
        ),
        State::Warn => format!("{metric} is {value}, {ratio} (allowed: {allowed}), in this window so far"),
        _ => format!("{metric} is {value}, {ratio} (allowed: {allowed})"),
    }
}
