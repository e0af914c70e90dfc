//! Where rows come from.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base::Digest;
use db::{Answer, AnswerKind, Foreign};
use serde_json::json;
use tables::{CsvOptions, DeltaTable, Format, Table, Values};
use url::Url;

use super::{Found, PushArguments};
use crate::exit::hinted;

/// The most rows that a database is asked for at once.
const MOST_ROWS: usize = 10_000_000;
/// The most files of a bucket that are named one by one.
const MOST_NAMED: usize = 200;

/// Reads the rows that the arguments name.
pub(super) async fn find(arguments: &PushArguments) -> Result<Found> {
    if let (Some(query), Some(database)) = (&arguments.sql, &arguments.database) {
        return of_database(database, query).await;
    }
    if let Some(folder) = &arguments.delta {
        return of_delta(folder, arguments.delta_version).await;
    }
    let file = arguments.file.as_deref().unwrap_or_default();
    let format = arguments.format.map(Format::from);
    if file.contains("://") {
        return of_prefix(file, format).await;
    }
    of_file(Path::new(file), format)
}

fn of_file(path: &Path, format: Option<Format>) -> Result<Found> {
    let shown = path.display().to_string();
    if path.is_dir() {
        return Err(hinted(
            format!("`{shown}` is a folder"),
            format!(
                "`gingham data add {shown}` keeps a folder of any files; \
                     `gingham push NAME file:///…` reads all files of rows in one"
            ),
        ));
    }
    let bytes = std::fs::read(path).with_context(|| format!("`{shown}` cannot be read"))?;
    let format = format.or_else(|| Format::of_name(&shown)).unwrap_or(Format::Csv);
    let rows = format
        .read(&shown, &bytes, &CsvOptions::default())
        .with_context(|| format!("`{shown}` cannot be read"))?;
    let digest = Digest::of(&bytes);
    let facts = json!({
        "kind": "file",
        "files": [{"name": shown, "bytes": bytes.len(), "blake3": digest}],
    });
    Ok(Found::new(rows, shown, facts))
}

async fn of_prefix(address: &str, format: Option<Format>) -> Result<Found> {
    let (rows, files) = tables::read_prefix(address, format, &CsvOptions::default()).await?;
    let url = Url::parse(address)?;
    let namespace = match url.host_str() {
        Some(host) => format!("{}://{host}", url.scheme()),
        None => url.scheme().to_owned(),
    };
    let count = files.len();
    let named: Vec<_> = files.iter().take(MOST_NAMED).collect();
    let state = Digest::of(serde_json::to_vec(&files)?);
    let facts = json!({
        "kind": "prefix", "files": named, "files_total": count,
        "external": [{"namespace": namespace, "name": url.path().trim_matches('/'), "version": state}],
    });
    Ok(Found::new(rows, format!("{count} files of {address}"), facts))
}

async fn of_delta(folder: &Path, version: Option<i64>) -> Result<Found> {
    let location =
        folder.canonicalize().with_context(|| format!("`{}` cannot be found", folder.display()))?;
    let shown = location.display().to_string();
    let table = DeltaTable::open(&shown).await?;
    let version = match version {
        Some(version) => version,
        None => table.refresh().await?,
    };
    let rows = table.read(Some(version)).await?;
    let facts = json!({
        "kind": "delta", "table": shown, "version": version,
        "external": [{"namespace": "file", "name": shown, "version": version.to_string()}],
    });
    Ok(Found::new(rows, format!("version {version} of the Delta table {shown}"), facts))
}

async fn of_database(address: &str, query: &str) -> Result<Found> {
    let (foreign, namespace, name) = open(address).await?;
    let answer = foreign.ask(query, MOST_ROWS).await?;
    let rows = table_of(&answer)?;
    let engine = if namespace.starts_with("postgres") { "postgresql" } else { "sqlite" };
    let facts = json!({
        "kind": "query", "engine": engine, "query": query, "state": answer.state,
        "external": [{"namespace": namespace, "name": name, "version": answer.state}],
    });
    Ok(Found::new(rows, format!("a query of {name} ({namespace})"), facts))
}

