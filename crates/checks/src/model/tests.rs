//! What checks of models find, on a stand-in for a model.

use serde_json::json;
use tables::{Table, Values};

use super::*;
use crate::{Outcome, Verdict};

/// Predicts by a function of `x` and `group`.
struct Formula(fn(f64, &str) -> f64);

impl Predictor for Formula {
    fn predict(&self, rows: &Table) -> Result<Vec<f64>, String> {
        let numbers = rows.numbers("x").map_err(|error| error.to_string())?;
        let groups = rows.texts("group").map_err(|error| error.to_string())?;
        let each = numbers.into_iter().zip(groups);
        Ok(each.map(|(x, group)| (self.0)(x.unwrap_or(0.0), group.as_deref().unwrap_or_default())).collect())
    }
}

/// `y` is twice `x` and a little; groups `a` and `b` take turns.
fn rows(from: usize, count: usize) -> Table {
    let place = from..from + count;
    let noise = |row: usize| ((row * 7_919) % 101) as f64 / 101.0 - 0.5;
    let x = |row: usize| ((row * 31) % 50) as f64;
    let group = |row: usize| if row.is_multiple_of(2) { "a" } else { "b" };
    Table::from_columns(vec![
        ("at".into(), Values::Time(place.clone().map(|row| Some(row as i64)).collect())),
        ("x".into(), Values::Real(place.clone().map(|row| Some(x(row))).collect())),
        ("group".into(), Values::Text(place.clone().map(|row| Some(group(row).to_owned())).collect())),
        ("y".into(), Values::Real(place.map(|row| Some(2.0 * x(row) + noise(row))).collect())),
    ])
    .unwrap()
}

fn inputs() -> Vec<ModelInput> {
    let input = |name: &str, kind| ModelInput { name: name.to_owned(), kind, required: false };
    vec![input("x", InputKind::Number), input("group", InputKind::Word)]
}

fn check(yaml: &str) -> ModelCheck {
    read(yaml).unwrap()
}

/// As the files are read: their values first, then what they mean.
fn read(yaml: &str) -> serde_json::Result<ModelCheck> {
    let values: serde_json::Value = serde_yaml_ng::from_str(yaml).unwrap();
    serde_json::from_value(values)
}

const GOOD: Formula = Formula(|x, _| 2.0 * x);
/// As good as the other on `a`, clearly worse on `b`.
const WORSE_ON_B: Formula = Formula(|x, group| if group == "b" { 2.0 * x + 3.0 } else { 2.0 * x });

async fn verdict(model: &dyn Predictor, checks: &[&str]) -> Verdict {
    let (rows, training) = (rows(400, 400), rows(0, 400));
    with(model, checks, &rows, &training, |_| {}).await
}

async fn with(
    model: &dyn Predictor,
    checks: &[&str],
    rows: &Table,
    training: &Table,
    change: impl for<'a> FnOnce(&mut Subject<'a>),
) -> Verdict {
    let checks: Vec<ModelCheck> = checks.iter().map(|yaml| check(yaml)).collect();
    let mut subject = Subject {
        name: "m@2",
        model,
        inputs: inputs(),
        output: "y",
        rows,
        training: Some(training),
        target: "y",
        time: Some("at"),
        champion: Some(Rival { name: "m@1".to_owned(), model: Some(&GOOD), metrics: None }),
        baselines: vec![Rival {
            name: "mean".to_owned(),
            model: None,
            metrics: Some(json!({ "mae": 25.0 })),
        }],
        artefacts: vec![(
            "champion".to_owned(),
            Rival { name: "m@1".to_owned(), model: Some(&GOOD), metrics: None },
        )],
        footprint: Footprint { file_bytes: Some(2_000_000), memory_bytes: None },
        consumers: None,
        packages: None,
        files: None,
        seed: 7,
    };
    change(&mut subject);
    evaluate_model(&checks, &subject, None).await
}

