//! Suites of other tools, as checks; what cannot be carried is said.

mod great_expectations;
mod pandera;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Check;

pub use great_expectations::great_expectations;
pub use pandera::pandera;

/// What came of a suite.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Imported {
    /// What was carried.
    pub checks: Vec<Check>,
    /// What was not, a sentence each.
    pub left: Vec<String>,
}

impl Imported {
    /// Adds a check as it would be written; one that is refused is left, with the reason.
    fn add(&mut self, what: &str, id: &str, fields: Value) {
        let Value::Object(mut fields) = fields else { return };
        fields.retain(|_, value| !value.is_null());
        fields.insert("id".into(), json!(name(id, &self.checks)));
        match serde_json::from_value::<Check>(Value::Object(fields)) {
            Ok(check) => self.checks.push(check),
            Err(error) => self.leave(what, &error.to_string()),
        }
    }

    fn leave(&mut self, what: &str, why: &str) {
        self.left.push(format!("{what}: {why}"));
    }
}

/// A name for a check that no other has, of characters that names may have.
pub(crate) fn name(wanted: &str, others: &[Check]) -> String {
    let plain: String =
        wanted.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let plain = plain.trim_matches(|c| c == '-' || c == '_');
    let plain: String = plain.chars().take(80).collect();
    let plain = if plain.is_empty() { "check".to_owned() } else { plain };
    let taken = |name: &str| others.iter().any(|check| check.id == name);
    let mut name = plain.clone();
    let mut number = 2;
    while taken(&name) {
        name = format!("{plain}-{number}");
        number += 1;
    }
    name
}

/// The fields of an object; none for anything else.
fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Our name of a type of pandas, NumPy, Python or SQL.
fn type_of(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    match word.as_str() {
        word if word.starts_with("bool") => Some("bool"),
        _ if has(&["datetime", "timestamp", "date"]) => Some("time"),
        word if word.starts_with("int") || word.starts_with("uint") || word == "bigint" => Some("int"),
        _ if has(&["float", "double", "decimal", "numeric", "real"]) => Some("real"),
        _ if has(&["str", "object", "varchar", "text", "char"]) => Some("text"),
        _ => None,
    }
}
