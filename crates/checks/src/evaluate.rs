//! Runs checks on a table and says how each came out.

use base::Timestamp;
use serde_json::{Map, Value};
use tables::{Query, Schema, Table, Values};

use crate::check::{Check, CheckKind, Measure};
use crate::compile::{self, ROW, Shared};
use crate::verdict::{CheckResult, Outcome, SampleRow, Verdict};
use crate::{Error, Misfit, Result, Severity, fit, words};

/// The most failing rows that are kept with a result.
const SAMPLE_ROWS: usize = 5;

/// Under what circumstances checks are evaluated.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The present, from which ages are counted.
    pub now: Timestamp,
    /// The column whose time tells people when a failing row was; the first column of times when absent.
    pub time_column: Option<String>,
}

impl Circumstances {
    /// Ages counted from `now`, rows told by the first column of times.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { now, time_column: None }
    }
}

/// Evaluates checks on a table: row checks and measures in one scan together, keys and orders in one each;
/// failing rows are looked up afterwards, for the checks that failed.
///
/// A check that cannot be evaluated comes out as [`Outcome::Error`] and does not disturb the others. `Err` is for
/// the table itself.
pub async fn evaluate(checks: &[Check], table: &Table, circumstances: &Circumstances) -> Result<Verdict> {
    let schema = table.schema().clone();
    let rows = table.row_count() as u64;
    let bench = Bench::new(table, &schema, circumstances)?;
    let misfits = fit::each(checks, &schema);
    let parts: Vec<Option<Shared>> = checks
        .iter()
        .zip(&misfits)
        .map(|(check, misfit)| match misfit {
            Some(_) => None,
            None => compile::shared(check, &schema, circumstances.now),
        })
        .collect();
    let mut figures = bench.shared_scan(&parts).await.into_iter();
    let mut results = Vec::with_capacity(checks.len());
    for ((check, part), misfit) in checks.iter().zip(&parts).zip(misfits) {
        let figures = if part.is_some() { figures.next() } else { None };
        let result = match misfit {
            Some(misfit) => cannot_be(check, rows, misfit),
            None => match bench.result(check, figures).await {
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

/// A table made ready for scans.
struct Bench<'a> {
    table: &'a Table,
    numbered: Table,
    schema: &'a Schema,
    now: Timestamp,
    time_column: Option<String>,
}

impl<'a> Bench<'a> {
    fn new(table: &'a Table, schema: &'a Schema, circumstances: &Circumstances) -> Result<Self> {
        let numbers = (1_i64..).take(table.row_count()).map(Some).collect();
        let first_time = || schema.columns.iter().find(|column| column.kind == tables::ColumnType::Time);
        Ok(Self {
            table,
            numbered: table.with_column(ROW, Values::Int(numbers))?,
            schema,
            now: circumstances.now,
            time_column: circumstances
                .time_column
                .clone()
                .or_else(|| first_time().map(|column| column.name.clone())),
        })
    }

    async fn run(&self, sql: &str) -> Result<Table, tables::Error> {
        Query::new().table("input", self.numbered.clone()).run(sql).await
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
        shared: Option<Result<Figures, tables::Error>>,
    ) -> Result<CheckResult> {
        let figures = match (shared, compile::own_scan(check)) {
            (Some(shared), _) => shared?,
            (None, Some(own)) => figures(&self.run(&own).await?, 0)?,
            (None, None) => return self.of_schema_or_query(check).await,
        };
        if check.kind.is_row_check() {
            self.of_rows(check, figures).await
        } else {
            Ok(self.of_figure(check, figures))
        }
    }

    /// The result of a check of single rows.
    async fn of_rows(&self, check: &Check, found: Figures) -> Result<CheckResult> {
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
        let sample = self.sample(check).await?;
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
            (CheckKind::Freshness { column, age }, Some(newest)) => {
                #[expect(clippy::cast_possible_truncation, reason = "microseconds that came from whole ones")]
                let newest = Timestamp::from_micros(newest as i64);
                let observed = format!("newest {}", words::ago(self.now, newest));
                let message = format!(
                    "the newest `{column}` is {}, {}; expected {expected}",
                    words::at(newest),
                    words::ago(self.now, newest)
                );
                self.either(check, found.rows, newest >= self.now.minus(*age), observed, message)
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

    /// The result of a check that looks at the schema or brings its own query.
    async fn of_schema_or_query(&self, check: &Check) -> Result<CheckResult> {
        let rows = self.table.row_count() as u64;
        match &check.kind {
            CheckKind::ColumnsExist { columns } => {
                let missing: Vec<&str> = columns
                    .iter()
                    .map(String::as_str)
                    .filter(|name| self.schema.find(name).is_none())
                    .collect();
                let (observed, message) = if missing.is_empty() {
                    ("all there".to_owned(), format!("all {} columns are there", columns.len()))
                } else {
                    let list = missing.join("`, `");
                    let near =
                        missing.first().and_then(|name| base::names::nearest(name, self.schema.names()));
                    let near = near.map(|near| format!(" (there is `{near}`)")).unwrap_or_default();
                    (format!("missing: {}", missing.join(", ")), format!("missing columns: `{list}`{near}"))
                };
                Ok(self.either(check, rows, missing.is_empty(), observed, message))
            }
            CheckKind::OfType { column, of_type } => {
                let found = self.schema.find(column).map(|column| column.kind);
                let observed = found.map(|kind| kind.to_string()).unwrap_or_default();
                let message = format!("column `{column}` holds {observed}; expected {of_type}");
                Ok(self.either(check, rows, found == Some(*of_type), observed, message))
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
        let Some(sql) = compile::sample(check, self.schema, self.now, SAMPLE_ROWS) else {
            return Ok(Vec::new());
        };
        let found = self.run(&sql).await?.json_rows(SAMPLE_ROWS);
        Ok(found
            .into_iter()
            .map(|mut values| SampleRow { row: take_row_number(&mut values).unwrap_or_default(), values })
            .collect())
    }

    /// Why there is nothing to check.
    fn nothing(&self, check: &Check) -> String {
        match (self.table.row_count(), &check.where_sql) {
            (0, _) => "the table has no rows".into(),
            (rows, None) => {
                format!("all {} values of {} are missing", words::count(rows as u64), check.target())
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
    Misfit { check_id: check.id.clone(), message: error.to_string(), hint: base::Failure::hint(error) }
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
