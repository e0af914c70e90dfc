//! Tables made of columns of others, without going through single values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt32Array, new_null_array};
use arrow::compute::{cast, max, min, take};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};

use crate::table::internal;
use crate::{Column, ColumnType, Result, Schema, Table, Values};

/// Where the values of a column come from.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// A column of a table, whose values are shared; whole numbers become real where those are wanted.
    Of(&'a Table, &'a str),
    /// One value, the same in each row.
    Same(Values),
    /// A value for each row.
    Each(Values),
    /// No value in any row.
    Missing,
}

impl Table {
    /// A table of these columns, each from its part. Fails if a part holds another type or another number of rows.
    pub fn assemble(columns: Vec<(Column, Part<'_>)>, rows: usize) -> Result<Self> {
        let mut arrays = Vec::with_capacity(columns.len());
        let mut described = Vec::with_capacity(columns.len());
        for (column, part) in columns {
            arrays.push(array_of(&column, part, rows)?);
            described.push(Column::new(column.name, column.kind));
        }
        Self::of_arrays(Schema::new(described).to_arrow(), arrays, rows)
    }

    /// How many values of a column are missing.
    pub fn missing(&self, column: &str) -> Result<usize> {
        Ok(self.array(column)?.null_count())
    }

    /// The least and the greatest time in a column, in microseconds; none if there is no value. Fails for any other type.
    pub fn time_bounds(&self, column: &str) -> Result<Option<(i64, i64)>> {
        let array = self.array(column)?;
        match array.as_primitive_opt::<TimestampMicrosecondType>() {
            Some(times) => Ok(min(times).zip(max(times))),
            None => self.times(column).map(|_| None),
        }
    }

    /// This table with NaN in columns of real numbers taken for a missing value.
    pub fn without_nan(&self) -> Result<Self> {
        let mut arrays = self.batch().columns().to_vec();
        let mut changed = false;
        for array in &mut arrays {
            let Some(numbers) = array.as_primitive_opt::<Float64Type>() else { continue };
            if numbers.values().iter().any(|value| value.is_nan()) {
                let cleared: Float64Array =
                    numbers.iter().map(|value| value.filter(|value| !value.is_nan())).collect();
                *array = Arc::new(cleared);
                changed = true;
            }
        }
        if !changed {
            return Ok(self.clone());
        }
        let columns =
            self.schema().columns.iter().map(|column| Column::new(column.name.clone(), column.kind));
        Self::of_arrays(Schema::new(columns.collect()).to_arrow(), arrays, self.row_count())
    }

    /// Whether all rows have the same value in a column, or none.
    pub fn is_constant(&self, column: &str) -> Result<bool> {
        let array = self.array(column)?;
        if array.null_count() > 0 || array.is_empty() {
            return Ok(array.null_count() == array.len());
        }
        if let Some(words) = array.as_string_opt::<i32>() {
            let first = words.value(0);
            return Ok(words.iter().all(|word| word == Some(first)));
        }
        let data = array.to_data();
        let same = |width: usize| {
            let values = data.buffers().first().map(arrow::buffer::Buffer::as_slice).unwrap_or_default();
            let mut items = values.chunks_exact(width).skip(data.offset()).take(data.len());
            let first = items.next();
            items.all(|item| Some(item) == first)
        };
        Ok(array.data_type().primitive_width().is_some_and(same))
    }
}

fn array_of(column: &Column, part: Part<'_>, rows: usize) -> Result<ArrayRef> {
    let wrong = |found: ColumnType| crate::Error::WrongType {
        column: column.name.clone(),
        expected: column.kind.to_string(),
        found: found.to_string(),
    };
    let uneven = |found: usize| crate::Error::UnevenColumns {
        column: column.name.clone(),
        rows: found,
        expected: rows,
    };
    let wanted = column.kind.to_arrow();
    let array = match part {
        Part::Missing => return Ok(new_null_array(&wanted, rows)),
        Part::Of(table, name) => {
            let array = table.shared(name)?;
            let found = ColumnType::of_arrow(array.data_type()).unwrap_or(column.kind);
            match (found, column.kind) {
                (found, kind) if found == kind => array,
                (ColumnType::Int, ColumnType::Real) => {
                    cast(&array, &wanted).map_err(|error| internal("widen a column", &error))?
                }
                (found, _) => return Err(wrong(found)),
            }
        }
        Part::Each(values) if values.kind() == column.kind => values.into_arrow(),
        Part::Same(values) if values.kind() == column.kind => {
            if values.len() != 1 {
                return Err(uneven(values.len()));
            }
            let first = UInt32Array::from(vec![0; rows]);
            take(&values.into_arrow(), &first, None).map_err(|error| internal("repeat a value", &error))?
        }
        Part::Each(values) | Part::Same(values) => return Err(wrong(values.kind())),
    };
    if array.len() == rows { Ok(array) } else { Err(uneven(array.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::from_columns(vec![
            ("n".into(), Values::Int(vec![Some(3), None, Some(3)])),
            ("x".into(), Values::Real(vec![Some(0.5), Some(f64::NAN), None])),
            ("same".into(), Values::Real(vec![Some(2.0); 3])),
            ("w".into(), Values::Text(vec![Some("a".into()); 3])),
            ("gone".into(), Values::Text(vec![None; 3])),
            ("at".into(), Values::Time(vec![Some(7), None, Some(-2)])),
        ])
        .unwrap()
    }

    #[test]
    fn columns_are_shared_repeated_given_or_missing() {
        let table = table();
        let column = Column::new;
        let made = Table::assemble(
            vec![
                (column("n", ColumnType::Real), Part::Of(&table, "n")),
                (column("word", ColumnType::Text), Part::Same(Values::Text(vec![Some("é".into())]))),
                (
                    column("each", ColumnType::Bool),
                    Part::Each(Values::Bool(vec![Some(true), None, Some(false)])),
                ),
                (column("none", ColumnType::Time), Part::Missing),
            ],
            3,
        )
        .unwrap();
        assert_eq!(made.column("n").unwrap(), Values::Real(vec![Some(3.0), None, Some(3.0)]));
        assert_eq!(made.column("word").unwrap(), Values::Text(vec![Some("é".into()); 3]));
        assert_eq!(made.column("each").unwrap(), Values::Bool(vec![Some(true), None, Some(false)]));
        assert_eq!(made.column("none").unwrap(), Values::Time(vec![None; 3]));
        let one = |part| Table::assemble(vec![(column("a", ColumnType::Int), part)], 3).unwrap_err();
        assert!(one(Part::Of(&table, "w")).to_string().contains('a'));
        one(Part::Same(Values::Int(vec![Some(1); 2])));
        one(Part::Each(Values::Int(vec![Some(1); 2])));
        one(Part::Each(Values::Real(vec![Some(1.0); 3])));
    }

    #[test]
    fn what_is_said_of_columns_is_so() {
        let table = table();
        assert_eq!(table.time_bounds("at").unwrap(), Some((-2, 7)));
        assert!(table.time_bounds("n").is_err());
        assert_eq!(table.missing("n").unwrap(), 1);
        let constant: Vec<&str> =
            table.schema().names().filter(|name| table.is_constant(name).unwrap()).collect();
        assert_eq!(constant, ["same", "w", "gone"]);
        assert!(
            !table.slice(0, 2).is_constant("at").unwrap() && table.slice(2, 1).is_constant("at").unwrap()
        );
        let clear = table.without_nan().unwrap();
        assert_eq!(clear.column("x").unwrap(), Values::Real(vec![Some(0.5), None, None]));
        assert_eq!(clear.column("n").unwrap(), table.column("n").unwrap());
    }
}
