//! One segment that drifts while the whole looks as before.

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use serde_json::json;
use stats::{Edges, Sample};

use super::*;
use crate::alert::Verdict;
use crate::evaluate::{WindowInput, evaluate_window};
use crate::finding::{AlertKind, Observation, observations};
use crate::rows::{Column, Rows};
use crate::stretch::{Grain, Lot, Shape};

const A_WEEK: i64 = 7 * 96;

fn spec() -> MonitorSpec {
    serde_json::from_value(json!({
        "window": "1w", "min_rows": 100, "segments": ["sky"],
        "drift": { "reference": "training", "threshold": 0.25, "persist": { "windows": 2, "of": 3 } },
    }))
    .unwrap()
}

fn start() -> Timestamp {
    Timestamp::parse("2026-01-05").unwrap()
}

/// Quarters of an hour, one in four of them rainy; `warmer` is what is added to the heat of rainy ones.
fn rows(weeks: std::ops::Range<i64>, warmer: f64) -> Rows {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(weeks.start.unsigned_abs() + 1);
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut times, mut heat, mut sky) = (Vec::new(), Vec::new(), Vec::new());
    for quarter in weeks.start * A_WEEK..weeks.end * A_WEEK {
        let rainy = chance() < 0.25;
        times.push(start().plus(Period::from_micros(quarter * 15 * 60_000_000)));
        heat.push(Some(10.0 * (chance() + chance()) + if rainy { warmer } else { 0.0 }));
        sky.push(Some(if rainy { "rain" } else { "clear" }.to_owned()));
    }
    let columns = vec![("heat".to_owned(), Column::Numbers(heat)), ("sky".to_owned(), Column::Texts(sky))];
    Rows::new(times, columns).unwrap()
}

fn reference() -> Reference {
    Reference::new(rows(-12..0, 0.0), BTreeMap::new())
}

/// What is kept of rows, by segment; the empty one is the whole.
fn kept(rows: &Rows, reference: &Reference) -> BTreeMap<String, StretchProfile> {
    let Some(Column::Numbers(heat)) = reference.rows().column("heat") else { unreachable!() };
    let edges = Edges::from_reference(&Sample::of_present(heat)).unwrap();
    let mut shape = Shape {
        edges: BTreeMap::from([("heat".to_owned(), edges)]),
        segments: vec!["sky".to_owned()],
        values: BTreeMap::new(),
    };
    let lot = Lot {
        rows: rows.clone(),
        words: None,
        versions: vec![1; rows.len()],
        ids: (0..rows.len()).map(|row| format!("id-{row}")).collect(),
        latencies: vec![None; rows.len()],
    };
    let mut found: BTreeMap<String, StretchProfile> = BTreeMap::new();
    for (key, profile) in lot.sum_up(&mut shape, Timestamp::parse("2100-01-01").unwrap()).unwrap() {
        found.entry(key.segment).or_default().merge(&profile, Grain::Day).unwrap();
    }
    found
}

/// Weeks one after another, in which rainy quarters are as much warmer.
fn weeks(warmer: &[f64]) -> Vec<WindowReport> {
    let (spec, reference) = (spec(), reference());
    let mut reports: Vec<WindowReport> = Vec::new();
    for (week, warmer) in (0_i64..).zip(warmer) {
        let rows = rows(week..week + 1, *warmer);
        let mut kept = kept(&rows, &reference);
        let whole = kept.remove("").unwrap();
        let window = Window::containing(start().plus(Period::from_days(7 * week)), spec.window);
        let earlier: Vec<&WindowReport> = reports.iter().collect();
        let kept: Vec<(String, StretchProfile)> = kept.into_iter().collect();
        let segments = judge_segments(&spec, window, &reference, &kept, &earlier);
        let input = WindowInput {
            model: "traffic",
            version: 1,
            window,
            rows: &rows,
            profile: Some(&whole),
            reference: Some(&reference),
            earlier: &reports,
            previous_event: None,
            next_event: None,
            watermark: window.to,
            segments: &segments,
            business: &[],
        };
        reports.push(evaluate_window(&spec, &input));
    }
    reports
}

fn told(reports: &[WindowReport]) -> Observation {
    let (last, earlier) = reports.split_last().unwrap();
    let observed = observations(&spec(), last, earlier);
    observed.into_iter().find(|one| one.kind == AlertKind::Drift).unwrap()
}

#[test]
fn a_segment_that_drifts_alone_warns_then_drifts_and_is_named() {
    let reports = weeks(&[0.0, 5.0, 5.0]);
    assert!(reports.iter().all(|report| report.drift_state == State::Ok), "the whole looks as before");
    let states: Vec<State> = reports.iter().map(|report| report.state).collect();
    assert_eq!(states, [State::Ok, State::Warn, State::Drift]);
    for (report, expected) in reports.iter().zip([State::Ok, State::Warn, State::Drift]) {
        let of = |name: &str| report.segments.iter().find(|part| part.segment == name).unwrap();
        assert_eq!((of("sky=rain").state, of("sky=clear").state), (expected, State::Ok));
    }
    assert_eq!(reports[2].segments[0].columns, ["heat"]);

    assert_eq!(told(&reports[..1]).verdict, Verdict::Clear);
    assert_eq!(told(&reports[..2]).verdict, Verdict::Pending);
    let found = told(&reports);
    assert_eq!(found.verdict, Verdict::Firing);
    let finding = found.finding.unwrap();
    assert_eq!(finding.title, "traffic: drift where `sky=rain`");
    assert_eq!(finding.since, reports[1].window.from);
    assert!(
        finding.what_changed.starts_with("where `sky=rain`: `heat`: moved up"),
        "{}",
        finding.what_changed
    );
    assert!(finding.cause.contains("not the whole; `sky=clear` is as before"), "{}", finding.cause);
    assert!(finding.suggested_action.command.contains("sky = '"), "{}", finding.suggested_action.command);
}

#[test]
fn a_segment_that_differs_once_stays_a_warning_and_ends() {
    let reports = weeks(&[5.0, 0.0, 0.0, 5.0]);
    let states: Vec<State> = reports.iter().map(|report| report.state).collect();
    assert_eq!(states, [State::Warn, State::Ok, State::Ok, State::Warn], "two of three must show it");
    assert_eq!(told(&reports[..2]).verdict, Verdict::Clear);
}
