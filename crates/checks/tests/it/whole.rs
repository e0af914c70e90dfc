//! Checks of the table as a whole, of several columns and of several sources; in memory and in a file.

use std::path::Path;

use checks::{Check, Circumstances, Rows, draft, evaluate_rows};
use tables::{Table, Values};

use super::{texts, time};

fn orders() -> Table {
    let hours = (0..6).map(|hour| Some(time("2024-01-01").as_micros() + hour * 3_600_000_000)).collect();
    Table::from_columns(vec![
        ("id".into(), Values::Int([1, 2, 3, 4, 5, 6].map(Some).into())),
        ("shop".into(), Values::Int(vec![Some(1), Some(2), Some(9), None, Some(1), Some(1)])),
        ("net".into(), Values::Real([10.0, 12.0, 11.0, 9.0, 10.0, 500.0].map(Some).into())),
        ("tax".into(), Values::Real(vec![Some(1.0), Some(1.0), Some(f64::NAN), Some(1.0), None, Some(2.0)])),
        ("at".into(), Values::Time(hours)),
        ("body".into(), texts(&[Some("{}"), Some("[1]"), Some("{'a'}"), None, Some("1"), Some("")])),
        (
            "day".into(),
            texts(&[
                Some("2024-02-29"),
                Some("2023-02-29"),
                None,
                Some("29.2.2024"),
                Some("2024-01-01"),
                Some("2024-01-02"),
            ]),
        ),
        ("empty".into(), Values::Real(vec![None; 6])),
    ])
    .unwrap()
}

fn shops() -> Table {
    Table::from_columns(vec![("number".into(), Values::Int([1, 2, 2].map(Some).into()))]).unwrap()
}

fn circumstances(folder: Option<&Path>) -> Circumstances {
    let shops = match folder {
        None => Rows::Table(shops()),
        Some(folder) => {
            let path = folder.join("shops.parquet");
            std::fs::write(&path, shops().to_parquet().unwrap()).unwrap();
            let schema = shops().schema().clone();
            Rows::Parquet { path, schema, rows: 3 }
        }
    };
    Circumstances {
        history: vec![5, 7, 100],
        others: vec![("shops".to_owned(), shops)],
        ..Circumstances::at(time("2024-01-02"))
    }
}

