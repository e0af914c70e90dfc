//! How requests are shared out among versions: what can be asked for, and the share-out itself as a pure function.

use base::Digest;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A version, by its number or by the alias that points at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// That number.
    Version(i64),
    /// Whatever the alias points at.
    Alias(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(number) => write!(formatter, "version {number}"),
            Self::Alias(alias) => write!(formatter, "`{alias}`"),
        }
    }
}

/// Which version answers which requests, and what happens when one does not do well.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    /// Another version that answers a part of the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Another version that is asked too, and whose answers nobody gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// Who answers when a version cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// When a version is taken back without asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

/// Another version that answers a part of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Which.
    pub version: Target,
    /// The share of requests, 0 to 1. With 0 it answers only those who ask for it.
    #[serde(default)]
    pub share: f64,
    /// What keeps its version from request to request.
    #[serde(default)]
    pub sticky: Sticky,
    /// Makes it an A/B test: what is measured, and when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRule>,
    /// Goes into the share-out; the revision of the settings that brought this canary, set by the server.
    #[serde(default)]
    pub seed: i64,
}

/// What keeps its version from request to request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// The header `X-Gingham-Key`, or else the entity of the first row; without either each request is drawn anew.
    #[default]
    Key,
    /// Nothing: each request is drawn anew.
    Nothing,
}

/// What an A/B test measures, and when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestRule {
    /// What is compared, smaller is better.
    pub metric: Loss,
    /// It ends when the confidence sequence of the difference at this level leaves zero outside.
    pub confidence: f64,
    /// Before each side has this many labels it does not end.
    pub least_labels: u64,
    /// After so many days it ends undecided, and the canary goes.
    pub most_days: u32,
}

impl Default for TestRule {
    fn default() -> Self {
        Self { metric: Loss::AbsoluteError, confidence: 0.95, least_labels: 100, most_days: 30 }
    }
}

/// How far a prediction is from its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The distance.
    #[default]
    AbsoluteError,
    /// The square of the distance.
    SquaredError,
    /// 1 when prediction and label are on different sides of one half, else 0.
    Misclassified,
    /// The logarithmic loss of a probability.
    LogLoss,
}

impl Loss {
    /// The loss of one prediction.
    #[must_use]
    pub fn of(self, prediction: f64, label: f64) -> f64 {
        match self {
            Self::AbsoluteError => (prediction - label).abs(),
            Self::SquaredError => (prediction - label).powi(2),
            Self::Misclassified => f64::from(u8::from((prediction >= 0.5) != (label >= 0.5))),
            Self::LogLoss => {
                let given = prediction.clamp(1e-15, 1.0 - 1e-15);
                -(label * given.ln() + (1.0 - label) * (1.0 - given).ln())
            }
        }
    }

    /// As people say it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AbsoluteError => "absolute error",
            Self::SquaredError => "squared error",
            Self::Misclassified => "misclassification rate",
            Self::LogLoss => "log loss",
        }
    }
}

/// Another version that is asked too, after the answer is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Which.
    pub version: Target,
    /// The share of requests, 0 to 1.
    #[serde(default = "whole")]
    pub share: f64,
    /// Predictions that are no further apart agree.
    #[serde(default)]
    pub tolerance: f64,
}

const fn whole() -> f64 {
    1.0
}

/// Who answers when a version fails, is too slow, or gives what cannot be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// Another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Target>,
    /// A fixed value, when there is no such version or it fails, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// A model that has not answered after so long is too slow, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// The least prediction that can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The largest prediction that can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

impl Fallback {
    /// What is wrong with a row's prediction, if something is.
    pub(crate) fn objection(&self, predictions: &[f64]) -> Option<String> {
        let wrong = |value: &f64| {
            self.least.is_some_and(|least| *value < least) || self.most.is_some_and(|most| *value > most)
        };
        let row = predictions.iter().position(wrong)?;
        let value = predictions.get(row).copied().unwrap_or_default();
        Some(format!("the prediction {value} for row {row} is out of range"))
    }
}

/// When a version is taken back without asking: a canary goes, and a primary makes way for the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollback {
    /// The largest share of requests that may fail, 0 to 1.
    pub error_rate: Option<f64>,
    /// The longest that 99 of 100 requests may take, in milliseconds.
    pub p99_ms: Option<f64>,
    /// An alert on drift or performance began to fire.
    pub on_alert: bool,
    /// A check on the version failed.
    pub on_failed_check: bool,
    /// Both rates are of the last so many seconds.
    pub window_s: u64,
    /// They say nothing about fewer requests.
    pub least_requests: u64,
    /// A primary is taken back only within so many minutes after it took over.
    pub within_minutes: u64,
}

impl Default for Rollback {
    fn default() -> Self {
        Self {
            error_rate: None,
            p99_ms: None,
            on_alert: false,
            on_failed_check: false,
            window_s: 60,
            least_requests: 20,
            within_minutes: 24 * 60,
        }
    }
}

