//! `push`: rows of a file, a database, a Delta table, a bucket or other datasets become a version of a dataset.
//!
//! What lies outside is read here, at the client, with the credentials of whoever asks; the server opens no address that
//! somebody gave it. With the rows goes what is known of where they come from.

mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use tables::{Format, Table};

use super::apply::print_pushed;
use crate::client::Client;
use crate::exit::{self, hinted};
use crate::output::{self, text_at};

/// The longest header with what is known of an origin, in bytes.
const MOST_ORIGIN_BYTES: usize = 60 << 10;

/// Rows that become a version of a dataset.
#[derive(Debug, Clone, Args)]
pub(crate) struct PushArguments {
    /// The dataset; made when there is none of this name.
    pub(crate) dataset: String,
    /// A file of CSV, JSON lines (both also `.gz`), Parquet or Arrow; or all such files below `s3://BUCKET/PREFIX`,
    /// `gs://…`, `az://CONTAINER/…` or `file:///FOLDER`.
    #[arg(required_unless_present_any = ["delta", "sql"], conflicts_with_all = ["delta", "sql", "database"])]
    pub(crate) file: Option<String>,
    /// In which form the rows lie, where the name does not tell.
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatWord>,
    /// Rows that a query selects: from `--database`, else on the server from `datasets.NAME` and
    /// `datasets."NAME@VERSION"`.
    #[arg(long, conflicts_with = "delta")]
    pub(crate) sql: Option<String>,
    /// The database to ask: `postgresql://…` (a password is best left to `PGPASSWORD`) or `sqlite:///FILE`.
    #[arg(long, requires = "sql", env = "GINGHAM_SOURCE_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The folder of a Delta table.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) delta: Option<PathBuf>,
    /// The version of the Delta table; the newest when not given.
    #[arg(long, requires = "delta", value_name = "NUMBER")]
    pub(crate) delta_version: Option<i64>,
    /// Put the rows in place of those before rather than behind them. Versions before stay as they are.
    #[arg(long)]
    pub(crate) replace: bool,
}

/// A form in which rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatWord {
    Csv,
    Jsonl,
    Parquet,
    Arrow,
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Csv => Self::Csv,
            FormatWord::Jsonl => Self::JsonLines,
            FormatWord::Parquet => Self::Parquet,
            FormatWord::Arrow => Self::Arrow,
        }
    }
}

/// Rows with what is known of where they come from.
struct Found {
    rows: Table,
    source: String,
    facts: Map<String, Value>,
}

impl Found {
    fn new(rows: Table, source: String, facts: Value) -> Self {
        let mut facts = match facts {
            Value::Object(facts) => facts,
            _ => Map::new(),
        };
        facts.insert("with".to_owned(), json!(concat!("gingham ", env!("CARGO_PKG_VERSION"))));
        Self { rows, source, facts }
    }
}

/// Adds rows to a dataset; exit code 2 when an error-level check failed.
pub(super) async fn push(client: &Client, arguments: &PushArguments, json: bool) -> Result<ExitCode> {
    let pushed = match (&arguments.sql, &arguments.database) {
        (Some(query), None) => {
            let path = format!("/api/v1/datasets/{}/versions/from-query", arguments.dataset);
            client.post(&path, &json!({"query": query, "replace": arguments.replace})).await?
        }
        _ => send(client, arguments, sources::find(arguments).await?).await?,
    };
    if json {
        output::json(&pushed);
    } else {
        print_pushed(&arguments.dataset, &pushed);
    }
    let failed = text_at(&pushed, "verdict.outcome") == "fail";
    Ok(if failed { ExitCode::from(exit::CHECK_FAILED) } else { ExitCode::SUCCESS })
}

async fn send(client: &Client, arguments: &PushArguments, found: Found) -> Result<Value> {
    let header = ascii(&Value::Object(found.facts).to_string());
    if header.len() > MOST_ORIGIN_BYTES {
        return Err(hinted(
            "what is known of where the rows come from is too long to be kept",
            "bring fewer files at once, or write a shorter query",
        ));
    }
    let path = format!("/api/v1/datasets/{}/versions", arguments.dataset);
    let request = client
        .at(reqwest::Method::POST, &path.trim_start_matches('/').split('/').collect::<Vec<_>>())
        .query(&[
            ("origin", found.source.as_str()),
            ("replace", if arguments.replace { "true" } else { "false" }),
        ])
        .header("content-type", "application/vnd.apache.parquet")
        .header("gingham-origin", header)
        .body(found.rows.to_parquet()?);
    client.ask(request).await
}

/// The same JSON in ASCII, as headers want it.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        if letter.is_ascii() && !letter.is_ascii_control() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_ascii_says_the_same() {
        let value = json!({"query": "select 'é 😀'\n\tfrom t"});
        let text = ascii(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
