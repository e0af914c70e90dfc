//! One column at a time, in pieces: for looking at files larger than memory.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Schema as ArrowSchema, TimeUnit};

use crate::table::internal;
use crate::{ColumnType, CsvOptions, Error, Result, Table, read_csv};

/// How many rows are handed on at once.
const PIECE: usize = 65_536;

/// Takes the values of a column as they come.
pub trait ColumnSink {
    /// Numbers that are there, and how many rows besides have none. Truth values come as texts, times as microseconds.
    fn numbers(&mut self, values: &[f64], missing: u64);
    /// Some rows of one text.
    fn text(&mut self, text: &str, rows: u64);
    /// Rows of a column of texts without a value.
    fn missing_texts(&mut self, rows: u64);
}

/// Rows that can be looked at column by column.
#[derive(Debug, Clone)]
pub enum Scan {
    /// A Parquet file: columns are read when asked for, in pieces; memory does not grow with the rows.
    Parquet(PathBuf),
    /// Rows in memory.
    Table(Table),
}

impl Scan {
    /// Opens a Parquet or CSV file, told apart by its first bytes. CSV is read whole, as types are inferred over all
    /// rows.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let mut magic = [0_u8; 4];
        let mut file = open(path)?;
        let is_parquet = file.read_exact(&mut magic).is_ok() && &magic == b"PAR1";
        if is_parquet {
            return Ok(Self::Parquet(path.to_owned()));
        }
        Ok(Self::Table(read_csv(path, &CsvOptions::default())?))
    }

    /// The columns that can be looked at with what they hold, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn columns(&self) -> Result<Vec<(String, ColumnType)>> {
        match self {
            Self::Table(table) => {
                Ok(table.schema().columns.iter().map(|column| (column.name.clone(), column.kind)).collect())
            }
            Self::Parquet(path) => {
                let metadata = metadata(path, ArrowReaderOptions::new())?;
                let kinds = metadata.schema().fields().iter();
                Ok(kinds
                    .filter_map(|field| Some((field.name().clone(), kind_of(field.data_type())?)))
                    .collect())
            }
        }
    }

    /// Hands every value of a column to the sink.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; when the file is damaged.
    pub fn visit(&self, column: &str, sink: &mut dyn ColumnSink) -> Result<()> {
        match self {
            Self::Table(table) => {
                let index =
                    table.batch().schema().index_of(column).map_err(|_| table.schema().unknown(column))?;
                let array = table.batch().column(index).clone();
                let mut from = 0;
                while from < array.len() {
                    let length = PIECE.min(array.len() - from);
                    hand_over(&array.slice(from, length), sink)?;
                    from += length;
                }
                Ok(())
            }
            Self::Parquet(path) => {
                for batch in reader(path, column)? {
                    let batch = batch.map_err(|error| damaged(path, &error))?;
                    hand_over(batch.column(0), sink)?;
                }
                Ok(())
            }
        }
    }
}

pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::Storage {
        doing: "open",
        location: path.display().to_string(),
        problem: error.to_string(),
    })
}

pub(crate) fn damaged(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::Damaged { what: format!("`{}`", path.display()), problem: error.to_string() }
}

pub(crate) fn metadata(path: &Path, options: ArrowReaderOptions) -> Result<ArrowReaderMetadata> {
    ArrowReaderMetadata::load(&open(path)?, options).map_err(|error| damaged(path, &error))
}

fn kind_of(kind: &DataType) -> Option<ColumnType> {
    match kind {
        DataType::Boolean => Some(ColumnType::Bool),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::Text),
        DataType::Dictionary(_, values) => kind_of(values),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(ColumnType::Time),
        kind if kind.is_integer() => Some(ColumnType::Int),
        kind if kind.is_floating() => Some(ColumnType::Real),
        DataType::Decimal128(..) | DataType::Decimal256(..) => Some(ColumnType::Real),
        _ => None,
    }
}

