//! Words and tables on the terminal. A reader that has gone away is no failure.

use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value;

/// Prints a line on standard output.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints what went wrong.
pub(crate) fn error(text: &str) {
    note(&format!("{} {text}", paint("error:", "1;31")));
}

/// Prints what to do about it.
pub(crate) fn hint(text: &str) {
    note(&format!("{} {text}", paint("hint:", "1;36")));
}

/// Prints JSON for programs.
pub(crate) fn json(value: &Value) {
    line(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()));
}

/// Text in bold, where the terminal can show it.
pub(crate) fn bold(text: &str) -> String {
    paint(text, "1")
}

/// Text in grey, where the terminal can show it.
pub(crate) fn faint(text: &str) -> String {
    paint(text, "2")
}

fn paint(text: &str, code: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}

/// A column of a table: its title, and where its value stands in an item.
pub(crate) struct Column {
    title: &'static str,
    path: &'static str,
}

/// The columns of a table, as pairs of title and path such as `("rows", "metric.rows")`.
pub(crate) fn columns(pairs: &[(&'static str, &'static str)]) -> Vec<Column> {
    pairs.iter().map(|(title, path)| Column { title, path }).collect()
}

/// Prints items as a table, or why there are none.
pub(crate) fn table(items: &[Value], columns: &[Column], if_empty: &str) {
    if items.is_empty() {
        return line(&faint(if_empty));
    }
    let rows: Vec<Vec<Value>> =
        items.iter().map(|item| columns.iter().map(|column| at(item, column.path)).collect()).collect();
    grid(&columns.iter().map(|column| column.title.to_owned()).collect::<Vec<_>>(), &rows);
}

/// Prints rows of values as a table; numbers stand to the right.
pub(crate) fn grid(titles: &[String], rows: &[Vec<Value>]) {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(titles);
    for (index, column) in table.column_iter_mut().enumerate() {
        let mut cells =
            rows.iter().filter_map(|row: &Vec<Value>| row.get(index)).filter(|cell| !cell.is_null());
        if cells.clone().next().is_some() && cells.all(Value::is_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in rows {
        table.add_row(row.iter().map(text));
    }
    line(&table.to_string());
}

/// Prints facts, a line each, with their names in a column of their own.
pub(crate) fn facts(facts: &[(&str, String)]) {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        line(&format!("{}  {fact}", faint(&format!("{name:width$}"))));
    }
}

/// The value at a path such as `metric.value`; null where there is none.
pub(crate) fn at(item: &Value, path: &str) -> Value {
    path.split('.').try_fold(item, |value, key| value.get(key)).cloned().unwrap_or_default()
}

/// The text at a path, for people.
pub(crate) fn text_at(item: &Value, path: &str) -> String {
    text(&at(item, path))
}

/// A value for people: times to the second, numbers with few digits, nothing for null.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => short_time(text).unwrap_or_else(|| text.clone()),
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => short_number(real),
            _ => number.to_string(),
        },
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A number with the digits that matter.
pub(crate) fn short_number(number: f64) -> String {
    let digits = match number.abs() {
        huge if huge >= 1e12 => return format!("{number:.2e}"),
        large if large >= 1_000.0 => 0,
        medium if medium >= 10.0 => 1,
        small if small >= 0.001 || small == 0.0 => 3,
        _ => return format!("{number:.2e}"),
    };
    format!("{number:.digits$}")
}

fn short_time(text: &str) -> Option<String> {
    let time = base::Timestamp::parse(text).ok().filter(|_| text.len() >= 20 && text.contains('T'))?;
    let full = time.to_string();
    Some(full.get(..16)?.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(text(&serde_json::json!(1234.567)), "1235");
        assert_eq!(text(&serde_json::json!(0.12345)), "0.123");
        assert_eq!(text(&serde_json::json!("2013-10-02T09:00:00Z")), "2013-10-02 09:00");
        assert_eq!(text(&serde_json::json!({"champion": 2})), "champion=2");
    }
}
