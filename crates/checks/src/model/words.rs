//! Checks of models in words.

use stats::Part;

use super::{Disturbance, FairnessBound, ModelCheck, ModelCheckKind, Step, Way};

/// Some significant digits.
pub(super) fn figure(value: f64) -> String {
    crate::words::figure(value)
}

/// A share as a percentage with one decimal where it matters.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    let rounded = if percent.abs() < 10.0 { (percent * 10.0).round() / 10.0 } else { percent.round() };
    format!("{} %", figure(rounded))
}

/// A part of a column.
pub(super) fn in_words(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("`{text}`"),
        Part::Range { low: None, high: Some(high) } => format!("at most {}", figure(*high)),
        Part::Range { low: Some(low), high: Some(high) } => format!("{} to {}", figure(*low), figure(*high)),
        Part::Range { low: Some(low), high: None } => format!("above {}", figure(*low)),
        Part::Range { low: None, high: None } => "anything".to_owned(),
    }
}

/// What a check is about.
pub(super) fn target(check: &ModelCheck) -> String {
    let column = match &check.kind {
        ModelCheckKind::Metric { by, .. } | ModelCheckKind::NoWorse { by, .. } => by.as_deref(),
        ModelCheckKind::Fairness { column, .. }
        | ModelCheckKind::Invariant { column, .. }
        | ModelCheckKind::Direction { column, .. } => Some(column.as_str()),
        _ => None,
    };
    match (column, &check.where_sql) {
        (Some(column), None) => format!("column `{column}`"),
        (Some(column), Some(condition)) => format!("column `{column}` where {condition}"),
        (None, Some(condition)) => format!("rows where {condition}"),
        (None, None) => "the model".to_owned(),
    }
}

/// What is to be found.
pub(super) fn expected(check: &ModelCheck) -> String {
    let words = match &check.kind {
        ModelCheckKind::Metric { rule, by, .. } => match by {
            Some(column) => format!("{} for every part of `{column}`", rule.in_words()),
            None => rule.in_words(),
        },
        ModelCheckKind::NoWorse { metric, by_share, by, .. } => {
            let each = by.as_ref().map_or_else(String::new, |by| format!(" for every part of `{by}`"));
            format!("{metric} at most {} worse than the champion{each}", share(by_share.0))
        }
        ModelCheckKind::WeakSlices { at_most } => {
            format!("no part with more than {} of all error beyond its share", share(at_most.0))
        }
        ModelCheckKind::Calibration { ece, brier } => [("calibration error", ece), ("Brier score", brier)]
            .into_iter()
            .filter_map(|(name, most)| Some(format!("{name} at most {}", figure((*most)?))))
            .collect::<Vec<_>>()
            .join(", "),
        ModelCheckKind::Fairness { metric, bound, .. } => match bound {
            FairnessBound::AtMost(most) => format!("{metric} at most {}", figure(*most)),
            FairnessBound::AtLeast(least) => format!("{metric} at least {}", figure(*least)),
        },
        ModelCheckKind::Invariant { column, tolerance, .. } => {
            format!("the same prediction whatever `{column}` is, within {}", figure(*tolerance))
        }
        ModelCheckKind::Direction { column, step, may, .. } => {
            let step = match step {
                Step::Plus(by) => format!("`{column}` plus {}", figure(*by)),
                Step::Times(by) => format!("`{column}` times {}", figure(*by)),
                Step::To(value) => format!("`{column}` set to {}", figure(*value)),
            };
            let way = match may {
                Way::NotLower => "never lowers",
                Way::NotHigher => "never raises",
                Way::Higher => "raises",
                Way::Lower => "lowers",
            };
            format!("{step} {way} the prediction")
        }
        ModelCheckKind::Cases { cases } => format!("{} cases right", cases.len()),
        ModelCheckKind::Leakage { alone, duplicates } => format!(
            "no feature alone explains more than {}, at most {} of the rows learnt from",
            share(*alone),
            share(*duplicates)
        ),
        ModelCheckKind::Parity { with, tolerance } => {
            format!("the same as {with}, within {}", figure(*tolerance))
        }
        ModelCheckKind::Robust { disturbance, metric, worse_by, .. } => {
            let what = match disturbance {
                Disturbance::Nulls(nulls) => format!("{} of the values missing", share(*nulls)),
                Disturbance::Noise(noise) => format!("noise of {} of the spread", share(*noise)),
            };
            format!("{metric} at most {} worse with {what}", share(worse_by.0))
        }
        ModelCheckKind::Overfit { metric, by_share } => {
            format!("{metric} at most {} worse than on rows learnt from", share(by_share.0))
        }
        ModelCheckKind::Latency { rows, p99_ms } => {
            format!("99 of 100 requests of {rows} rows within {} ms", figure(*p99_ms))
        }
        ModelCheckKind::Size { file_bytes, memory_bytes } => {
            [("files", file_bytes), ("in memory", memory_bytes)]
                .into_iter()
                .filter_map(|(name, most)| Some(format!("{name} at most {}", megabytes((*most)?))))
                .collect::<Vec<_>>()
                .join(", ")
        }
        ModelCheckKind::Consumers => "takes what consumers send".to_owned(),
        ModelCheckKind::Licences { allow, deny } => match (allow.is_empty(), deny.is_empty()) {
            (false, true) => format!("licences among {}", allow.join(", ")),
            (true, _) => format!("no licence among {}", deny.join(", ")),
            _ => format!("licences among {}, none among {}", allow.join(", "), deny.join(", ")),
        },
        ModelCheckKind::NoUnsafeFiles => "no file that can run code when it is loaded".to_owned(),
        ModelCheckKind::Drift { against, at_most, .. } => {
            format!("at most {at_most} columns drifted, against {against}")
        }
    };
    if check.mostly < 1.0 {
        format!("{words}, for at least {} of the rows", share(check.mostly))
    } else {
        words
    }
}

/// Bytes as megabytes.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", figure((bytes as f64 / 10_000.0).round() / 100.0))
}
