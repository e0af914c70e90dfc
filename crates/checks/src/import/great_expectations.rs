//! Great Expectations: the JSON of an expectation suite.

use serde_json::{Map, Value, json};

use super::{Imported, fields, type_of};

/// Reads a suite as the tool saves it, of version 0.x (`expectation_type`) or 1.x (`type`).
///
/// # Errors
/// When the file is no suite.
pub fn great_expectations(suite: &Value) -> Result<Imported, String> {
    let expectations = suite
        .get("expectations")
        .and_then(Value::as_array)
        .ok_or("the file has no list `expectations`: it is no suite of Great Expectations")?;
    let mut imported = Imported::default();
    for (index, expectation) in expectations.iter().enumerate() {
        let kind = expectation.get("type").or_else(|| expectation.get("expectation_type"));
        let kind = kind.and_then(Value::as_str).unwrap_or("(no type)");
        let arguments = fields(expectation.get("kwargs").unwrap_or(&Value::Null));
        let column = arguments.get("column").and_then(Value::as_str);
        let what = format!(
            "expectation {} ({kind}{})",
            index + 1,
            column.map(|c| format!(" of `{c}`")).unwrap_or_default()
        );
        let one =
            One { what, kind, severity: severity(expectation, kind), reason: reason(expectation), arguments };
        one.carry(&mut imported);
    }
    Ok(imported)
}

/// 1.x says `info`, `warning` or `critical`.
fn severity(expectation: &Value, kind: &str) -> &'static str {
    match expectation.get("severity").and_then(Value::as_str) {
        Some("warning" | "info") => "warn",
        _ if kind == "expect_column_to_exist" => "block",
        _ => "error",
    }
}