#[track_caller]
fn came(verdict: &Verdict, expected: &[(Outcome, &str)]) {
    assert_eq!(verdict.results.len(), expected.len());
    for (result, (outcome, part)) in verdict.results.iter().zip(expected) {
        assert_eq!(result.outcome, *outcome, "{}: {}", result.check_id, result.message);
        assert!(
            result.message.contains(part),
            "{}: `{}` is not in `{}`",
            result.check_id,
            part,
            result.message
        );
    }
}

#[tokio::test]
async fn a_metric_holds_against_a_number_the_baselines_and_the_champion() {
    let checks = [
        "{ id: a, metric: mae, at_most: 1 }",
        "{ id: b, metric: mae, at_most: 0.1 }",
        "{ id: c, metric: mae, beats: baselines, by: 50% }",
        "{ id: d, metric: mae, beats: champion }",
        "{ id: e, metric: mae, no_worse_than: champion, by: 5% }",
        "{ id: f, metric: roc_auc, at_least: 0.5 }",
    ];
    came(
        &verdict(&GOOD, &checks).await,
        &[
            (Outcome::Pass, "mae of `m@2` is 0.2"),
            (Outcome::Fail, "required is mae at most 0.1"),
            (Outcome::Pass, "better; at least 50 % better is required"),
            (Outcome::Fail, "mae of `m@2`"),
            (Outcome::Pass, "of `m@1`"),
            (Outcome::Error, "is for a truth of 0 and 1"),
        ],
    );
}

#[tokio::test]
async fn a_version_that_is_worse_on_a_slice_is_stopped() {
    let checks = [
        "{ id: each, metric: mae, no_worse_than: champion, by: 10%, each: group }",
        "{ id: given, metric: mae, no_worse_than: champion, where: \"\\\"group\\\" = 'b'\" }",
        "{ id: other, metric: mae, no_worse_than: champion, where: \"\\\"group\\\" = 'a'\" }",
        "{ id: found, weak_slices: { at_most: 10% } }",
    ];
    let found = verdict(&WORSE_ON_B, &checks).await;
    came(
        &found,
        &[
            (Outcome::Fail, "1 of 2 parts fail: where `group` is `b`"),
            (Outcome::Fail, "mae is 3"),
            (Outcome::Pass, "mae is 0.2"),
            (Outcome::Fail, "where `group` is `b` the mean error is 3"),
        ],
    );
    assert!(found.blocked, "checks of models block if nothing else is said");
    assert_eq!(found.results[0].failing_rows, 200);
    assert_eq!(found.results[0].sample[0].values["part"], "`group` is `b`");
}

#[tokio::test]
async fn predictions_follow_the_world() {
    let checks = [
        "{ id: up, direction: { column: x, step: { plus: 1 }, may: higher } }",
        "{ id: down, direction: { column: x, step: { times: 2 }, may: not_higher }, mostly: 0.9 }",
        "{ id: still, direction: { column: x, step: { times: 1 }, may: higher } }",
        "{ id: words, direction: { column: group, step: { plus: 1 }, may: higher } }",
        "{ id: same, invariant: { column: group, values: [a, b, null], tolerance: 0.1 } }",
        "{ id: cases, cases: [{ inputs: { x: 10 }, between: [19, 21] }, { name: zero, inputs: { x: 0 }, between: [1, null] }] }",
        "{ id: typo, cases: [{ inputs: { z: 10 }, between: [19, 21] }] }",
    ];
    came(
        &verdict(&GOOD, &checks).await,
        &[
            (Outcome::Pass, "all 400 rows hold"),
            (Outcome::Fail, "rows fail"),
            (Outcome::Pass, "nothing to check"),
            (Outcome::Error, "words, which have no direction"),
            (Outcome::Pass, "whatever `group` is"),
            (Outcome::Fail, "1 of 2 cases are wrong: zero: predicted 0"),
            (Outcome::Error, "case 1: the model has no input `z`"),
        ],
    );
    came(&verdict(&WORSE_ON_B, &checks[4..5]).await, &[(Outcome::Fail, "400 of 400 rows fail")]);
}

