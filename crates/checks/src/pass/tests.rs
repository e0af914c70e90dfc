//! Whatever the rows: one going-over finds what queries find.

mod bounded;

use base::Timestamp;
use proptest::prelude::*;
use tables::{ParquetStream, Table, Values};

use super::*;
use crate::evaluate::{Means, evaluate_by};
use crate::{Circumstances, Rows, Verdict};

/// Checks over columns `whole`, `other` (whole numbers), `real`, `second` (real numbers), `word`, `name` (texts), `flag`
/// and `at`.
const CHECKS: &str = r#"
- { id: there, column: real, not_null: true }
- { id: missing, column: word, is_null: true }
- { id: whole-within, column: whole, between: [-2, 3] }
- { id: whole-within-real, column: whole, between: [-1.5, 2] }
- { id: whole-from, column: whole, between: [0, null] }
- { id: real-within, column: real, between: [-1, 2.5] }
- { id: real-to, column: real, between: [null, 0] }
- { id: word-within, column: word, between: [b, t] }
- { id: time-within, column: at, between: ['1970-01-01T00:00:00.000003Z', null] }
- { id: whole-set, column: whole, in_set: [0, 1, 2] }
- { id: whole-set-real, column: whole, in_set: [0, 1.5, 2] }
- { id: real-set, column: real, in_set: [0, 1, 2.5] }
- { id: real-not-set, column: real, not_in_set: [1, 2.5] }
- { id: word-set, column: word, in_set: [north, 'Köln', ''] }
- { id: word-not-set, column: word, not_in_set: [north, 'a ''b'''] }
- { id: flag-set, column: flag, in_set: [true] }
- { id: time-not-set, column: at, not_in_set: ['1970-01-01T00:00:00.000001Z'] }
- { id: many, column: whole, in_set: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] }
- { id: matches, column: word, matches: '^[a-zö]+$' }
- { id: matches-part, column: word, matches: 'o' }
- { id: matches-not, column: word, not_matches: '^n|日' }
- { id: anything, column: word, matches: '.*' }
- { id: length, column: word, length: [1, 4] }
- { id: less, compare: [whole, '<', other] }
- { id: equal-mixed, compare: [whole, '=', real] }
- { id: at-most, compare: [real, '<=', second] }
- { id: not-equal, compare: [real, '!=', second] }
- { id: at-least, compare: [real, '>=', whole] }
- { id: words-compare, compare: [word, '>', name] }
- { id: age, column: at, max_age: 1s }
- { id: sum, row_sum: { columns: [whole, real, second], between: [-3, 3] } }
- { id: pairs, pair_in_set: { columns: [whole, word], values: [[0, north], [1, ''], [2, south]] } }
- { id: pairs-real, pair_in_set: { columns: [real, flag], values: [[0, true], [1, false]] } }
- { id: json, column: word, parses: json }
- { id: unique-whole, unique: [whole] }
- { id: unique-real, unique: [real] }
- { id: unique-word, unique: [word] }
- { id: unique-flag, unique: [flag] }
- { id: unique-two, unique: [whole, word] }
- { id: unique-three, unique: [real, flag, at] }
- { id: rises, column: whole, increasing: true }
- { id: rises-strictly, column: at, increasing: strictly }
- { id: falls, column: real, decreasing: true }
- { id: falls-strictly, column: word, decreasing: strictly }
- { id: rows, row_count: [3, 40] }
- { id: fresh, column: at, freshness: 1h }
- { id: min, column: real, min: [-2, 2] }
- { id: max, column: whole, max: [0, 3] }
- { id: max-real, column: second, max: [0, 3] }
- { id: mean, column: real, mean: [-1, 1] }
- { id: mean-whole, column: whole, mean: [-1, 1] }
- { id: median, column: real, median: [-1, 1] }
- { id: median-whole, column: whole, median: [0, 1] }
- { id: stdev, column: second, stdev: [0, 1] }
- { id: sum-of, column: whole, sum: [0, 10] }
- { id: distinct, column: word, distinct: [1, 3] }
- { id: distinct-real, column: real, distinct: [1, 3] }
- { id: share, column: name, unique_share: [0.5, 1] }
- { id: share-time, column: at, unique_share: [0.5, 1] }
- { id: nulls, column: flag, null_share: [0, 0.2] }
- { id: quantile, column: real, quantile: { at: 0.3, between: [-1, 1] } }
- { id: quantile-low, column: whole, quantile: { at: 0, between: [-1, 1] } }
- { id: quantile-high, column: second, quantile: { at: 1, between: [-1, 1] } }
- { id: near, column: second, z_score: 1.5 }
- { id: near-whole, column: whole, z_score: 1 }
- { id: contains, column: word, distinct_contain: [north, 'Köln', north] }
- { id: exactly, column: whole, distinct_equal: [0, 1, 2] }
- { id: exactly-real, column: real, distinct_equal: [0, 1] }
- { id: exactly-flags, column: flag, distinct_equal: [true, false] }
- { id: common, column: word, most_common_in: [north, south] }
- { id: common-whole, column: whole, most_common_in: [0, 1] }
- { id: common-real, column: real, most_common_in: [0, 2.5] }
- { id: common-flag, column: flag, most_common_in: [true] }
"#;

