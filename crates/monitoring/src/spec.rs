//! The `monitor:` part of a model's file.

use base::{Period, names};
use serde::{Deserialize, Serialize};
use stats::{ClassificationMetrics, RegressionMetrics};

use crate::error::Error;

/// How a model is watched. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorSpec {
    /// Length of a window of event time; weekly windows begin on Monday.
    pub window: Period,
    /// How long after a window its labels are expected to be there; it is evaluated then.
    #[serde(default)]
    pub label_delay: Period,
    /// Fewer rows than this are not judged.
    #[serde(default = "default_min_rows")]
    pub min_rows: u64,
    /// Columns of words of which each frequent value is watched on its own, at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
    /// The notifiers that are told of its alerts, by name; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<String>>,
    /// Hours or days without predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<GapRule>,
    /// Values far outside of what training has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_range: Option<ValueRangeRule>,
    /// Inputs and predictions distributed differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRule>,
    /// Predictions worse than they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<PerformanceRule>,
    /// Groups that should be treated alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness: Option<FairnessRule>,
    /// Figures of the business, each a query over the window's rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub business: Vec<BusinessFigure>,
}

/// Groups that should be treated alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FairnessRule {
    /// The columns whose values are groups, at most five.
    pub columns: Vec<String>,
    /// Of classifiers: by how much the shares called 1, or found among the true 1s, may differ.
    #[serde(default = "default_difference")]
    pub most: f64,
    /// Groups with fewer rows in a window are left out.
    #[serde(default = "default_min_rows")]
    pub min_rows: u64,
}

/// A figure of the business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessFigure {
    /// Its name.
    pub name: String,
    /// A query over `scored`, the window's predictions with features and labels; its first value counts.
    pub sql: String,
    /// Less is worth a look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// More is worth a look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

/// When silence is worth an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapRule {
    /// Longest time between two predictions that is normal.
    pub longer_than: Period,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
}

/// When a value is too far out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRangeRule {
    /// A value may lie outside of the range of training by this many ranges less one: with 3 and a training range of
    /// 0 to 50, up to 150 and down to -100 is accepted.
    pub factor: f64,
    /// How bad it is.
    #[serde(default = "Severity::error")]
    pub severity: Severity,
}

/// When a column has drifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRule {
    /// What a window is compared with.
    #[serde(default)]
    pub reference: DriftReference,
    /// Least effect that matters: population stability index of numbers, Jensen-Shannon distance of texts. Where the
    /// windows of the reference differ more than this among themselves, that difference is the threshold.
    #[serde(default = "default_drift_threshold")]
    pub threshold: f64,
    /// In how many windows it must show.
    #[serde(default)]
    pub persist: Persist,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
}

/// When predictions have become worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerformanceRule {
    /// The metric, by scikit-learn's short name.
    pub metric: String,
    /// How many times the reference error is too much; greater than 1.
    pub worse_than: f64,
    /// The reference.
    #[serde(default)]
    pub than: PerformanceReference,
    /// In how many windows it must show.
    #[serde(default)]
    pub persist: Persist,
    /// How bad it is.
    #[serde(default = "Severity::error")]
    pub severity: Severity,
    /// What the platform does by itself when the alert fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

/// In `windows` of the last `of` windows that could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persist {
    /// How many must show it.
    pub windows: usize,
    /// Out of how many.
    pub of: usize,
}

impl Default for Persist {
    fn default() -> Self {
        Self { windows: 1, of: 1 }
    }
}

/// What a window is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftReference {
    /// All rows the version was trained on.
    #[default]
    Training,
    /// Those of them whose day of the year lies within three weeks of the window; all of them where that is fewer than
    /// four windows.
    SameSeason,
}

/// What an error is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerformanceReference {
    /// The version's own evaluation before it was registered.
    #[default]
    Evaluation,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    #[default]
    Warn,
    /// Needs an act.
    Error,
}

impl Severity {
    const fn error() -> Self {
        Self::Error
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What the platform does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Train again on what is known by then; the promotion rules decide about the result.
    Retrain,
}

fn default_min_rows() -> u64 {
    100
}

fn default_difference() -> f64 {
    0.1
}

fn default_drift_threshold() -> f64 {
    0.25
}

/// The metrics of numbers, then those of classes.
pub(crate) fn metric_names() -> impl Iterator<Item = &'static str> {
    RegressionMetrics::NAMES.iter().copied().chain(ClassificationMetrics::NAMES)
}