#[tokio::test]
async fn artefacts_are_compared_row_by_row_and_disturbed_inputs_by_the_metric() {
    let checks = [
        "{ id: same, parity: { with: champion } }",
        "{ id: unknown, parity: { with: champoin } }",
        "{ id: nulls, robust: { to: { nulls: 0.5 }, columns: [x], metric: mae, worse_by: 100% } }",
        "{ id: noise, robust: { to: { noise: 0.001 }, metric: mae, worse_by: 0.5 } }",
        "{ id: overfit, overfit: { metric: mae, by: 20% } }",
        "{ id: fast, latency: { p99_ms: 1000 } }",
        "{ id: small, size: { file_mb: 1 } }",
        "{ id: memory, size: { memory_mb: 1 } }",
    ];
    came(
        &verdict(&WORSE_ON_B, &checks).await,
        &[
            (Outcome::Fail, "200 of 400 rows fail"),
            (Outcome::Error, "no artefact `champoin`"),
            (Outcome::Fail, "50 % of the values of 1 columns missing"),
            (Outcome::Pass, "noise of 0.1 % of the spread in 1 columns"),
            (Outcome::Pass, "on rows learnt from"),
            (Outcome::Pass, "99 of 100 requests"),
            (Outcome::Fail, "its files take 2 MB, at most 1 MB"),
            (Outcome::Error, "is not known"),
        ],
    );
}

#[tokio::test]
async fn leaks_are_named() {
    let leak = "{ id: leak, leakage: { alone: 0.98 } }";
    let (now, then) = (rows(400, 400), rows(0, 400));
    let found = with(&GOOD, &[leak], &now, &then, |_| {}).await;
    came(&found, &[(Outcome::Fail, "`x` alone explains")]);
    let mild = "{ id: mild, leakage: { alone: 1, duplicates: 1 } }";
    came(&with(&GOOD, &[mild], &now, &then, |_| {}).await, &[(Outcome::Pass, "no leak found")]);
    let strict = "{ id: twins, leakage: { alone: 1 } }";
    let found = with(&GOOD, &[strict], &now, &now, |_| {}).await;
    came(&found, &[(Outcome::Fail, "400 of 400 rows to judge by stand among")]);
    assert!(found.results[0].message.contains("not one in time"));
}

#[tokio::test]
async fn what_consumers_send_licences_and_files_are_looked_at() {
    let checks = [
        "{ id: c, consumers: true }",
        "{ id: l, licences: { allow: [MIT] } }",
        "{ id: f, no_unsafe_files: true }",
    ];
    let (now, then) = (rows(400, 10), rows(0, 10));
    let unknown = with(&GOOD, &checks, &now, &then, |_| {}).await;
    came(
        &unknown,
        &[(Outcome::Error, "not known"), (Outcome::Error, "not known"), (Outcome::Error, "not known")],
    );
    let bad = with(&GOOD, &checks, &now, &then, |subject| {
        let sends = vec![("x".to_owned(), InputKind::Word), ("humidity".to_owned(), InputKind::Number)];
        subject.consumers =
            Some(vec![Consumer { name: "deployment m".into(), sends, reads: Some("volume".into()) }]);
        subject.packages = Some(vec![
            Package { name: "a".into(), version: "1".into(), licence: Some("GPL-3.0-only OR MIT".into()) },
            Package { name: "b".into(), version: "2".into(), licence: Some("GPL-3.0-only".into()) },
        ]);
        let file = |path: &str, content: &[u8]| ModelFile {
            path: path.into(),
            content: content.into(),
            whole: true,
        };
        subject.files = Some(vec![file("a.onnx", b"\x08"), file("b.pkl", b"cos\nsystem\n.")]);
    })
    .await;
    came(
        &bad,
        &[
            (Outcome::Fail, "sends words as `x`, the model takes numbers; deployment m sends `humidity`"),
            (Outcome::Fail, "1 of 2 packages are not allowed: `b 2` has the licence GPL-3.0-only"),
            (Outcome::Fail, "`b.pkl` imports `os.system`"),
        ],
    );
}