/// Conditions that are put before every check that takes one.
const CONDITIONS: [&str; 6] = [
    "whole > 0",
    "word = 'north' or flag",
    "real < 1 and second is not null",
    "length(name) > 2",
    "10 / other > 1",
    "whole in (select max(whole) from input)",
];

fn some<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> BoxedStrategy<Option<T>> {
    prop_oneof![1 => Just(None), 6 => prop::sample::select(values).prop_map(Some)].boxed()
}

fn column<T: Clone + std::fmt::Debug + 'static>(
    values: Vec<T>,
    rows: usize,
) -> BoxedStrategy<Vec<Option<T>>> {
    // Now and then a column has no value at all.
    prop_oneof![
        9 => prop::collection::vec(some(values), rows),
        1 => Just(vec![None; rows]),
    ]
    .boxed()
}

/// Tables of few rows, with what is odd in each type.
fn tables() -> impl Strategy<Value = Table> {
    // Sums of numbers of very different size come out nearer the truth in the going-over than in queries.
    // Sums of numbers of very different size come nearer to the truth here than in queries.
    let wholes = vec![-3, -1, 0, 0, 1, 2, 3, 7, 1 << 40];
    // Queries are at odds with themselves about the two zeros: see the test of their own.
    let reals = vec![0.0, 1.0, 1.0, 2.5, -1.5, 1e-300, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let plain = vec![0.0, 0.25, 1.0, 1.5, -2.0, 3.0];
    let words: Vec<String> =
        ["north", "south", "", "Köln", "a 'b'", "日本語", "e\u{301}", "{}", "n\nn", "🦆"]
            .map(Into::into)
            .into();
    (0_usize..24).prop_flat_map(move |rows| {
        (
            column(wholes.clone(), rows),
            column(vec![0, 1, 5, 20], rows),
            prop_oneof![column(reals.clone(), rows), column(plain.clone(), rows)],
            column(plain.clone(), rows),
            column(words.clone(), rows),
            column(words.clone(), rows),
            column(vec![true, false], rows),
            column((0..9_i64).map(|n| n * 7 % 9).collect(), rows),
        )
            .prop_map(|(whole, other, real, second, word, name, flag, at)| {
                Table::from_columns(vec![
                    ("whole".into(), Values::Int(whole)),
                    ("other".into(), Values::Int(other)),
                    ("real".into(), Values::Real(real)),
                    ("second".into(), Values::Real(second)),
                    ("word".into(), Values::Text(word)),
                    ("name".into(), Values::Text(name)),
                    ("flag".into(), Values::Bool(flag)),
                    ("at".into(), Values::Time(at)),
                ])
                .unwrap()
            })
    })
}

fn suite(condition: Option<&str>) -> Vec<Check> {
    let mut checks: Vec<Check> = serde_yaml_ng::from_str(CHECKS).unwrap();
    for check in &mut checks {
        check.where_sql = condition.map(str::to_owned);
    }
    checks
}

/// A file of several row groups.
fn file(folder: &tempfile::TempDir, table: &Table, group: usize) -> Rows {
    let mut stream = ParquetStream::new(table.schema()).unwrap();
    let mut bytes = Vec::new();
    for from in (0..table.row_count()).step_by(group) {
        bytes.extend(stream.write(&table.slice(from, group)).unwrap());
    }
    bytes.extend(stream.finish().unwrap());
    let path = folder.path().join("rows.parquet");
    std::fs::write(&path, bytes).unwrap();
    let schema = table.schema().clone();
    Rows::Parquet { path, schema, rows: table.row_count() as u64 }
}

fn by(means: Means, checks: &[Check], rows: &Rows) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let circumstances = Circumstances::at(Timestamp::from_micros(1_000_004));
    runtime.block_on(evaluate_by(means, checks, rows, &circumstances)).unwrap()
}

