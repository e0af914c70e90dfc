//! What is decided without a scan: schemas, forms of texts, the usual number of rows.

use base::names::nearest;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use tables::{Column, ColumnType, Schema};

use crate::check::{Change, Check, CheckKind, Form, Scalar};

/// Whether a text can be read in a form.
pub(crate) fn parses(form: &Form, text: &str) -> bool {
    match form {
        Form::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
        // A format without a day or without a time of day is as good as one with both.
        Form::Time(format) => {
            chrono::DateTime::parse_from_str(text, format).is_ok()
                || NaiveDateTime::parse_from_str(text, format).is_ok()
                || NaiveDate::parse_from_str(text, format).is_ok()
                || NaiveTime::parse_from_str(text, format).is_ok()
        }
    }
}

/// The median of some counts, the lower one of two; none without any.
pub(crate) fn median(counts: &[u64]) -> Option<u64> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// What was found about the different values of a column; `away` is how many lack or are strange.
pub(crate) fn distinct_words(column: &str, values: &[Scalar], exactly: bool, away: f64) -> String {
    let given = values.len();
    match (away == 0.0, exactly) {
        (true, true) => format!("the values of `{column}` are exactly the {given} expected"),
        (true, false) => format!("all {given} values expected are in `{column}`"),
        (false, true) => {
            format!("{away} values are lacking in `{column}` or not among the {given} expected")
        }
        (false, false) => format!("{away} of the {given} values expected are lacking in `{column}`"),
    }
}

/// Whether a check of the schema holds, what was found, and the sentence; nothing for other kinds.
pub(crate) fn of_schema(check: &Check, schema: &Schema) -> Option<(bool, String, String)> {
    Some(match &check.kind {
        CheckKind::ColumnsExist { columns } => columns_exist(columns, schema),
        CheckKind::OfType { column, of_type } => of_types(column, &[*of_type], schema),
        CheckKind::OfTypes { column, of_types: types } => of_types(column, types, schema),
        CheckKind::ColumnsAre { columns, in_order } => columns_are(columns, *in_order, schema),
        CheckKind::ColumnCount { bounds } => {
            let count = schema.columns.len() as u64;
            let message = format!("the table has {count} columns; expected {bounds}");
            (bounds.hold(&count), format!("{count} columns"), message)
        }
        CheckKind::Shape { columns, allow } => {
            let wrong = changes(columns, allow, schema);
            if wrong.is_empty() {
                let message = format!("the schema is as expected, with {} columns", schema.columns.len());
                (true, "as expected".to_owned(), message)
            } else {
                (
                    false,
                    format!("{} changes", wrong.len()),
                    format!("the schema has changed: {}", wrong.join("; ")),
                )
            }
        }
        _ => return None,
    })
}

fn columns_exist(columns: &[String], schema: &Schema) -> (bool, String, String) {
    let missing: Vec<&str> =
        columns.iter().map(String::as_str).filter(|name| schema.find(name).is_none()).collect();
    if missing.is_empty() {
        return (true, "all there".to_owned(), format!("all {} columns are there", columns.len()));
    }
    let list = missing.join("`, `");
    let near = missing.first().and_then(|name| nearest(name, schema.names()));
    let near = near.map(|near| format!(" (there is `{near}`)")).unwrap_or_default();
    (false, format!("missing: {}", missing.join(", ")), format!("missing columns: `{list}`{near}"))
}

fn of_types(column: &str, types: &[ColumnType], schema: &Schema) -> (bool, String, String) {
    let found = schema.find(column).map(|column| column.kind);
    let observed = found.map(|kind| kind.to_string()).unwrap_or_default();
    let expected: Vec<String> = types.iter().map(ToString::to_string).collect();
    let message = format!("column `{column}` holds {observed}; expected {}", expected.join(" or "));
    (found.is_some_and(|kind| types.contains(&kind)), observed, message)
}

fn columns_are(columns: &[String], in_order: bool, schema: &Schema) -> (bool, String, String) {
    let found: Vec<&str> = schema.names().collect();
    let missing: Vec<&str> =
        columns.iter().map(String::as_str).filter(|name| !found.contains(name)).collect();
    let strange: Vec<&str> =
        found.iter().copied().filter(|name| !columns.iter().any(|column| column == name)).collect();
    let mut wrong = Vec::new();
    if !missing.is_empty() {
        wrong.push(format!("missing `{}`", missing.join("`, `")));
    }
    if !strange.is_empty() {
        wrong.push(format!("not expected `{}`", strange.join("`, `")));
    }
    let out_of_place = found.iter().zip(columns).find(|(found, column)| **found != column.as_str());
    if let (true, true, Some((found, column))) = (in_order, wrong.is_empty(), out_of_place) {
        wrong.push(format!("`{found}` stands where `{column}` was expected"));
    }
    if wrong.is_empty() && found.len() == columns.len() {
        return (
            true,
            format!("{} columns", found.len()),
            format!("the {} columns are as expected", found.len()),
        );
    }
    (false, wrong.join(", "), format!("the columns are not as expected: {}", wrong.join(", ")))
}

/// What changed from the columns expected that is not allowed.
fn changes(columns: &[Column], allow: &[Change], schema: &Schema) -> Vec<String> {
    let may = |change| allow.contains(&change);
    let mut wrong = Vec::new();
    for column in columns {
        match schema.find(&column.name) {
            None if may(Change::MissingColumns) => {}
            None => wrong.push(format!("column `{}` is missing", column.name)),
            Some(found) if found.kind == column.kind => {}
            Some(found)
                if may(Change::WiderNumbers)
                    && (column.kind, found.kind) == (ColumnType::Int, ColumnType::Real) => {}
            Some(found) => {
                wrong.push(format!("column `{}` holds {}, not {}", column.name, found.kind, column.kind));
            }
        }
    }
    let known = |name: &str| columns.iter().any(|column| column.name == name);
    if !may(Change::NewColumns) {
        wrong
            .extend(schema.names().filter(|name| !known(name)).map(|name| format!("column `{name}` is new")));
    }
    let expected: Vec<&str> = columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| schema.find(name).is_some())
        .collect();
    let found: Vec<&str> = schema.names().filter(|name| known(name)).collect();
    if expected != found && !may(Change::Order) {
        wrong.push("the columns come in another order".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_their_form() {
        let day = Form::Time("%Y-%m-%d".into());
        assert!(parses(&day, "2024-02-29") && !parses(&day, "2023-02-29") && !parses(&day, "2024-02-29 x"));
        assert!(parses(&Form::Time("%H:%M".into()), "23:59"));
        assert!(parses(&Form::Json, r#"{"a": [1]}"#) && !parses(&Form::Json, "{'a': 1}"));
    }

    #[test]
    fn the_usual_number_of_rows_is_the_median() {
        assert_eq!(
            [median(&[]), median(&[7]), median(&[9, 1, 5]), median(&[4, 8])],
            [None, Some(7), Some(5), Some(4)]
        );
    }
}
