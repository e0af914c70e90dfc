//! What is wrong, in words a person understands: what changed, since when, why, what it means, what to do.

mod act;
mod cause;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use act::{Act, ApiCall};

use crate::alert::Verdict;
use crate::gap::Gap;
use crate::report::{ColumnDrift, Performance, RangeBreach, SegmentDrift, State, WindowReport};
use crate::spec::{Action, MonitorSpec, Severity};
use crate::words;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Predictions are worse than allowed.
    Performance,
    /// Inputs or predictions are distributed differently.
    Drift,
    /// No predictions came.
    Gap,
    /// Values far outside of what training has seen.
    ValueRange,
    /// A check of a dataset failed.
    DataCheck,
    /// Another system says so.
    External,
}

impl AlertKind {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Drift => "drift",
            Self::Gap => "gap",
            Self::ValueRange => "value_range",
            Self::DataCheck => "data_check",
            Self::External => "external",
        }
    }
}

/// Something wrong, ready to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Names the cause: findings with the same fingerprint are one alert.
    pub fingerprint: String,
    /// The model.
    pub model: String,
    /// The version that served.
    pub version: i64,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What changed.
    pub what_changed: String,
    /// Event time from which on.
    pub since: Timestamp,
    /// The likely cause.
    pub cause: String,
    /// What it means for those who use the predictions.
    pub impact: String,
    /// What to do first.
    pub suggested_action: Act,
    /// What else can be done.
    pub more_actions: Vec<Act>,
    /// What the platform does by itself when this fires.
    pub automatic: Option<Action>,
    /// Figures behind the words.
    pub details: serde_json::Value,
}

/// One look at one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The cause.
    pub fingerprint: String,
    /// What it is about.
    pub kind: AlertKind,
    /// Event time of the look.
    pub at: Timestamp,
    /// How it looks.
    pub verdict: Verdict,
    /// The words, when something is wrong.
    pub finding: Option<Finding>,
}

/// What is wrong in a window, worst first; `earlier` are the reports before it, oldest first.
#[must_use]
pub fn findings(spec: &MonitorSpec, report: &WindowReport, earlier: &[WindowReport]) -> Vec<Finding> {
    let mut found: Vec<Finding> = observations(spec, report, earlier)
        .into_iter()
        .filter_map(|observation| observation.finding)
        .collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// How each cause that a window can tell about looks.
///
/// Performance and drift are always among them, also when all is well; a gap or a value out of range only when it is
/// there.
#[must_use]
pub fn observations(spec: &MonitorSpec, report: &WindowReport, earlier: &[WindowReport]) -> Vec<Observation> {
    let past = || earlier.iter().filter(|past| past.window.from < report.window.from);
    let before =
        past().rev().map(|past| past.version).find(|version| *version != report.version && *version > 0);
    let earlier: Vec<&WindowReport> = past().filter(|past| past.version == report.version).collect();
    let teller = Teller { spec, report, earlier, before };
    let mut observed = Vec::new();
    if let Some(performance) = &report.performance {
        observed.push(teller.performance(performance));
    }
    if spec.drift.is_some() {
        observed.push(teller.drift());
    }
    observed.extend(teller.range());
    observed.extend(report.gaps.iter().map(|gap| teller.gap(gap)));
    observed
}

/// The segments of a window that are out of bounds, whether they persist or not.
fn segments_out(report: &WindowReport) -> Vec<&SegmentDrift> {
    let out = |part: &&SegmentDrift| matches!(part.state, State::Warn | State::Drift);
    report.segments.iter().filter(out).collect()
}

struct Teller<'a> {
    spec: &'a MonitorSpec,
    report: &'a WindowReport,
    earlier: Vec<&'a WindowReport>,
    /// The version that served before this one.
    before: Option<i64>,
}

