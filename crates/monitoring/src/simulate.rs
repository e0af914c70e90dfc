//! How often a rule would have fired in the past, before it is saved.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::WindowReport;
use crate::spec::{MonitorSpec, Persist};
use crate::words;

/// One rule over the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedRule {
    /// `drift`, `performance`, `gap` or `value_range`.
    pub rule: String,
    /// Windows that could be judged.
    pub judged: usize,
    /// Windows that were out of bounds on their own.
    pub breached: usize,
    /// When it would have begun to fire: the beginnings of those windows.
    pub fires: Vec<Timestamp>,
    /// Windows in which it would have been firing.
    pub firing_windows: usize,
    /// In a sentence.
    pub words: String,
}

/// A monitor over the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// First window.
    pub from: Option<Timestamp>,
    /// End of the last one.
    pub to: Option<Timestamp>,
    /// How many windows there are.
    pub windows: usize,
    /// Each rule.
    pub rules: Vec<SimulatedRule>,
    /// In a sentence.
    pub words: String,
}

/// Plays a monitor on the reports of the past, oldest first. `evaluations` are the metrics of each version's evaluation.
///
/// Thresholds, persistence, the metric and what it may be are played anew; the length of windows and the reference are
/// those with which the reports were made.
#[must_use]
pub fn simulate(
    spec: &MonitorSpec,
    reports: &[WindowReport],
    evaluations: &BTreeMap<i64, BTreeMap<String, f64>>,
) -> Simulation {
    let mut rules = Vec::new();
    if let Some(rule) = &spec.drift {
        let looks = reports.iter().map(|report| {
            let judged: Vec<_> = report.drift.iter().filter(|column| column.state.is_judged()).collect();
            let out: Vec<&str> = judged
                .iter()
                .filter(|column| {
                    let threshold =
                        column.own_variation.map_or(rule.threshold, |own| own.max(rule.threshold));
                    let old = column.threshold;
                    let large = column.value.is_some_and(|value| value >= threshold);
                    let certain = column.adjusted_p_value.is_some_and(|p| p <= 0.01);
                    // Missing, new or stuck values are out of bounds whatever the threshold.
                    let faulty = column.breached && !column.value.is_some_and(|value| value >= old);
                    (large && certain) || faulty
                })
                .map(|column| column.column.as_str())
                .collect();
            (report, (!judged.is_empty()).then_some(out))
        });
        rules.push(play_columns("drift", rule.persist, looks));
    }
    if let Some(rule) = &spec.performance {
        let looks = reports.iter().map(|report| {
            let value = report.metrics.as_ref().filter(|metrics| metrics.rows >= spec.min_rows);
            let value = value.and_then(|metrics| metrics.get(&rule.metric));
            let classes = report.classification.as_ref().filter(|metrics| metrics.rows >= spec.min_rows);
            let value = value.or_else(|| classes.and_then(|metrics| metrics.get(&rule.metric)));
            let own = report.performance.as_ref().filter(|own| own.metric == rule.metric);
            let reference = own.and_then(|own| own.reference).or_else(|| {
                evaluations.get(&report.version).and_then(|metrics| metrics.get(&rule.metric)).copied()
            });
            let better = crate::performance::greater_is_better(&rule.metric);
            let far = |value: f64| if better { 1.0 - value } else { value.abs() };
            let out = value.zip(reference).filter(|(_, reference)| far(*reference) > 0.0).map(
                |(value, reference)| {
                    if far(value) / far(reference) > rule.worse_than { vec!["metric"] } else { Vec::new() }
                },
            );
            (report, out)
        });
        rules.push(play_columns("performance", rule.persist, looks));
    }
    let once = Persist::default();
    if spec.gap.is_some() {
        let begins = |report: &WindowReport| report.gaps.iter().any(|gap| report.window.holds(gap.from));
        let looks = reports
            .iter()
            .map(|report| (report, Some(if begins(report) { vec!["gap"] } else { Vec::new() })));
        rules.push(play_columns("gap", once, looks));
    }
    if spec.value_range.is_some() {
        let looks = reports.iter().map(|report| {
            let out = report.ranges.iter().map(|breach| breach.column.as_str()).collect();
            (report, Some(out))
        });
        rules.push(play_columns("value_range", once, looks));
    }
    let fires: usize = rules.iter().map(|rule| rule.fires.len()).sum();
    Simulation {
        from: reports.first().map(|report| report.window.from),
        to: reports.last().map(|report| report.window.to),
        windows: reports.len(),
        words: format!(
            "over the last {} it would have fired {}",
            words::count(reports.len() as u64, "window"),
            words::count(fires as u64, "time")
        ),
        rules,
    }
}

/// A rule fires while any of its columns was out of bounds in `windows` of the last `of` judged windows of one version.
fn play_columns<'a>(
    name: &str,
    persist: Persist,
    looks: impl Iterator<Item = (&'a WindowReport, Option<Vec<&'a str>>)>,
) -> SimulatedRule {
    let mut played = SimulatedRule {
        rule: name.to_owned(),
        judged: 0,
        breached: 0,
        fires: Vec::new(),
        firing_windows: 0,
        words: String::new(),
    };
    let mut past: Vec<Vec<&str>> = Vec::new();
    let (mut version, mut firing) = (None, false);
    for (report, out) in looks {
        if version != Some(report.version) {
            version = Some(report.version);
            past.clear();
            firing = false;
        }
        let Some(out) = out else { continue };
        played.judged += 1;
        played.breached += usize::from(!out.is_empty());
        past.push(out.clone());
        let recent = past.iter().rev().take(persist.of);
        let times = |column: &str| recent.clone().filter(|names| names.contains(&column)).count();
        let fires = out.iter().any(|column| times(column) >= persist.windows);
        played.firing_windows += usize::from(fires);
        if fires && !firing {
            played.fires.push(report.window.from);
        }
        // It stays on until nothing is out of bounds: what comes and goes is one alert.
        firing = fires || (firing && !out.is_empty());
    }
    let dates: Vec<String> = played.fires.iter().rev().take(5).map(|at| at.date()).collect();
    let newest = if dates.is_empty() { String::new() } else { format!(", lately {}", dates.join(", ")) };
    played.words = format!(
        "{name}: would have fired {} in {} ({} out of bounds){newest}",
        words::count(played.fires.len() as u64, "time"),
        words::count(played.judged as u64, "judged window"),
        played.breached
    );
    played
}