/// The database with its place as OpenLineage names it; nothing of it is secret.
async fn open(address: &str) -> Result<(Foreign, String, String)> {
    if let Some(file) = address.strip_prefix("sqlite://") {
        let path = Path::new(file);
        let foreign = Foreign::open_file(path).await?;
        return Ok((foreign, "file".to_owned(), path.canonicalize()?.display().to_string()));
    }
    if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
        return Err(hinted(
            "only PostgreSQL and SQLite can be asked",
            "write `--database postgresql://USER@HOST/NAME` or `--database sqlite:///FILE`",
        ));
    }
    let url = Url::parse(address).map_err(|error| {
        hinted(
            format!("the address of the database cannot be read: {error}"),
            "write `postgresql://USER@HOST:PORT/NAME`",
        )
    })?;
    let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let namespace = format!("postgres://{host}:{}", url.port().unwrap_or(5432));
    Ok((Foreign::open_postgres(address).await?, namespace, url.path().trim_matches('/').to_owned()))
}

fn table_of(answer: &Answer) -> Result<Table> {
    if answer.rows.is_empty() {
        bail!("the query answers with no rows");
    }
    let mut columns = Vec::with_capacity(answer.columns.len());
    for (place, (name, kind)) in answer.columns.iter().enumerate() {
        let cells = answer.rows.iter().map(|row| row.get(place).and_then(Option::as_deref));
        columns.push((name.clone(), values_of(name, *kind, cells)?));
    }
    Ok(Table::from_columns(columns)?)
}

fn values_of<'a>(
    name: &str,
    kind: AnswerKind,
    cells: impl Iterator<Item = Option<&'a str>>,
) -> Result<Values> {
    fn each<'a, T>(
        name: &str,
        cells: impl Iterator<Item = Option<&'a str>>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let cell = |cell: Option<&str>| match cell {
            None => Ok(None),
            Some(text) => match read(text) {
                Some(value) => Ok(Some(value)),
                None => bail!(
                    "column `{name}` holds `{}`, which has no place here",
                    text.chars().take(60).collect::<String>()
                ),
            },
        };
        cells.map(cell).collect()
    }
    Ok(match kind {
        AnswerKind::Int => Values::Int(each(name, cells, |text| text.parse().ok())?),
        AnswerKind::Real => Values::Real(each(name, cells, |text| text.parse().ok())?),
        AnswerKind::Bool => Values::Bool(each(name, cells, |text| match text {
            "t" | "true" => Some(true),
            "f" | "false" => Some(false),
            _ => None,
        })?),
        AnswerKind::Time => Values::Time(each(name, cells, micros)?),
        AnswerKind::Text => Values::Text(each(name, cells, |text| Some(text.to_owned()))?),
    })
}

/// Microseconds of a moment as PostgreSQL writes it in UTC.
fn micros(text: &str) -> Option<i64> {
    let text = text.strip_suffix("+00").unwrap_or(text);
    let text = if text.contains(' ') { format!("{}Z", text.replacen(' ', "T", 1)) } else { text.to_owned() };
    base::Timestamp::parse(&text).ok().map(base::Timestamp::as_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_tables_of_their_types() {
        let text = |text: &str| Some(text.to_owned());
        let answer = Answer {
            columns: [("n", AnswerKind::Int), ("at", AnswerKind::Time), ("ok", AnswerKind::Bool)]
                .map(|(name, kind)| (name.to_owned(), kind))
                .to_vec(),
            rows: vec![
                vec![text("7"), text("1970-01-01 00:00:01.5+00"), text("t")],
                vec![None, text("1970-01-02"), text("f")],
            ],
            state: String::new(),
        };
        let table = table_of(&answer).unwrap();
        assert_eq!(table.column("n").unwrap(), Values::Int(vec![Some(7), None]));
        assert_eq!(table.column("at").unwrap(), Values::Time(vec![Some(1_500_000), Some(86_400_000_000)]));
        let odd = Answer { rows: vec![vec![text("7"), text("infinity"), None]], ..answer };
        assert!(table_of(&odd).unwrap_err().to_string().contains("column `at` holds `infinity`"));
    }

    #[test]
    fn files_are_known_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "{\"a\": 1}\n").unwrap();
        let found = of_file(&path, None).unwrap();
        assert_eq!(found.rows.row_count(), 1);
        assert_eq!(found.facts["files"][0]["blake3"], json!(Digest::of("{\"a\": 1}\n")));
        let refused = of_file(folder.path(), None).err().unwrap();
        assert!(refused.to_string().contains("is a folder"), "{refused}");
    }
}
