//! `export runs`: runs, and the histories of their metrics, as CSV, JSON lines or Parquet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tables::{Table, Values};

use super::list::{Listing, cell, page};
use crate::client::Client;
use crate::output::{self, text_at};
use crate::progress;

/// Runs that are read at a time.
const PAGE: usize = 500;
/// Points of a history that are read at a time.
const HISTORY: usize = 25_000;
/// Rows of one Parquet file: it is made in memory.
const MOST_ROWS: usize = 5_000_000;

/// A form of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Json,
    /// Parquet.
    Parquet,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArguments {
    /// Only runs that fit.
    #[arg(default_value = "")]
    pub(crate) filter: String,
    /// The form of the file.
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    pub(crate) to: Form,
    /// The file; standard output when not given, except for Parquet.
    #[arg(long, short = 'o')]
    pub(crate) out: Option<PathBuf>,
    /// A second file, for every point of every metric of these runs: run, key, step, time, value.
    #[arg(long)]
    pub(crate) histories: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// Writes runs to a file.
pub(crate) async fn export(client: &Client, arguments: &ExportArguments) -> Result<()> {
    if arguments.to == Form::Parquet && arguments.out.is_none() {
        bail!("Parquet is not for the terminal: name a file with --out");
    }
    let names = column_names(client, arguments).await?;
    let mut runs = Sheet::open(arguments.to, arguments.out.as_deref(), &names)?;
    let mut histories = match &arguments.histories {
        Some(file) => {
            let names = ["run", "key", "step", "time", "value"].map(str::to_owned);
            Some(Sheet::open(arguments.to, Some(file), &names)?)
        }
        None => None,
    };
    let bar = progress::count("runs");
    let mut cursor = None;
    loop {
        let (items, next) = page(client, &arguments.filter, &arguments.listing, PAGE, cursor).await?;
        for run in &items {
            runs.row(names.iter().map(|name| cell(run, name)).collect())?;
            if let Some(histories) = &mut histories {
                points_of(client, run, arguments.listing.columns.is_some(), histories).await?;
            }
            bar.inc(1);
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    let written = runs.finish()?;
    let points = histories.map(Sheet::finish).transpose()?;
    if arguments.out.is_some() || points.is_some() {
        let and = points.map(|points| format!(" and {points} points")).unwrap_or_default();
        output::note(&format!("{written} runs{and} written"));
    }
    Ok(())
}

/// The columns: those chosen, or every metric, param and tag that one of the runs has.
async fn column_names(client: &Client, arguments: &ExportArguments) -> Result<Vec<String>> {
    let fixed = ["id", "name", "experiment_id", "status", "user", "start_time", "end_time"];
    let mut names: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
    if let Some(columns) = &arguments.listing.columns {
        names.extend(columns.split(',').map(|column| column.trim().to_owned()));
        return Ok(names);
    }
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut cursor = None;
    loop {
        let (items, next) = page(client, &arguments.filter, &arguments.listing, PAGE, cursor).await?;
        for run in &items {
            for (at, area) in ["metrics", "params", "tags"].iter().enumerate() {
                let keys = run.get(area).and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
                found.extend(keys.map(|key| (at, format!("{area}.{key}"))));
            }
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    names.extend(found.into_iter().map(|(_, name)| name));
    Ok(names)
}

/// Every point of every metric. A choice of columns leaves metrics out of the list, so the run is asked for by itself.
async fn points_of(client: &Client, run: &Value, chosen: bool, sheet: &mut Sheet) -> Result<()> {
    let id = text_at(run, "id");
    let whole;
    let run = if chosen {
        whole = client.get(&format!("/api/v1/runs/{id}")).await?;
        &whole
    } else {
        run
    };
    let keys = run.get("metrics").and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
    for key in keys {
        let mut token: Option<String> = None;
        loop {
            let query = [
                ("run_id", Some(id.clone())),
                ("metric_key", Some(key.clone())),
                ("max_results", Some(HISTORY.to_string())),
                ("page_token", token),
            ];
            let answer = client.get_with("/api/2.0/mlflow/metrics/get-history", &query).await?;
            for point in answer.get("metrics").and_then(Value::as_array).into_iter().flatten() {
                let of = |key: &str| point.get(key).cloned().unwrap_or_default();
                let time = of("timestamp").as_i64().map(base::Timestamp::from_millis);
                let time = time.map_or(Value::Null, |time| Value::from(time.to_string()));
                sheet.row(vec![json!(id), json!(key), of("step"), time, of("value")])?;
            }
            token = answer.get("next_page_token").and_then(Value::as_str).map(str::to_owned);
            if token.as_ref().is_none_or(String::is_empty) {
                break;
            }
        }
    }
    Ok(())
}

/// Rows on their way to a file. CSV and JSON are written as they come; Parquet is made at the end.
struct Sheet {
    form: Form,
    names: Vec<String>,
    out: Box<dyn Write>,
    held: Vec<Vec<Value>>,
    rows: usize,
    /// The file under its unfinished name, and the name that it gets when it is whole.
    files: Option<(PathBuf, PathBuf)>,
}

impl Sheet {
    fn open(form: Form, file: Option<&Path>, names: &[String]) -> Result<Self> {
        let files = file.map(|file| (file.with_added_extension("part"), file.to_owned()));
        let mut out: Box<dyn Write> = match &files {
            Some((part, _)) => {
                let opened =
                    File::create(part).with_context(|| format!("{} cannot be written", part.display()))?;
                Box::new(BufWriter::new(opened))
            }
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        if form == Form::Csv {
            writeln!(out, "{}", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","))?;
        }
        Ok(Self { form, names: names.to_vec(), out, held: Vec::new(), rows: 0, files })
    }

    fn row(&mut self, values: Vec<Value>) -> Result<()> {
        self.rows += 1;
        match self.form {
            Form::Csv => {
                let cells: Vec<String> = values.iter().map(csv_cell).collect();
                writeln!(self.out, "{}", cells.join(","))?;
            }
            Form::Json => {
                let fields: serde_json::Map<String, Value> = self.names.iter().cloned().zip(values).collect();
                serde_json::to_writer(&mut self.out, &fields)?;
                self.out.write_all(b"\n")?;
            }
            Form::Parquet => {
                if self.rows > MOST_ROWS {
                    bail!("more than {MOST_ROWS} rows: write CSV or JSON, which take any number");
                }
                self.held.push(values);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<usize> {
        if self.form == Form::Parquet {
            let bytes = parquet(&self.names, &self.held)?;
            self.out.write_all(&bytes)?;
        }
        self.out.flush()?;
        drop(self.out);
        if let Some((part, file)) = &self.files {
            std::fs::rename(part, file).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(self.rows)
    }
}

fn parquet(names: &[String], rows: &[Vec<Value>]) -> Result<Vec<u8>> {
    let columns: BTreeMap<usize, (String, Values)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (at, (name.clone(), values(rows.iter().map(|row| row.get(at))))))
        .collect();
    Ok(Table::from_columns(columns.into_values().collect())?.to_parquet()?)
}

/// A column: whole numbers, numbers or words, whichever holds them all.
fn values<'a>(cells: impl Iterator<Item = Option<&'a Value>> + Clone) -> Values {
    let known = || cells.clone().flatten().filter(|value| !value.is_null());
    let is_real =
        |value: &Value| value.is_number() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"));
    if known().next().is_some() && known().all(Value::is_i64) {
        return Values::Int(cells.map(|value| value.and_then(Value::as_i64)).collect());
    }
    if known().next().is_some() && known().all(is_real) && known().any(Value::is_number) {
        let real = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        return Values::Real(cells.map(|value| value.and_then(real)).collect());
    }
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Values::Text(cells.map(|value| value.and_then(text)).collect())
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_take_the_narrowest_type_that_holds_them() {
        let of = |cells: Value| {
            let cells = cells.as_array().unwrap().clone();
            format!("{:?}", values(cells.iter().map(Some)))
        };
        assert_eq!(of(json!([1, null, 2])), "Int([Some(1), None, Some(2)])");
        assert_eq!(of(json!([1, 2.5, "NaN"])), "Real([Some(1.0), Some(2.5), Some(NaN)])");
        assert_eq!(of(json!(["a", 1])), "Text([Some(\"a\"), Some(\"1\")])");
    }

    #[test]
    fn what_would_break_a_line_is_quoted() {
        assert_eq!(csv_cell(&json!("a,\"b\"\nc")), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(csv_cell(&json!(1.5)), "1.5");
    }
}
