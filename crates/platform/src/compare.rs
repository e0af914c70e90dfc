//! Two sets of rows compared column by column, on all cores: files, dataset versions, stretches of the archive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base::Timestamp;
use monitoring::{ComparedColumn, DriftLimits, DriftReport, judge_columns};
use stats::{Exactness, NumberGathering, TextColumn, compare_numbers, compare_texts};
use tables::{ColumnSink, ColumnType, Scan, Table};

use crate::{Error, Platform};

/// What is compared, and how.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// Only these columns; all that both sides may have when empty.
    pub columns: Vec<String>,
    /// Keep every value, whatever the memory.
    pub exact: bool,
    /// What is asked of a difference.
    pub limits: DriftLimits,
}

/// Rows with the name by which the report calls them.
#[derive(Debug, Clone)]
pub struct Named {
    /// As it was asked for.
    pub name: String,
    /// The rows.
    pub rows: Scan,
}

/// Compares two sets of rows.
///
/// Columns are spread over the cores. Up to 2,097,152 values and 65,536 different texts of a column every figure is
/// exact; beyond that, and unless `exact` is asked for, sketches take over whose error the report states, so that
/// memory does not grow with the rows.
///
/// # Errors
/// When a column that was asked for is on neither side; when a file cannot be read.
pub fn compare_rows(
    reference: &Named,
    current: &Named,
    options: &CompareOptions,
) -> Result<DriftReport, tables::Error> {
    let (then, now) = (reference.rows.columns()?, current.rows.columns()?);
    let mut columns: Vec<String> = then.iter().map(|(name, _)| name.clone()).collect();
    columns.extend(now.iter().map(|(name, _)| name).filter(|name| find(&then, name).is_none()).cloned());
    if !options.columns.is_empty() {
        if let Some(unknown) = options.columns.iter().find(|name| !columns.contains(name)) {
            return Err(tables::Error::UnknownColumn { column: unknown.clone(), columns });
        }
        columns.retain(|name| options.columns.contains(name));
    }
    let exactness = if options.exact { Exactness::Everything } else { Exactness::default() };
    let compare = |name: &str| -> Result<ComparedColumn, tables::Error> {
        let compared = match (find(&then, name), find(&now, name)) {
            (Some(_), None) => Err(format!("the current rows have no column `{name}`")),
            (None, _) => Err(format!("the reference has no column `{name}`")),
            (Some(left), Some(right)) if is_text(left) != is_text(right) => {
                Err(format!("`{name}` holds {left} in the reference and {right} now"))
            }
            (Some(kind), Some(_)) if is_text(kind) => {
                let (left, right) =
                    (texts(&reference.rows, name, exactness)?, texts(&current.rows, name, exactness)?);
                Ok(compare_texts(&left, &right))
            }
            (Some(_), Some(_)) => {
                let left = numbers(&reference.rows, name, exactness)?;
                let right = numbers(&current.rows, name, exactness)?;
                Ok(compare_numbers(&left, &right))
            }
        };
        Ok((name.to_owned(), compared))
    };
    let compared = on_all_cores(&columns, compare)?;
    Ok(judge_columns(&reference.name, &current.name, compared, options.limits))
}

fn find(columns: &[(String, ColumnType)], name: &str) -> Option<ColumnType> {
    columns.iter().find(|(own, _)| own == name).map(|(_, kind)| *kind)
}

fn is_text(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Text | ColumnType::Bool)
}

/// Does the work for every item, in order of the items.
fn on_all_cores<T: Send, E: Send>(
    items: &[String],
    work: impl Fn(&str) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<T, E>)>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn numbers(rows: &Scan, column: &str, exactness: Exactness) -> Result<stats::NumberColumn, tables::Error> {
    let mut sink = Numbers(NumberGathering::new(exactness));
    rows.visit(column, &mut sink)?;
    Ok(sink.0.finish())
}

fn texts(rows: &Scan, column: &str, exactness: Exactness) -> Result<TextColumn, tables::Error> {
    let mut sink = Texts(TextColumn::new(exactness));
    rows.visit(column, &mut sink)?;
    Ok(sink.0)
}

struct Numbers(NumberGathering);

