//! The likely cause and the impact, in the order in which an expert would look.

use base::Period;

use crate::gap::Gap;
use crate::report::{ColumnDrift, Performance, RangeBreach, SegmentDrift, State, WindowReport};
use crate::words;

/// A day with this share of the whole error is the cause by itself.
const ONE_DAY: f64 = 0.4;
/// A silence of this length may have changed much.
const LONG_SILENCE: Period = Period::from_days(14);
/// When this share of the mean absolute error is bias, the level has changed.
const MOSTLY_BIAS: f64 = 0.6;

/// Broken input, then one day, then silence, then drift, then the level; at most two of them.
pub(crate) fn of_performance(
    report: &WindowReport,
    earlier: &[&WindowReport],
    performance: &Performance,
) -> String {
    let mut causes = Vec::new();
    if let Some(breach) = report.ranges.first() {
        causes.push(format!("broken input: {}", breach.words));
    }
    let broken = report.drift.iter().find(|column| column.breached && (column.stuck || loses_values(column)));
    if let Some(column) = broken {
        causes.push(format!("broken input: {}", column.words));
    }
    if let Some(day) = performance.worst_days.first().filter(|day| day.share >= ONE_DAY) {
        causes.push(format!("one day, {}, makes {} of the error", day.date, words::percent(day.share)));
    }
    let silence = earlier
        .iter()
        .rev()
        .take(4)
        .copied()
        .chain([report])
        .flat_map(|report| &report.gaps)
        .find(|gap| !gap.open && gap.to < report.window.to && gap.length() >= LONG_SILENCE);
    if let Some(gap) = silence {
        causes.push(format!(
            "much may have changed in the {} without predictions before {}",
            gap.length().in_words(),
            words::moment(gap.to)
        ));
    }
    let drifted: Vec<&str> =
        report.drift.iter().filter(|column| column.breached).map(|column| column.column.as_str()).collect();
    if !drifted.is_empty() {
        causes.push(format!("{} changed in the same window", words::list(&drifted)));
    }
    if let Some(metrics) = &report.metrics
        && metrics.bias.abs() >= MOSTLY_BIAS * metrics.mae
    {
        let (side, by) = (if metrics.bias > 0.0 { "high" } else { "low" }, words::number(metrics.bias.abs()));
        causes.push(format!(
            "the level has changed: predictions are too {side} by {by} on average, nearly everywhere"
        ));
    }
    causes.truncate(2);
    if causes.is_empty() {
        "the inputs look as in training and the errors are spread over all days: what is predicted depends on the \
         inputs in a new way"
            .to_owned()
    } else {
        causes.join("; ")
    }
}

fn loses_values(column: &ColumnDrift) -> bool {
    column.null_share.zip(column.reference_null_share).is_some_and(|(now, then)| now - then >= 0.05)
}

pub(crate) fn impact_of_performance(report: &WindowReport, performance: &Performance) -> String {
    let Some(metrics) = &report.metrics else { return String::new() };
    let miss = words::number(metrics.mae);
    let share = metrics.wape.map(|wape| format!(", which is {} of the true total", words::percent(wape)));
    let promised = match (performance.metric.as_str(), performance.reference) {
        ("mae", Some(reference)) => format!(" instead of the {} of its evaluation", words::number(reference)),
        _ => String::new(),
    };
    format!("predictions miss by {miss} on average{promised}{}", share.unwrap_or_default())
}

/// Missing values, a stuck value, one that was stuck, new values, another unit, else the world.
pub(crate) fn of_drift(report: &WindowReport, breached: &[&ColumnDrift]) -> String {
    for column in breached {
        let name = &column.column;
        if loses_values(column) {
            return format!(
                "the source of `{name}` delivers fewer values than it did, or a join has lost rows"
            );
        }
        if column.stuck {
            return format!("`{name}` is stuck at one value: its source has stopped updating");
        }
        if column.reference_constant {
            return format!(
                "the source of `{name}` did not measure it when the model was trained, and does now"
            );
        }
        let unseen: u64 = column.unseen.iter().map(|unseen| unseen.rows).sum();
        if unseen as f64 >= 0.02 * report.volume.rows.max(1) as f64 && unseen > 0 {
            return format!("the source of `{name}` has begun to send values that did not exist before");
        }
        if let Some((factor, words)) = change_of_unit(column) {
            return format!(
                "`{name}` looks {words}: its values are about {} what they were",
                words::times(factor)
            );
        }
    }
    if report.gaps.iter().any(|gap| !gap.open) {
        return "the data begins again after a stretch without predictions".to_owned();
    }
    if breached.len() > 1 {
        return "several inputs moved in the same windows: look for one upstream change or an unusual season"
            .to_owned();
    }
    "no sign of a broken source: the world seems to have moved".to_owned()
}

/// Some segments only: what is peculiar to them.
pub(crate) fn of_segments(report: &WindowReport, parts: &[&SegmentDrift]) -> String {
    let calm: Vec<&str> = report
        .segments
        .iter()
        .filter(|part| part.state == State::Ok)
        .map(|part| part.segment.as_str())
        .collect();
    let names: Vec<&str> = parts.iter().map(|part| part.segment.as_str()).collect();
    let elsewhere =
        if calm.is_empty() { String::new() } else { format!("; {} is as before", words::list(&calm)) };
    format!(
        "only rows where {} have changed, not the whole{elsewhere}: look at what sends or makes these rows",
        words::list(&names)
    )
}

fn change_of_unit(column: &ColumnDrift) -> Option<(f64, &'static str)> {
    let (now, then) = column.median.zip(column.reference_median)?;
    let ratio = now / then;
    if !ratio.is_finite() || ratio <= 0.0 {
        return None;
    }
    let close = |factor: f64| (ratio / factor - 1.0).abs() < 0.1 || (ratio * factor - 1.0).abs() < 0.1;
    [1000.0, 100.0, 60.0, 3600.0, 25.4]
        .into_iter()
        .find(|factor| close(*factor))
        .map(|_| (ratio, "like a change of unit"))
}

pub(crate) fn impact_of_drift(report: &WindowReport) -> String {
    match &report.performance {
        Some(performance) if performance.state == State::Ok => {
            format!("none so far: {}", performance.words)
        }
        Some(performance) if performance.breached => format!("errors have grown too: {}", performance.words),
        _ => "unknown until labels arrive: the model is used on inputs that it was not trained on".to_owned(),
    }
}

pub(crate) fn of_range(breach: &RangeBreach, rows: u64) -> String {
    let few = breach.rows * 20 <= rows.max(1);
    if breach.value == 0.0 && breach.training_min > 0.0 {
        "0 stands for a missing value: a sensor or a join failed".to_owned()
    } else if few {
        "a single faulty measurement or a slip in data entry: the other rows are as usual".to_owned()
    } else {
        "the source sends another unit or scale: many rows are affected".to_owned()
    }
}

pub(crate) fn of_gap(gap: &Gap) -> String {
    if gap.open {
        "the caller has stopped, cannot reach the deployment, or has no data to send".to_owned()
    } else {
        "the caller stopped or had no data to send; predictions have come again since".to_owned()
    }
}

pub(crate) fn impact_of_gap(gap: &Gap) -> String {
    let days = gap.length().as_micros() / (86_400 * 1_000_000);
    if days >= 28 {
        "nothing was predicted and nothing learned in this time; the model is older than its last training suggests"
            .to_owned()
    } else {
        "nothing was predicted in this time, and no window in it can be judged".to_owned()
    }
}
