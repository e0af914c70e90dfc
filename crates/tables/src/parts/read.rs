//! Reading part by part.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::datatypes::SchemaRef;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};

use super::{RowFormat, storage};
use crate::table::Odd;
use crate::{Column, ColumnType, Error, Result, Table, Values};

/// Words that stand for a missing number in text.
const NO_NUMBER: [&str; 7] = ["NA", "N/A", "null", "NULL", "NaN", "nan", "None"];
/// The longest line of JSON, in bytes.
const MOST_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// How far a reader has come: rows of Parquet, bytes of other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What was read.
    pub done: u64,
    /// What there is.
    pub total: u64,
}

/// Reads the rows of a file, so many at a time; only those are held in memory.
///
/// Parquet tells its types. In text the columns named at the start are numbers or words, as they were named, and all
/// others are passed on as words.
pub struct RowReader {
    file: String,
    rows_at_once: usize,
    source: Source,
    done: u64,
    total: u64,
    bytes: Arc<AtomicU64>,
}

enum Source {
    Parquet { reader: Box<ParquetRecordBatchReader>, schema: SchemaRef },
    Csv { reader: Box<csv::Reader<Box<dyn Read + Send>>>, columns: Vec<Column> },
    Json { lines: Box<dyn BufRead + Send>, numbers: HashSet<String>, columns: Option<Vec<Column>>, line: u64 },
}

impl std::fmt::Debug for RowReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RowReader").field("file", &self.file).finish_non_exhaustive()
    }
}

impl RowReader {
    /// Opens a file. `numbers` names the columns that hold numbers, for text.
    ///
    /// # Errors
    /// A file that cannot be read, or has no header, or has one column twice.
    pub fn open(path: &Path, format: RowFormat, numbers: &[String], rows_at_once: usize) -> Result<Self> {
        let file = File::open(path).map_err(|error| storage("open", path, &error))?;
        let length = file.metadata().map(|file| file.len()).unwrap_or_default();
        let shown = path.display().to_string();
        let bytes = Arc::new(AtomicU64::new(0));
        let rows_at_once = rows_at_once.max(1);
        let (source, total) = match format {
            RowFormat::Parquet => {
                let damaged = |problem: String| Error::Damaged { what: format!("`{shown}`"), problem };
                let builder = ParquetRecordBatchReaderBuilder::try_new(file)
                    .map_err(|error| damaged(error.to_string()))?;
                let rows = builder.metadata().file_metadata().num_rows();
                let schema = builder.schema().clone();
                let reader = builder
                    .with_batch_size(rows_at_once)
                    .build()
                    .map_err(|error| damaged(error.to_string()))?;
                (Source::Parquet { reader: Box::new(reader), schema }, u64::try_from(rows).unwrap_or(0))
            }
            RowFormat::Csv => {
                let text = plain(path, file, &bytes)?;
                let mut reader =
                    csv::ReaderBuilder::new().from_reader(Box::new(text) as Box<dyn Read + Send>);
                let header = reader.headers().map_err(|error| csv_error(&shown, &error))?;
                let numbers: HashSet<&str> = numbers.iter().map(String::as_str).collect();
                let mut seen = HashSet::new();
                let mut columns = Vec::new();
                for name in header {
                    let name = name.trim_start_matches('\u{feff}');
                    if !seen.insert(name.to_owned()) {
                        return Err(Error::RepeatedColumn { column: name.to_owned() });
                    }
                    let kind = if numbers.contains(name) { ColumnType::Real } else { ColumnType::Text };
                    columns.push(Column::new(name, kind));
                }
                if columns.is_empty() {
                    let problem = "there is no header line".to_owned();
                    return Err(Error::Csv { file: shown, line: 1, column: None, problem });
                }
                (Source::Csv { reader: Box::new(reader), columns }, length)
            }
            RowFormat::JsonLines => {
                let lines = Box::new(plain(path, file, &bytes)?);
                let numbers = numbers.iter().cloned().collect();
                (Source::Json { lines, numbers, columns: None, line: 0 }, length)
            }
        };
        Ok(Self { file: shown, rows_at_once, source, done: 0, total, bytes })
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let done = match self.source {
            Source::Parquet { .. } => self.done,
            _ => self.bytes.load(Ordering::Relaxed),
        };
        Progress { done: done.min(self.total), total: self.total }
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// Rows that do not fit, with their line and column where there are lines.
    pub fn next_rows(&mut self) -> Result<Option<Table>> {
        let table = match &mut self.source {
            Source::Parquet { reader, schema } => match reader.next() {
                None => None,
                Some(batch) => {
                    let batch = batch.map_err(|error| Error::Damaged {
                        what: format!("`{}`", self.file),
                        problem: error.to_string(),
                    })?;
                    Some(Table::of_batches(schema, &[batch], Odd::Write)?)
                }
            },
            Source::Csv { reader, columns } => csv_rows(&self.file, reader, columns, self.rows_at_once)?,
            Source::Json { lines, numbers, columns, line } => {
                json_rows(&self.file, lines, (numbers, columns), line, self.rows_at_once)?
            }
        };
        if let Some(table) = &table {
            self.done += table.row_count() as u64;
        }
        Ok(table)
    }
}

/// Counts what is read of the file itself.
struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The text of a file, unpacked where it is packed.
fn plain(path: &Path, file: File, bytes: &Arc<AtomicU64>) -> Result<BufReader<Box<dyn Read + Send>>> {
    let mut source = BufReader::with_capacity(1 << 16, Counted { file, bytes: Arc::clone(bytes) });
    let packed = source.fill_buf().map_err(|error| storage("read", path, &error))?.starts_with(&[0x1f, 0x8b]);
    let inner: Box<dyn Read + Send> =
        if packed { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) };
    Ok(BufReader::with_capacity(1 << 16, inner))
}

