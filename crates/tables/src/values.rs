//! The values of one column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};

use crate::{ColumnType, Error, Result};

/// The values of one column, in row order; `None` where one is missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Real numbers.
    Real(Vec<Option<f64>>),
    /// Words.
    Text(Vec<Option<String>>),
    /// True or false.
    Bool(Vec<Option<bool>>),
    /// Microseconds since 1970-01-01 UTC.
    Time(Vec<Option<i64>>),
}

impl Values {
    /// What the column holds.
    #[must_use]
    pub const fn kind(&self) -> ColumnType {
        match self {
            Self::Int(_) => ColumnType::Int,
            Self::Real(_) => ColumnType::Real,
            Self::Text(_) => ColumnType::Text,
            Self::Bool(_) => ColumnType::Bool,
            Self::Time(_) => ColumnType::Time,
        }
    }

    /// How many rows there are, missing ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Int(values) | Self::Time(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column of that type in which all `rows` values are missing.
    #[must_use]
    pub fn missing(kind: ColumnType, rows: usize) -> Self {
        match kind {
            ColumnType::Int => Self::Int(vec![None; rows]),
            ColumnType::Real => Self::Real(vec![None; rows]),
            ColumnType::Text => Self::Text(vec![None; rows]),
            ColumnType::Bool => Self::Bool(vec![None; rows]),
            ColumnType::Time => Self::Time(vec![None; rows]),
        }
    }

    /// Whether no value is there.
    #[must_use]
    pub fn all_missing(&self) -> bool {
        match self {
            Self::Int(values) | Self::Time(values) => values.iter().all(Option::is_none),
            Self::Real(values) => values.iter().all(Option::is_none),
            Self::Text(values) => values.iter().all(Option::is_none),
            Self::Bool(values) => values.iter().all(Option::is_none),
        }
    }

    pub(crate) fn into_arrow(self) -> ArrayRef {
        match self {
            Self::Int(values) => Arc::new(Int64Array::from(values)),
            Self::Real(values) => Arc::new(Float64Array::from(values)),
            Self::Text(values) => Arc::new(StringArray::from(values)),
            Self::Bool(values) => Arc::new(BooleanArray::from(values)),
            Self::Time(values) => Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")),
        }
    }

    /// The values of an array that already has one of our five types.
    pub(crate) fn of_arrow(array: &dyn Array) -> Result<Self> {
        let any = array.as_any();
        if let Some(array) = any.downcast_ref::<Int64Array>() {
            return Ok(Self::Int(array.iter().collect()));
        }
        if let Some(array) = any.downcast_ref::<Float64Array>() {
            return Ok(Self::Real(array.iter().collect()));
        }
        if let Some(array) = any.downcast_ref::<StringArray>() {
            return Ok(Self::Text(array.iter().map(|word| word.map(str::to_owned)).collect()));
        }
        if let Some(array) = any.downcast_ref::<BooleanArray>() {
            return Ok(Self::Bool(array.iter().collect()));
        }
        if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
            return Ok(Self::Time(array.iter().collect()));
        }
        Err(Error::Internal { problem: format!("an array of {} reached a table", array.data_type()) })
    }
}