impl ColumnSink for Numbers {
    fn numbers(&mut self, values: &[f64], missing: u64) {
        self.0.add(values, missing);
    }

    fn text(&mut self, _: &str, rows: u64) {
        self.0.add(&[], rows);
    }

    fn missing_texts(&mut self, rows: u64) {
        self.0.add(&[], rows);
    }
}

struct Texts(TextColumn);

impl ColumnSink for Texts {
    fn numbers(&mut self, values: &[f64], missing: u64) {
        values.iter().for_each(|value| self.0.add(&value.to_string(), 1));
        self.0.add_missing(missing);
    }

    fn text(&mut self, text: &str, rows: u64) {
        self.0.add(text, rows);
    }

    fn missing_texts(&mut self, rows: u64) {
        self.0.add_missing(rows);
    }
}

impl Platform {
    /// Compares what the server holds: `dataset:NAME`, `dataset:NAME@VERSION` (a number, a tag, a moment),
    /// `archive:MODEL` or `archive:MODEL@FROM..TO` (event time, RFC 3339 or a date; `TO` does not belong to it).
    ///
    /// # Errors
    /// When a name is unknown or of another shape; see [`compare_rows`].
    pub async fn compare(
        &self,
        reference: &str,
        current: &str,
        options: CompareOptions,
    ) -> Result<DriftReport, Error> {
        let (reference, current) = (self.rows_named(reference).await?, self.rows_named(current).await?);
        let compared =
            tokio::task::spawn_blocking(move || compare_rows(&reference, &current, &options)).await;
        match compared {
            Ok(report) => Ok(report?),
            Err(cause) => Err(Error::Stored { what: "comparison", cause: cause.to_string() }),
        }
    }

    async fn rows_named(&self, name: &str) -> Result<Named, Error> {
        let unknown = || Error::UnknownRows { name: name.to_owned() };
        let (kind, rest) = name.split_once(':').ok_or_else(unknown)?;
        let (object, part) = match rest.split_once('@') {
            Some((object, part)) => (object, Some(part)),
            None => (rest, None),
        };
        let table = match kind {
            "dataset" => {
                let mut read = self.db.read().await?;
                datasets::get_dataset(&mut read, object).await?;
                let version = match part {
                    Some(part) => {
                        let pointer = part.parse().map_err(|_| unknown())?;
                        datasets::resolve(&mut read, object, &pointer).await?
                    }
                    None => datasets::latest(&mut read, object)
                        .await?
                        .ok_or_else(|| Error::NoRows { dataset: object.to_owned() })?,
                };
                drop(read);
                self.rows_of(&version).await?
            }
            "archive" => {
                let (from, to) = match part {
                    Some(part) => {
                        let (from, to) = part.split_once("..").ok_or_else(unknown)?;
                        let moment = |text: &str| Timestamp::parse(text).map_err(|_| unknown());
                        (moment(from)?, moment(to)?)
                    }
                    None => (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX)),
                };
                watched_columns(&self.archive.scored(object, from, to).await?)?
            }
            _ => return Err(unknown()),
        };
        Ok(Named { name: name.to_owned(), rows: Scan::Table(table) })
    }
}

/// Features by their own names, the prediction, its scores and the label: what can drift.
fn watched_columns(archived: &Table) -> Result<Table, tables::Error> {
    let columns = archived
        .schema()
        .names()
        .filter_map(|name| {
            let plain = name.strip_prefix("feature_");
            let own = archive_columns().contains(&name);
            (plain.is_some() || !own).then(|| (name, plain.unwrap_or(name)))
        })
        .map(|(name, plain)| Ok((plain.to_owned(), archived.column(name)?)))
        .collect::<Result<Vec<_>, tables::Error>>()?;
    Table::from_columns(columns)
}

/// Columns of the archive that are about the prediction and not of the model.
const fn archive_columns() -> &'static [&'static str] {
    &[
        "prediction_id",
        "event_time",
        "received_time",
        "model",
        "version",
        "deployment",
        "variant",
        "entity",
        "latency_us",
        "status",
        "trace_id",
        "label_time",
        "tags",
        "weight",
    ]
}
