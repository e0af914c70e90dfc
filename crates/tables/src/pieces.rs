//! Rows gone over once, in pieces, column by column, as plain slices: for work that looks at all of them.

mod parquet;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};

use self::parquet::{GroupPieces, ParquetRows};
use crate::bits::Bits;
use crate::query::Condition;
use crate::table::{Odd, canonical, internal};
use crate::{Error, Result, Schema, Table};

/// How many rows are handed on at once: few enough that what is looked at again is still in the processor's cache.
const PIECE: usize = 16_384;

/// Rows that can be gone over any number of times, from any number of threads.
#[derive(Debug, Clone)]
pub struct RowSource(Place);

#[derive(Debug, Clone)]
enum Place {
    Memory(Table),
    Parquet(Arc<ParquetRows>),
}

impl From<Table> for RowSource {
    fn from(table: Table) -> Self {
        Self(Place::Memory(table))
    }
}

impl RowSource {
    /// Opens a Parquet file and reads what it says of itself at its end. What its columns hold is as in
    /// [`Table::from_parquet`].
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or has a column of a type that is not known here.
    pub fn parquet(path: &Path) -> Result<Self> {
        Ok(Self(Place::Parquet(Arc::new(ParquetRows::open(path)?))))
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        match &self.0 {
            Place::Memory(table) => table.schema(),
            Place::Parquet(rows) => rows.schema(),
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        match &self.0 {
            Place::Memory(table) => table.row_count() as u64,
            Place::Parquet(rows) => rows.row_count(),
        }
    }

    /// Goes over all rows in their order, reading these columns (indexes of the schema) and what the conditions need.
    #[must_use]
    pub fn pieces(&self, columns: &[usize], conditions: &[Arc<Condition>]) -> Pieces {
        let mut read: Vec<usize> = columns.to_vec();
        read.extend(conditions.iter().flat_map(|condition| condition.columns()));
        read.sort_unstable();
        read.dedup();
        let left = match &self.0 {
            Place::Memory(table) => Left::Memory(table.clone()),
            Place::Parquet(rows) => Left::Parquet(GroupPieces::new(Arc::clone(rows), &read)),
        };
        Pieces { left, read, columns: self.schema().columns.len(), conditions: conditions.to_vec(), first: 1 }
    }

    /// All columns of the rows with these numbers, which rise and count from 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self, numbers: &[u64]) -> Result<Table> {
        match &self.0 {
            Place::Memory(table) => {
                let indexes = UInt64Array::from_iter_values(numbers.iter().map(|number| number - 1));
                let batch = take_record_batch(table.batch(), &indexes)
                    .map_err(|error| internal("pick rows", &error))?;
                Table::of_batch(&batch)
            }
            Place::Parquet(rows) => rows.rows(numbers),
        }
    }
}

/// The rows still to come.
#[derive(Debug)]
pub struct Pieces {
    left: Left,
    /// The columns that are read.
    read: Vec<usize>,
    /// How many columns the schema has.
    columns: usize,
    conditions: Vec<Arc<Condition>>,
    first: u64,
}

#[derive(Debug)]
enum Left {
    Memory(Table),
    Parquet(GroupPieces),
}

impl Pieces {
    /// The next piece, while there is one.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>> {
        let (rows, arrays): (usize, Vec<ArrayRef>) = match &mut self.left {
            Left::Memory(table) if table.row_count() == 0 => return Ok(None),
            Left::Memory(table) => {
                let part = table.slice(0, PIECE);
                *table = table.slice(PIECE, usize::MAX);
                let arrays = self.read.iter().filter_map(|index| part.batch().columns().get(*index));
                (part.row_count(), arrays.cloned().collect())
            }
            Left::Parquet(groups) => match groups.next_batch()? {
                None => return Ok(None),
                Some(batch) => (batch.num_rows(), ours(&batch)?),
            },
        };
        let conditions = self.conditions.iter().map(|condition| self.met(condition, &arrays, rows)).collect();
        let mut lanes: Vec<Option<Held>> = (0..self.columns).map(|_| None).collect();
        for (index, array) in self.read.iter().zip(&arrays) {
            if let Some(lane) = lanes.get_mut(*index) {
                *lane = Some(Held::of(array)?);
            }
        }
        let piece = Piece { rows, first: self.first, lanes, conditions };
        self.first += rows as u64;
        Ok(Some(piece))
    }

    fn met(&self, condition: &Condition, arrays: &[ArrayRef], rows: usize) -> Option<Bits> {
        let array = |column: &usize| {
            let array = arrays.get(self.read.binary_search(column).ok()?)?;
            // The engine planned for plain texts.
            match array.data_type() {
                DataType::Dictionary(..) => cast(array, &DataType::Utf8).ok(),
                _ => Some(Arc::clone(array)),
            }
        };
        condition.met(condition.columns().iter().map(array).collect::<Option<_>>()?, rows)
    }
}

