//! Rows of files of any size, part by part: read, written, and moved to and from buckets.

mod bucket;
mod read;
mod write;

use std::path::Path;

pub use bucket::Bucket;
pub use read::{Progress, RowReader};
pub use write::RowWriter;

/// How rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// Parquet.
    Parquet,
    /// CSV with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl RowFormat {
    /// The format that a file's name tells; `.gz` behind it is passed over.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "parquet" | "pq" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// The end of the name of such a file.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

fn storage(doing: &'static str, location: &Path, problem: &dyn std::fmt::Display) -> crate::Error {
    crate::Error::Storage { doing, location: location.display().to_string(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests;
