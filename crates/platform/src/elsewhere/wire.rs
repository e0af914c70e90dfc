//! Rows as JSON objects to a table.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tables::{Table, Values};

use super::unusable;
use crate::Error;

/// Columns of whole numbers; JSON does not tell whole numbers from others, and all others are real.
const WHOLE: [&str; 2] = ["version", "latency_us"];

/// The rows as a table. A column has one kind of value: numbers, words, or true and false; what a row lacks, and
/// null, is missing.
///
/// # Errors
/// [`Error::RowsUnusable`] with the name of a column whose values are of two kinds, or lists, or objects.
pub fn table_of_json(model: &str, rows: &[Map<String, Value>]) -> Result<Table, Error> {
    let mut names: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut columns: Vec<Option<Values>> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        for (name, value) in row {
            let place = *places.entry(name).or_insert_with(|| {
                names.push(name);
                columns.push(None);
                columns.len() - 1
            });
            if value.is_null() {
                continue;
            }
            let Some(column) = columns.get_mut(place) else { continue };
            let column = match column {
                Some(column) => column,
                None => column.insert(empty_for(model, name, value, rows.len())?),
            };
            set(column, number, value)
                .ok_or_else(|| unusable(model, name, format!("row {number} has {}", kind_of(value))))?;
        }
    }
    let columns = names
        .iter()
        .zip(columns)
        .map(|(name, values)| {
            let missing = || Values::missing(tables::ColumnType::Real, rows.len());
            ((*name).to_owned(), values.unwrap_or_else(missing))
        })
        .collect();
    Ok(Table::from_columns(columns)?)
}

fn empty_for(model: &str, name: &str, value: &Value, rows: usize) -> Result<Values, Error> {
    let kind = match value {
        Value::Number(_) if WHOLE.contains(&name) => tables::ColumnType::Int,
        Value::Number(_) => tables::ColumnType::Real,
        Value::String(_) => tables::ColumnType::Text,
        Value::Bool(_) => tables::ColumnType::Bool,
        _ => return Err(unusable(model, name, format!("a value is {}", kind_of(value)))),
    };
    Ok(Values::missing(kind, rows))
}

fn set(column: &mut Values, row: usize, value: &Value) -> Option<()> {
    match (column, value) {
        (Values::Int(values), Value::Number(number)) => *values.get_mut(row)? = Some(number.as_i64()?),
        (Values::Real(values), Value::Number(number)) => *values.get_mut(row)? = Some(number.as_f64()?),
        (Values::Text(values), Value::String(text)) => *values.get_mut(row)? = Some(text.clone()),
        (Values::Bool(values), Value::Bool(value)) => *values.get_mut(row)? = Some(*value),
        _ => return None,
    }
    Some(())
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false, the rows before it do not",
        Value::Number(_) => "a number, the rows before it do not",
        Value::String(_) => "a text, the rows before it do not",
        Value::Array(_) => "a list; send each of its values as a column",
        Value::Object(_) => "an object; send each of its fields as a column",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(value: Value) -> Vec<Map<String, Value>> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_column_has_the_kind_of_its_values() {
        let table = table_of_json(
            "m",
            &rows(json!([{"a": 1, "b": "x", "version": 2}, {"c": true, "a": null}, {"a": 2.5}])),
        )
        .unwrap();
        assert_eq!(table.column("a").unwrap(), Values::Real(vec![Some(1.0), None, Some(2.5)]));
        assert_eq!(table.column("version").unwrap(), Values::Int(vec![Some(2), None, None]));
        assert_eq!(table.column("c").unwrap(), Values::Bool(vec![None, Some(true), None]));
    }

    #[test]
    fn a_column_of_two_kinds_is_named() {
        let error = table_of_json("m", &rows(json!([{"a": 1}, {"a": "x"}]))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `a` of the rows of `m` cannot be used: row 1 has a text, the rows before it do not"
        );
        assert!(table_of_json("m", &rows(json!([{"a": [1]}]))).is_err());
    }
}
