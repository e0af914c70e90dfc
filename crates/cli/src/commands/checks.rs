//! `checks`: suites proposed from rows, or brought in from other tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base::{Clock, SystemClock};
use checks::import::{Imported, great_expectations, pandera};
use checks::{Check, Draft, Drafted};
use clap::{Args, Subcommand};
use platform::spec::{Suite, SuiteSource, suite_yaml, yaml_value};
use serde_json::{Value, json};
use tables::{ColumnType, Table};

use super::dataset_rows::dataset_rows;
use crate::client::Client;
use crate::exit::hinted;
use crate::output;
use crate::project::read_table;

/// In how many parts a file is cut to try a draft on.
const PARTS: usize = 8;

/// Suites of checks.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChecksArguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Clone, Subcommand)]
enum Act {
    /// Propose a minimal suite for a file of rows or a dataset of the server, each check explained, with the false alarms it would have given.
    Draft(DraftArguments),
    /// Bring in a suite of Great Expectations (JSON) or a schema of Pandera (YAML).
    Import(ImportArguments),
}

#[derive(Debug, Clone, Args)]
struct DraftArguments {
    /// The newest rows: a CSV (also `.gz`) or Parquet file, or the name of a dataset on the server.
    #[arg(value_name = "DATASET|FILE")]
    file: PathBuf,
    /// Files with the rows of earlier versions, oldest first, to try the checks on. Without them the file is cut
    /// into parts.
    #[arg(long, num_args = 1..)]
    earlier: Vec<PathBuf>,
    /// The column by whose time the file is cut; the first column of times when not given.
    #[arg(long, conflicts_with = "earlier")]
    time: Option<String>,
    /// Write the suite to this `checks.yaml` instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
struct ImportArguments {
    /// The suite: JSON of Great Expectations or YAML of Pandera.
    suite: PathBuf,
    /// The file with the rows that the checks are about.
    #[arg(long, default_value = "rows.parquet")]
    file: String,
    /// The name of the source.
    #[arg(long, default_value = "rows")]
    source: String,
    /// Write the suite to this `checks.yaml` instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does what is asked.
pub(super) async fn checks(
    client: impl FnOnce() -> Result<Client>,
    arguments: &ChecksArguments,
    json: bool,
) -> Result<()> {
    match &arguments.act {
        Act::Draft(draft) => self::draft(client, draft, json).await,
        Act::Import(import) => self::import(import, json),
    }
}

async fn draft(
    client: impl FnOnce() -> Result<Client>,
    arguments: &DraftArguments,
    json: bool,
) -> Result<()> {
    let (newest, versions) = rows(client, arguments).await?;
    if newest.row_count() == 0 {
        return Err(hinted(
            format!("`{}` has no rows: nothing can be proposed", arguments.file.display()),
            "name a file with rows",
        ));
    }
    let (parts, how) = if arguments.earlier.is_empty() {
        cut(&newest, arguments.time.as_deref(), &versions)?
    } else {
        let mut parts = Vec::new();
        for file in &arguments.earlier {
            let rows = read_table(file)?;
            let fitted = rows.brought_to(newest.schema());
            parts.push(fitted.with_context(|| format!("`{}`", file.display()))?);
        }
        let how =
            format!("on each of {} versions after the first, drawn from those before it", parts.len() + 1);
        parts.push(newest);
        (parts, how)
    };
    let from_versions = !arguments.earlier.is_empty() || versions.len() > 1;
    let drafted = checks::draft(&parts, from_versions, SystemClock.now()).await?;
    let name = source_name(&arguments.file);
    let named = |file: &Path| from_suite(file, arguments.out.as_deref());
    let checks = drafted.checks.iter().map(|drafted| drafted.check.clone()).collect();
    let history = arguments.earlier.iter().map(|file: &PathBuf| named(file)).collect();
    let yaml = suite_of(&name, &named(&arguments.file), history, checks);
    if json {
        output::json(&json!({ "how": how, "draft": drafted, "yaml": yaml }));
        return write(arguments.out.as_deref(), &yaml);
    }
    match &arguments.out {
        Some(_) => {
            explain(&drafted, output::line);
            write(arguments.out.as_deref(), &yaml)?;
        }
        None => {
            explain(&drafted, output::note);
            output::line(yaml.trim_end());
        }
    }
    output::note(&format!(
        "drawn from {} rows in {} parts; false alarms were counted {how}",
        drafted.rows, drafted.parts
    ));
    Ok(())
}

/// A file as a suite names it, which is seen from the folder of the suite.
fn from_suite(file: &Path, suite: Option<&Path>) -> String {
    let beside = suite.and_then(Path::parent).is_none_or(|folder| folder.as_os_str().is_empty());
    let whole = if beside { None } else { file.canonicalize().ok() };
    whole.unwrap_or_else(|| file.to_owned()).display().to_string()
}

/// The newest rows; for a dataset of the server also how many rows each version brought.
async fn rows(
    client: impl FnOnce() -> Result<Client>,
    arguments: &DraftArguments,
) -> Result<(Table, Vec<usize>)> {
    let name = arguments.file.to_string_lossy();
    let is_name = base::names::check_name("dataset", &name).is_ok();
    if is_name && !arguments.file.exists() && arguments.earlier.is_empty() {
        return dataset_rows(&client()?, &name).await;
    }
    Ok((read_table(&arguments.file)?, Vec::new()))
}

fn explain(draft: &Draft, say: fn(&str)) {
    let rate = |drafted: &Drafted| match drafted.false_alarm_rate() {
        None => "not tried".to_owned(),
        Some(rate) => {
            format!("{:.0} % false alarms ({} of {})", rate * 100.0, drafted.false_alarms, drafted.tried)
        }
    };
    for drafted in &draft.checks {
        let why = drafted.check.reason.as_deref().unwrap_or_default();
        say(&format!("+ {}: {why}; {}", drafted.check.id, rate(drafted)));
    }
    for drafted in &draft.left_out {
        let why = drafted.check.reason.as_deref().unwrap_or_default();
        say(&format!("- {} is left out: {why}; {}", drafted.check.id, rate(drafted)));
    }
}

/// Parts of the rows, oldest first, and how they were made: as large as the versions, or equal.
fn cut(rows: &Table, time: Option<&str>, versions: &[usize]) -> Result<(Vec<Table>, String)> {
    let first_time = || {
        let mut columns = rows.schema().columns.iter();
        columns.find(|column| column.kind == ColumnType::Time).map(|column| column.name.clone())
    };
    let all = rows.row_count();
    let count = PARTS.min(all / 20).max(1);
    let equal: Vec<usize> = (0..count).map(|part| all * (part + 1) / count - all * part / count).collect();
    let as_versions = versions.len() > 1 && versions.iter().sum::<usize>() == all;
    let sizes = if as_versions { versions } else { equal.as_slice() };
    let mut order: Vec<usize> = (0..all).collect();
    let how = match time.map(str::to_owned).or_else(first_time) {
        Some(time) => {
            let times = rows.times(&time).with_context(|| format!("`--time {time}`"))?;
            order.sort_by_key(|row| times.get(*row).copied().flatten());
            format!("in the order of `{time}`")
        }
        None => {
            order.sort_by_key(|row| scattered(*row));
            "at random, as no column holds times".to_owned()
        }
    };
    let mut part_of = vec![0; all];
    let mut rest = order.into_iter();
    for (part, size) in sizes.iter().enumerate() {
        for row in rest.by_ref().take(*size) {
            if let Some(place) = part_of.get_mut(row) {
                *place = part;
            }
        }
    }
    let part = |wanted: usize| {
        let keep: Vec<bool> = part_of.iter().map(|part| *part == wanted).collect();
        rows.filter(&keep)
    };
    let parts = (0..sizes.len()).map(part).collect::<Result<Vec<_>, _>>()?;
    let sizes = if as_versions { ", each as large as a version" } else { "" };
    let how = format!(
        "on each of {} parts of the rows after the first, cut {how}{sizes}, drawn from those before it",
        parts.len()
    );
    Ok((parts, how))
}

/// Where a row comes among scattered ones, always the same. Fibonacci hashing (Knuth, TAOCP 3, 6.4).
fn scattered(row: usize) -> usize {
    let spread = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    usize::try_from(spread).unwrap_or_default()
}

fn import(arguments: &ImportArguments, json: bool) -> Result<()> {
    let shown = arguments.suite.display().to_string();
    let text = std::fs::read_to_string(&arguments.suite).map_err(|error| {
        hinted(format!("`{shown}` cannot be read: {error}"), "name the file with the suite")
    })?;
    let is_json = arguments.suite.extension().is_some_and(|extension| extension == "json");
    let value: Value = if is_json {
        serde_json::from_str(&text).with_context(|| format!("`{shown}` is not JSON"))?
    } else {
        yaml_value(&shown, &text)?
    };
    let read = if value.get("expectations").is_some() { great_expectations(&value) } else { pandera(&value) };
    let Imported { checks, left } = read.map_err(|why| {
        hinted(format!("`{shown}`: {why}"), "it takes suites of Great Expectations and schemas of Pandera")
    })?;
    let carried = checks.len();
    let yaml = suite_of(&arguments.source, &arguments.file, Vec::new(), checks.clone());
    if json {
        output::json(&json!({ "checks": checks, "left": left, "yaml": yaml }));
    } else if arguments.out.is_none() {
        output::line(yaml.trim_end());
    }
    write(arguments.out.as_deref(), &yaml)?;
    output::note(&format!("{carried} checks were carried, {} parts were not", left.len()));
    for left in &left {
        output::note(&format!("- {left}"));
    }
    Ok(())
}

fn suite_of(name: &str, file: &str, history: Vec<String>, checks: Vec<Check>) -> String {
    let source = SuiteSource { file: file.to_owned(), time: None, history, checks };
    suite_yaml(&Suite { sources: BTreeMap::from([(name.to_owned(), source)]) })
}

fn write(out: Option<&Path>, yaml: &str) -> Result<()> {
    match out {
        None => Ok(()),
        Some(out) => {
            std::fs::write(out, yaml).with_context(|| format!("`{}` cannot be written", out.display()))?;
            output::note(&format!("`{}` is written; `gingham test {0}` evaluates it", out.display()));
            Ok(())
        }
    }
}

/// The name of the file without its endings, as a source may be called.
fn source_name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let plain: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    if plain.is_empty() || plain == "input" { "rows".to_owned() } else { plain }
}