fn reason(expectation: &Value) -> Option<String> {
    let meta = expectation.get("meta");
    let notes = expectation.get("notes").or_else(|| meta.and_then(|meta| meta.get("notes")))?;
    match notes.get("content").unwrap_or(notes) {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

/// One expectation.
struct One<'a> {
    what: String,
    kind: &'a str,
    severity: &'static str,
    reason: Option<String>,
    arguments: Map<String, Value>,
}

impl One<'_> {
    fn get(&self, key: &str) -> Value {
        self.arguments.get(key).cloned().unwrap_or_default()
    }

    fn is_true(&self, key: &str) -> bool {
        self.get(key) == Value::Bool(true)
    }

    fn bounds(&self) -> Value {
        json!([self.get("min_value"), self.get("max_value")])
    }

    /// Adds a check that says `key: value`, of the column of the expectation if it has one.
    fn add(&self, imported: &mut Imported, key: &str, value: Value) {
        let subject = match self.get("column") {
            Value::String(column) => column,
            _ => "table".to_owned(),
        };
        let mostly = self.get("mostly");
        // Their default for every row check.
        let mostly = if mostly.as_f64() == Some(1.0) { Value::Null } else { mostly };
        let mut check = Map::new();
        check.insert(key.to_owned(), value);
        check.insert("column".into(), self.get("column"));
        check.insert("mostly".into(), mostly);
        check.insert("severity".into(), json!(self.severity));
        check.insert("reason".into(), json!(self.reason));
        imported.add(&self.what, &format!("{subject}-{key}"), Value::Object(check));
    }

    fn carry(&self, imported: &mut Imported) {
        if !self.get("row_condition").is_null() {
            return imported.leave(&self.what, "its `row_condition` is not SQL; write it as `where`");
        }
        for key in ["ignore_row_if", "parse_strings_as_datetimes", "output_strftime_format"] {
            let value = self.get(key);
            let usual = value.is_null()
                || value == Value::Bool(false)
                || matches!(value.as_str(), Some("either_value_is_missing" | "any_value_is_missing"));
            // Both values missing is their default for pairs; ours is either of them.
            if !usual && value.as_str() != Some("both_values_are_missing") {
                return imported.leave(&self.what, &format!("`{key}: {value}` has no counterpart"));
            }
        }
        if let Some(key) = rename(self.kind) {
            return self.add(imported, key, self.plain());
        }
        self.carry_others(imported);
    }

    /// The value of an expectation that has a kind of ours of the same meaning.
    fn plain(&self) -> Value {
        match self.kind {
            kind if kind.ends_with("_in_set")
                || kind.contains("equal_set")
                || kind.contains("contain_set") =>
            {
                self.get("value_set")
            }
            kind if kind.ends_with("match_regex") => self.get("regex"),
            kind if kind.ends_with("strftime_format") => self.get("strftime_format"),
            kind if kind.ends_with("json_parseable") => json!("json"),
            kind if kind.ends_with("increasing") || kind.ends_with("decreasing") => {
                if self.is_true("strictly") { json!("strictly") } else { json!(true) }
            }
            kind if kind.contains("_count_to_be") || kind.contains("lengths_to_be") => {
                json!([whole(self.get("min_value")), whole(self.get("max_value"))])
            }
            kind if kind.ends_with("_between") => self.bounds(),
            kind if kind.ends_with("_to_equal") || kind.ends_with("lengths_to_equal") => {
                let exact = whole(self.get("value"));
                json!([exact, exact])
            }
            kind if kind.ends_with("ordered_list") => self.get("column_list"),
            _ => json!(true),
        }
    }

    fn carry_others(&self, imported: &mut Imported) {
        let list = |key: &str| self.get(key).as_array().cloned().unwrap_or_default();
        match self.kind {
            "expect_column_values_to_be_between" => self.between(imported),
            kind if kind.starts_with("expect_column_") && measure(kind).is_some() => {
                if self.is_true("strict_min") || self.is_true("strict_max") {
                    return imported.leave(&self.what, "bounds that do not belong to it have no counterpart");
                }
                self.add(imported, measure(kind).unwrap_or_default(), self.bounds());
            }
            "expect_column_proportion_of_non_null_values_to_be_between" => {
                let share = |key: &str| self.get(key).as_f64().map(|share| 1.0 - share);
                self.add(imported, "null_share", json!([share("max_value"), share("min_value")]));
            }
            "expect_column_quantile_values_to_be_between" => {
                let ranges = fields(&self.get("quantile_ranges"));
                let part = |key: &str| ranges.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
                for (at, between) in part("quantiles").into_iter().zip(part("value_ranges")) {
                    self.add(imported, "quantile", json!({ "at": at, "between": between }));
                }
            }
            "expect_column_values_to_match_regex_list" | "expect_column_values_to_not_match_regex_list" => {
                let all = self.get("match_on").as_str() == Some("all");
                let patterns = list("regex_list");
                let key = if self.kind.contains("not_match") { "not_matches" } else { "matches" };
                if all && key == "matches" {
                    for pattern in patterns {
                        self.add(imported, key, pattern);
                    }
                } else {
                    let any: Vec<String> =
                        patterns.iter().filter_map(Value::as_str).map(|one| format!("(?:{one})")).collect();
                    self.add(imported, key, json!(any.join("|")));
                }
            }
            "expect_column_value_z_scores_to_be_less_than" => {
                if self.get("double_sided") == Value::Bool(false) {
                    return imported.leave(&self.what, "one-sided scores have no counterpart");
                }
                self.add(imported, "z_score", self.get("threshold"));
            }
            "expect_column_values_to_be_of_type" | "expect_column_values_to_be_in_type_list" => {
                let types = match self.get("type_") {
                    Value::Null => list("type_list"),
                    one => vec![one],
                };
                let mut ours: Vec<&str> =
                    types.iter().filter_map(Value::as_str).filter_map(type_of).collect();
                ours.dedup();
                if ours.is_empty() {
                    return imported.leave(&self.what, &format!("no type here is like {types:?}"));
                }
                self.add(imported, "type_in", json!(ours));
            }
            "expect_column_to_exist" => {
                self.table(imported, "columns_exist", json!([self.get("column")]));
            }
            "expect_compound_columns_to_be_unique" => self.table(imported, "unique", self.get("column_list")),
            "expect_multicolumn_sum_to_equal" => {
                let total = self.get("sum_total");
                let sum = json!({ "columns": self.get("column_list"), "between": [total, total] });
                self.table(imported, "row_sum", sum);
            }
            "expect_column_pair_values_a_to_be_greater_than_b" => {
                let sign = if self.is_true("or_equal") { ">=" } else { ">" };
                self.table(imported, "compare", json!([self.get("column_A"), sign, self.get("column_B")]));
            }
            "expect_column_pair_values_to_be_equal" => {
                self.table(imported, "compare", json!([self.get("column_A"), "=", self.get("column_B")]));
            }
            "expect_column_pair_values_to_be_in_set" => {
                let columns = [self.get("column_A"), self.get("column_B")];
                let pairs = json!({ "columns": columns, "values": self.get("value_pairs_set") });
                self.table(imported, "pair_in_set", pairs);
            }
            "expect_table_columns_to_match_set" => {
                let exactly = self.get("exact_match") != Value::Bool(false);
                let key = if exactly { "columns_are" } else { "columns_exist" };
                self.table(imported, key, self.get("column_set"));
            }
            "expect_table_row_count_to_equal_other_table" => {
                let other = json!({ "source": self.get("other_table_name"), "share": [1, 1] });
                self.table(imported, "rows_as_in", other);
            }
            _ => imported.leave(&self.what, "there is no check of that kind here"),
        }
    }

    /// A check whose value names its columns.
    fn table(&self, imported: &mut Imported, key: &str, value: Value) {
        let mut arguments = self.arguments.clone();
        arguments.remove("column");
        let one = One {
            what: self.what.clone(),
            kind: self.kind,
            severity: self.severity,
            reason: self.reason.clone(),
            arguments,
        };
        one.add(imported, key, value);
    }

    /// A bound that does not belong to the range becomes a second check, that no value is equal to it.
    fn between(&self, imported: &mut Imported) {
        let excluded: Vec<Value> = [("strict_min", "min_value"), ("strict_max", "max_value")]
            .into_iter()
            .filter(|(strict, _)| self.is_true(strict))
            .map(|(_, bound)| self.get(bound))
            .filter(|bound| !bound.is_null())
            .collect();
        if !excluded.is_empty() && self.get("mostly").as_f64().is_some_and(|mostly| mostly < 1.0) {
            return imported.leave(&self.what, "`mostly` with bounds that do not belong to it");
        }
        self.add(imported, "between", self.bounds());
        if !excluded.is_empty() {
            self.add(imported, "not_in_set", json!(excluded));
        }
    }
}

