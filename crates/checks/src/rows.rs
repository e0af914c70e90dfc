//! The rows that checks are evaluated on: in memory, or in a file that is read as the checks go.

use std::path::{Path, PathBuf};

use tables::{Query, Scan, Schema, Table, Values};

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
    pub async fn open(path: &Path) -> Result<Self> {
        match Scan::open(path)? {
            Scan::Table(table) => Ok(Self::Table(table)),
            Scan::Parquet(path) => {
                let query = Query::new().parquet(FILE, &path);
                let schema = query.run(&format!("select * from {FILE} limit 0")).await?.schema().clone();
                let counted = query.run(&format!("select count(*) as n from {FILE}")).await?.numbers("n")?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count of rows"
                )]
                let rows = counted.first().copied().flatten().unwrap_or_default() as u64;
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
