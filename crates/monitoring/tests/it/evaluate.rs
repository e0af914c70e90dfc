//! Planted changes are found and told; a quiet week stays quiet.

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use monitoring::{
    AlertKind, Column, ColumnDrift, Finding, MonitorSpec, Reference, Rows, State, Window, WindowInput,
    WindowReport, evaluate_window, findings,
};
use proptest::prelude::*;
use serde_json::json;

pub(crate) fn spec() -> MonitorSpec {
    serde_json::from_value(json!({
        "window": "1w", "label_delay": "1d", "min_rows": 100,
        "gap": { "longer_than": "2d", "severity": "warn" },
        "value_range": { "factor": 3, "severity": "error" },
        "drift": { "reference": "training", "threshold": 0.25, "persist": { "windows": 2, "of": 3 } },
        "performance": {
            "metric": "mae", "worse_than": 1.3, "persist": { "windows": 2, "of": 3 }, "action": "retrain"
        },
    }))
    .unwrap()
}

pub(crate) fn start() -> Timestamp {
    Timestamp::parse("2024-01-01").unwrap()
}

/// What is done to the rows of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Nothing,
    Shift,
    NewWord,
    Missing,
    Unit,
    Stuck,
    Wrong,
}

/// Hourly rows of whole weeks: the same law for each hour, chance from a fixed stream.
pub(crate) fn rows(first_week: i64, weeks: i64, plant: Plant, seed: u64) -> Rows {
    let mut state = seed.wrapping_add(first_week as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut chance = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut times, mut heat, mut sky) = (Vec::new(), Vec::new(), Vec::new());
    let (mut predicted, mut truth) = (Vec::new(), Vec::new());
    for hour in first_week * 168..(first_week + weeks) * 168 {
        let warm = 10.0 + 10.0 * (chance() + chance() - 1.0);
        let word = if chance() < 0.6 { "clear" } else { "cloudy" };
        times.push(start().plus(Period::from_hours(hour)));
        heat.push(match plant {
            Plant::Shift => Some(warm + 6.0),
            Plant::Missing if hour % 5 == 0 => None,
            Plant::Unit => Some(warm * 60.0),
            Plant::Stuck => Some(11.5),
            _ => Some(warm),
        });
        sky.push(Some(if plant == Plant::NewWord && hour % 4 == 0 { "ash" } else { word }.to_owned()));
        let volume = 100.0 + 5.0 * warm;
        predicted.push(Some(volume));
        truth.push(Some(volume + 20.0 * (chance() - 0.5) - if plant == Plant::Wrong { 30.0 } else { 0.0 }));
    }
    let columns = vec![("heat".to_owned(), Column::Numbers(heat)), ("sky".to_owned(), Column::Texts(sky))];
    Rows::new(times, columns).unwrap().with_predictions(predicted).unwrap().with_labels(truth).unwrap()
}

pub(crate) fn reference() -> Reference {
    Reference::new(rows(-26, 26, Plant::Nothing, 1), BTreeMap::from([("mae".to_owned(), 5.0)]))
}

pub(crate) fn evaluate(
    week: i64,
    rows: &Rows,
    reference: Option<&Reference>,
    earlier: &[WindowReport],
) -> WindowReport {
    let window = Window::containing(start().plus(Period::from_days(7 * week)), Period::from_days(7));
    let input = WindowInput {
        model: "traffic",
        version: 1,
        window,
        rows,
        profile: None,
        reference,
        earlier,
        previous_event: Some(window.from.minus(Period::from_hours(1))),
        next_event: Some(window.to),
        watermark: window.to.plus(Period::from_days(1)),
        segments: &[],
        business: &[],
    };
    evaluate_window(&spec(), &input)
}

/// Two weeks with the same plant: the second report and what is found in it.
fn second_week(plant: Plant) -> (WindowReport, Vec<Finding>) {
    let reference = reference();
    let first = evaluate(0, &rows(0, 1, plant, 7), Some(&reference), &[]);
    let earlier = [first];
    let second = evaluate(1, &rows(1, 1, plant, 7), Some(&reference), &earlier);
    let found = findings(&spec(), &second, &earlier);
    (second, found)
}

fn column<'a>(report: &'a WindowReport, name: &str) -> &'a ColumnDrift {
    report.drift.iter().find(|column| column.column == name).unwrap()
}

