//! The rows that checks are evaluated on: in memory, or in a file that is read as the checks go.

use std::path::{Path, PathBuf};

use tables::{Query, RowSource, Scan, Schema, Table, Values};

use crate::Result;
use crate::compile::ROW;

/// Rows to be checked.
#[derive(Debug, Clone)]
pub enum Rows {
    /// In memory.
    Table(Table),
    /// In a Parquet file; memory does not grow with its rows, except for what keys and exact quantiles take.
    Parquet {
        /// The file.
        path: PathBuf,
        /// Its columns.
        schema: Schema,
        /// How many rows it has.
        rows: u64,
    },
}

/// The name of a file's rows before they are numbered.
const FILE: &str = "gingham_file";

impl Rows {
    /// Opens a Parquet or CSV (also gzipped) file, told apart by its first bytes.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or has a column of a type that is not known here.
    #[expect(clippy::unused_async, reason = "reading may wait")]
    pub async fn open(path: &Path) -> Result<Self> {
        match Scan::open(path)? {
            Scan::Table(table) => Ok(Self::Table(table)),
            Scan::Parquet(path) => {
                let source = RowSource::parquet(&path)?;
                let (schema, rows) = (source.schema().clone(), source.row_count());
                Ok(Self::Parquet { path, schema, rows })
            }
        }
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        match self {
            Self::Table(table) => table.schema(),
            Self::Parquet { schema, .. } => schema,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        match self {
            Self::Table(table) => table.row_count() as u64,
            Self::Parquet { rows, .. } => *rows,
        }
    }

    /// These rows, to be gone over in pieces.
    pub(crate) fn source(&self) -> Result<RowSource> {
        Ok(match self {
            Self::Table(table) => RowSource::from(table.clone()),
            Self::Parquet { path, .. } => RowSource::parquet(path)?,
        })
    }

    /// A query over these rows, named `input`, with the number of each from 1.
    pub(crate) fn numbered(&self) -> Result<Query> {
        Ok(match self {
            Self::Table(table) => {
                let numbers = (1_i64..).take(table.row_count()).map(Some).collect();
                Query::new().table("input", table.with_column(ROW, Values::Int(numbers))?)
            }
            Self::Parquet { path, .. } => Query::new()
                .parquet(FILE, path)
                .view("input", format!("select *, row_number() over () as {ROW} from {FILE}")),
        })
    }

    /// The query with these rows besides, under a name.
    pub(crate) fn beside(&self, query: Query, name: &str) -> Query {
        match self {
            Self::Table(table) => query.table(name, table.clone()),
            Self::Parquet { path, .. } => query.parquet(name, path),
        }
    }
}