impl MonitorSpec {
    /// Checks what the shape alone cannot say.
    ///
    /// # Errors
    /// [`Error::Spec`] with the path of the first value that cannot be.
    pub fn check(&self) -> Result<(), Error> {
        positive(self.window, "window")?;
        if self.min_rows == 0 {
            return Err(wrong("min_rows", "must be at least 1"));
        }
        if self.segments.len() > 3 {
            return Err(wrong("segments", "names more than three columns"));
        }
        if let Some(gap) = &self.gap {
            positive(gap.longer_than, "gap.longer_than")?;
        }
        if let Some(range) = &self.value_range {
            above_one(range.factor, "value_range.factor")?;
        }
        if let Some(drift) = &self.drift {
            if !(drift.threshold > 0.0 && drift.threshold.is_finite()) {
                return Err(wrong("drift.threshold", "must be greater than 0"));
            }
            drift.persist.check("drift.persist")?;
        }
        if let Some(performance) = &self.performance {
            above_one(performance.worse_than, "performance.worse_than")?;
            performance.persist.check("performance.persist")?;
            if !metric_names().any(|name| name == performance.metric) {
                let near = names::nearest(&performance.metric, metric_names());
                return Err(Error::Spec {
                    path: "performance.metric",
                    problem: format!("names `{}`, which is not a metric", performance.metric),
                    hint: Some(near.map_or_else(
                        || format!("the metrics are {}", metric_names().collect::<Vec<_>>().join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    )),
                });
            }
        }
        if let Some(fairness) = &self.fairness {
            if fairness.columns.is_empty() || fairness.columns.len() > 5 {
                return Err(wrong("fairness.columns", "names one to five columns"));
            }
            if !(fairness.most > 0.0 && fairness.most <= 1.0) {
                return Err(wrong("fairness.most", "must be greater than 0 and at most 1"));
            }
        }
        if self.business.len() > 20 {
            return Err(wrong("business", "has more than twenty figures"));
        }
        Ok(())
    }

    /// Most windows that any rule looks back over, the current one included.
    #[must_use]
    pub fn look_back(&self) -> usize {
        let drift = self.drift.as_ref().map_or(1, |rule| rule.persist.of);
        let performance = self.performance.as_ref().map_or(1, |rule| rule.persist.of);
        drift.max(performance)
    }
}

impl Persist {
    fn check(self, path: &'static str) -> Result<(), Error> {
        if self.windows == 0 || self.windows > self.of {
            let problem = format!("asks for {} of {} windows", self.windows, self.of);
            let hint = Some("`windows` is at least 1 and at most `of`".to_owned());
            return Err(Error::Spec { path, problem, hint });
        }
        if self.of > 520 {
            return Err(wrong(path, "looks back over more than 520 windows"));
        }
        Ok(())
    }
}

fn wrong(path: &'static str, problem: &str) -> Error {
    Error::Spec { path, problem: problem.to_owned(), hint: None }
}

fn positive(period: Period, path: &'static str) -> Result<(), Error> {
    if period.as_micros() > 0 { Ok(()) } else { Err(wrong(path, "must be longer than nothing")) }
}

fn above_one(number: f64, path: &'static str) -> Result<(), Error> {
    if number > 1.0 && number.is_finite() { Ok(()) } else { Err(wrong(path, "must be greater than 1")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> serde_json::Value {
        json!({
            "window": "1w", "label_delay": "1d", "min_rows": 100,
            "gap": { "longer_than": "2d", "severity": "warn" },
            "value_range": { "factor": 3, "severity": "error" },
            "drift": { "reference": "same_season", "threshold": 0.25, "persist": { "windows": 3, "of": 4 }, "severity": "warn" },
            "performance": {
                "metric": "mae", "worse_than": 1.3, "than": "evaluation",
                "persist": { "windows": 2, "of": 3 }, "severity": "error", "action": "retrain"
            }
        })
    }

    #[test]
    fn the_documented_shape_is_read() {
        let spec: MonitorSpec = serde_json::from_value(example()).unwrap();
        spec.check().unwrap();
        assert_eq!(spec.window, Period::from_days(7));
        assert_eq!(spec.drift.as_ref().unwrap().reference, DriftReference::SameSeason);
        assert_eq!(spec.performance.as_ref().unwrap().action, Some(Action::Retrain));
        assert_eq!(spec.look_back(), 4);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let mut value = example();
        value["drift"]["treshold"] = json!(0.2);
        let error = serde_json::from_value::<MonitorSpec>(value).unwrap_err().to_string();
        assert!(error.contains("treshold") && error.contains("threshold"), "{error}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_path() {
        for (path, pointer, value) in [
            ("monitor.window", "/window", json!("0d")),
            ("monitor.drift.persist", "/drift/persist/windows", json!(5)),
            ("monitor.value_range.factor", "/value_range/factor", json!(1.0)),
            ("monitor.performance.worse_than", "/performance/worse_than", json!(0.5)),
            ("monitor.performance.metric", "/performance/metric", json!("mea")),
        ] {
            let mut spec = example();
            *spec.pointer_mut(pointer).unwrap() = value;
            let error = serde_json::from_value::<MonitorSpec>(spec).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