fn csv_error(file: &str, error: &csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    Error::Csv { file: file.to_owned(), line, column: None, problem: error.to_string() }
}

/// A column as it grows.
enum Growing {
    Numbers(Vec<Option<f64>>),
    Words(Vec<Option<String>>),
}

impl Growing {
    fn of(kind: ColumnType, rows: usize) -> Self {
        if kind == ColumnType::Real {
            Self::Numbers(Vec::with_capacity(rows))
        } else {
            Self::Words(Vec::with_capacity(rows))
        }
    }

    fn into_values(self) -> Values {
        match self {
            Self::Numbers(numbers) => Values::Real(numbers),
            Self::Words(words) => Values::Text(words),
        }
    }
}

fn table_of(columns: &[Column], growing: Vec<Growing>) -> Result<Option<Table>> {
    let columns = columns.iter().zip(growing);
    Table::from_columns(columns.map(|(column, grown)| (column.name.clone(), grown.into_values())).collect())
        .map(Some)
}

fn csv_rows(
    file: &str,
    reader: &mut csv::Reader<Box<dyn Read + Send>>,
    columns: &[Column],
    most: usize,
) -> Result<Option<Table>> {
    let mut growing: Vec<Growing> = columns.iter().map(|column| Growing::of(column.kind, most)).collect();
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    while rows < most && reader.read_record(&mut record).map_err(|error| csv_error(file, &error))? {
        let line = record.position().map_or(0, csv::Position::line);
        for ((field, column), grown) in record.iter().zip(columns).zip(&mut growing) {
            match grown {
                Growing::Words(words) => words.push((!field.is_empty()).then(|| field.to_owned())),
                Growing::Numbers(numbers) => numbers.push(number(field).ok_or_else(|| Error::Csv {
                    file: file.to_owned(),
                    line,
                    column: Some(column.name.clone()),
                    problem: format!("`{}` is no number", field.escape_debug()),
                })?),
            }
        }
        rows += 1;
    }
    if rows == 0 { Ok(None) } else { table_of(columns, growing) }
}

/// A number or that there is none; `None` for a word that is neither.
fn number(field: &str) -> Option<Option<f64>> {
    let field = field.trim();
    if field.is_empty() || NO_NUMBER.contains(&field) {
        return Some(None);
    }
    match field {
        "true" | "True" => Some(Some(1.0)),
        "false" | "False" => Some(Some(0.0)),
        _ => field.parse().ok().map(Some),
    }
}

fn json_rows(
    file: &str,
    lines: &mut Box<dyn BufRead + Send>,
    (numbers, columns): (&HashSet<String>, &mut Option<Vec<Column>>),
    line: &mut u64,
    most: usize,
) -> Result<Option<Table>> {
    let wrong = |line: u64, column: Option<&str>, problem: String| Error::Csv {
        file: file.to_owned(),
        line,
        column: column.map(str::to_owned),
        problem,
    };
    let mut growing: Vec<Growing> = Vec::new();
    let mut text = Vec::new();
    let mut rows = 0;
    while rows < most {
        text.clear();
        let read = (&mut *lines).take(MOST_LINE_BYTES).read_until(b'\n', &mut text);
        let read = read.map_err(|error| storage("read", Path::new(file), &error))?;
        if read == 0 {
            break;
        }
        *line += 1;
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row: Map<String, Value> =
            serde_json::from_slice(&text).map_err(|error| wrong(*line, None, error.to_string()))?;
        // The first row says which columns there are.
        let columns = columns.get_or_insert_with(|| {
            let kind =
                |name: &String| if numbers.contains(name) { ColumnType::Real } else { ColumnType::Text };
            row.keys().map(|name| Column::new(name.clone(), kind(name))).collect()
        });
        if growing.is_empty() {
            growing = columns.iter().map(|column| Growing::of(column.kind, most)).collect();
        }
        if let Some(more) = row.keys().find(|name| !columns.iter().any(|column| column.name == **name)) {
            return Err(wrong(*line, Some(more), "the first row has no such field".to_owned()));
        }
        for (column, grown) in columns.iter().zip(&mut growing) {
            match (grown, row.get(&column.name)) {
                (Growing::Numbers(numbers), None | Some(Value::Null)) => numbers.push(None),
                (Growing::Words(words), None | Some(Value::Null)) => words.push(None),
                (Growing::Words(words), Some(Value::String(word))) => words.push(Some(word.clone())),
                (Growing::Words(words), Some(other)) => words.push(Some(other.to_string())),
                (Growing::Numbers(numbers), Some(value)) => numbers.push(Some(
                    value
                        .as_f64()
                        .or_else(|| value.as_bool().map(|truth| f64::from(u8::from(truth))))
                        .ok_or_else(|| wrong(*line, Some(&column.name), format!("{value} is no number")))?,
                )),
            }
        }
        rows += 1;
    }
    match (rows, columns) {
        (0, _) | (_, None) => Ok(None),
        (_, Some(columns)) => table_of(columns, growing),
    }
}