#[test]
fn columns_that_are_impossible_together_are_one_finding() {
    let reference = reference();
    let mut report = evaluate(0, &rows(0, 1, Plant::Unit, 7), Some(&reference), &[]);
    let heat = report.ranges[0].clone();
    let mut wind = heat.clone();
    wind.column = "wind".to_owned();
    wind.rows = heat.rows + 1;
    wind.words = "`wind` reached 400".to_owned();
    wind.first = heat.first.minus(Period::from_hours(1));
    report.ranges.push(wind.clone());
    let found: Vec<Finding> =
        findings(&spec(), &report, &[]).into_iter().filter(|one| one.kind == AlertKind::ValueRange).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].fingerprint, "traffic/value_range");
    assert_eq!(found[0].title, "traffic: impossible values of `wind` and `heat`");
    assert_eq!(found[0].what_changed, format!("{}; {}", wind.words, heat.words));
    assert_eq!(found[0].since, wind.first);
    assert!(found[0].impact.starts_with("at least "), "{}", found[0].impact);
    let acts: Vec<&str> = found[0].more_actions.iter().map(|act| act.command.as_str()).collect();
    assert!(found[0].suggested_action.command.contains("wind") && acts[0].contains("heat"), "{acts:?}");
}

#[test]
fn a_quiet_week_is_ok() {
    let (report, found) = second_week(Plant::Nothing);
    assert_eq!((report.state, report.drift_state), (State::Ok, State::Ok));
    assert_eq!(found, []);
    assert!(column(&report, "heat").words.starts_with("`heat` is distributed as in training (PSI"));
    assert_eq!(column(&report, "prediction").state, State::Ok);
    assert_eq!(report.volume.maturity, Some(1.0));
    assert!(report.performance.unwrap().clear);
}

#[test]
fn one_week_is_a_warning_and_two_are_drift() {
    let reference = reference();
    let first = evaluate(0, &rows(0, 1, Plant::Shift, 7), Some(&reference), &[]);
    assert_eq!(column(&first, "heat").state, State::Warn);
    let (second, found) = second_week(Plant::Shift);
    assert_eq!(column(&second, "heat").state, State::Drift);
    assert_eq!(column(&second, "sky").state, State::Ok);
    let drift = found.iter().find(|finding| finding.kind == AlertKind::Drift).unwrap();
    assert_eq!(drift.title, "traffic: `heat` has drifted");
    assert_eq!(drift.since, start());
    assert!(drift.what_changed.contains("moved up, its middle value is"), "{}", drift.what_changed);
    assert!(drift.impact.starts_with("none so far: mae is"), "{}", drift.impact);
}

#[test]
fn causes_are_told_apart() {
    for (plant, name, cause) in [
        (Plant::NewWord, "sky", "the source of `sky` has begun to send values that did not exist before"),
        (
            Plant::Missing,
            "heat",
            "the source of `heat` delivers fewer values than it did, or a join has lost rows",
        ),
        (Plant::Stuck, "heat", "`heat` is stuck at one value: its source has stopped updating"),
        (Plant::Unit, "heat", "`heat` looks like a change of unit: its values are about"),
    ] {
        let (report, found) = second_week(plant);
        assert_eq!(column(&report, name).state, State::Drift, "{plant:?}");
        let drift = found.iter().find(|finding| finding.kind == AlertKind::Drift).unwrap();
        assert!(drift.cause.starts_with(cause), "{plant:?}: {}", drift.cause);
    }
    let (report, _) = second_week(Plant::NewWord);
    assert_eq!(column(&report, "sky").unseen[0].value, "ash");
}

#[test]
fn a_worse_model_is_told_with_cause_impact_and_act() {
    let (report, found) = second_week(Plant::Wrong);
    assert_eq!(report.state, State::Degraded);
    let worse = found.iter().find(|finding| finding.kind == AlertKind::Performance).unwrap();
    assert!(worse.what_changed.ends_with("in 2 of the last 2 windows"), "{}", worse.what_changed);
    assert!(worse.cause.contains("predictions are too high by"), "{}", worse.cause);
    assert!(worse.impact.contains("instead of the 5 of its evaluation"), "{}", worse.impact);
    assert_eq!(worse.suggested_action.command, "gingham train traffic");
    assert_eq!(worse.suggested_action.api.path, "/api/v1/models/traffic/train");
    assert!(worse.suggested_action.automatic);
}

#[test]
fn without_enough_there_is_no_verdict() {
    let reference = reference();
    let all = rows(0, 1, Plant::Wrong, 7);
    let few = Rows::new(all.times().iter().copied().step_by(8).collect(), Vec::new())
        .unwrap()
        .with_predictions(all.predictions().iter().copied().step_by(8).collect())
        .unwrap();
    let report = evaluate(0, &few, Some(&reference), &[]);
    assert_eq!((report.state, report.drift_state), (State::NotEnoughData, State::NotEnoughData));
    assert_eq!(report.volume.maturity, Some(0.0));
    let alone = evaluate(0, &all, None, &[]);
    assert_eq!((alone.state, alone.drift_state), (State::NoReference, State::NoReference));
    assert_eq!(alone.performance.unwrap().state, State::NoReference);
}

#[test]
fn a_new_version_starts_anew() {
    let reference = reference();
    let mut first = evaluate(0, &rows(0, 1, Plant::Wrong, 7), Some(&reference), &[]);
    first.version = 0;
    let second = evaluate(1, &rows(1, 1, Plant::Wrong, 7), Some(&reference), &[first]);
    assert_eq!(second.performance.unwrap().state, State::Warn);
}