#[tokio::test]
async fn probabilities_are_calibrated_and_fair_or_it_is_said() {
    // `y` is 1 for half of each group; the model calls true what has a great `x`.
    let count = 400_usize;
    let each = 0..count;
    let table = Table::from_columns(vec![
        ("x".into(), Values::Real(each.clone().map(|row| Some((row % 4) as f64)).collect())),
        (
            "group".into(),
            Values::Text(
                each.clone().map(|row| Some(if row % 4 > 1 { "a" } else { "b" }.to_owned())).collect(),
            ),
        ),
        ("y".into(), Values::Real(each.map(|row| Some(f64::from(u8::from(row % 8 > 3)))).collect())),
    ])
    .unwrap();
    let checks = [
        "{ id: calibrated, calibration: { ece: 0.1, brier: 0.3 } }",
        "{ id: fair, fairness: { column: group, metric: demographic_parity_difference, at_most: 0.2 } }",
        "{ id: ratio, fairness: { column: group, metric: demographic_parity_ratio, at_least: 0.8 } }",
        "{ id: one, fairness: { column: group, metric: demographic_parity_ratio, at_least: 0.8 }, where: \"x > 1\" }",
        "{ id: auc, metric: roc_auc, at_least: 0.9, where: \"y = 1\" }",
    ];
    let model = Formula(|x, _| if x > 1.0 { 0.9 } else { 0.1 });
    let found = with(&model, &checks, &table, &table, |subject| subject.time = None).await;
    came(
        &found,
        &[
            (Outcome::Fail, "calibration error is 0.4"),
            (Outcome::Fail, "called true are 100 % of `a`"),
            (Outcome::Fail, "is 0, at least 0.8"),
            (Outcome::Error, "one group only"),
            (Outcome::Error, "of one class"),
        ],
    );
}

#[test]
fn checks_survive_their_written_form() {
    for yaml in [
        "{ id: a, metric: mae, beats: champion, by: 5%, each: hour, min_rows: 20, owner: team, severity: warn }",
        "{ id: a, metric: mae, no_worse_than: champion, by: 5% }",
        "{ id: a, weak_slices: { at_most: 5% }, reason: why }",
        "{ id: a, direction: { column: rain, step: { to: 0 }, may: not_lower, tolerance: 0.5 }, mostly: 0.9 }",
        "{ id: a, robust: { to: { nulls: 0.1 }, metric: mae, worse_by: 150% } }",
        "{ id: a, fairness: { column: g, metric: equalized_odds_ratio, at_least: 0.8, against: to_overall } }",
        "{ id: a, size: { file_mb: 1.5 } }",
        "{ id: a, licences: { deny: [AGPL-3.0-only] } }",
        "{ id: a, drift: { against: champion, at_most: 1, bounds: { shift: 0.2 } } }",
        "{ id: a, consumers: true }",
    ] {
        let check = check(yaml);
        let again: ModelCheck = serde_json::from_value(serde_json::to_value(&check).unwrap()).unwrap();
        assert_eq!(again, check, "{yaml}");
    }
}

#[test]
fn mistakes_are_told() {
    let wrong = |yaml: &str| read(yaml).unwrap_err().to_string();
    for (yaml, expected) in [
        ("{ id: a }", "says nothing that must hold"),
        ("{ id: a, metric: mea, at_most: 1 }", "did you mean `mae`?"),
        ("{ id: a, metric: mae, at_most: 1, consumers: true }", "two things"),
        ("{ id: a, metric: mae, at_most: 1, at_least: 2 }", "says one of"),
        ("{ id: a, consumers: true, each: x }", "go with `metric`"),
        ("{ id: a, metric: mae, at_most: 1, mostly: 0.5 }", "`mostly` goes with"),
        (
            "{ id: a, fairness: { column: g, metric: demographic_parity_difference, at_least: 1 } }",
            "takes `at_most`",
        ),
        (
            "{ id: a, fairness: { column: g, metric: demographic_parity, at_most: 1 } }",
            "did you mean `demographic_parity",
        ),
        ("{ id: a, robust: { to: { nulls: 2 }, metric: mae, worse_by: 1 } }", "from 0 to 1"),
        ("{ id: a, drift: { against: yesterday } }", "not `yesterday`"),
        ("{ id: a, leakage: { alne: 1 } }", "unknown field `alne`"),
    ] {
        assert!(wrong(yaml).contains(expected), "{yaml}: {}", wrong(yaml));
    }
}
