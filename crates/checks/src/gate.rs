//! Rules for a model version: its metric against a number, against the baselines, or against the champion.
//!
//! Where the error of every row is known for both sides, the comparison comes with an interval from a paired
//! bootstrap, and a better mean alone is not enough: the interval must agree. What cannot be compared does not pass.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How often rows are drawn for an interval.
const RESAMPLES: u32 = 1_000;

/// A rule as it is written under `promotion`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenRule", into = "WrittenRule")]
pub struct Rule {
    /// The metric, such as `mae`.
    pub metric: String,
    /// What it must be.
    pub demand: Demand,
    /// On which rows, such as `recent`; the evaluation rows when absent.
    pub on: Option<String>,
}

/// What a metric must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// Better than that of others by a margin.
    Beats {
        /// Which others.
        others: Others,
        /// By how much of theirs.
        by: Share,
        /// Whether the interval must agree, where there is one.
        evidence: Evidence,
    },
    /// Not above this.
    AtMost(f64),
    /// Not below this.
    AtLeast(f64),
}

/// Whom a version is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Each of the baselines trained beside it.
    Baselines,
    /// The version that the alias points to now. Without one there is nobody to beat, and the rule passes.
    Champion,
}

/// Whether the interval must agree with the means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Where errors per row are given, the 95 % interval must lie on the better side.
    #[default]
    Required,
    /// The means decide; the interval is only told.
    Optional,
}

/// A share written as `5%` or `0.05`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share(pub f64);

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}%", crate::words::figure(self.0 * 100.0)))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        let share = match Form::deserialize(deserializer)? {
            Form::Number(share) => Some(share),
            Form::Text(text) => text
                .trim()
                .strip_suffix('%')
                .and_then(|number| number.trim().parse::<f64>().ok())
                .map(|n| n / 100.0),
        };
        share.filter(|share| (0.0..1.0).contains(share)).map(Self).ok_or_else(|| {
            serde::de::Error::custom("a margin is a share from 0 up to 1, such as `5%` or `0.05`")
        })
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    metric: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beats: Option<Others>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Share>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<String>,
}

impl TryFrom<WrittenRule> for Rule {
    type Error = String;

    fn try_from(written: WrittenRule) -> Result<Self, String> {
        let WrittenRule { metric, beats, by, evidence, at_most, at_least, on } = written;
        if direction(&metric).is_none() {
            let known = METRICS.map(|(name, _)| name);
            let near = base::names::nearest(&metric, known).map_or_else(
                || format!("known are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(format!("there is no metric `{metric}`: {near}"));
        }
        let demand = match (beats, at_most, at_least) {
            (Some(others), None, None) => {
                Demand::Beats { others, by: by.unwrap_or_default(), evidence: evidence.unwrap_or_default() }
            }
            (None, Some(most), None) if by.is_none() && evidence.is_none() => Demand::AtMost(most),
            (None, None, Some(least)) if by.is_none() && evidence.is_none() => Demand::AtLeast(least),
            (None, Some(_), None) | (None, None, Some(_)) => {
                return Err("`by` and `evidence` go with `beats` only".into());
            }
            _ => return Err("a rule says one of `beats`, `at_most` and `at_least`".into()),
        };
        Ok(Self { metric, demand, on })
    }
}

impl From<Rule> for WrittenRule {
    fn from(rule: Rule) -> Self {
        let mut written = Self { metric: rule.metric, on: rule.on, ..Self::default() };
        match rule.demand {
            Demand::Beats { others, by, evidence } => {
                written.beats = Some(others);
                written.by = (by.0 > 0.0).then_some(by);
                written.evidence = (evidence == Evidence::Optional).then_some(evidence);
            }
            Demand::AtMost(most) => written.at_most = Some(most),
            Demand::AtLeast(least) => written.at_least = Some(least),
        }
        written
    }
}

impl Rule {
    /// A value of the rule's metric turned so that less is better.
    pub(crate) fn badness(&self, value: f64) -> f64 {
        badness(self, Some(value))
    }

    /// The rule in words, such as `beats the champion on mae by 5 % (recent)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let metric = &self.metric;
        let mut words = match self.demand {
            Demand::Beats { others, by, .. } => {
                let margin =
                    if by.0 > 0.0 { format!(" by {} %", figure(by.0 * 100.0)) } else { String::new() };
                let others = if others == Others::Champion { "the champion" } else { "every baseline" };
                format!("beats {others} on {metric}{margin}")
            }
            Demand::AtMost(most) => format!("{metric} at most {}", figure(most)),
            Demand::AtLeast(least) => format!("{metric} at least {}", figure(least)),
        };
        if let Some(on) = &self.on {
            words.push_str(&format!(" ({on})"));
        }
        words
    }
}

/// Whether less of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Lower,
    Higher,
    NearerZero,
}