/// The columns as our five types; texts may stay a dictionary.
fn ours(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    fields
        .map(|(field, array)| match array.data_type() {
            DataType::Dictionary(keys, words)
                if (&**keys, &**words) == (&DataType::Int32, &DataType::Utf8) =>
            {
                Ok(Arc::clone(array))
            }
            _ => canonical(field, array, Odd::Refuse).map(|(_, array)| array),
        })
        .collect()
}

/// Some consecutive rows.
#[derive(Debug)]
pub struct Piece {
    rows: usize,
    first: u64,
    /// By index of the schema; nothing for those that were not read.
    lanes: Vec<Option<Held>>,
    conditions: Vec<Option<Bits>>,
}

impl Piece {
    /// How many rows it has.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of its first row, counted from 1.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The values of a column; nothing when it was not asked for.
    #[must_use]
    pub fn lane(&self, column: usize) -> Option<Lane<'_>> {
        let held = self.lanes.get(column)?.as_ref()?;
        Some(match &held.values {
            HeldValues::Bool(values) => Lane::Bool(values),
            HeldValues::Int(values) => Lane::Int(values.values()),
            HeldValues::Real(values) => Lane::Real(values.values()),
            HeldValues::Time(values) => Lane::Time(values.values()),
            HeldValues::Text { keys, words } => {
                Lane::Text(Texts { keys: keys.as_ref().map(|keys| &**keys.values()), words })
            }
        })
    }

    /// Which values of a column are there; nothing when all are.
    #[must_use]
    pub fn there(&self, column: usize) -> Option<&Bits> {
        self.lanes.get(column)?.as_ref()?.there.as_ref()
    }

    /// The rows that meet a condition; nothing where it could not be evaluated.
    #[must_use]
    pub fn condition(&self, index: usize) -> Option<&Bits> {
        self.conditions.get(index)?.as_ref()
    }
}

/// The values of a column, one a row; what stands where a value is missing means nothing.
#[derive(Debug, Clone, Copy)]
pub enum Lane<'a> {
    /// Truth values.
    Bool(&'a Bits),
    /// Whole numbers.
    Int(&'a [i64]),
    /// Real numbers.
    Real(&'a [f64]),
    /// Microseconds since 1970, UTC.
    Time(&'a [i64]),
    /// Texts.
    Text(Texts<'a>),
}

/// Texts, of which each may be stored once and meant by many rows.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    keys: Option<&'a [i32]>,
    words: &'a StringArray,
}

impl<'a> Texts<'a> {
    /// For each row the index of its text among the [`Self::words`]; nothing when each row has its own. A row without
    /// a value may have any index.
    #[must_use]
    pub const fn keys(&self) -> Option<&'a [i32]> {
        self.keys
    }

    /// The texts that are stored, each once or one a row.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let words = self.words;
        (0..words.len()).map(move |index| words.value(index))
    }

    /// The text of a row; empty where there is none.
    #[must_use]
    pub fn of_row(&self, row: usize) -> &'a str {
        let index = match self.keys {
            None => Some(row),
            Some(keys) => keys.get(row).and_then(|key| usize::try_from(*key).ok()),
        };
        index.filter(|index| *index < self.words.len()).map_or("", |index| self.words.value(index))
    }
}

#[derive(Debug)]
struct Held {
    there: Option<Bits>,
    values: HeldValues,
}

#[derive(Debug)]
enum HeldValues {
    Bool(Bits),
    Int(Int64Array),
    Real(Float64Array),
    Time(TimestampMicrosecondArray),
    Text { keys: Option<Int32Array>, words: StringArray },
}

impl Held {
    fn of(array: &ArrayRef) -> Result<Self> {
        let there = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let odd = || Error::Internal { problem: format!("a piece has values of {}", array.data_type()) };
        let values = match array.data_type() {
            DataType::Boolean => HeldValues::Bool(Bits::of_arrow(array.as_boolean().values())),
            DataType::Int64 => HeldValues::Int(array.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => HeldValues::Real(array.as_primitive::<Float64Type>().clone()),
            DataType::Timestamp(..) => {
                let times = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(odd)?;
                HeldValues::Time(times.clone())
            }
            DataType::Utf8 => HeldValues::Text { keys: None, words: array.as_string::<i32>().clone() },
            DataType::Dictionary(..) => {
                let dictionary = array.as_dictionary_opt::<Int32Type>().ok_or_else(odd)?;
                let words = dictionary.values().as_string_opt::<i32>().ok_or_else(odd)?;
                HeldValues::Text { keys: Some(dictionary.keys().clone()), words: words.clone() }
            }
            _ => return Err(odd()),
        };
        Ok(Self { there: there.map(|nulls| Bits::of_arrow(nulls.inner())), values })
    }
}