/// Reads one column, texts as a dictionary so that each is looked at once a piece.
fn reader(path: &Path, column: &str) -> Result<ParquetRecordBatchReader> {
    let plain = metadata(path, ArrowReaderOptions::new())?;
    let schema = plain.schema();
    let index = schema.index_of(column).map_err(|_| Error::UnknownColumn {
        column: column.to_owned(),
        columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
    })?;
    let is_text =
        matches!(schema.field(index).data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let metadata = if is_text {
        let texts = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let fields: Vec<Arc<Field>> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                if at == index {
                    Arc::new(Field::new(field.name(), texts.clone(), field.is_nullable()))
                } else {
                    Arc::clone(field)
                }
            })
            .collect();
        let wanted = Arc::new(ArrowSchema::new_with_metadata(fields, schema.metadata().clone()));
        metadata(path, ArrowReaderOptions::new().with_schema(wanted)).unwrap_or(plain)
    } else {
        plain
    };
    let mask = ProjectionMask::roots(metadata.parquet_schema(), [index]);
    ParquetRecordBatchReaderBuilder::new_with_metadata(open(path)?, metadata)
        .with_projection(mask)
        .with_batch_size(PIECE)
        .build()
        .map_err(|error| damaged(path, &error))
}

fn hand_over(array: &ArrayRef, sink: &mut dyn ColumnSink) -> Result<()> {
    let converted = |array: &ArrayRef, kind: &DataType| {
        cast(array, kind).map_err(|error| internal("convert a column", &error))
    };
    match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean();
            let truths = values.true_count() as u64;
            let present = (values.len() - values.null_count()) as u64;
            sink.text("true", truths);
            sink.text("false", present - truths);
            sink.missing_texts(values.null_count() as u64);
        }
        DataType::Dictionary(..) | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            let array = converted(array, &kind)?;
            let dictionary = array.as_dictionary::<Int32Type>();
            let texts = dictionary.values().as_string::<i32>();
            let mut counts = vec![0_u64; texts.len()];
            let mut missing = 0;
            for key in dictionary.keys() {
                match key.and_then(|key| counts.get_mut(usize::try_from(key).ok()?)) {
                    Some(count) => *count += 1,
                    None => missing += 1,
                }
            }
            for (at, count) in counts.into_iter().enumerate() {
                if texts.is_null(at) {
                    missing += count;
                } else {
                    sink.text(texts.value(at), count);
                }
            }
            sink.missing_texts(missing);
        }
        kind => {
            let array = match kind {
                DataType::Timestamp(_, zone) => {
                    let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                    converted(&converted(array, &micros)?, &DataType::Int64)?
                }
                DataType::Date32 | DataType::Date64 => {
                    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
                    converted(&converted(array, &micros)?, &DataType::Int64)?
                }
                _ => Arc::clone(array),
            };
            let numbers = converted(&array, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            if numbers.null_count() == 0 {
                sink.numbers(numbers.values(), 0);
            } else {
                let present: Vec<f64> = numbers.iter().flatten().collect();
                sink.numbers(&present, numbers.null_count() as u64);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;

    #[derive(Default, Debug, PartialEq)]
    struct Seen {
        numbers: Vec<f64>,
        texts: std::collections::BTreeMap<String, u64>,
        missing: u64,
    }

    impl ColumnSink for Seen {
        fn numbers(&mut self, values: &[f64], missing: u64) {
            self.numbers.extend_from_slice(values);
            self.missing += missing;
        }

        fn text(&mut self, text: &str, rows: u64) {
            if rows > 0 {
                *self.texts.entry(text.to_owned()).or_default() += rows;
            }
        }

        fn missing_texts(&mut self, rows: u64) {
            self.missing += rows;
        }
    }

    #[test]
    fn a_parquet_file_and_the_same_rows_in_memory_look_alike() {
        let table = Table::from_columns(vec![
            ("whole".into(), Values::Int(vec![Some(1), None, Some(3)])),
            ("real".into(), Values::Real(vec![Some(0.5), Some(f64::NAN), None])),
            ("word".into(), Values::Text(vec![Some("a".into()), None, Some("a".into())])),
            ("truth".into(), Values::Bool(vec![Some(true), Some(false), None])),
            ("time".into(), Values::Time(vec![Some(5), None, Some(7)])),
        ])
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        std::fs::write(&path, table.to_parquet().unwrap()).unwrap();
        let file = Scan::open(&path).unwrap();
        assert!(matches!(file, Scan::Parquet(_)));
        let memory = Scan::Table(table);
        assert_eq!(file.columns().unwrap(), memory.columns().unwrap());
        for (name, _) in memory.columns().unwrap() {
            let (mut left, mut right) = (Seen::default(), Seen::default());
            file.visit(&name, &mut left).unwrap();
            memory.visit(&name, &mut right).unwrap();
            assert_eq!(format!("{left:?}"), format!("{right:?}"), "{name}");
            assert_eq!(left.missing, 1, "{name}");
        }
        let error = file.visit("wrod", &mut Seen::default()).unwrap_err().to_string();
        assert!(error.contains("wrod"), "{error}");
    }
}