const METRICS: [(&str, Better); 16] = [
    ("mae", Better::Lower),
    ("rmse", Better::Lower),
    ("mse", Better::Lower),
    ("mape", Better::Lower),
    ("wape", Better::Lower),
    ("median_absolute_error", Better::Lower),
    ("log_loss", Better::Lower),
    ("brier", Better::Lower),
    ("bias", Better::NearerZero),
    ("r2", Better::Higher),
    ("accuracy", Better::Higher),
    ("precision", Better::Higher),
    ("recall", Better::Higher),
    ("f1", Better::Higher),
    ("roc_auc", Better::Higher),
    ("average_precision", Better::Higher),
];

/// The names of all metrics that a rule can be about.
pub(crate) const METRIC_NAMES: [&str; 16] = {
    let mut names = [""; 16];
    let mut place = 0;
    while place < METRICS.len() {
        names[place] = METRICS[place].0;
        place += 1;
    }
    names
};

fn direction(metric: &str) -> Option<Better> {
    METRICS.iter().find(|(name, _)| *name == metric).map(|(_, better)| *better)
}

/// How good one candidate, baseline or champion is on the rows of a rule.
#[derive(Debug, Clone, Copy)]
pub struct Evaluated<'a> {
    /// Its name for people: `traffic@3`, `linear`.
    pub name: &'a str,
    /// Its metric; absent when it could not be worked out.
    pub value: Option<f64>,
    /// What each row adds to the metric's mean, less being better, in the same order of rows for all:
    /// the absolute error for `mae`, the squared one for `rmse`. Empty when not known.
    pub losses: &'a [f64],
}

/// How a rule came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule, in words.
    pub rule: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was found.
    pub observed: String,
    /// What was to be found.
    pub required: String,
    /// The result as a sentence.
    pub why: String,
    /// The comparisons behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
}

/// A candidate beside another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The other.
    pub other: String,
    /// The candidate's metric.
    pub value: Option<f64>,
    /// The other's metric.
    pub other_value: Option<f64>,
    /// Whether the candidate passes beside it.
    pub passed: bool,
    /// The mean difference in loss with its interval, the margin taken off the other's; below zero is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<stats::Interval>,
}

