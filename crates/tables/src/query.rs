//! SQL over tables: read-only, with limits on rows, bytes, memory and time.

mod condition;
mod failure;
mod file;
mod guard;
mod plan;
mod session;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use futures::StreamExt;

pub use self::condition::Condition;
use self::guard::Asked;
use crate::table::Odd;
use crate::{DeltaTable, Error, Result, Table, engine};

/// How much one query may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryLimits {
    /// The most rows it may answer with.
    pub max_rows: usize,
    /// The most bytes its answer may take in memory.
    pub max_bytes: usize,
    /// The most memory that sorts, groups and joins may take; beyond it they use the disk or fail.
    pub memory_bytes: usize,
    /// How long it may run.
    pub timeout: Duration,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            max_rows: 5_000_000,
            max_bytes: 1 << 30,
            memory_bytes: 1 << 30,
            timeout: Duration::from_secs(60),
        }
    }
}

/// An answer that may have been cut at the limits.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The rows, up to the limits.
    pub table: Table,
    /// Whether there were more.
    pub truncated: bool,
}

/// A question in SQL over the tables that it is given, and over nothing else.
///
/// Names are matched as they are written, upper and lower case apart. A name with a dot, such as
/// `traffic.predictions`, is a table in a schema. Only tables that the SQL mentions are opened. Dropping the
/// future of [`Query::run`] stops the work.
#[derive(Debug, Clone, Default)]
pub struct Query {
    sources: Vec<(String, Source)>,
    limits: QueryLimits,
}

#[derive(Debug, Clone)]
enum Source {
    Rows(Table),
    Delta { table: DeltaTable, version: Option<i64>, more: Vec<Table> },
    Parquet(PathBuf),
    View(String),
}

impl Query {
    /// A query over no tables yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table in memory.
    #[must_use]
    pub fn table(self, name: impl Into<String>, rows: Table) -> Self {
        self.source(name, Source::Rows(rows))
    }

    /// Adds a Parquet file, which is read as the query goes, in the order of its rows: memory does not grow with
    /// them. What its columns hold is as in [`Table::from_parquet`].
    #[must_use]
    pub fn parquet(self, name: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.source(name, Source::Parquet(file.into()))
    }

    /// Adds a Delta table, at a version or as it is when the query runs.
    #[must_use]
    pub fn delta(self, name: impl Into<String>, table: DeltaTable, version: Option<i64>) -> Self {
        self.source(name, Source::Delta { table, version, more: Vec::new() })
    }

    /// Adds a Delta table at a version together with rows that are not in it yet. Columns are matched by name;
    /// where one side lacks a column, its values are missing. All of `rows` have the same columns.
    #[must_use]
    pub fn delta_and_rows(
        self,
        name: impl Into<String>,
        table: DeltaTable,
        version: Option<i64>,
        rows: Vec<Table>,
    ) -> Self {
        self.source(name, Source::Delta { table, version, more: rows })
    }

    /// Adds a view: SQL over the tables and views added before it.
    #[must_use]
    pub fn view(self, name: impl Into<String>, sql: impl Into<String>) -> Self {
        self.source(name, Source::View(sql.into()))
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: QueryLimits) -> Self {
        self.limits = limits;
        self
    }

    fn source(mut self, name: impl Into<String>, source: Source) -> Self {
        let name = name.into();
        self.sources.retain(|(known, _)| *known != name);
        self.sources.push((name, source));
        self
    }

    /// Answers `sql`; fails with [`Error::TooLarge`] if the answer passes the limits.
    pub async fn run(&self, sql: &str) -> Result<Table> {
        let preview = self.preview(sql).await?;
        if preview.truncated {
            let limit = format!("{} rows or {} bytes", self.limits.max_rows, self.limits.max_bytes);
            return Err(Error::TooLarge { what: "the answer".to_owned(), limit });
        }
        Ok(preview.table)
    }

    /// Answers `sql`, and cuts the answer at the limits.
    pub async fn preview(&self, sql: &str) -> Result<Preview> {
        let query = self.clone();
        let sql = sql.to_owned();
        let timeout = self.limits.timeout;
        let work = engine::run(async move { query.answer(&sql).await });
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            Err(Error::TimedOut { limit_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) })
        })
    }

    async fn answer(&self, sql: &str) -> Result<Preview> {
        match guard::read(sql)? {
            Asked::Tables => self.names().map(|table| Preview { table, truncated: false }),
            Asked::Columns(name) => {
                let columns = self.describe(&name).await?;
                Ok(Preview { table: columns, truncated: false })
            }
            Asked::Rows(statement) => {
                let mut state = session::state()?;
                let rows = self.known_rows();
                let partitions = if rows > 500_000 { session::threads() } else { 1 };
                let config = std::mem::take(state.config_mut());
                *state.config_mut() = SessionConfig::with_target_partitions(config, partitions);
                let state = Arc::new(state);
                let plan = plan::plan(&state, &self.sources, *statement).await?;
                let plan = plan::limited(plan, self.limits.max_rows)?;
                let physical = state.create_physical_plan(&plan).await.map_err(failure::words)?;
                let context = session::task(&state, self.limits.memory_bytes);
                let mut stream = execute_stream(physical, context).map_err(failure::words)?;

                let schema = stream.schema();
                let mut batches: Vec<RecordBatch> = Vec::new();
                let (mut rows, mut bytes, mut truncated) = (0, 0, false);
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(failure::words)?;
                    let room = self.limits.max_rows - rows;
                    if batch.num_rows() > room {
                        truncated = true;
                        batches.push(batch.slice(0, room));
                        break;
                    }
                    rows += batch.num_rows();
                    bytes += batch.get_array_memory_size();
                    if bytes > self.limits.max_bytes {
                        truncated = true;
                        break;
                    }
                    batches.push(batch);
                }
                let schema = plan::distinct_names(&schema);
                Ok(Preview { table: Table::of_batches(&schema, &batches, Odd::Write)?, truncated })
            }
        }
    }

    /// How many rows the memory tables hold; what Delta tables hold shows when they are opened.
    fn known_rows(&self) -> usize {
        let rows = |source: &Source| match source {
            Source::Rows(table) => table.row_count(),
            Source::Delta { table, more, .. } => {
                table.known_rows() + more.iter().map(Table::row_count).sum::<usize>()
            }
            // One thread keeps the rows of a file in order.
            Source::Parquet(_) | Source::View(_) => 0,
        };
        self.sources.iter().map(|(_, source)| rows(source)).sum()
    }

    fn names(&self) -> Result<Table> {
        let names = self.sources.iter().map(|(name, _)| Some(name.clone())).collect();
        Table::from_columns(vec![("table".to_owned(), crate::Values::Text(names))])
    }

    async fn describe(&self, name: &str) -> Result<Table> {
        let quoted: Vec<String> = name.split('.').map(|part| format!("\"{part}\"")).collect();
        let sql = format!("select * from {} limit 0", quoted.join("."));
        let rows = Box::pin(self.answer(&sql)).await?.table;
        let columns = &rows.schema().columns;
        let words = |word: fn(&crate::Column) -> String| {
            crate::Values::Text(columns.iter().map(|column| Some(word(column))).collect())
        };
        Table::from_columns(vec![
            ("column".to_owned(), words(|column| column.name.clone())),
            ("holds".to_owned(), words(|column| column.kind.to_string())),
        ])
    }
}
