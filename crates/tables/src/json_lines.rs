//! JSON lines to tables: one object a line, columns by name, every error with its line.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};

use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};

use crate::csv_file::parse_time;
use crate::{ColumnType, CsvOptions, Error, Result, Table, Values};

/// The most columns of one file.
const MOST_COLUMNS: usize = 10_000;

/// Reads JSON lines from memory; gzip is recognised by its content, `name` stands for the file in errors. Of the options,
/// the limits and the known columns count.
///
/// A column is whole numbers, real numbers (also where both kinds of numbers occur), truth values, times (texts that are
/// all RFC 3339 or dates) or text; what is missing or null is missing. Lists and objects are kept as their JSON text. A
/// line that holds another kind of value than the lines before is an error rather than a guess.
///
/// # Errors
/// [`Error::Csv`] names the line, counted from 1, and the column where one is at fault.
pub fn read_json_lines_bytes(name: &str, bytes: &[u8], options: &CsvOptions) -> Result<Table> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read(name, BufReader::new(MultiGzDecoder::new(bytes)), options)
    } else {
        read(name, bytes, options)
    }
}

/// The values of a column so far.
struct Gathered {
    name: String,
    known: Option<ColumnType>,
    kind: Option<ColumnType>,
    values: Vec<Value>,
}

fn read(file: &str, source: impl BufRead, options: &CsvOptions) -> Result<Table> {
    let broken = |line: u64, column: Option<&str>, problem: String| Error::Csv {
        file: file.to_owned(),
        line,
        column: column.map(str::to_owned),
        problem,
    };
    let too_large = |limit: String| Error::TooLarge { what: file.to_owned(), limit };
    let mut source = source.take(options.max_bytes.saturating_add(1));
    let mut columns: Vec<Gathered> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut rows, mut line, mut read, mut text) = (0_usize, 0_u64, 0_u64, Vec::new());
    loop {
        text.clear();
        line += 1;
        let count = source
            .read_until(b'\n', &mut text)
            .map_err(|error| broken(line, None, format!("it cannot be read: {error}")))?;
        if count == 0 {
            break;
        }
        read += count as u64;
        if read > options.max_bytes {
            return Err(too_large(format!("{} bytes", options.max_bytes)));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if rows == options.max_rows {
            return Err(too_large(format!("{} rows", options.max_rows)));
        }
        let object: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| broken(line, None, format!("it is no JSON object: {error}")))?;
        for (name, value) in object {
            let place = match places.get(&name) {
                Some(place) => *place,
                None if columns.len() == MOST_COLUMNS => {
                    return Err(too_large(format!("{MOST_COLUMNS} columns")));
                }
                None => {
                    let known =
                        options.known.as_ref().and_then(|known| known.find(&name)).map(|known| known.kind);
                    places.insert(name.clone(), columns.len());
                    columns.push(Gathered { name: name.clone(), known, kind: None, values: Vec::new() });
                    columns.len() - 1
                }
            };
            let Some(column) = columns.get_mut(place) else { continue };
            if column.values.len() > rows {
                return Err(broken(line, Some(&name), "it is there twice".to_owned()));
            }
            column.push(rows, value).map_err(|problem| broken(line, Some(&name), problem))?;
        }
        rows += 1;
    }
    if rows == 0 {
        return Err(broken(1, None, "there is no row in it".to_owned()));
    }
    Table::from_columns(columns.into_iter().map(|column| column.finish(rows)).collect())
}

impl Gathered {
    fn push(&mut self, row: usize, value: Value) -> std::result::Result<(), String> {
        self.values.resize(row, Value::Null);
        let value = match value {
            Value::Array(_) | Value::Object(_) => Value::String(value.to_string()),
            plain => plain,
        };
        if !value.is_null() {
            let found = match &value {
                Value::Bool(_) => ColumnType::Bool,
                Value::Number(number) if number.is_i64() => ColumnType::Int,
                Value::Number(_) => ColumnType::Real,
                _ => ColumnType::Text,
            };
            let before = self.kind.unwrap_or(found);
            self.kind = Some(match (before, found) {
                (before, found) if before == found => found,
                (ColumnType::Int, ColumnType::Real) | (ColumnType::Real, ColumnType::Int) => ColumnType::Real,
                (before, found) => {
                    return Err(format!("it holds {found} here and {before} in a line before"));
                }
            });
            self.fits(&value)?;
        }
        self.values.push(value);
        Ok(())
    }

