//! Runs checks on a table and says how each came out.

use std::collections::HashMap;
use std::sync::Arc;

use base::Timestamp;
use serde_json::{Map, Value};
use tables::{Query, QueryLimits, RowSource, Schema, Table};

use crate::check::{Check, CheckKind, Measure};
use crate::compile::{self, ROW, Shared};
use crate::pass::{self, Found};
use crate::verdict::{CheckResult, Outcome, SampleRow, Verdict};
use crate::{Drifts, Error, Misfit, Result, Rows, Severity, fit, shape, words};

/// The most failing rows that are kept with a result.
pub(crate) const SAMPLE_ROWS: usize = 5;

/// Under what circumstances checks are evaluated.
#[derive(Clone)]
pub struct Circumstances {
    /// The present, from which ages are counted.
    pub now: Timestamp,
    /// The column whose time tells people when a failing row was; the first column of times when absent.
    pub time_column: Option<String>,
    /// How many rows each earlier version has.
    pub history: Vec<u64>,
    /// The other sources that checks may refer to, by name.
    pub others: Vec<(String, Rows)>,
    /// How much each scan may take; the usual limits of queries when absent.
    pub limits: Option<QueryLimits>,
    /// Who compares the rows with those of other times; without it checks of drift cannot be evaluated.
    pub drifts: Option<Arc<dyn Drifts>>,
}

impl Circumstances {
    /// Ages counted from `now`, rows told by the first column of times.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { now, time_column: None, history: Vec::new(), others: Vec::new(), limits: None, drifts: None }
    }
}

/// Evaluates checks on a table: all that can share it in one going-over of its rows, others by queries. Failing rows
/// are looked up by their numbers afterwards.
///
/// A check that cannot be evaluated comes out as [`Outcome::Error`] and does not disturb the others. `Err` is for
/// the table itself.
pub async fn evaluate(checks: &[Check], table: &Table, circumstances: &Circumstances) -> Result<Verdict> {
    evaluate_rows(checks, &Rows::Table(table.clone()), circumstances).await
}

/// As [`evaluate`], on rows in memory or in a file.
pub async fn evaluate_rows(checks: &[Check], table: &Rows, circumstances: &Circumstances) -> Result<Verdict> {
    evaluate_by(Means::PassAndQueries, checks, table, circumstances).await
}

/// By what means checks are evaluated. Results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// One going-over of the rows, and queries for what is left.
    PassAndQueries,
    /// Queries alone: slower, and what the other is held against.
    #[cfg(test)]
    Queries,
}

/// As [`evaluate_rows`], by the means given.
pub(crate) async fn evaluate_by(
    means: Means,
    checks: &[Check],
    table: &Rows,
    circumstances: &Circumstances,
) -> Result<Verdict> {
    let schema = table.schema().clone();
    let rows = table.row_count();
    let bench = Bench::new(table, &schema, circumstances)?;
    let others: Vec<(&str, &Schema)> =
        circumstances.others.iter().map(|(name, rows)| (name.as_str(), rows.schema())).collect();
    let misfits = fit::each(checks, &schema, &others);
    let fitting: Vec<Option<&Check>> =
        checks.iter().zip(&misfits).map(|(check, misfit)| misfit.is_none().then_some(check)).collect();
    let passed = match means {
        Means::PassAndQueries => bench.gone_over(&fitting, table).await,
        #[cfg(test)]
        Means::Queries => checks.iter().map(|_| None).collect(),
    };
    let parts: Vec<Option<Shared>> = fitting
        .iter()
        .zip(&passed)
        .map(|(check, passed)| match passed {
            Some(_) => None,
            None => check.and_then(|check| compile::shared(check, &schema, circumstances.now)),
        })
        .collect();
    let mut figures = bench.shared_scan(&parts).await.into_iter();
    let mut results = Vec::with_capacity(checks.len());
    for (((check, part), misfit), passed) in checks.iter().zip(&parts).zip(misfits).zip(passed) {
        let figures = if part.is_some() { figures.next() } else { None };
        let result = match misfit {
            Some(misfit) => cannot_be(check, rows, misfit),
            None => match bench.result(check, passed, figures).await {
                Ok(result) => result,
                Err(error) => cannot_be(check, rows, misfit_of(check, &error)),
            },
        };
        results.push(result);
    }
    Ok(Verdict::of(rows, results))
}

