//! `drift`: two sets of rows compared column by column.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use platform::{CompareOptions, Named, compare_rows};
use serde_json::{Value, json};
use tables::Scan;

use crate::client::Client;
use crate::exit::{self, hinted};
use crate::output::{self, at, faint, text_at};

/// What is compared.
#[derive(Debug, Clone, Args)]
pub(crate) struct DriftArguments {
    /// A Parquet or CSV file, `dataset:NAME[@VERSION]` or `archive:MODEL[@FROM..TO]`.
    reference: String,
    /// The same; compared with the reference.
    current: String,
    /// Only these columns, with commas between them.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Keep every value: exact at any size, with memory for all rows of two columns a core.
    #[arg(long)]
    exact: bool,
    /// Columns with fewer rows on either side are not judged.
    #[arg(long, default_value_t = 100)]
    min_rows: u64,
    /// End with exit code 2 when a column has drifted.
    #[arg(long)]
    fail_on_drift: bool,
}

/// Compares, here for files and on the server for what it holds.
pub(super) async fn drift(
    client: impl FnOnce() -> Result<Client>,
    arguments: &DriftArguments,
    json: bool,
) -> Result<ExitCode> {
    let held = |name: &str| {
        (name.starts_with("dataset:") || name.starts_with("archive:")) && !Path::new(name).exists()
    };
    let report = match (held(&arguments.reference), held(&arguments.current)) {
        (false, false) => serde_json::to_value(of_files(arguments)?)?,
        (true, true) => {
            let body = json!({
                "reference": arguments.reference, "current": arguments.current,
                "columns": arguments.columns, "exact": arguments.exact, "min_rows": arguments.min_rows,
            });
            client()?.post("/api/v1/drift", &body).await?
        }
        _ => {
            return Err(hinted(
                "a file cannot be compared with what the server holds".to_owned(),
                "`gingham push` makes a dataset of the file",
            ));
        }
    };
    if json {
        output::json(&report);
    } else {
        print(&report);
    }
    let drifted = text_at(&report, "state") == "drift";
    Ok(if arguments.fail_on_drift && drifted {
        ExitCode::from(exit::CHECK_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

fn of_files(arguments: &DriftArguments) -> Result<platform::DriftReport> {
    let open = |name: &str| -> Result<Named> {
        Ok(Named { name: name.to_owned(), rows: Scan::open(Path::new(name))? })
    };
    let mut options = CompareOptions {
        columns: arguments.columns.clone(),
        exact: arguments.exact,
        ..CompareOptions::default()
    };
    options.limits.min_rows = arguments.min_rows;
    Ok(compare_rows(&open(&arguments.reference)?, &open(&arguments.current)?, &options)?)
}

fn print(report: &Value) {
    let names = ["column", "state", "psi", "ks", "moved", "missing", "what"].map(str::to_owned);
    let rows: Vec<Vec<Value>> = at(report, "columns")
        .as_array()
        .into_iter()
        .flatten()
        .map(|column| {
            let figure = |name: &str| rounded(&at(column, &format!("comparison.statistics.{name}.value")));
            vec![
                at(column, "column"),
                at(column, "state"),
                figure("psi"),
                figure("kolmogorov_smirnov"),
                figure("total_variation"),
                rounded(&at(column, "comparison.missing.current")),
                at(column, "words"),
            ]
        })
        .collect();
    output::grid(&names, &rows);
    output::line(&text_at(report, "words"));
    if at(report, "exact") == Value::Bool(false) {
        output::line(&faint(
            "large columns were sketched; `--exact` keeps every value, `--json` tells the error",
        ));
    }
}

fn rounded(value: &Value) -> Value {
    value.as_f64().map_or(Value::Null, |number| Value::String(format!("{number:.4}")))
}