/// A count as a whole number: releases from 1.0 on write `5` as `5.0`.
fn whole(value: Value) -> Value {
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "counts of rows, columns and letters")]
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => json!(number as i64),
        _ => value,
    }
}

fn rename(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "expect_column_values_to_not_be_null" => "not_null",
        "expect_column_values_to_be_null" => "is_null",
        "expect_column_values_to_be_in_set" | "expect_column_distinct_values_to_be_in_set" => "in_set",
        "expect_column_values_to_not_be_in_set" => "not_in_set",
        "expect_column_values_to_match_regex" => "matches",
        "expect_column_values_to_not_match_regex" => "not_matches",
        "expect_column_values_to_match_strftime_format" | "expect_column_values_to_be_json_parseable" => {
            "parses"
        }
        "expect_column_value_lengths_to_be_between" | "expect_column_value_lengths_to_equal" => "length",
        "expect_column_values_to_be_unique" => "unique",
        "expect_column_values_to_be_increasing" => "increasing",
        "expect_column_values_to_be_decreasing" => "decreasing",
        "expect_column_distinct_values_to_equal_set" => "distinct_equal",
        "expect_column_distinct_values_to_contain_set" => "distinct_contain",
        "expect_column_most_common_value_to_be_in_set" => "most_common_in",
        "expect_table_row_count_to_be_between" | "expect_table_row_count_to_equal" => "row_count",
        "expect_table_column_count_to_be_between" | "expect_table_column_count_to_equal" => "column_count",
        "expect_table_columns_to_match_ordered_list" => "columns_in_order",
        _ => return None,
    })
}

fn measure(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "expect_column_min_to_be_between" => "min",
        "expect_column_max_to_be_between" => "max",
        "expect_column_mean_to_be_between" => "mean",
        "expect_column_median_to_be_between" => "median",
        "expect_column_stdev_to_be_between" => "stdev",
        "expect_column_sum_to_be_between" => "sum",
        "expect_column_unique_value_count_to_be_between" => "distinct",
        "expect_column_proportion_of_unique_values_to_be_between" => "unique_share",
        _ => return None,
    })
}