/// What a scan found for one check.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Rows in question.
    rows: u64,
    /// Failing rows, or the figure measured.
    value: Option<f64>,
}

/// What a going-over found for one check, with its first failing rows unless they could not be read.
type Passed = Result<(Found, Option<Vec<SampleRow>>), tables::Error>;

/// The rows with these numbers, by number; nothing when they cannot be read.
fn numbered(source: &RowSource, numbers: &[u64]) -> Option<HashMap<u64, Map<String, Value>>> {
    let rows = source.rows(numbers).ok()?;
    Some(numbers.iter().copied().zip(rows.json_rows(numbers.len())).collect())
}

/// A table made ready for scans.
struct Bench<'a> {
    rows: u64,
    /// Whether scans meet the rows in their order.
    in_order: bool,
    query: Query,
    schema: &'a Schema,
    circumstances: &'a Circumstances,
    time_column: Option<String>,
}

impl<'a> Bench<'a> {
    fn new(table: &Rows, schema: &'a Schema, circumstances: &'a Circumstances) -> Result<Self> {
        let first_time = || schema.columns.iter().find(|column| column.kind == tables::ColumnType::Time);
        let mut query = table.numbered()?;
        for (name, rows) in &circumstances.others {
            if name != "input" {
                query = rows.beside(query, name);
            }
        }
        if let Some(limits) = &circumstances.limits {
            query = query.limits(limits.clone());
        }
        Ok(Self {
            rows: table.row_count(),
            // A file is read by one thread, one row group after another.
            in_order: matches!(table, Rows::Parquet { .. }),
            query,
            schema,
            circumstances,
            time_column: circumstances
                .time_column
                .clone()
                .or_else(|| first_time().map(|column| column.name.clone())),
        })
    }

