//! Rows whose value in one column lies in a range.

use arrow::array::{Array, BooleanArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;

use crate::table::internal;
use crate::{ColumnType, Error, Result, Table};

/// A range of values of one column. A missing value lies in no range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// Times from `from` on and before `to`, in microseconds since 1970-01-01 UTC.
    Time {
        /// The first moment inside.
        from: i64,
        /// The first moment after.
        to: i64,
    },
    /// Words from `first` to `last`, both included, in the order of their bytes.
    Text {
        /// The first word inside.
        first: String,
        /// The last word inside.
        last: String,
    },
}

impl Range {
    pub(crate) const fn kind(&self) -> ColumnType {
        match self {
            Self::Time { .. } => ColumnType::Time,
            Self::Text { .. } => ColumnType::Text,
        }
    }
}

impl Table {
    /// The rows whose value in `column` lies in `range`.
    pub fn within(&self, column: &str, range: &Range) -> Result<Self> {
        let index = self
            .schema()
            .columns
            .iter()
            .position(|known| known.name == column)
            .ok_or_else(|| self.schema().unknown(column))?;
        let array = self.batch().column(index);
        let any = array.as_any();
        let keep: BooleanArray = match range {
            Range::Time { from, to } => {
                let times = any.downcast_ref::<TimestampMicrosecondArray>();
                let times = times.ok_or_else(|| wrong(column, range, array.as_ref()))?;
                times.iter().map(|time| Some(time.is_some_and(|time| *from <= time && time < *to))).collect()
            }
            Range::Text { first, last } => {
                let words = any.downcast_ref::<StringArray>();
                let words = words.ok_or_else(|| wrong(column, range, array.as_ref()))?;
                let inside = |word: &str| first.as_str() <= word && word <= last.as_str();
                words.iter().map(|word| Some(word.is_some_and(inside))).collect()
            }
        };
        if keep.true_count() == self.row_count() {
            return Ok(self.clone());
        }
        let batch =
            filter_record_batch(self.batch(), &keep).map_err(|error| internal("filter a table", &error))?;
        Self::of_batch(&batch)
    }
}

fn wrong(column: &str, range: &Range, found: &dyn Array) -> Error {
    Error::WrongType {
        column: column.to_owned(),
        expected: range.kind().to_string(),
        found: ColumnType::of_arrow(found.data_type())
            .map_or_else(|| "something else".to_owned(), |kind| kind.to_string()),
    }
}