/// Applies a rule to a candidate. `others` are the baselines or the champion, as the rule asks; ignored for rules
/// about a number. `seed` makes the interval repeatable.
#[must_use]
pub fn metric_gate(
    rule: &Rule,
    candidate: &Evaluated<'_>,
    others: &[Evaluated<'_>],
    seed: u64,
) -> RuleResult {
    match rule.demand {
        Demand::AtMost(most) => absolute(rule, candidate, |value| value <= most),
        Demand::AtLeast(least) => absolute(rule, candidate, |value| value >= least),
        Demand::Beats { others: whom, by, evidence } => {
            beats(rule, candidate, others, whom, by, evidence, seed)
        }
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn told(value: Option<f64>) -> String {
    finite(value).map_or_else(|| "not a number".into(), figure)
}

fn figure(value: f64) -> String {
    crate::words::figure(value)
}

fn absolute(rule: &Rule, candidate: &Evaluated<'_>, holds: impl Fn(f64) -> bool) -> RuleResult {
    let passed = finite(candidate.value).is_some_and(holds);
    let observed = told(candidate.value);
    RuleResult {
        rule: rule.in_words(),
        passed,
        why: format!(
            "{} of `{}` is {observed}, required is {}",
            rule.metric,
            candidate.name,
            rule.in_words()
        ),
        observed,
        required: rule.in_words(),
        comparisons: Vec::new(),
    }
}

fn beats(
    rule: &Rule,
    candidate: &Evaluated<'_>,
    others: &[Evaluated<'_>],
    whom: Others,
    by: Share,
    evidence: Evidence,
    seed: u64,
) -> RuleResult {
    let required = rule.in_words();
    let observed = told(candidate.value);
    let simple = |passed, why| RuleResult {
        rule: required.clone(),
        passed,
        observed: observed.clone(),
        required: required.clone(),
        why,
        comparisons: Vec::new(),
    };
    if finite(candidate.value).is_none() {
        return simple(false, format!("{} of `{}` is not a number", rule.metric, candidate.name));
    }
    if others.is_empty() {
        return match whom {
            Others::Champion => simple(true, "there is no champion yet".into()),
            Others::Baselines => simple(false, "there is no baseline to beat".into()),
        };
    }
    let compared: Vec<(Comparison, String)> =
        others.iter().map(|other| compare(rule, candidate, other, by, evidence, seed)).collect();
    // The hardest to beat tells the story: the first that was not beaten, or else the best of the others.
    let story = compared.iter().find(|(comparison, _)| !comparison.passed).or_else(|| {
        compared.iter().min_by(|(left, _), (right, _)| {
            badness(rule, left.other_value).total_cmp(&badness(rule, right.other_value))
        })
    });
    let passed = compared.iter().all(|(comparison, _)| comparison.passed);
    let why = story.map(|(_, why)| why.clone()).unwrap_or_default();
    RuleResult {
        comparisons: compared.into_iter().map(|(comparison, _)| comparison).collect(),
        ..simple(passed, why)
    }
}

/// A metric turned so that less is better.
fn badness(rule: &Rule, value: Option<f64>) -> f64 {
    match (finite(value), direction(&rule.metric)) {
        (None, _) | (_, None) => f64::INFINITY,
        (Some(value), Some(Better::Lower)) => value,
        (Some(value), Some(Better::Higher)) => -value,
        (Some(value), Some(Better::NearerZero)) => value.abs(),
    }
}

fn compare(
    rule: &Rule,
    candidate: &Evaluated<'_>,
    other: &Evaluated<'_>,
    by: Share,
    evidence: Evidence,
    seed: u64,
) -> (Comparison, String) {
    let (metric, mine, theirs) = (&rule.metric, badness(rule, candidate.value), badness(rule, other.value));
    let mut comparison = Comparison {
        other: other.name.to_owned(),
        value: finite(candidate.value),
        other_value: finite(other.value),
        passed: false,
        interval: None,
    };
    if finite(other.value).is_none() {
        return (
            comparison,
            format!("{metric} of `{}` is not a number, so it cannot be compared", other.name),
        );
    }
    // A share of a badness below zero (`r2`, `accuracy`) must still move the bar towards better.
    let bar = theirs - by.0 * theirs.abs();
    let better = mine < bar;
    let scaled: Vec<f64> = other.losses.iter().map(|loss| loss * (1.0 - by.0)).collect();
    comparison.interval = if candidate.losses.is_empty() {
        None
    } else {
        stats::paired_bootstrap(candidate.losses, &scaled, seed, RESAMPLES)
    };
    let agrees = comparison.interval.is_none_or(|interval| interval.high < 0.0);
    comparison.passed = better && (agrees || evidence == Evidence::Optional);
    let change = (mine - theirs) / theirs.abs() * 100.0;
    let change = if change.is_finite() {
        format!(
            ", {} % {}",
            figure((change.abs() * 10.0).round() / 10.0),
            if mine < theirs { "better" } else { "worse" }
        )
    } else {
        String::new()
    };
    let mut why = format!(
        "{metric} of `{}` is {}, of `{}` {}{change}",
        candidate.name,
        told(candidate.value),
        other.name,
        told(other.value)
    );
    if by.0 > 0.0 {
        why.push_str(&format!("; at least {} % better is required", figure(by.0 * 100.0)));
    }
    if let Some(interval) = comparison.interval {
        why.push_str(&format!(
            "; difference {} to {} a row with 95 % certainty over {} rows{}",
            figure(round(interval.low)),
            figure(round(interval.high)),
            crate::words::count(interval.rows),
            if better && !agrees { ", which may be chance" } else { "" }
        ));
    }
    (comparison, why)
}

fn round(value: f64) -> f64 {
    if value.abs() >= 1.0 { (value * 100.0).round() / 100.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(yaml: &str) -> Rule {
        serde_yaml_ng::from_str(yaml).unwrap()
    }

    fn of<'a>(name: &'a str, value: f64, losses: &'a [f64]) -> Evaluated<'a> {
        Evaluated { name, value: Some(value), losses }
    }

    #[test]
    fn rules_survive_their_written_form() {
        for yaml in [
            "{beats: baselines, metric: mae, by: 5%}",
            "{beats: champion, metric: mae, on: recent}",
            "{beats: champion, metric: r2, by: 0.02, evidence: optional}",
            "{metric: mae, at_most: 600}",
            "{metric: r2, at_least: 0.8}",
        ] {
            let read = rule(yaml);
            assert_eq!(serde_json::from_str::<Rule>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        for (yaml, why) in [
            ("{beats: baselines, metric: mea}", "did you mean `mae`?"),
            ("{metric: mae}", "one of `beats`, `at_most` and `at_least`"),
            ("{metric: mae, at_most: 1, beats: champion}", "one of"),
            ("{metric: mae, at_most: 1, by: 5%}", "go with `beats` only"),
            ("{beats: champion, metric: mae, by: 150%}", "share from 0 up to 1"),
            ("{beats: everyone, metric: mae}", "unknown variant"),
            ("{beats: champion, metric: mae, bye: 1}", "unknown field `bye`"),
        ] {
            let error = serde_yaml_ng::from_str::<Rule>(yaml).unwrap_err().to_string();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }

    #[test]
    fn every_baseline_must_be_beaten_by_the_margin() {
        let rule = rule("{beats: baselines, metric: mae, by: 5%}");
        let baselines = [of("naive", 400.0, &[]), of("linear", 300.0, &[])];
        let passed = metric_gate(&rule, &of("traffic@1", 284.0, &[]), &baselines, 1);
        assert!(passed.passed);
        assert_eq!(
            passed.why,
            "mae of `traffic@1` is 284, of `linear` 300, 5.3 % better; at least 5 % better is required"
        );
        assert!(!metric_gate(&rule, &of("traffic@1", 286.0, &[]), &baselines, 1).passed);
        assert!(!metric_gate(&rule, &of("traffic@1", 1.0, &[]), &[], 1).passed, "no baseline is no victory");
    }

    #[test]
    fn the_first_champion_has_nobody_to_beat() {
        let result = metric_gate(&rule("{beats: champion, metric: mae}"), &of("a", 1.0, &[]), &[], 1);
        assert!(result.passed);
        assert_eq!(result.why, "there is no champion yet");
    }

    #[test]
    fn higher_is_better_for_some_metrics() {
        let rule = rule("{beats: champion, metric: r2, by: 10%}");
        for (champion, mine, passes) in
            [(0.5, 0.56, true), (0.5, 0.54, false), (-0.5, -0.4, true), (-0.5, -0.47, false)]
        {
            assert_eq!(
                metric_gate(&rule, &of("new", mine, &[]), &[of("old", champion, &[])], 1).passed,
                passes
            );
        }
    }

    #[test]
    fn metrics_that_are_no_numbers_never_pass() {
        let beat = rule("{beats: champion, metric: mae}");
        assert!(!metric_gate(&beat, &of("new", f64::NAN, &[]), &[], 1).passed);
        assert!(!metric_gate(&beat, &of("new", 1.0, &[]), &[of("old", f64::NAN, &[])], 1).passed);
        let nothing = Evaluated { name: "new", value: None, losses: &[] };
        assert!(!metric_gate(&rule("{metric: mae, at_most: 9}"), &nothing, &[], 1).passed);
        assert!(!metric_gate(&rule("{metric: mae, at_most: 9}"), &of("new", f64::NAN, &[]), &[], 1).passed);
    }

    #[test]
    fn a_better_mean_by_chance_does_not_pass() {
        // One lucky row decides the means.
        let old: Vec<f64> = (0..50).map(|n| 10.0 + f64::from(n % 7)).collect();
        let mut new: Vec<f64> =
            old.iter().enumerate().map(|(n, e)| if n % 2 == 0 { e + 1.0 } else { e - 1.0 }).collect();
        new[0] -= 5.0;
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / 50.0;
        let champion = [of("old", mean(&old), &old)];
        let strict =
            metric_gate(&rule("{beats: champion, metric: mae}"), &of("new", mean(&new), &new), &champion, 7);
        assert!(!strict.passed);
        assert!(strict.why.ends_with("which may be chance"), "{}", strict.why);
        let lenient = rule("{beats: champion, metric: mae, evidence: optional}");
        assert!(metric_gate(&lenient, &of("new", mean(&new), &new), &champion, 7).passed);
        let clear: Vec<f64> = old.iter().map(|loss| loss * 0.8).collect();
        let rule = rule("{beats: champion, metric: mae, by: 5%}");
        let result = metric_gate(&rule, &of("new", mean(&clear), &clear), &champion, 7);
        assert!(result.passed, "{}", result.why);
        assert!(result.comparisons[0].interval.unwrap().high < 0.0);
    }
}
