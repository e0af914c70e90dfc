//! Rows whose value in one column lies in a range.

use arrow::array::{Array, BooleanArray, Datum, Scalar, StringArray, TimestampMicrosecondArray};
use arrow::compute::kernels::cmp::{eq, gt_eq, lt, lt_eq};
use arrow::compute::{and, filter_record_batch, prep_null_mask_filter};

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
    /// Which values of a column lie inside; none if it is a column of another type.
    pub(crate) fn mask(&self, array: &dyn Array) -> Option<BooleanArray> {
        if array.data_type() != &self.kind().to_arrow() {
            return None;
        }
        let array: &dyn Datum = &array;
        if let Self::Text { first, last } = self
            && first == last
        {
            let same = eq(array, &StringArray::new_scalar(first)).ok()?;
            return Some(if same.null_count() > 0 { prep_null_mask_filter(&same) } else { same });
        }
        let (from, below) = match self {
            Self::Time { from, to } => {
                let moment =
                    |time: i64| Scalar::new(TimestampMicrosecondArray::from(vec![time]).with_timezone("UTC"));
                (gt_eq(array, &moment(*from)), lt(array, &moment(*to)))
            }
            Self::Text { first, last } => {
                (gt_eq(array, &StringArray::new_scalar(first)), lt_eq(array, &StringArray::new_scalar(last)))
            }
        };
        let inside = and(&from.ok()?, &below.ok()?).ok()?;
        Some(if inside.null_count() > 0 { prep_null_mask_filter(&inside) } else { inside })
    }

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
        let keep = range.mask(array.as_ref()).ok_or_else(|| wrong(column, range, array.as_ref()))?;
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