impl Teller<'_> {
    fn model(&self) -> &str {
        &self.report.model
    }

    /// Beginning of the first of the last windows, the current one included, in which something was out of bounds.
    fn since(&self, look_back: usize, is_out: impl Fn(&WindowReport) -> bool) -> Timestamp {
        self.earlier
            .iter()
            .rev()
            .take(look_back.saturating_sub(1))
            .filter(|past| is_out(past))
            .map(|past| past.window.from)
            .min()
            .unwrap_or(self.report.window.from)
    }

    fn performance(&self, performance: &Performance) -> Observation {
        let fingerprint = format!("{}/performance/{}", self.model(), performance.metric);
        let verdict = match performance.state {
            State::Degraded => Verdict::Firing,
            State::Warn => Verdict::Pending,
            state if !state.is_judged() => Verdict::Unknown,
            _ if performance.clear => Verdict::Clear,
            _ => Verdict::Holding,
        };
        let finding =
            performance.breached.then(|| self.performance_finding(performance, fingerprint.clone()));
        Observation { fingerprint, kind: AlertKind::Performance, at: self.report.window.to, verdict, finding }
    }

    fn performance_finding(&self, performance: &Performance, fingerprint: String) -> Finding {
        let rule = self.spec.performance.as_ref();
        let look_back = rule.map_or(1, |rule| rule.persist.of);
        let out = |past: &WindowReport| past.performance.as_ref().is_some_and(|past| past.breached);
        let automatic = rule.and_then(|rule| rule.action);
        let ratio = words::times(performance.ratio.unwrap_or_default());
        let mut retrain = act::retrain(self.model());
        retrain.automatic = automatic == Some(Action::Retrain);
        Finding {
            fingerprint,
            model: self.model().to_owned(),
            version: self.report.version,
            kind: AlertKind::Performance,
            severity: rule.map_or(Severity::Error, |rule| rule.severity),
            title: format!("{}: {} is {ratio} that of the evaluation", self.model(), performance.metric),
            what_changed: performance.words.clone(),
            since: self.since(look_back, out),
            cause: cause::of_performance(self.report, &self.earlier, performance),
            impact: cause::impact_of_performance(self.report, performance),
            suggested_action: retrain,
            more_actions: self
                .before
                .map(|version| act::roll_back(self.model(), version))
                .into_iter()
                .chain([
                    act::worst_predictions(self.model(), self.report.window),
                    act::open_report(self.model(), self.report.window),
                    act::widen(self.model(), self.spec),
                ])
                .collect(),
            automatic,
            details: json!({ "performance": performance, "metrics": self.report.metrics, "volume": self.report.volume }),
        }
    }

    fn drift(&self) -> Observation {
        let fingerprint = format!("{}/drift", self.model());
        let breached: Vec<&ColumnDrift> = self.report.drift.iter().filter(|column| column.breached).collect();
        let parts = segments_out(self.report);
        let verdict = match self.report.drift_state {
            State::Drift => Verdict::Firing,
            _ if parts.iter().any(|part| part.state == State::Drift) => Verdict::Firing,
            State::Warn => Verdict::Pending,
            _ if !parts.is_empty() => Verdict::Pending,
            state if !state.is_judged() => Verdict::Unknown,
            _ if self.report.drift.iter().all(|column| column.clear || !column.state.is_judged()) => {
                Verdict::Clear
            }
            _ => Verdict::Holding,
        };
        let finding = if !breached.is_empty() {
            Some(self.drift_finding(breached, fingerprint.clone()))
        } else if !parts.is_empty() {
            Some(self.segment_finding(parts, fingerprint.clone()))
        } else {
            None
        };
        Observation { fingerprint, kind: AlertKind::Drift, at: self.report.window.to, verdict, finding }
    }

    /// Drift of segments while the whole looks as before.
    fn segment_finding(&self, mut parts: Vec<&SegmentDrift>, fingerprint: String) -> Finding {
        let rule = self.spec.drift.as_ref();
        let persistent = parts.iter().any(|part| part.state == State::Drift);
        parts.retain(|part| !persistent || part.state == State::Drift);
        let names: Vec<&str> = parts.iter().map(|part| part.segment.as_str()).collect();
        let out = |past: &WindowReport| {
            segments_out(past).iter().any(|part| names.contains(&part.segment.as_str()))
        };
        let sentences: Vec<&str> = parts.iter().take(5).map(|part| part.words.as_str()).collect();
        Finding {
            fingerprint,
            model: self.model().to_owned(),
            version: self.report.version,
            kind: AlertKind::Drift,
            severity: rule.map_or(Severity::Warn, |rule| rule.severity),
            title: format!("{}: drift where {}", self.model(), words::list(&names)),
            what_changed: sentences.join("; "),
            since: self.since(rule.map_or(1, |rule| rule.persist.of), out),
            cause: cause::of_segments(self.report, &parts),
            impact: cause::impact_of_drift(self.report),
            suggested_action: parts.first().map_or_else(
                || act::open_report(self.model(), self.report.window),
                |part| act::for_segment(self.model(), self.report.window, part),
            ),
            more_actions: vec![
                act::open_report(self.model(), self.report.window),
                act::retrain(self.model()),
                act::widen(self.model(), self.spec),
            ],
            automatic: None,
            details: json!({ "segments": parts }),
        }
    }

    fn drift_finding(&self, mut breached: Vec<&ColumnDrift>, fingerprint: String) -> Finding {
        let rule = self.spec.drift.as_ref();
        let persistent = breached.iter().any(|column| column.state == State::Drift);
        breached.retain(|column| !persistent || column.state == State::Drift);
        let names: Vec<&str> = breached.iter().map(|column| column.column.as_str()).collect();
        let out = |past: &WindowReport| {
            past.drift.iter().any(|column| column.breached && names.contains(&column.column.as_str()))
        };
        let sentences: Vec<&str> = breached.iter().take(5).map(|column| column.words.as_str()).collect();
        let verb = if names.len() == 1 { "has" } else { "have" };
        Finding {
            fingerprint,
            model: self.model().to_owned(),
            version: self.report.version,
            kind: AlertKind::Drift,
            severity: rule.map_or(Severity::Warn, |rule| rule.severity),
            title: format!("{}: {} {verb} drifted", self.model(), words::list(&names)),
            what_changed: sentences.join("; "),
            since: self.since(rule.map_or(1, |rule| rule.persist.of), out),
            cause: cause::of_drift(self.report, &breached),
            impact: cause::impact_of_drift(self.report),
            suggested_action: act::for_drift(self.model(), self.report.window, &breached),
            more_actions: vec![act::retrain(self.model()), act::widen(self.model(), self.spec)],
            automatic: None,
            details: json!({ "columns": breached, "segments": segments_out(self.report) }),
        }
    }

    /// All columns with impossible values are one cause: what breaks one column of a row often breaks others with it.
    fn range(&self) -> Option<Observation> {
        let mut breaches: Vec<&RangeBreach> = self.report.ranges.iter().collect();
        breaches.sort_by_key(|breach| std::cmp::Reverse(breach.rows));
        let worst = *breaches.first()?;
        let fingerprint = format!("{}/value_range", self.model());
        // The same row may be out in several columns: it is counted once at least.
        let predictions = words::count(worst.rows, "prediction");
        let least = if breaches.len() > 1 { "at least " } else { "" };
        let was = if worst.rows == 1 { "was" } else { "were" };
        let names: Vec<&str> = breaches.iter().map(|breach| breach.column.as_str()).collect();
        let sentences: Vec<&str> = breaches.iter().take(5).map(|breach| breach.words.as_str()).collect();
        let mut causes: Vec<String> =
            breaches.iter().map(|breach| cause::of_range(breach, self.report.volume.rows)).collect();
        causes.dedup();
        causes.truncate(2);
        let finding = Finding {
            fingerprint: fingerprint.clone(),
            model: self.model().to_owned(),
            version: self.report.version,
            kind: AlertKind::ValueRange,
            severity: self.spec.value_range.as_ref().map_or(Severity::Error, |rule| rule.severity),
            title: format!("{}: impossible values of {}", self.model(), words::list(&names)),
            what_changed: sentences.join("; "),
            since: breaches.iter().map(|breach| breach.first).min().unwrap_or(worst.first),
            cause: causes.join("; "),
            impact: format!(
                "{least}{predictions} {was} made from values that the model has never seen; they are guesses, and such \
                 rows would spoil the next training"
            ),
            suggested_action: act::rows_out_of_range(self.model(), worst),
            more_actions: breaches
                .iter()
                .skip(1)
                .take(4)
                .map(|breach| act::rows_out_of_range(self.model(), breach))
                .chain([act::open_report(self.model(), self.report.window)])
                .collect(),
            automatic: None,
            details: json!({ "range": worst, "ranges": breaches }),
        };
        Some(Observation {
            fingerprint,
            kind: finding.kind,
            at: self.report.window.to,
            verdict: Verdict::Firing,
            finding: Some(finding),
        })
    }

    fn gap(&self, gap: &Gap) -> Observation {
        let fingerprint = format!("{}/gap/{}", self.model(), gap.from);
        let length = gap.length().in_words();
        let title = if gap.open {
            format!("{}: no predictions for {length}", self.model())
        } else {
            format!("{}: {length} without predictions", self.model())
        };
        let finding = Finding {
            fingerprint: fingerprint.clone(),
            model: self.model().to_owned(),
            version: self.report.version,
            kind: AlertKind::Gap,
            severity: self.spec.gap.as_ref().map_or(Severity::Warn, |rule| rule.severity),
            title,
            what_changed: gap.words.clone(),
            since: gap.from,
            cause: cause::of_gap(gap),
            impact: cause::impact_of_gap(gap),
            suggested_action: act::around_gap(self.model(), gap),
            more_actions: vec![act::retrain(self.model())],
            automatic: None,
            details: json!({ "gap": gap }),
        };
        let at = self.report.window.to.max(gap.to);
        Observation { fingerprint, kind: finding.kind, at, verdict: Verdict::Firing, finding: Some(finding) }
    }
}
