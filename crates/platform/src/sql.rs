//! Questions in SQL over predictions, labels and datasets.

use std::time::Instant;

use base::{PageRequest, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tables::{Column, DeltaTable, QueryLimits};

use crate::{Error, Platform};

/// The most datasets whose tables a query can name.
const MOST_DATASETS: usize = 200;

/// The answer to a question.
#[derive(Debug, Clone, Serialize)]
pub struct SqlAnswer {
    /// Names and types.
    pub columns: Vec<Column>,
    /// The rows, each with a value a column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than asked for.
    pub truncated: bool,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl Platform {
    /// Answers a read-only query over `predictions`, `labels` and `scored` (of all models; typed ones as
    /// `MODEL.predictions` and so on) and over `datasets.NAME` (the newest version)
    /// and `datasets."NAME@VERSION"` (a number, a tag, a moment), at most `limit` rows.
    ///
    /// # Errors
    /// SQL that cannot be run, with the nearest name when one is unknown; limits of time and size.
    pub async fn sql(&self, query: &str, limit: usize) -> Result<SqlAnswer, Error> {
        self.sql_known_by(query, limit, None).await
    }

    /// Like [`Platform::sql`]; predictions and labels as the archive would have answered at `known_by`.
    ///
    /// # Errors
    /// As [`Platform::sql`].
    pub async fn sql_known_by(
        &self,
        query: &str,
        limit: usize,
        known_by: Option<Timestamp>,
    ) -> Result<SqlAnswer, Error> {
        let started = Instant::now();
        let limits = QueryLimits { max_rows: limit, ..QueryLimits::default() };
        let mut tables = self.archive.query_known_by(known_by)?;
        for (name, table, version) in self.dataset_tables(query).await? {
            tables = tables.delta(name, table, version);
        }
        let answer = tables.limits(limits).preview(query).await?;
        Ok(SqlAnswer {
            columns: answer.table.schema().columns.clone(),
            rows: answer.table.json_arrays(limit),
            truncated: answer.truncated,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The tables of the datasets, if the query names any.
    async fn dataset_tables(&self, query: &str) -> Result<Vec<(String, DeltaTable, Option<i64>)>, Error> {
        let mut tables = Vec::new();
        if !query.to_lowercase().contains("datasets") {
            return Ok(tables);
        }
        for (name, version) in
            self.datasets_named(query).await?.into_iter().filter(|(name, _)| name.contains('@'))
        {
            let table = DeltaTable::open(&self.dataset_location(&version.name)).await?;
            tables.push((format!("datasets.{name}"), table, Some(version.delta_version)));
        }
        let page = PageRequest::first(MOST_DATASETS);
        let all = datasets::list_datasets(&mut self.db.read().await?, &page).await?;
        for dataset in all.items {
            let Some(newest) = datasets::latest(&mut self.db.read().await?, &dataset.name).await? else {
                continue;
            };
            let table = DeltaTable::open(&self.dataset_location(&dataset.name)).await?;
            tables.push((format!("datasets.{}", dataset.name), table, Some(newest.delta_version)));
        }
        Ok(tables)
    }

    /// When the model's first prediction happened.
    pub(crate) async fn first_event(&self, model: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.archive.first_event(model).await?)
    }

    /// When the model's last prediction before a moment happened.
    pub(crate) async fn last_event_before(
        &self,
        model: &str,
        before: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let table = quoted(model);
        let query = format!(
            "select max(event_time) as at from {table}.predictions where event_time < timestamp '{before}'"
        );
        self.one_time(&query).await
    }

    async fn one_time(&self, query: &str) -> Result<Option<Timestamp>, Error> {
        let answer = self.archive.sql(query, QueryLimits::default()).await?;
        Ok(answer.times("at")?.first().copied().flatten().map(Timestamp::from_micros))
    }
}

/// A name as an identifier. Names hold no quotes, by the rules for names.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', ""))
}
