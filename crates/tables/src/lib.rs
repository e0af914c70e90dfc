//! Arrow, DataFusion and Delta Lake behind our own types; the only room that sees them.
//!
//! A [`Table`] is a set of named, typed columns in memory. It comes from CSV ([`read_csv`]), Parquet, own
//! columns, a [`DeltaTable`] or a [`Query`], and goes back to any of them. Nothing of Arrow,
//! DataFusion or Delta Lake appears in the public interface.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod assemble;
mod bits;
mod csv_file;
mod delta;
mod engine;
mod error;
mod format;
mod ipc;
mod json_lines;
mod parquet_file;
mod parquet_stream;
mod parts;
mod pieces;
mod prefix;
mod query;
mod range;
mod scan;
mod schema;
mod table;
mod values;

pub use assemble::Part;
pub use bits::Bits;
pub use csv_file::{CsvOptions, read_csv, read_csv_bytes};
pub use delta::{Arrivals, DeltaTable, FileInfo, Marker, Removed, Selector};
pub use error::{Error, Result};
pub use format::Format;
pub use json_lines::read_json_lines_bytes;
pub use parquet_stream::ParquetStream;
pub use parts::{Bucket, Progress, RowFormat, RowReader, RowWriter};
pub use pieces::{Lane, Piece, Pieces, RowSource, Texts};
pub use prefix::{SourceFile, read_prefix};
pub use query::{Condition, Preview, Query, QueryLimits};
pub use range::Range;
pub use scan::{ColumnSink, Scan};
pub use schema::{Column, ColumnType, Schema};
pub use table::Table;
pub use values::Values;