    /// Whether a value is of the type that the column is known to have.
    fn fits(&self, value: &Value) -> std::result::Result<(), String> {
        let Some(known) = self.known else { return Ok(()) };
        let fits = match known {
            ColumnType::Int => value.is_i64(),
            ColumnType::Real => value.is_number(),
            ColumnType::Bool => value.is_boolean(),
            ColumnType::Time => value.as_str().is_some_and(|text| parse_time(text).is_some()),
            ColumnType::Text => value.is_string(),
        };
        let shown: String = value.to_string().chars().take(60).collect();
        if fits { Ok(()) } else { Err(format!("`{shown}` is none of {known}")) }
    }

    fn finish(mut self, rows: usize) -> (String, Values) {
        self.values.resize(rows, Value::Null);
        let time = |value: &Value| value.as_str().and_then(parse_time);
        let kind = self.known.or(self.kind).unwrap_or(ColumnType::Text);
        let all_times = kind == ColumnType::Text
            && self.known.is_none()
            && self.kind.is_some()
            && self.values.iter().all(|value| value.is_null() || time(value).is_some());
        let values = match if all_times { ColumnType::Time } else { kind } {
            ColumnType::Int => Values::Int(self.values.iter().map(Value::as_i64).collect()),
            ColumnType::Real => Values::Real(self.values.iter().map(Value::as_f64).collect()),
            ColumnType::Bool => Values::Bool(self.values.iter().map(Value::as_bool).collect()),
            ColumnType::Time => Values::Time(self.values.iter().map(time).collect()),
            ColumnType::Text => {
                Values::Text(self.values.iter().map(|value| value.as_str().map(str::to_owned)).collect())
            }
        };
        (self.name, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table> {
        read_json_lines_bytes("a.jsonl", text.as_bytes(), &CsvOptions::default())
    }

    #[test]
    fn types_follow_from_all_lines_and_what_is_absent_is_missing() {
        let table = parse(
            "{\"n\": 1, \"x\": 1, \"at\": \"2026-01-02\", \"w\": \"a\", \"ok\": true}\n\n\
             {\"n\": null, \"x\": 1.5, \"at\": \"2026-01-02T03:00:00Z\", \"list\": [1, 2]}\n",
        )
        .unwrap();
        assert_eq!(table.column("n").unwrap(), Values::Int(vec![Some(1), None]));
        assert_eq!(table.column("x").unwrap(), Values::Real(vec![Some(1.0), Some(1.5)]));
        assert!(
            matches!(table.column("at").unwrap(), Values::Time(times) if times.iter().all(Option::is_some))
        );
        assert_eq!(table.column("list").unwrap(), Values::Text(vec![None, Some("[1,2]".into())]));
        assert_eq!(table.column("ok").unwrap(), Values::Bool(vec![Some(true), None]));
    }

    #[test]
    fn what_does_not_fit_is_named_by_line_and_column() {
        for (text, told) in [
            ("{\"a\": 1}\n{\"a\": \"x\"}\n", "a.jsonl: line 2, column `a`: it holds text here"),
            ("{\"a\": 1}\n[1]\n", "a.jsonl: line 2: it is no JSON object"),
            ("{\"a\": 1\n", "a.jsonl: line 1: it is no JSON object"),
            ("\n\n", "a.jsonl: line 1: there is no row in it"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
        let known = Table::from_columns(vec![("a".into(), Values::Int(vec![Some(1)]))]).unwrap();
        let options = CsvOptions { known: Some(known.schema().clone()), ..CsvOptions::default() };
        let error = read_json_lines_bytes("a.jsonl", b"{\"a\": 1.5}\n", &options).unwrap_err().to_string();
        assert!(error.contains("line 1, column `a`: `1.5` is none of whole numbers"), "{error}");
    }

    #[test]
    fn limits_hold_after_decompression() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all("{\"a\": 1}\n".repeat(1_000).as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let read = |options: CsvOptions| read_json_lines_bytes("a.gz", &packed, &options);
        assert_eq!(read(CsvOptions::default()).unwrap().row_count(), 1_000);
        assert!(matches!(
            read(CsvOptions { max_rows: 999, ..CsvOptions::default() }),
            Err(Error::TooLarge { .. })
        ));
        assert!(matches!(
            read(CsvOptions { max_bytes: 99, ..CsvOptions::default() }),
            Err(Error::TooLarge { .. })
        ));
    }
}