const FACTS: &[(&str, &str)] = &[
    (
        "column: net, quantile: {at: 0.5, between: [10.4, 10.6]}",
        "pass: the quantile 0.5 of `net` is 10.5; expected 10.4 to 10.6",
    ),
    (
        "column: net, quantile: {at: 0.9, between: [null, 100]}",
        "fail: the quantile 0.9 of `net` is 256; expected at most 100",
    ),
    (
        "column: empty, quantile: {at: 0.9, between: [0, 1]}",
        "fail: nothing to measure: all 6 values of column `empty` are missing",
    ),
    (
        "column: net, z_score: 2",
        "fail: 1 of 6 rows: `net` is 500, first at 2024-01-01 05:00:00 (row 6); expected less than 2 standard deviations from the mean",
    ),
    (
        "column: net, z_score: 2, where: net < 100",
        "pass: all 5 rows hold: column `net`, less than 2 standard deviations from the mean",
    ),
    ("column: empty, z_score: 2", "pass: nothing to check: all 6 values of column `empty` are missing"),
    (
        "column: body, parses: json",
        "fail: 2 of 5 rows: `body` is `{'a'}`, empty, first at 2024-01-01 02:00:00 (row 3); expected JSON",
    ),
    (
        "column: body, parses: json, mostly: 0.6",
        "pass: 2 of 5 rows: `body` is `{'a'}`, empty, first at 2024-01-01 02:00:00 (row 3); expected JSON, for at least 60 % of the rows",
    ),
    (
        "column: day, parses: '%Y-%m-%d', where: id < 4",
        "fail: 1 of 2 rows: `day` is `2023-02-29`, first at 2024-01-01 01:00:00 (row 2); expected a time as `%Y-%m-%d`",
    ),
    (
        "row_sum: {columns: [net, tax], between: [0, 100]}",
        "fail: 2 of 5 rows: `net` is 11, `tax` is not a number, first at 2024-01-01 02:00:00 (row 3); expected `net` + `tax` 0 to 100",
    ),
    (
        "pair_in_set: {columns: [id, shop], values: [[1, 1], [2, 2], [3, 9], [5, 1]]}",
        "fail: 1 of 5 rows: `id` is 6 and `shop` is 1, first at 2024-01-01 05:00:00 (row 6); expected one of (1, 1), (2, 2), (3, 9), (5, 1)",
    ),
    ("column: shop, distinct_contain: [1, 9]", "pass: all 2 values expected are in `shop`"),
    ("column: shop, distinct_contain: [1, 8, 8]", "fail: 1 of the 3 values expected are lacking in `shop`"),
    ("column: shop, distinct_equal: [1, 2, 9]", "pass: the values of `shop` are exactly the 3 expected"),
    (
        "column: shop, distinct_equal: [1, 2, 8]",
        "fail: 2 values are lacking in `shop` or not among the 3 expected",
    ),
    ("column: shop, most_common_in: [1, 2]", "pass: the most frequent value of `shop` is one of 1, 2"),
    ("column: net, most_common_in: [11.0]", "fail: the most frequent value of `net` is not one of 11"),
    (
        "column: empty, most_common_in: [1]",
        "fail: nothing to measure: all 6 values of column `empty` are missing",
    ),
    ("columns_are: [day, body, at, tax, net, shop, id, empty]", "pass: the 8 columns are as expected"),
    (
        "columns_in_order: [id, net, shop, tax, at, body, day, empty]",
        "fail: the columns are not as expected: `shop` stands where `net` was expected",
    ),
    (
        "columns_are: [id, shop, net, tax, at, body, when]",
        "fail: the columns are not as expected: missing `when`, not expected `day`, `empty`",
    ),
    ("column_count: [8, 8]", "pass: the table has 8 columns; expected exactly 8"),
    (
        "column: net, type_in: [int, text]",
        "fail: column `net` holds real numbers; expected whole numbers or text",
    ),
    (
        "schema: {columns: [{name: net, type: int}, {name: id, type: int}, {name: gone, type: text}], allow: [new_columns, wider_numbers]}",
        "fail: the schema has changed: column `gone` is missing; the columns come in another order",
    ),
    (
        "schema: {columns: [{name: net, type: int}, {name: id, type: int}], allow: [new_columns, wider_numbers, order]}",
        "pass: the schema is as expected, with 8 columns",
    ),
    (
        "references: {columns: [shop], source: shops, to: [number]}",
        "fail: 1 of 5 rows: the key is not in `shops`, such as 9, first at 2024-01-01 02:00:00 (row 3); expected every key in `shops`",
    ),
    (
        "references: {columns: [shop], source: shops, to: [number]}, where: shop < 9",
        "pass: all 4 rows hold: column `shop`, every key in `shops`",
    ),
    (
        "references: {columns: [shop], source: shop, to: [number]}",
        "error: cannot be evaluated: there is no source `shop`; did you mean `shops`?",
    ),
    (
        "references: {columns: [shop], source: shops, to: [nomber]}",
        "error: cannot be evaluated: source `shops` has no column `nomber`; did you mean `number`?",
    ),
    (
        "rows_as_in: {source: shops, share: [2, 2]}",
        "pass: the table has 6 rows, 2 times the 3 of source `shops`; expected exactly 2 times the rows of `shops`",
    ),
    (
        "volume: [0.5, 2]",
        "pass: the table has 6 rows, 0.8571 times the 7 of the median of 3 earlier versions; expected 0.5 to 2 times the usual rows",
    ),
    (
        "volume: [0.9, 2]",
        "fail: the table has 6 rows, 0.8571 times the 7 of the median of 3 earlier versions; expected 0.9 to 2 times the usual rows",
    ),
    (
        "column: shop, unique_share: [0.5, 0.7]",
        "pass: the share of different values of `shop` is 0.6; expected 0.5 to 0.7",
    ),
    (
        "column: tax, null_share: [null, 0.1]",
        "fail: the share of missing values of `tax` is 0.1667; expected at most 0.1",
    ),
    (
        "column: empty, null_share: [1, 1]",
        "pass: the share of missing values of `empty` is 1; expected exactly 1",
    ),
    (
        "unique: [shop, net]",
        "fail: 1 of 5 rows: the key of an earlier row is there again, such as 1, 10, first at 2024-01-01 04:00:00 (row 5); expected no two rows alike",
    ),
    (
        "column: net, increasing: true",
        "fail: 2 of 6 rows: `net` falls to 11, first at 2024-01-01 02:00:00 (row 3); expected never falling",
    ),
];

