//! Checks as they are written, on tables, down to the sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use base::Timestamp;
use checks::{Check, Circumstances, Outcome, Severity, Verdict, evaluate, sound_rows};
use tables::{ColumnType, Schema, Table, Values};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn texts(values: &[Option<&str>]) -> Values {
    Values::Text(values.iter().map(|value| value.map(str::to_owned)).collect())
}

/// Eight hours of weather, with what real tables have: a zero temperature, a repeated hour, gaps.
fn weather() -> Table {
    let hours = [0, 1, 2, 2, 3, 4, 6, 7];
    let at = hours.map(|hour| Some(time("2014-01-31").as_micros() + hour * 3_600_000_000));
    Table::from_columns(vec![
        ("at".into(), Values::Time(at.into())),
        ("temp".into(), Values::Real([280.0, 281.5, 0.0, 0.0, 279.0, 278.5, 280.0, 281.0].map(Some).into())),
        (
            "rain".into(),
            Values::Real(vec![None, Some(0.0), Some(9831.3), Some(f64::NAN), None, None, None, Some(1.0)]),
        ),
        ("low".into(), Values::Int([1, 2, 3, 4, 5, 6, 7, 8].map(Some).into())),
        ("high".into(), Values::Int([2, 3, 3, 3, 6, 7, 8, 9].map(Some).into())),
        (
            "weather".into(),
            texts(&[
                Some("Clear"),
                Some("Clouds"),
                Some("Clear"),
                Some("clear"),
                None,
                Some("Fog"),
                Some(""),
                Some("Clear"),
            ]),
        ),
        ("nothing".into(), Values::Real(vec![None; 8])),
        (
            "odd \"name\"'s".into(),
            Values::Bool([true, true, false, true, true, true, true, true].map(Some).into()),
        ),
    ])
    .unwrap()
}

async fn verdict(yaml: &str, table: &Table) -> Verdict {
    let checks: Vec<Check> = serde_yaml_ng::from_str(yaml).unwrap();
    evaluate(&checks, table, &Circumstances::at(time("2014-01-31T09:00:00Z"))).await.unwrap()
}

/// The outcome and the sentence of one check.
async fn told(yaml: &str, table: &Table) -> String {
    let verdict = verdict(&format!("[{{id: a, {yaml}}}]"), table).await;
    let result = &verdict.results[0];
    let hint = result.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}: {}{hint}", result.outcome.word(), result.message)
}

