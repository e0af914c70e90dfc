//! Segments against the same segments of the reference.

use stats::adjusted_p_values;

use crate::current::Current;
use crate::drift::{self, Comparison};
use crate::report::{ColumnDrift, SegmentDrift, State, WindowReport};
use crate::rows::Reference;
use crate::spec::MonitorSpec;
use crate::stretch::StretchProfile;
use crate::window::Window;
use crate::words;

/// Accepted share of false ones among what is named, over all columns of all segments.
const FALSE_DISCOVERY: f64 = 0.01;

/// The segments of a window, those first that differ and then those with most rows.
///
/// Each segment is compared with the rows of the reference that are of it; all columns of all segments are one run, of
/// which at most one finding of a hundred is false (Benjamini-Hochberg). A segment in which something differs is `warn`,
/// and `drift` when it was so in `windows` of the last `of` windows in which it could be judged. `earlier` are reports of
/// the same version, oldest first; the columns may differ from window to window.
#[must_use]
pub fn judge_segments(
    spec: &MonitorSpec,
    window: Window,
    reference: &Reference,
    segments: &[(String, StretchProfile)],
    earlier: &[&WindowReport],
) -> Vec<SegmentDrift> {
    let Some(rule) = &spec.drift else { return Vec::new() };
    let mut judged: Vec<(&str, u64, Vec<ColumnDrift>)> = segments
        .iter()
        .map(|(segment, profile)| {
            let own = segment.split_once('=').and_then(|(column, value)| reference.of_segment(column, value));
            let current = Current::of_profile(profile, own.as_ref());
            let columns = drift::judge(&Comparison {
                rule,
                min_rows: spec.min_rows,
                window,
                current: &current,
                reference: own.as_ref(),
                earlier: &[],
            });
            (segment.as_str(), profile.rows, columns)
        })
        .collect();
    let all: Vec<Option<f64>> =
        judged.iter().flat_map(|(_, _, columns)| columns.iter().map(|column| column.p_value)).collect();
    let mut adjusted = adjusted_p_values(&all).into_iter();
    let mut found: Vec<SegmentDrift> = judged
        .drain(..)
        .map(|(segment, rows, columns)| {
            let certain: Vec<bool> = columns
                .iter()
                .map(|_| adjusted.next().flatten().is_some_and(|p| p <= FALSE_DISCOVERY))
                .collect();
            let own = segment.split_once('=').map(|(column, _)| column);
            let differing: Vec<&ColumnDrift> = columns
                .iter()
                .zip(certain)
                // Missing and new values are breaches without a test of the distribution.
                .filter(|(column, certain)| column.breached && (*certain || column.p_value.is_none()))
                .map(|(column, _)| column)
                .filter(|column| Some(column.column.as_str()) != own)
                .collect();
            let known = columns.iter().any(|column| column.state.is_judged());
            let state = match (known, differing.is_empty()) {
                (false, _) => State::NotEnoughData,
                (true, true) => State::Ok,
                (true, false)
                    if 1 + breaches_before(earlier, segment, rule.persist.of) >= rule.persist.windows =>
                {
                    State::Drift
                }
                (true, false) => State::Warn,
            };
            let names: Vec<&str> = differing.iter().map(|column| column.column.as_str()).collect();
            let sentence = match (state, differing.first()) {
                (State::NotEnoughData, _) => format!("`{segment}` has {} only", words::count(rows, "row")),
                (_, Some(first)) => format!("where `{segment}`: {}", first.words),
                _ => format!("`{segment}` is as in the reference"),
            };
            SegmentDrift {
                segment: segment.to_owned(),
                rows,
                state,
                columns: names.into_iter().map(str::to_owned).collect(),
                words: sentence,
            }
        })
        .collect();
    let rank = |state: State| match state {
        State::Drift => 0,
        State::Warn => 1,
        _ => 2,
    };
    found.sort_by_key(|segment| (rank(segment.state), std::cmp::Reverse(segment.rows)));
    found
}

/// In how many of the windows before, of those in which it was judged, a segment differed.
fn breaches_before(earlier: &[&WindowReport], segment: &str, of: usize) -> usize {
    earlier
        .iter()
        .rev()
        .filter_map(|report| report.segments.iter().find(|past| past.segment == segment))
        .filter(|past| past.state.is_judged())
        .take(of.saturating_sub(1))
        .filter(|past| matches!(past.state, State::Warn | State::Drift))
        .count()
}

#[cfg(test)]
mod tests;