async fn compare(rows: &Rows, circumstances: &Circumstances) {
    let mut wrong = Vec::new();
    for (yaml, expected) in FACTS {
        let check: Check = serde_yaml_ng::from_str(&format!("{{id: a, {yaml}}}")).unwrap();
        let verdict = evaluate_rows(&[check], rows, circumstances).await.unwrap();
        let result = &verdict.results[0];
        let hint = result.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        let found = format!("{}: {}{hint}", result.outcome.word(), result.message);
        if found != *expected {
            wrong.push(format!("{yaml}\n  found    {found}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn each_kind_about_the_whole_says_what_it_found() {
    compare(&Rows::Table(orders()), &circumstances(None)).await;
}

#[tokio::test]
async fn a_parquet_file_gives_the_same_results_as_its_rows_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.parquet");
    std::fs::write(&path, orders().to_parquet().unwrap()).unwrap();
    let rows = Rows::open(&path).await.unwrap();
    assert!(matches!(rows, Rows::Parquet { rows: 6, .. }));
    compare(&rows, &circumstances(Some(folder.path()))).await;
}

#[tokio::test]
async fn without_earlier_versions_the_volume_is_said_to_have_nothing_to_compare_with() {
    let check: Check = serde_yaml_ng::from_str("{id: a, volume: [0.5, 2]}").unwrap();
    let rows = Rows::Table(orders());
    let verdict = evaluate_rows(&[check], &rows, &Circumstances::at(time("2024-01-02"))).await.unwrap();
    assert!(verdict.results[0].vacuous);
    assert!(verdict.results[0].message.contains("no earlier version"), "{}", verdict.results[0].message);
}

#[tokio::test]
async fn a_draft_keeps_what_holds_and_leaves_out_what_gives_false_alarms() {
    let part = |from: i64| {
        let ids = from..from + 200;
        Table::from_columns(vec![
            ("id".into(), Values::Int(ids.clone().map(Some).collect())),
            ("level".into(), Values::Real(ids.clone().map(|n| Some((n % 97) as f64 + 0.5)).collect())),
            (
                "kind".into(),
                Values::Text(ids.map(|n| Some(["a", "b", "c"][(n % 3) as usize].into())).collect()),
            ),
        ])
        .unwrap()
    };
    let parts: Vec<Table> = (0..6).map(|index| part(index * 200)).collect();
    let drafted = draft(&parts, true, time("2024-01-02")).await.unwrap();
    let ids: Vec<&str> = drafted.checks.iter().map(|drafted| drafted.check.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "columns",
            "rows",
            "volume",
            "id-there",
            "id-unique",
            "level-there",
            "level-range",
            "kind-there",
            "kind-known"
        ]
    );
    // Numbers that only ever grow leave any range drawn from the past.
    let left: Vec<(&str, usize, usize)> = drafted
        .left_out
        .iter()
        .map(|drafted| (drafted.check.id.as_str(), drafted.false_alarms, drafted.tried))
        .collect();
    assert_eq!(left, [("id-range", 5, 5)]);
    assert!(drafted.checks.iter().all(|drafted| drafted.check.reason.is_some()));
}
