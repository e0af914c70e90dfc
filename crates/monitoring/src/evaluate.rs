//! One window judged: a pure function of its rows, the reference and what came before.

use base::Timestamp;

use crate::current::Current;
use crate::drift::{self, Comparison};
use crate::gap::find_gaps;
use crate::groups;
use crate::multivariate;
use crate::performance::{self, Pairs};
use crate::range::find_breaches;
use crate::report::{BusinessValue, ColumnDrift, SegmentDrift, State, Volume, WindowReport};
use crate::rows::{Reference, Rows};
use crate::spec::MonitorSpec;
use crate::stretch::StretchProfile;
use crate::window::Window;

/// Everything that the judgement of a window rests on.
#[derive(Debug, Clone, Copy)]
pub struct WindowInput<'a> {
    /// The model.
    pub model: &'a str,
    /// The version that served in the window.
    pub version: i64,
    /// The window.
    pub window: Window,
    /// Its predictions, joined with the labels that have arrived. With a profile, their inputs may be left out, but for
    /// those that [`out_of_range`](crate::out_of_range) names.
    pub rows: &'a Rows,
    /// What was kept of the window's inputs and predictions; drift is judged by it instead of by the rows.
    pub profile: Option<&'a StretchProfile>,
    /// What the version is compared with; without it nothing but silence is found.
    pub reference: Option<&'a Reference>,
    /// Reports of earlier windows, oldest first, at least [`MonitorSpec::look_back`] less one of them. Those of another
    /// version do not count: a new version starts anew.
    pub earlier: &'a [WindowReport],
    /// Event time of the last prediction before the window.
    pub previous_event: Option<Timestamp>,
    /// Event time of the first prediction after the window.
    pub next_event: Option<Timestamp>,
    /// Event time up to which everything is known.
    pub watermark: Timestamp,
    /// How its segments stand.
    pub segments: &'a [SegmentDrift],
    /// The window's figures of the business.
    pub business: &'a [BusinessValue],
}

/// Judges a window.
///
/// A column has drifted when the difference is large (over the threshold, and over what the reference's own windows
/// differ by), certain (Benjamini-Hochberg over all columns at 1 %), persistent (in `windows` of the last `of` windows
/// that could be judged) and there are enough rows. Performance is worse when the metric passes `worse_than` times the
/// evaluation's, as persistently.
#[must_use]
pub fn evaluate_window(spec: &MonitorSpec, input: &WindowInput<'_>) -> WindowReport {
    let earlier: Vec<&WindowReport> = input
        .earlier
        .iter()
        .filter(|report| report.version == input.version && report.window.from < input.window.from)
        .collect();
    let current = match input.profile {
        Some(profile) => Current::of_profile(profile, input.reference),
        None => Current::of_rows(input.rows),
    };
    let columns = spec.drift.as_ref().map_or_else(Vec::new, |rule| {
        drift::judge(&Comparison {
            rule,
            min_rows: spec.min_rows,
            window: input.window,
            current: &current,
            reference: input.reference,
            earlier: &earlier,
        })
    });
    let pairs = Pairs::of(input.rows);
    let metrics = pairs.metrics();
    let performance = spec
        .performance
        .as_ref()
        .map(|rule| performance::judge(rule, spec.min_rows, &pairs, input.reference, &earlier));
    let ranges = match (&spec.value_range, input.reference) {
        (Some(rule), Some(reference)) => find_breaches(rule, input.rows, reference),
        _ => Vec::new(),
    };
    let gaps = spec.gap.as_ref().map_or_else(Vec::new, |rule| {
        let (before, after) = (input.previous_event, input.next_event);
        find_gaps(input.rows.times(), before, after, input.watermark, rule.longer_than)
    });
    let multivariate = spec.drift.as_ref().map(|_| {
        let examples = input.profile.map(|profile| &profile.examples);
        multivariate::judge(input.rows, examples, input.reference, spec.window)
    });
    let groups = spec.fairness.as_ref().map_or_else(Vec::new, |rule| groups::judge(rule, input.rows));
    let mut report = WindowReport {
        model: input.model.to_owned(),
        version: input.version,
        window: input.window,
        watermark: input.watermark,
        state: State::Ok,
        volume: volume(input.rows),
        drift_state: drift_state(&columns, input.rows.len() as u64, spec.min_rows),
        drift: columns,
        metrics,
        classification: pairs.classification(),
        performance,
        multivariate,
        segments: input.segments.to_vec(),
        groups,
        business: input.business.to_vec(),
        ranges,
        gaps,
    };
    report.state = overall(&report, spec.min_rows);
    report
}

fn volume(rows: &Rows) -> Volume {
    let count = rows.len() as u64;
    let (answered, labelled) = rows.answered();
    Volume {
        rows: count,
        labelled,
        maturity: (count > 0).then(|| labelled as f64 / count as f64),
        failed: count - answered,
    }
}

fn drift_state(columns: &[ColumnDrift], rows: u64, min_rows: u64) -> State {
    if rows < min_rows {
        return State::NotEnoughData;
    }
    let any = |state: State| columns.iter().any(|column| column.state == state);
    [State::Drift, State::Warn, State::Ok, State::NotEnoughData]
        .into_iter()
        .find(|state| any(*state))
        .unwrap_or(State::NoReference)
}

fn overall(report: &WindowReport, min_rows: u64) -> State {
    let performance = report.performance.as_ref().map(|performance| performance.state);
    let gap_begins = report.gaps.iter().any(|gap| report.window.holds(gap.from));
    let apart = report.groups.iter().any(|group| group.breached)
        || report.business.iter().any(|figure| figure.breached)
        || report.segments.iter().any(|segment| segment.state == State::Warn)
        || report.multivariate.as_ref().is_some_and(|found| found.state == State::Drift);
    let found = !report.ranges.is_empty() || gap_begins || apart;
    if performance == Some(State::Degraded) {
        State::Degraded
    } else if report.drift_state == State::Drift
        || report.segments.iter().any(|segment| segment.state == State::Drift)
    {
        State::Drift
    } else if found || report.drift_state == State::Warn || performance == Some(State::Warn) {
        State::Warn
    } else if report.volume.rows < min_rows {
        State::NotEnoughData
    } else if report.drift_state == State::Ok || performance == Some(State::Ok) {
        State::Ok
    } else {
        performance.unwrap_or(report.drift_state)
    }
}