impl Traffic {
    /// Checks that shares are shares and limits are limits.
    ///
    /// # Errors
    /// [`Error::BadField`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let wrong = |field: &str, problem: &str| Err(Error::field(field, "traffic_invalid", problem));
        let share = |share: f64| (0.0..=1.0).contains(&share);
        if let Some(canary) = &self.canary {
            if !share(canary.share) {
                return wrong("canary.share", "it is no share between 0 and 1");
            }
            if let Some(test) = &canary.test {
                if !(0.5..1.0).contains(&test.confidence) {
                    return wrong("canary.test.confidence", "it is not between 0.5 and 1");
                }
                if canary.share <= 0.0 || canary.share >= 1.0 {
                    return wrong("canary.share", "a test needs requests on both sides");
                }
            }
        }
        if let Some(shadow) = &self.shadow {
            if !share(shadow.share) {
                return wrong("shadow.share", "it is no share between 0 and 1");
            }
            if !(shadow.tolerance >= 0.0 && shadow.tolerance.is_finite()) {
                return wrong("shadow.tolerance", "it is no distance");
            }
        }
        if let Some(fallback) = &self.fallback {
            if fallback.version.is_none() && fallback.value.is_none() {
                return wrong("fallback", "it names neither a `version` nor a `value`");
            }
            if fallback.value.is_some_and(|value| !value.is_finite()) {
                return wrong("fallback.value", "it is not a finite number");
            }
            if fallback.after_ms == Some(0) {
                return wrong("fallback.after_ms", "no model answers in no time");
            }
            if fallback.least.zip(fallback.most).is_some_and(|(least, most)| least > most) {
                return wrong("fallback.least", "it is larger than `most`");
            }
        }
        if let Some(rollback) = &self.rollback {
            if rollback.error_rate.is_some_and(|rate| !share(rate)) {
                return wrong("rollback.error_rate", "it is no share between 0 and 1");
            }
            if !(1..=86_400).contains(&rollback.window_s) {
                return wrong("rollback.window_s", "it is not between a second and a day");
            }
        }
        Ok(())
    }

    /// In a line, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(canary) = &self.canary {
            let kind = if canary.test.is_some() { "A/B test" } else { "canary" };
            parts.push(format!("{kind}: {} gets {} %", canary.version, percent(canary.share)));
        }
        if let Some(shadow) = &self.shadow {
            parts.push(format!("shadow: {} sees {} %", shadow.version, percent(shadow.share)));
        }
        if let Some(fallback) = &self.fallback {
            parts.push(match (&fallback.version, fallback.value) {
                (Some(version), _) => format!("fallback: {version}"),
                (None, Some(value)) => format!("fallback: the value {value}"),
                (None, None) => "fallback".to_owned(),
            });
        }
        if self.rollback.is_some() {
            parts.push("takes back by itself".to_owned());
        }
        if parts.is_empty() { "everything goes to the primary".to_owned() } else { parts.join("; ") }
    }
}

fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

/// Where a key falls between 0 and 1: a pure function of the deployment, the seed and the key, so that every replica
/// decides alike and a larger share keeps the keys that a smaller one had.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
pub fn place(deployment: &str, seed: i64, key: &str) -> f64 {
    let digest = Digest::of(format!("{deployment}\u{0}{seed}\u{0}{key}"));
    let bits = digest.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fall_evenly_and_always_at_the_same_place() {
        let shares = |seed| {
            let canary = |key: &usize| place("traffic", seed, &key.to_string()) < 0.2;
            (0..10_000).filter(canary).collect::<Vec<_>>()
        };
        let first = shares(1);
        // Four standard deviations of a binomial with 10,000 draws and p = 0.2 are 160.
        assert!((1_840..=2_160).contains(&first.len()), "{}", first.len());
        assert_eq!(first, shares(1));
        assert_ne!(first, shares(2), "another seed draws others");
        assert!((place("traffic", 1, "ada") - place("traffic", 1, "ada")).abs() < f64::EPSILON);
    }

    #[test]
    fn a_larger_share_keeps_the_keys_of_a_smaller_one() {
        let within = |share: f64| move |key: &usize| place("t", 7, &key.to_string()) < share;
        let (small, large): (Vec<_>, Vec<_>) =
            ((0..1_000).filter(within(0.05)).collect(), (0..1_000).filter(within(0.3)).collect());
        assert!(small.iter().all(|key| large.contains(key)) && small.len() < large.len());
    }

    #[test]
    fn settings_that_make_no_sense_name_themselves() {
        let check = |json: &str, field: &str| {
            let traffic: Traffic = serde_json::from_str(json).unwrap();
            let error = traffic.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{field}`")), "{json}: {error}");
        };
        check(r#"{"canary": {"version": 2, "share": 1.5}}"#, "canary.share");
        check(r#"{"canary": {"version": 2, "share": 0, "test": {}}}"#, "canary.share");
        check(
            r#"{"canary": {"version": 2, "share": 0.5, "test": {"confidence": 1}}}"#,
            "canary.test.confidence",
        );
        check(r#"{"shadow": {"version": "challenger", "share": -1}}"#, "shadow.share");
        check(r#"{"fallback": {}}"#, "fallback");
        check(r#"{"fallback": {"value": 1, "least": 3, "most": 2}}"#, "fallback.least");
        check(r#"{"rollback": {"window_s": 0}}"#, "rollback.window_s");
        assert!(serde_json::from_str::<Traffic>(r#"{"canery": {}}"#).is_err());
    }

    #[test]
    fn losses_are_those_of_the_books() {
        assert!((Loss::AbsoluteError.of(3.0, 5.0) - 2.0).abs() < 1e-12);
        assert!((Loss::SquaredError.of(3.0, 5.0) - 4.0).abs() < 1e-12);
        assert!((Loss::Misclassified.of(0.7, 0.0) - 1.0).abs() < 1e-12);
        assert!((Loss::LogLoss.of(0.8, 1.0) - 0.223_143_551).abs() < 1e-8);
    }
}