#[test]
fn a_report_survives_json() {
    let (report, found) = second_week(Plant::Shift);
    let text = serde_json::to_string(&report).unwrap();
    let back: WindowReport = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (back.window, back.state, back.drift.len()),
        (report.window, report.state, report.drift.len())
    );
    let summary = serde_json::to_value(report.summary()).unwrap();
    assert_eq!(summary["from"], "2024-01-08T00:00:00Z");
    assert_eq!(summary["worst"]["column"], "heat");
    let finding: Finding = serde_json::from_str(&serde_json::to_string(&found[0]).unwrap()).unwrap();
    assert_eq!(finding.fingerprint, "traffic/drift");
}

#[test]
fn clean_weeks_seldom_alarm() {
    let reference = reference();
    let weeks = 200;
    let breached: usize = (0..weeks)
        .map(|week| {
            let report = evaluate(week, &rows(week, 1, Plant::Nothing, 99), Some(&reference), &[]);
            report.drift.iter().filter(|column| column.breached).count()
        })
        .sum();
    assert!(breached <= 6, "{breached} of {} columns alarmed on their own", 3 * weeks);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_report_never_contradicts_itself(seed in any::<u64>(), week in 0..40_i64, plant in prop::sample::select(vec![
        Plant::Nothing, Plant::Shift, Plant::NewWord, Plant::Missing, Plant::Unit, Plant::Stuck, Plant::Wrong,
    ])) {
        let reference = reference();
        let report = evaluate(week, &rows(week, 1, plant, seed), Some(&reference), &[]);
        for column in &report.drift {
            prop_assert!(!(column.breached && column.clear));
            prop_assert!(column.threshold >= 0.25);
            let (now, then): (f64, f64) =
                column.bins.iter().fold((0.0, 0.0), |sum, bin| (sum.0 + bin.current, sum.1 + bin.reference));
            prop_assert!((now - 1.0).abs() < 1e-9 && (then - 1.0).abs() < 1e-9);
        }
        prop_assert_eq!(evaluate(week, &rows(week, 1, plant, seed), Some(&reference), &[]), report);
    }
}

/// What is kept of a week's rows, put together from many small lots.
fn kept(rows: &Rows) -> monitoring::StretchProfile {
    use monitoring::{Grain, Lot, Shape, StretchProfile};
    let heat: Vec<f64> = (0..400).map(|value| f64::from(value) / 10.0).collect();
    let edges = stats::Edges::from_reference(&stats::Sample::new(heat)).unwrap();
    let mut shape = Shape { edges: BTreeMap::from([("heat".to_owned(), edges)]), ..Shape::default() };
    let lot = Lot {
        rows: rows.clone(),
        words: None,
        versions: vec![1; rows.len()],
        ids: (0..rows.len()).map(|row| row.to_string()).collect(),
        latencies: vec![None; rows.len()],
    };
    let mut whole = StretchProfile::default();
    for (key, profile) in lot.sum_up(&mut shape, start()).unwrap() {
        if key.grain == Grain::Hour {
            let packed = profile.pack().unwrap();
            whole.merge(&StretchProfile::unpack(&packed, &shape).unwrap(), Grain::Day).unwrap();
        }
    }
    whole
}

#[test]
fn what_was_kept_of_a_week_is_judged_as_its_rows_are() {
    let reference = reference();
    for plant in [Plant::Nothing, Plant::Shift, Plant::NewWord, Plant::Missing, Plant::Unit, Plant::Stuck] {
        let rows = rows(0, 1, plant, 7);
        let by_rows = evaluate(0, &rows, Some(&reference), &[]);
        let profile = kept(&rows);
        let outcomes = Rows::new(rows.times().to_vec(), Vec::new())
            .unwrap()
            .with_predictions(rows.predictions().to_vec())
            .unwrap()
            .with_labels(rows.labels().to_vec())
            .unwrap();
        let window = by_rows.window;
        let input = WindowInput {
            model: "traffic",
            version: 1,
            window,
            rows: &outcomes,
            profile: Some(&profile),
            reference: Some(&reference),
            earlier: &[],
            previous_event: Some(window.from.minus(Period::from_hours(1))),
            next_event: Some(window.to),
            watermark: window.to.plus(Period::from_days(1)),
            segments: &[],
            business: &[],
        };
        let by_profile = evaluate_window(&spec(), &input);
        assert_eq!(by_profile.drift, by_rows.drift, "{plant:?}");
        assert_eq!(by_profile.performance, by_rows.performance);
        let out = monitoring::out_of_range(&spec(), &profile, &reference);
        assert_eq!(out.is_empty(), by_rows.ranges.is_empty(), "{plant:?}");
    }
}
