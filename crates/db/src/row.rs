//! One row of a result, the same from both engines.

use std::sync::Arc;

use base::{Digest, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::{Column, Row as _, TypeInfo, ValueRef};

use crate::{Error, Value};

/// One row of a result.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    fn value(&self, column: &str) -> Option<&Value> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.values.get(index)
    }

    /// The names of its columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.columns
    }

    /// Its values, in order.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// A value as it came.
    pub(crate) fn any(&self, column: &str) -> Result<&Value, Error> {
        self.value(column).ok_or_else(|| Self::wrong(column, "a value"))
    }

    fn wrong(column: &str, expected: &'static str) -> Error {
        Error::Column { column: column.to_owned(), expected }
    }

    /// A whole number or nothing.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, Error> {
        match self.value(column) {
            Some(Value::Int(value)) => Ok(*value),
            Some(Value::Text(None) | Value::Real(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(Self::wrong(column, "a whole number")),
        }
    }

    /// A whole number.
    pub fn int(&self, column: &str) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| Self::wrong(column, "a whole number"))
    }

    /// A boolean, stored as 0 or 1.
    pub fn bool(&self, column: &str) -> Result<bool, Error> {
        Ok(self.int(column)? != 0)
    }

    /// A number or nothing; whole numbers are numbers too.
    #[expect(
        clippy::cast_precision_loss,
        reason = "SQLite answers sums of reals without fraction as integers"
    )]
    pub fn opt_real(&self, column: &str) -> Result<Option<f64>, Error> {
        match self.value(column) {
            Some(Value::Real(value)) => Ok(*value),
            Some(Value::Int(value)) => Ok(value.map(|value| value as f64)),
            Some(Value::Text(None)) => Ok(None),
            _ => Err(Self::wrong(column, "a number")),
        }
    }

    /// A number.
    pub fn real(&self, column: &str) -> Result<f64, Error> {
        self.opt_real(column)?.ok_or_else(|| Self::wrong(column, "a number"))
    }

    /// Text or nothing, without a copy.
    pub fn opt_str(&self, column: &str) -> Result<Option<&str>, Error> {
        match self.value(column) {
            Some(Value::Text(value)) => Ok(value.as_deref()),
            Some(Value::Int(None) | Value::Real(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(Self::wrong(column, "text")),
        }
    }

    /// Text or nothing.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, Error> {
        Ok(self.opt_str(column)?.map(str::to_owned))
    }

    /// Text.
    pub fn text(&self, column: &str) -> Result<String, Error> {
        self.opt_text(column)?.ok_or_else(|| Self::wrong(column, "text"))
    }

    /// Bytes or nothing.
    pub fn opt_bytes(&self, column: &str) -> Result<Option<&[u8]>, Error> {
        match self.value(column) {
            Some(Value::Bytes(value)) => Ok(value.as_deref()),
            Some(Value::Text(None)) => Ok(None),
            _ => Err(Self::wrong(column, "bytes")),
        }
    }

    /// Bytes.
    pub fn bytes(&self, column: &str) -> Result<&[u8], Error> {
        self.opt_bytes(column)?.ok_or_else(|| Self::wrong(column, "bytes"))
    }

    /// A time, stored in microseconds.
    pub fn time(&self, column: &str) -> Result<Timestamp, Error> {
        Ok(Timestamp::from_micros(self.int(column)?))
    }

    /// A time or nothing.
    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    /// A digest, stored as text.
    pub fn digest(&self, column: &str) -> Result<Digest, Error> {
        self.text(column)?.parse().map_err(|_| Self::wrong(column, "a digest"))
    }

    /// A value stored as JSON text.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|_| Self::wrong(column, "the JSON that was expected"))
    }

    /// A value stored as JSON text, or nothing.
    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Error> {
        match self.opt_text(column)? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|_| Self::wrong(column, "the JSON that was expected")),
        }
    }

    /// All rows of a result; the names of their columns are kept once.
    pub(crate) fn all_from_lite(rows: &[sqlx::sqlite::SqliteRow]) -> Result<Vec<Self>, Error> {
        let columns = names_of(rows.first());
        rows.iter().map(|row| Self::from_lite(row, Arc::clone(&columns))).collect()
    }

    /// All rows of a result; the names of their columns are kept once.
    pub(crate) fn all_from_postgres(rows: &[sqlx::postgres::PgRow]) -> Result<Vec<Self>, Error> {
        let columns = names_of(rows.first());
        rows.iter().map(|row| Self::from_postgres(row, Arc::clone(&columns))).collect()
    }

    /// A row by itself, as streams bring them.
    pub(crate) fn one_from_lite(row: &sqlx::sqlite::SqliteRow) -> Result<Self, Error> {
        Self::from_lite(row, names_of(Some(row)))
    }

    /// A row by itself, as streams bring them.
    pub(crate) fn one_from_postgres(row: &sqlx::postgres::PgRow) -> Result<Self, Error> {
        Self::from_postgres(row, names_of(Some(row)))
    }

    fn from_lite(row: &sqlx::sqlite::SqliteRow, columns: Arc<[String]>) -> Result<Self, Error> {
        let values = (0..row.columns().len())
            .map(|index| {
                let raw = row.try_get_raw(index)?;
                let kind = raw.type_info();
                Ok(match (raw.is_null(), kind.name()) {
                    (true, _) => Value::Text(None),
                    (_, "INTEGER" | "BOOLEAN") => Value::Int(row.try_get(index)?),
                    (_, "REAL") => Value::Real(row.try_get(index)?),
                    (_, "BLOB") => Value::Bytes(row.try_get(index)?),
                    _ => Value::Text(row.try_get(index)?),
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(Self { columns, values })
    }

    fn from_postgres(row: &sqlx::postgres::PgRow, columns: Arc<[String]>) -> Result<Self, Error> {
        let values = row
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| {
                Ok(match column.type_info().name() {
                    "INT8" => Value::Int(row.try_get(index)?),
                    "INT4" => Value::Int(row.try_get::<Option<i32>, _>(index)?.map(i64::from)),
                    "BOOL" => Value::Int(row.try_get::<Option<bool>, _>(index)?.map(i64::from)),
                    "FLOAT8" => Value::Real(row.try_get(index)?),
                    "BYTEA" => Value::Bytes(row.try_get(index)?),
                    _ => Value::Text(row.try_get(index)?),
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(Self { columns, values })
    }
}

fn names_of<R: sqlx::Row>(row: Option<&R>) -> Arc<[String]> {
    row.map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect()).unwrap_or_default()
}