#[tokio::test]
async fn each_kind_says_what_it_found() {
    let table = weather();
    let mut wrong = Vec::new();
    for (yaml, expected) in [
        ("column: at, not_null: true", "pass: all 8 rows hold: column `at`, no value missing"),
        (
            "column: rain, not_null: true",
            "fail: 4 of 8 rows: `rain` is missing, first at 2014-01-31 (row 1); expected no value missing",
        ),
        ("column: nothing, is_null: true", "pass: all 8 rows hold: column `nothing`, every value missing"),
        (
            "column: temp, between: [200, 330], severity: warn",
            "warn: 2 of 8 rows: `temp` is 0, first at 2014-01-31 02:00:00 (row 3); expected 200 to 330",
        ),
        (
            "column: rain, between: [0, 305]",
            "fail: 2 of 4 rows: `rain` is 9831.3, not a number, first at 2014-01-31 02:00:00 (row 3); expected 0 to 305",
        ),
        (
            "column: rain, between: [0, null]",
            "fail: 1 of 4 rows: `rain` is not a number, first at 2014-01-31 02:00:00 (row 4); expected at least 0",
        ),
        (
            "column: at, between: [2014-01-31, '2014-01-31 06:00:00']",
            "fail: 1 of 8 rows: `at` is 2014-01-31 07:00:00 (row 8); expected 2014-01-31 to 2014-01-31 06:00:00",
        ),
        (
            "column: weather, between: [A, D]",
            "fail: 3 of 7 rows: `weather` is `clear`, `Fog`, empty, first at 2014-01-31 02:00:00 (row 4); expected A to D",
        ),
        (
            "column: low, in_set: [1, 2, 3, 4, 5, 6, 7, 8]",
            "pass: all 8 rows hold: column `low`, one of 1, 2, 3, 4, 5, 6, 7, 8",
        ),
        (
            "column: weather, in_set: [Clear, Clouds, 'it''s']",
            "fail: 3 of 7 rows: `weather` is `clear`, `Fog`, empty, first at 2014-01-31 02:00:00 (row 4); expected one of Clear, Clouds, it's",
        ),
        (
            "column: weather, in_set: [Clear, Clouds], mostly: 0.5",
            "pass: 3 of 7 rows: `weather` is `clear`, `Fog`, empty, first at 2014-01-31 02:00:00 (row 4); expected one of Clear, Clouds, for at least 50 % of the rows",
        ),
        (
            "column: weather, not_in_set: [Fog]",
            "fail: 1 of 7 rows: `weather` is `Fog`, first at 2014-01-31 04:00:00 (row 6); expected none of Fog",
        ),
        (
            "column: weather, matches: '^[A-Z]'",
            "fail: 2 of 7 rows: `weather` is `clear`, empty, first at 2014-01-31 02:00:00 (row 4); expected a match of `^[A-Z]`",
        ),
        (
            "column: weather, not_matches: o",
            "fail: 2 of 7 rows: `weather` is `Clouds`, `Fog`, first at 2014-01-31 01:00:00 (row 2); expected no match of `o`",
        ),
        (
            "column: weather, length: [1, 6]",
            "fail: 1 of 7 rows: `weather` is empty, first at 2014-01-31 06:00:00 (row 7); expected 1 to 6 characters",
        ),
        (
            "compare: [low, <, high]",
            "fail: 2 of 8 rows: `low` is 3 and `high` is 3, first at 2014-01-31 02:00:00 (row 3); expected `low` < `high`",
        ),
        ("compare: [low, '!=', temp]", "pass: all 8 rows hold: columns `low`, `temp`, `low` != `temp`"),
        (
            "column: at, max_age: 8h",
            "fail: 1 of 8 rows: `at` is 2014-01-31 (row 1); expected not longer ago than 8 hours",
        ),
        (
            "column: at, freshness: 2h",
            "pass: the newest `at` is 2014-01-31 07:00:00, 2 hours ago; expected newest at most 2 hours ago",
        ),
        (
            "column: at, freshness: 1h",
            "fail: the newest `at` is 2014-01-31 07:00:00, 2 hours ago; expected newest at most 1 hour ago",
        ),
        (
            "unique: [at]",
            "fail: 1 of 8 rows: the key of an earlier row is there again, such as 2014-01-31 02:00:00 (row 4); expected no two rows alike",
        ),
        ("unique: [at, low]", "pass: all 8 rows hold: columns `at`, `low`, no two rows alike"),
        ("column: at, increasing: true", "pass: all 8 rows hold: column `at`, never falling"),
        (
            "column: at, increasing: strictly",
            "fail: 1 of 8 rows: `at` does not rise at 2014-01-31 02:00:00 (row 4); expected rising",
        ),
        (
            "column: low, decreasing: true, mostly: 0.1",
            "pass: 7 of 8 rows: `low` rises to 2, first at 2014-01-31 01:00:00 (row 2); expected never rising, for at least 10 % of the rows",
        ),
        ("columns_exist: [at, temp]", "pass: all 2 columns are there"),
        ("columns_exist: [at, wether]", "fail: missing columns: `wether` (there is `weather`)"),
        ("column: temp, of_type: int", "fail: column `temp` holds real numbers; expected whole numbers"),
        ("row_count: [1, 8]", "pass: the table has 8 rows, expected 1 to 8 rows"),
        ("row_count: [9, null]", "fail: the table has 8 rows, expected at least 9 rows"),
        ("row_count: [1, 1], where: temp = 0", "fail: the table has 2 rows, expected exactly 1 rows"),
        ("column: low, mean: [4, 5]", "pass: the mean of `low` is 4.5; expected 4 to 5"),
        ("column: low, median: [0, 4]", "fail: the median of `low` is 4.5; expected 0 to 4"),
        ("column: low, sum: [36, 36]", "pass: the sum of `low` is 36; expected exactly 36"),
        (
            "column: low, stdev: [2.4, 2.5]",
            "pass: the standard deviation of `low` is 2.4495; expected 2.4 to 2.5",
        ),
        (
            "column: temp, min: [200, null], where: temp > 0",
            "pass: the least value of `temp` is 278.5; expected at least 200",
        ),
        (
            "column: temp, max: [null, 280]",
            "fail: the greatest value of `temp` is 281.5; expected at most 280",
        ),
        (
            "column: weather, distinct: [1, 3]",
            "fail: the number of different values of `weather` is 5; expected 1 to 3",
        ),
        ("column: rain, mean: [0, 1]", "fail: the mean of `rain` is not a number; expected 0 to 1"),
        ("sql: select * from input where temp < 1", "fail: the query returns 2 rows; expected none"),
        (
            "sql: select 1 as one from input where temp > 1000",
            "pass: the query returns 0 rows; expected none",
        ),
        (
            "column: 'odd \"name\"''s', in_set: [true]",
            "fail: 1 of 8 rows: `odd \"name\"'s` is false, first at 2014-01-31 02:00:00 (row 3); expected one of true",
        ),
        (
            "column: temp, between: [200, 330], where: \"weather = 'Clouds' or low > 4\"",
            "pass: all 5 rows hold: column `temp`, 200 to 330",
        ),
    ] {
        let found = told(yaml, &table).await;
        if found != expected {
            wrong.push(format!("{yaml}\n  found    {found}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_an_error_and_spoils_nothing_else() {
    let table = weather();
    for (yaml, expected) in [
        (
            "column: tmep, not_null: true",
            "error: cannot be evaluated: there is no column `tmep`; did you mean `temp`?",
        ),
        (
            "column: weather, matches: '('",
            "error: cannot be evaluated: the pattern `(` does not compile: unclosed group",
        ),
    ] {
        assert_eq!(told(yaml, &table).await, expected);
    }
    let suite = "
        - { id: good, column: temp, not_null: true }
        - { id: condition, column: temp, not_null: true, where: tmep > 1, severity: block }
        - { id: syntax, column: temp, not_null: true, where: '1 = 1) or (', severity: warn }
        - { id: write, sql: drop table input }
        - { id: measure, column: low, mean: [4, 5] }
        - { id: good, column: at, not_null: true }";
    let verdict = verdict(suite, &table).await;
    let outcomes: Vec<_> = verdict.results.iter().map(|result| result.outcome).collect();
    use Outcome::{Error, Pass};
    assert_eq!(outcomes, [Pass, Error, Error, Error, Pass, Error], "{:#?}", verdict.results);
    assert!(verdict.blocked, "a block check that cannot be evaluated blocks");
    assert!(verdict.results[1].message.contains("tmep"), "{}", verdict.results[1].message);
    assert_eq!(verdict.results[5].message, "cannot be evaluated: two checks have the id `good`");
    assert_eq!(verdict.in_words(), "6 checks: 2 pass, 4 cannot be evaluated");
}

#[tokio::test]
async fn nothing_to_check_is_said() {
    let empty = Table::empty(&weather().schema().clone()).unwrap();
    for (yaml, expected) in [
        ("column: temp, between: [1, 2]", "pass: nothing to check: the table has no rows"),
        ("column: temp, not_null: true", "pass: nothing to check: the table has no rows"),
        ("unique: [at]", "pass: nothing to check: the table has no rows"),
        ("column: at, increasing: true", "pass: nothing to check: the table has no rows"),
        ("row_count: [1, null]", "fail: the table has 0 rows, expected at least 1 rows"),
        ("column: at, freshness: 1d", "fail: nothing to measure: the table has no rows"),
        ("column: temp, mean: [0, 1]", "fail: nothing to measure: the table has no rows"),
        (
            "column: temp, distinct: [0, 1]",
            "pass: the number of different values of `temp` is 0; expected 0 to 1",
        ),
        ("sql: select * from input", "pass: the query returns 0 rows; expected none"),
    ] {
        assert_eq!(told(yaml, &empty).await, expected, "{yaml}");
    }
    let table = weather();
    for (yaml, expected) in [
        (
            "column: nothing, between: [1, 2]",
            "pass: nothing to check: all 8 values of column `nothing` are missing",
        ),
        (
            "column: nothing, max: [1, 2]",
            "fail: nothing to measure: all 8 values of column `nothing` are missing",
        ),
        (
            "column: temp, between: [1, 2], where: low > 99",
            "pass: nothing to check: no value of column `temp` meets `low > 99`",
        ),
    ] {
        assert_eq!(told(yaml, &table).await, expected, "{yaml}");
    }
    let verdict = verdict("[{id: a, column: nothing, between: [1, 2]}]", &table).await;
    assert!(verdict.results[0].vacuous);
}

#[tokio::test]
async fn the_verdict_sums_up_and_keeps_failing_rows() {
    let suite = "
        - { id: one-row-per-hour, unique: [at], severity: warn, reason: several rows for one hour }
        - { id: temperature, column: temp, between: [200, 330], severity: error, owner: traffic-team }
        - { id: hours, column: at, not_null: true, severity: block }";
    let verdict = verdict(suite, &weather()).await;
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(!verdict.blocked);
    assert_eq!(verdict.in_words(), "3 checks: 1 passes, 1 warns, 1 fails");
    let [unique, temperature, _] = verdict.results.as_slice() else { panic!("three results") };
    assert_eq!(
        (unique.severity, unique.reason.as_deref()),
        (Severity::Warn, Some("several rows for one hour"))
    );
    assert_eq!(temperature.owner.as_deref(), Some("traffic-team"));
    assert_eq!(temperature.sample.iter().map(|row| row.row).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(temperature.sample[0].values["weather"], "Clear");
    assert_eq!(temperature.sample[0].values.len(), 8);
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
}

#[tokio::test]
async fn rows_keep_their_numbers_in_a_large_table() {
    let rows = 100_000_i64;
    let table = Table::from_columns(vec![
        ("n".into(), Values::Int((0..rows).map(Some).collect())),
        ("half".into(), Values::Int((0..rows).map(|n| Some(n / 2)).collect())),
        ("bad".into(), Values::Int((0..rows).map(|n| Some(i64::from(n == 77_776))).collect())),
    ])
    .unwrap();
    let suite = "
        - { id: bad, column: bad, between: [0, 0] }
        - { id: order, column: n, increasing: strictly }
        - { id: unique, unique: [half] }
        - { id: half, column: half, increasing: strictly }";
    let verdict = verdict(suite, &table).await;
    let found: Vec<_> =
        verdict.results.iter().map(|r| (r.failing_rows, r.sample.first().map(|row| row.row))).collect();
    assert_eq!(found, [(1, Some(77_777)), (0, None), (50_000, Some(2)), (50_000, Some(2))]);
}

#[test]
fn a_schema_is_enough_to_find_misfits() {
    let checks: Vec<Check> = serde_yaml_ng::from_str("[{id: a, column: c, matches: x}]").unwrap();
    let schema = Schema::new(vec![tables::Column::new("c", ColumnType::Int)]);
    assert_eq!(
        checks::misfits(&checks, &schema)[0].message,
        "column `c` holds whole numbers: patterns are for text"
    );
}

#[tokio::test]
async fn rows_that_are_more_than_odd_are_not_sound() {
    let checks: Vec<Check> = serde_yaml_ng::from_str(
        "[{id: cold, column: temp, between: [200, 330], severity: warn}, \
          {id: rain, column: rain, between: [0, 305], severity: error}]",
    )
    .unwrap();
    let sound = sound_rows(&checks, &weather(), &Circumstances::at(time("2014-02-01"))).await.unwrap();
    assert_eq!(sound, [true, true, false, false, true, true, true, true]);
    let warnings = checks.into_iter().take(1).collect::<Vec<_>>();
    let sound = sound_rows(&warnings, &weather(), &Circumstances::at(time("2014-02-01"))).await.unwrap();
    assert!(sound.into_iter().all(|sound| sound));
}

mod whole;
