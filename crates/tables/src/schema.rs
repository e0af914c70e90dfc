//! Names and types of columns.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers, 64 bits, signed.
    Int,
    /// Real numbers, 64 bits.
    Real,
    /// Words in UTF-8.
    Text,
    /// True or false.
    Bool,
    /// Moments in UTC, to the microsecond. Local times without an offset are taken as UTC.
    Time,
}

impl ColumnType {
    pub(crate) fn to_arrow(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Its word: `int`, `real`, `text`, `bool` or `time`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Real => "real",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Time => "time",
        }
    }

    /// The nearest of our types, or none where a value would lose its meaning.
    pub(crate) fn of_arrow(kind: &DataType) -> Option<Self> {
        match kind {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => Some(Self::Int),
            DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Some(Self::Real),
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Self::Text),
            DataType::Boolean => Some(Self::Bool),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Some(Self::Time),
            DataType::Dictionary(_, values) => Self::of_arrow(values),
            _ => None,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Int => "whole numbers",
            Self::Real => "real numbers",
            Self::Text => "text",
            Self::Bool => "true or false",
            Self::Time => "times",
        })
    }
}

/// One column of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether values may be missing.
    #[serde(default = "nullable_by_default")]
    pub nullable: bool,
}

const fn nullable_by_default() -> bool {
    true
}

impl Column {
    /// A column in which values may be missing.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self { name: name.into(), kind, nullable: true }
    }

    /// A column in which every value is there.
    pub fn required(name: impl Into<String>, kind: ColumnType) -> Self {
        Self { name: name.into(), kind, nullable: false }
    }
}

/// The columns of a table, in order; no two have one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Schema {
    /// The columns.
    pub columns: Vec<Column>,
}

impl Schema {
    /// A schema of these columns.
    #[must_use]
    pub const fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// The column of that name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of all columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    pub(crate) fn unknown(&self, column: &str) -> Error {
        Error::UnknownColumn { column: column.to_owned(), columns: self.names().map(str::to_owned).collect() }
    }

    pub(crate) fn to_arrow(&self) -> SchemaRef {
        let fields = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.to_arrow(), column.nullable));
        Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
    }

    pub(crate) fn of_arrow(schema: &ArrowSchema) -> Result<Self> {
        let columns = schema.fields().iter().map(|field| {
            let kind = ColumnType::of_arrow(field.data_type()).ok_or_else(|| Error::UnsupportedType {
                column: field.name().clone(),
                kind: field.data_type().to_string(),
            })?;
            Ok(Column { name: field.name().clone(), kind, nullable: field.is_nullable() })
        });
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }
}
