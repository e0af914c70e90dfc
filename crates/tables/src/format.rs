//! In which form rows lie in a file.

use std::path::Path;

use crate::{CsvOptions, Error, Result, Table, read_csv_bytes, read_json_lines_bytes};

/// A form in which rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header line, plain or packed by gzip.
    Csv,
    /// One JSON object a line, plain or packed by gzip.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file (also called Feather) or as a stream.
    Arrow,
}

impl Format {
    /// The form that a name ends with; nothing for names that tell nothing.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        Some(match Path::new(name).extension()?.to_str()? {
            "csv" => Self::Csv,
            "jsonl" | "ndjson" | "jsonlines" => Self::JsonLines,
            "parquet" | "pq" => Self::Parquet,
            "arrow" | "arrows" | "feather" | "ipc" => Self::Arrow,
            _ => return None,
        })
    }

    /// The form that a content type stands for.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match kind.as_str() {
            "text/csv" | "application/csv" => Self::Csv,
            "application/x-ndjson"
            | "application/jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines" => Self::JsonLines,
            "application/vnd.apache.parquet" | "application/parquet" | "application/x-parquet" => {
                Self::Parquet
            }
            "application/vnd.apache.arrow.stream" | "application/vnd.apache.arrow.file" => Self::Arrow,
            _ => return None,
        })
    }

    /// The rows of a file's bytes; `name` stands for it in errors.
    ///
    /// # Errors
    /// What does not fit, by line and column where there are lines.
    pub fn read(self, name: &str, bytes: &[u8], options: &CsvOptions) -> Result<Table> {
        if bytes.len() as u64 > options.max_bytes {
            let limit = format!("{} bytes", options.max_bytes);
            return Err(Error::TooLarge { what: name.to_owned(), limit });
        }
        match self {
            Self::Csv => read_csv_bytes(name, bytes, options),
            Self::JsonLines => read_json_lines_bytes(name, bytes, options),
            Self::Parquet => Table::from_parquet(bytes.to_vec()),
            Self::Arrow => Table::from_ipc(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_content_types_tell_the_form() {
        assert_eq!(Format::of_name("a/b.CSV.gz"), Some(Format::Csv));
        assert_eq!(Format::of_name("b.ndjson"), Some(Format::JsonLines));
        assert_eq!(Format::of_name("b.feather"), Some(Format::Arrow));
        assert_eq!(Format::of_name("image.png"), None);
        assert_eq!(Format::of_content_type("Text/CSV; charset=utf-8"), Some(Format::Csv));
        assert_eq!(Format::of_content_type("image/png"), None);
    }
}