fn compare(checks: &[Check], rows: &Rows, expected: &Verdict) -> Result<(), TestCaseError> {
    let found = by(Means::PassAndQueries, checks, rows);
    let apart: Vec<String> = found
        .results
        .iter()
        .zip(&expected.results)
        .filter(|(found, expected)| found != expected)
        .map(|(found, expected)| {
            format!("{}: {}\n    queries: {}", found.check_id, found.message, expected.message)
        })
        .collect();
    prop_assert!(apart.is_empty(), "{}", apart.join("\n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_going_over_finds_what_queries_find(table in tables(), condition in 0_usize..18) {
        let checks = suite(CONDITIONS.get(condition).copied());
        let memory = Rows::Table(table.clone());
        let expected = by(Means::Queries, &checks, &memory);
        compare(&checks, &memory, &expected)?;
        let folder = tempfile::tempdir().unwrap();
        compare(&checks, &file(&folder, &table, 5), &expected)?;
    }
}

#[test]
fn checks_of_all_these_kinds_are_gone_over_without_a_query() {
    let table = Table::from_columns(vec![
        ("whole".into(), Values::Int(vec![Some(1)])),
        ("other".into(), Values::Int(vec![Some(1)])),
        ("real".into(), Values::Real(vec![Some(1.0)])),
        ("second".into(), Values::Real(vec![Some(1.0)])),
        ("word".into(), Values::Text(vec![Some("a".into())])),
        ("name".into(), Values::Text(vec![Some("a".into())])),
        ("flag".into(), Values::Bool(vec![Some(true)])),
        ("at".into(), Values::Time(vec![Some(1)])),
    ])
    .unwrap();
    let checks = suite(Some("whole > 0"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all: Vec<Option<&Check>> = checks.iter().map(Some).collect();
    let limit = Duration::from_secs(60);
    let found = runtime.block_on(go(&all, &RowSource::from(table), Timestamp::from_micros(0), limit));
    for (check, found) in checks.iter().zip(found) {
        assert!(matches!(found, Some(Ok(_))), "{}", check.id);
    }
}

#[test]
fn the_two_zeros_are_alike_and_extremes_keep_their_digits() {
    let table = Table::from_columns(vec![
        ("real".into(), Values::Real([0.0, -0.0, 1.0].map(Some).into())),
        ("whole".into(), Values::Int([i64::MAX, i64::MIN, 1].map(Some).into())),
    ])
    .unwrap();
    let checks: Vec<Check> = serde_yaml_ng::from_str(
        "[{id: a, unique: [real]}, {id: b, column: real, distinct: [2, 2]}, {id: c, column: real, between: [0, 1]}, \
          {id: d, column: real, in_set: [0, 1]}, {id: e, column: real, increasing: true}, \
          {id: f, column: whole, between: [-9223372036854775808, 9223372036854775806]}, \
          {id: g, column: whole, sum: [1, 1]}]",
    )
    .unwrap();
    let verdict = by(Means::PassAndQueries, &checks, &Rows::Table(table));
    let messages: Vec<&str> = verdict.results.iter().map(|result| result.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "1 of 3 rows: the key of an earlier row is there again, such as 0 (row 2); expected no two rows alike",
            "the number of different values of `real` is 2; expected exactly 2",
            "all 3 rows hold: column `real`, 0 to 1",
            "all 3 rows hold: column `real`, one of 0, 1",
            "all 3 rows hold: column `real`, never falling",
            "1 of 3 rows: `whole` is 9.2234e18 (row 1); expected -9223372036854775808 to 9223372036854775806",
            "the sum of `whole` is 1; expected exactly 1",
        ]
    );
}