    /// What one going-over of the rows finds, with the first failing rows.
    async fn gone_over(&self, checks: &[Option<&Check>], table: &Rows) -> Vec<Option<Passed>> {
        let Ok(source) = table.source() else { return checks.iter().map(|_| None).collect() };
        let limit = self.circumstances.limits.clone().unwrap_or_default().timeout;
        let found = pass::go(checks, &source, self.circumstances.now, limit).await;
        let mut numbers: Vec<u64> =
            found.iter().flatten().flatten().flat_map(|found| found.first.iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let rows = if numbers.is_empty() { Some(HashMap::new()) } else { numbered(&source, &numbers) };
        found
            .into_iter()
            .map(|found| {
                let found = match found? {
                    Ok(found) => found,
                    Err(error) => return Some(Err(error)),
                };
                let sample = rows.as_ref().map(|rows| {
                    let row = |row: &u64| Some(SampleRow { row: *row, values: rows.get(row)?.clone() });
                    found.first.iter().filter_map(row).collect()
                });
                Some(Ok((found, sample)))
            })
            .collect()
    }

    async fn run(&self, sql: &str) -> Result<Table, tables::Error> {
        self.query.run(sql).await
    }

    /// The figures of all parts that are there, in order. When the scan fails, each part is tried alone, so that
    /// one broken condition spoils one check.
    async fn shared_scan(&self, parts: &[Option<Shared>]) -> Vec<Result<Figures, tables::Error>> {
        let parts: Vec<Shared> = parts.iter().flatten().cloned().collect();
        if parts.is_empty() {
            return Vec::new();
        }
        if let Ok(found) = self.run(&compile::scan(&parts)).await
            && let Ok(figures) =
                (0..parts.len()).map(|index| figures(&found, index)).collect::<Result<Vec<_>, _>>()
        {
            return figures.into_iter().map(Ok).collect();
        }
        let mut each = Vec::with_capacity(parts.len());
        for part in parts {
            each.push(match self.run(&compile::scan(&[part])).await {
                Ok(found) => figures(&found, 0),
                Err(error) => Err(error),
            });
        }
        each
    }

    async fn result(
        &self,
        check: &Check,
        passed: Option<Passed>,
        shared: Option<Result<Figures, tables::Error>>,
    ) -> Result<CheckResult> {
        if let Some(passed) = passed {
            let (Found { rows, value, .. }, sample) = passed?;
            let figures = Figures { rows, value };
            return match check.kind.is_row_check() {
                true => self.of_rows(check, figures, sample).await,
                false => Ok(self.of_figure(check, figures)),
            };
        }
        if let CheckKind::Parses { column, form } = &check.kind {
            return self.of_texts(check, column, form).await;
        }
        let figures = match (shared, compile::own_scan(check, self.schema)) {
            (Some(shared), _) => shared?,
            (None, Some(own)) => figures(&self.run(&own).await?, 0)?,
            (None, None) => return self.of_schema_or_query(check).await,
        };
        if check.kind.is_row_check() {
            self.of_rows(check, figures, None).await
        } else {
            Ok(self.of_figure(check, figures))
        }
    }

    /// The result of a check whose form is read outside of SQL.
    async fn of_texts(&self, check: &Check, column: &str, form: &crate::Form) -> Result<CheckResult> {
        let found = self.run(&compile::texts(check, column)).await?;
        let (numbers, texts) = (found.numbers("row")?, found.texts("value")?);
        let (mut rows, mut failing, mut first) = (0, 0_u64, Vec::new());
        for (number, text) in numbers.into_iter().zip(texts) {
            let Some(text) = text else { continue };
            rows += 1;
            if !shape::parses(form, &text) {
                failing += 1;
                if first.len() < SAMPLE_ROWS {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row")]
                    first.push(number.unwrap_or_default() as u64);
                }
            }
        }
        let sample = if first.is_empty() {
            Vec::new()
        } else {
            self.samples(&compile::rows_numbered(self.schema, &first)).await?
        };
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let value = Some(failing as f64);
        self.of_rows(check, Figures { rows, value }, Some(sample)).await
    }

    /// The result of a check of single rows.
    async fn of_rows(
        &self,
        check: &Check,
        found: Figures,
        sample: Option<Vec<SampleRow>>,
    ) -> Result<CheckResult> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
        let failing = found.value.unwrap_or_default() as u64;
        if found.rows == 0 {
            let why = self.nothing(check);
            return Ok(self.holds(
                check,
                found.rows,
                "no rows".into(),
                true,
                format!("nothing to check: {why}"),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
        let share = (found.rows - failing) as f64 / found.rows as f64;
        let observed = format!("{} of {} rows fail", words::count(failing), words::count(found.rows));
        if failing == 0 {
            let message = format!(
                "all {} rows hold: {}, {}",
                words::count(found.rows),
                check.target(),
                words::expected(check)
            );
            return Ok(self.holds(check, found.rows, observed, false, message));
        }
        let sample = match sample {
            Some(sample) => sample,
            None => self.sample(check).await?,
        };
        let what = words::failing(check, &sample, self.time_column.as_deref());
        let sentence = format!(
            "{} of {} rows: {what}; expected {}",
            words::count(failing),
            words::count(found.rows),
            words::expected(check)
        );
        let mut result = if share >= check.mostly {
            self.holds(check, found.rows, observed, false, sentence)
        } else {
            self.fails(check, found.rows, observed, sentence)
        };
        result.failing_rows = failing;
        result.sample = sample;
        Ok(result)
    }

    /// The result of a check of the whole table or column.
    fn of_figure(&self, check: &Check, found: Figures) -> CheckResult {
        let expected = words::expected(check);
        let nothing = || format!("nothing to measure: {}", self.nothing(check));
        match (&check.kind, found.value) {
            (CheckKind::RowCount { bounds }, _) => {
                let observed = format!("{} rows", words::count(found.rows));
                let message = format!("the table has {observed}, expected {expected}");
                self.either(check, found.rows, bounds.hold(&found.rows), observed, message)
            }
            (CheckKind::RowsAsIn { source, bounds }, _) => {
                let others = self.circumstances.others.iter();
                let other =
                    others.filter(|(name, _)| name == source).map(|(_, rows)| rows.row_count()).next();
                self.of_share(check, found.rows, other, bounds, &format!("source `{source}`"))
            }
            (CheckKind::Volume { bounds }, _) => match shape::median(&self.circumstances.history) {
                None => {
                    let message = format!(
                        "nothing to compare with: the table has {} rows, and there is no earlier version",
                        words::count(found.rows)
                    );
                    let observed = format!("{} rows", words::count(found.rows));
                    self.holds(check, found.rows, observed, true, message)
                }
                usual => {
                    let count = self.circumstances.history.len();
                    let versions = format!("the median of {count} earlier versions");
                    self.of_share(check, found.rows, usual, bounds, &versions)
                }
            },
            (CheckKind::DistinctValues { column, values, exactly }, Some(away)) if found.rows > 0 => {
                let message = shape::distinct_words(column, values, *exactly, away);
                let observed = format!("{} away", words::figure(away));
                self.either(check, found.rows, away == 0.0, observed, message)
            }
            (CheckKind::MostCommon { column, .. }, Some(outside)) if found.rows > 0 => {
                let (observed, what) =
                    if outside == 0.0 { ("among them", "is") } else { ("not among them", "is not") };
                let message = format!("the most frequent value of `{column}` {what} {expected}");
                self.either(check, found.rows, outside == 0.0, observed.to_owned(), message)
            }
            (CheckKind::Quantile { column, at, bounds }, Some(value)) if found.rows > 0 => {
                let observed = format!("quantile {at} {}", words::figure(value));
                let message =
                    format!("the quantile {at} of `{column}` is {}; expected {bounds}", words::figure(value));
                self.either(check, found.rows, bounds.hold(&value), observed, message)
            }
            (CheckKind::Freshness { column, age }, Some(newest)) => {
                #[expect(clippy::cast_possible_truncation, reason = "microseconds that came from whole ones")]
                let newest = Timestamp::from_micros(newest as i64);
                let observed = format!("newest {}", words::ago(self.circumstances.now, newest));
                let message = format!(
                    "the newest `{column}` is {}, {}; expected {expected}",
                    words::at(newest),
                    words::ago(self.circumstances.now, newest)
                );
                self.either(
                    check,
                    found.rows,
                    newest >= self.circumstances.now.minus(*age),
                    observed,
                    message,
                )
            }
            (CheckKind::Measured { column, measure, bounds }, Some(value)) => {
                if found.rows == 0 && *measure != Measure::Distinct {
                    return self.fails(check, 0, "no values".into(), nothing());
                }
                let observed = format!("{} {}", words::measure_words(*measure), words::figure(value));
                let message = format!(
                    "the {} of `{column}` is {}; expected {bounds}",
                    words::measure_words(*measure),
                    words::figure(value)
                );
                self.either(check, found.rows, bounds.hold(&value), observed, message)
            }
            _ => self.fails(check, found.rows, "no values".into(), nothing()),
        }
    }

    /// The result of a check that compares the number of rows with another number.
    fn of_share(
        &self,
        check: &Check,
        rows: u64,
        usual: Option<u64>,
        bounds: &crate::Bounds<f64>,
        than: &str,
    ) -> CheckResult {
        let usual = usual.unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
        let share = match (rows, usual) {
            // Nothing of nothing is as much as there was.
            (0, 0) => 1.0,
            (rows, usual) => rows as f64 / usual as f64,
        };
        let observed = format!("{} rows", words::count(rows));
        let message = format!(
            "the table has {observed}, {} times the {} of {than}; expected {}",
            words::figure(share),
            words::count(usual),
            words::expected(check)
        );
        self.either(check, rows, bounds.hold(&share), observed, message)
    }

    /// The result of a check that looks at the schema or brings its own query.
    async fn of_schema_or_query(&self, check: &Check) -> Result<CheckResult> {
        let rows = self.rows;
        if let Some((holds, observed, message)) = shape::of_schema(check, self.schema) {
            return Ok(self.either(check, rows, holds, observed, message));
        }
        match &check.kind {
            CheckKind::Drift { against, columns, at_most, bounds } => {
                let Some(drifts) = &self.circumstances.drifts else {
                    return Err(Error::Drift("there is nothing here to compare rows with".to_owned()));
                };
                let found = drifts.compare(against, columns, bounds).map_err(Error::Drift)?;
                let (holds, observed, message) = found.told(*at_most).map_err(Error::Drift)?;
                Ok(self.either(check, rows, holds, observed, message))
            }
            CheckKind::Sql { query } => {
                let found = self.run(query).await?;
                let failing = found.row_count() as u64;
                let observed = format!("{} rows", words::count(failing));
                let message = format!("the query returns {observed}; expected none");
                let mut result = self.either(check, rows, failing == 0, observed, message);
                result.failing_rows = failing;
                result.sample = (1..)
                    .zip(found.json_rows(SAMPLE_ROWS))
                    .map(|(row, mut values)| {
                        let row = take_row_number(&mut values).unwrap_or(row);
                        SampleRow { row, values }
                    })
                    .collect();
                Ok(result)
            }
            _ => Err(Error::Table(tables::Error::Sql {
                problem: format!("check `{}` cannot be compiled", check.id),
                hint: None,
            })),
        }
    }

    async fn sample(&self, check: &Check) -> Result<Vec<SampleRow>> {
        let Some(sql) =
            compile::sample(check, self.schema, self.circumstances.now, SAMPLE_ROWS, self.in_order)
        else {
            return Ok(Vec::new());
        };
        self.samples(&sql).await
    }

    async fn samples(&self, sql: &str) -> Result<Vec<SampleRow>> {
        let found = self.run(sql).await?.json_rows(SAMPLE_ROWS);
        Ok(found
            .into_iter()
            .map(|mut values| SampleRow { row: take_row_number(&mut values).unwrap_or_default(), values })
            .collect())
    }

    /// Why there is nothing to check.
    fn nothing(&self, check: &Check) -> String {
        match (self.rows, &check.where_sql) {
            (0, _) => "the table has no rows".into(),
            (rows, None) => {
                format!("all {} values of {} are missing", words::count(rows), check.target())
            }
            (_, Some(condition)) => format!("no value of {} meets `{condition}`", check.target()),
        }
    }

    fn either(
        &self,
        check: &Check,
        rows: u64,
        holds: bool,
        observed: String,
        message: String,
    ) -> CheckResult {
        if holds {
            self.holds(check, rows, observed, false, message)
        } else {
            self.fails(check, rows, observed, message)
        }
    }

    fn holds(
        &self,
        check: &Check,
        rows: u64,
        observed: String,
        vacuous: bool,
        message: String,
    ) -> CheckResult {
        CheckResult { vacuous, ..result(check, Outcome::Pass, rows, observed, message) }
    }

    fn fails(&self, check: &Check, rows: u64, observed: String, message: String) -> CheckResult {
        let outcome = if check.severity == Severity::Warn { Outcome::Warn } else { Outcome::Fail };
        result(check, outcome, rows, observed, message)
    }
}

fn result(check: &Check, outcome: Outcome, rows: u64, observed: String, message: String) -> CheckResult {
    CheckResult {
        check_id: check.id.clone(),
        target: check.target(),
        severity: check.severity,
        outcome,
        observed,
        expected: words::expected(check),
        rows,
        failing_rows: 0,
        vacuous: false,
        sample: Vec::new(),
        message,
        hint: None,
        reason: check.reason.clone(),
        owner: check.owner.clone(),
    }
}

fn cannot_be(check: &Check, rows: u64, misfit: Misfit) -> CheckResult {
    let message = format!("cannot be evaluated: {}", misfit.message);
    CheckResult { hint: misfit.hint, ..result(check, Outcome::Error, rows, "not evaluated".into(), message) }
}

fn misfit_of(check: &Check, error: &Error) -> Misfit {
    Misfit {
        check_id: check.id.clone(),
        message: error.to_string(),
        hint: base::Failure::hint(error),
        key: check.kind.key().to_owned(),
    }
}

fn take_row_number(values: &mut Map<String, Value>) -> Option<u64> {
    values.remove(ROW).and_then(|value| value.as_u64())
}

/// The figures of one part of a scan.
fn figures(found: &Table, index: usize) -> Result<Figures, tables::Error> {
    let first = |name: String| Ok::<_, tables::Error>(found.numbers(&name)?.first().copied().flatten());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    let rows = first(format!("a{index}"))?.unwrap_or_default() as u64;
    Ok(Figures { rows, value: first(format!("b{index}"))? })
}
