//! Tables as comma-separated values (RFC 4180), with a header line.

use serde_json::Value;

use crate::problem::Problem;

/// The rows of a table, the header line first.
pub(super) fn read(text: &str) -> Result<Vec<Vec<String>>, Problem> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    if quoted {
        return Err(Problem::invalid("invalid_body", "a quoted cell does not end"));
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    Ok(rows)
}

/// A cell as a value: empty is missing, and a number is a number where the model takes one.
pub(super) fn value(cell: String, number: bool) -> Value {
    if cell.is_empty() || (number && matches!(cell.as_str(), "nan" | "NaN" | "NA" | "null")) {
        return Value::Null;
    }
    if number {
        if let Ok(whole) = cell.parse::<i64>() {
            return Value::from(whole);
        }
        if let Some(real) = cell.parse().ok().and_then(serde_json::Number::from_f64) {
            return Value::Number(real);
        }
        match cell.as_str() {
            "true" | "True" => return Value::Bool(true),
            "false" | "False" => return Value::Bool(false),
            _ => {}
        }
    }
    Value::String(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_be_quoted_and_hold_commas_and_lines() {
        let rows = read("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n,\n").unwrap();
        assert_eq!(rows, [vec!["a", "b"], vec!["1", "x, \"y\"\nz"], vec!["", ""]]);
        assert_eq!(read("a\n1").unwrap().len(), 2);
        assert!(read("a\n\"1").is_err());
    }

    #[test]
    fn numbers_are_numbers_only_where_the_model_takes_them() {
        assert_eq!(value("7".into(), true), 7);
        assert_eq!(value("7.5".into(), true), 7.5);
        assert_eq!(value("7".into(), false), "7");
        assert_eq!(value("x".into(), true), "x");
        assert_eq!(value("NaN".into(), true), Value::Null);
    }
}
