//! What is carried, and what is said not to be.

use serde_json::json;

use super::*;

fn written(imported: &Imported) -> Vec<Value> {
    imported.checks.iter().map(|check| json!(check)).collect()
}

#[test]
fn a_suite_of_great_expectations_is_carried() {
    let suite = json!({ "expectations": [
        { "type": "expect_column_values_to_be_between", "severity": "warning",
          "kwargs": { "column": "temp", "min_value": 0, "max_value": 10, "strict_min": true } },
        { "expectation_type": "expect_column_values_to_not_be_null", "kwargs": { "column": "a b", "mostly": 0.9 } },
        { "type": "expect_column_quantile_values_to_be_between", "kwargs": { "column": "x",
          "quantile_ranges": { "quantiles": [0.1, 0.9], "value_ranges": [[0, 1], [2, null]] } } },
        { "type": "expect_compound_columns_to_be_unique", "kwargs": { "column_list": ["a", "b"] } },
        { "type": "expect_table_row_count_to_equal", "kwargs": { "value": 5 } },
        { "type": "expect_column_proportion_of_non_null_values_to_be_between",
          "kwargs": { "column": "x", "min_value": 0.75 } },
        { "type": "expect_column_values_to_be_of_type", "kwargs": { "column": "x", "type_": "float64" } },
        { "type": "expect_column_kl_divergence_to_be_less_than", "kwargs": { "column": "x" } },
        { "type": "expect_column_values_to_be_unique", "kwargs": { "column": "x", "row_condition": "a > 1" } },
    ] });
    let imported = great_expectations(&suite).unwrap();
    assert_eq!(
        written(&imported),
        [
            json!({ "id": "temp-between", "column": "temp", "severity": "warn", "between": [0, 10] }),
            json!({ "id": "temp-not_in_set", "column": "temp", "severity": "warn", "not_in_set": [0] }),
            json!({ "id": "a-b-not_null", "column": "a b", "severity": "error", "mostly": 0.9, "not_null": true }),
            json!({ "id": "x-quantile", "column": "x", "severity": "error", "quantile": { "at": 0.1, "between": [0.0, 1.0] } }),
            json!({ "id": "x-quantile-2", "column": "x", "severity": "error", "quantile": { "at": 0.9, "between": [2.0, null] } }),
            json!({ "id": "table-unique", "severity": "error", "unique": ["a", "b"] }),
            json!({ "id": "table-row_count", "severity": "error", "row_count": [5, 5] }),
            json!({ "id": "x-null_share", "column": "x", "severity": "error", "null_share": [null, 0.25] }),
            json!({ "id": "x-type_in", "column": "x", "severity": "error", "type_in": ["real"] }),
        ]
    );
    assert_eq!(imported.left.len(), 2, "{:?}", imported.left);
    assert!(imported.left[0].contains("expectation 8 (expect_column_kl_divergence"), "{:?}", imported.left);
    assert!(imported.left[1].contains("`row_condition` is not SQL"), "{:?}", imported.left);
    assert!(great_expectations(&json!({})).is_err());
}

#[test]
fn a_schema_of_pandera_is_carried_in_both_ways_of_writing() {
    let schema = json!({ "schema_type": "dataframe", "strict": true, "unique": ["a", "b"], "columns": {
        "a": { "dtype": "int64", "nullable": false, "checks": { "greater_than": 0, "isin": [1, 2] } },
        "b": { "dtype": "object", "nullable": true, "checks": [
            { "value": "x+", "options": { "check_name": "str_matches", "raise_warning": true } },
            { "min_value": 1, "max_value": 3, "options": { "check_name": "str_length" } },
            { "options": { "check_name": "mine" } },
        ] },
    } });
    let imported = pandera(&schema).unwrap();
    assert_eq!(
        written(&imported),
        [
            json!({ "id": "a-type", "column": "a", "severity": "error", "of_type": "int" }),
            json!({ "id": "a-not_null", "column": "a", "severity": "error", "not_null": true }),
            json!({ "id": "a-between", "column": "a", "severity": "error", "between": [0, null] }),
            json!({ "id": "a-not_in_set", "column": "a", "severity": "error", "not_in_set": [0] }),
            json!({ "id": "a-in_set", "column": "a", "severity": "error", "in_set": [1, 2] }),
            json!({ "id": "b-type", "column": "b", "severity": "error", "of_type": "text" }),
            json!({ "id": "b-matches", "column": "b", "severity": "warn", "matches": "^(?:x+)" }),
            json!({ "id": "b-length", "column": "b", "severity": "error", "length": [1, 3] }),
            json!({ "id": "columns", "severity": "block", "columns_are": ["a", "b"] }),
            json!({ "id": "unique-key", "severity": "error", "unique": ["a", "b"] }),
        ]
    );
    assert_eq!(imported.left, ["check `mine` of `b`: there is no check of that kind here"]);
}

#[test]
fn counts_that_newer_releases_write_with_a_fraction_are_counts() {
    let suite = json!({ "expectations": [
        { "type": "expect_column_value_lengths_to_equal", "kwargs": { "column": "a", "value": 5.0 } },
        { "type": "expect_column_value_lengths_to_be_between", "kwargs": { "column": "a", "min_value": 1.0, "max_value": null } },
        { "type": "expect_table_row_count_to_be_between", "kwargs": { "min_value": 1.0, "max_value": 7.0 } },
    ] });
    let imported = great_expectations(&suite).unwrap();
    assert_eq!(imported.left, Vec::<String>::new());
    let bounds: Vec<Value> = written(&imported)
        .iter()
        .map(|check| check.get("length").or(check.get("row_count")).unwrap().clone())
        .collect();
    assert_eq!(bounds, [json!([5, 5]), json!([1, null]), json!([1, 7])]);
}

#[test]
fn checks_that_newer_releases_of_pandera_write_beside_the_column_are_carried() {
    let schema = json!({ "schema_type": "dataframe", "api": "pandas", "columns": { "a": {
        "title": "t", "dtype": "float64", "nullable": true, "coerce": true, "required": false,
        "greater_than_or_equal_to": { "min_value": 18, "raise_warning": true },
        "in_range": { "min_value": 1, "max_value": 9, "include_min": false, "include_max": true },
        "notin": [3], "less_than_or_equal_to": 40, "mine": 1,
    } }, "checks": null, "index": null });
    let imported = pandera(&schema).unwrap();
    let mut found = written(&imported);
    found.retain(|check| check["id"] != "columns" && check["id"] != "a-type");
    let expected = [
        json!({ "id": "a-between", "column": "a", "severity": "warn", "between": [18, null] }),
        json!({ "id": "a-between-2", "column": "a", "severity": "error", "between": [1, 9] }),
        json!({ "id": "a-not_in_set", "column": "a", "severity": "error", "not_in_set": [1] }),
        json!({ "id": "a-not_in_set-2", "column": "a", "severity": "error", "not_in_set": [3] }),
        json!({ "id": "a-between-3", "column": "a", "severity": "error", "between": [null, 40] }),
    ];
    for check in &expected {
        let same = |other: &&Value| {
            ["column", "severity", "between", "not_in_set"].iter().all(|key| other.get(key) == check.get(key))
        };
        assert!(found.iter().any(|other| same(&other)), "{check} is not among {found:#?}");
    }
    assert_eq!(found.len(), expected.len());
    assert_eq!(imported.left, ["check `mine` of `a`: there is no check of that kind here"]);
}
