//! A table in memory.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{Field, Schema as ArrowSchema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base::Timestamp;
use serde_json::{Map, Number, Value};

use crate::{Column, ColumnType, Error, Result, Schema, Values};

/// Named, typed columns of equal length. Immutable, and cheap to clone: clones share the values.
#[derive(Debug, Clone)]
pub struct Table {
    schema: Arc<Schema>,
    batch: RecordBatch,
}

impl Table {
    /// A table of these columns. A column is nullable if a value is missing in it.
    pub fn from_columns(columns: Vec<(String, Values)>) -> Result<Self> {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        let mut fields = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, values) in columns {
            if values.len() != rows {
                return Err(Error::UnevenColumns { column: name, rows: values.len(), expected: rows });
            }
            let array = values.into_arrow();
            fields.push(Field::new(name, array.data_type().clone(), array.null_count() > 0));
            arrays.push(array);
        }
        Self::of_arrays(Arc::new(ArrowSchema::new(fields)), arrays, rows)
    }

    /// A table of exactly these columns; fails if a value is missing where the schema allows none.
    pub fn with_schema(schema: &Schema, columns: Vec<(String, Values)>, rows: usize) -> Result<Self> {
        let mut arrays = Vec::with_capacity(columns.len());
        for ((name, values), column) in columns.into_iter().zip(&schema.columns) {
            if values.len() != rows {
                return Err(Error::UnevenColumns { column: name, rows: values.len(), expected: rows });
            }
            if name != column.name {
                return Err(schema.unknown(&name));
            }
            if values.kind() != column.kind {
                return Err(Error::WrongType {
                    column: name,
                    expected: column.kind.to_string(),
                    found: values.kind().to_string(),
                });
            }
            arrays.push(values.into_arrow());
        }
        Self::of_arrays(schema.to_arrow(), arrays, rows)
    }

    /// A table with these columns and no rows.
    pub fn empty(schema: &Schema) -> Result<Self> {
        Self::of_batch(&RecordBatch::new_empty(schema.to_arrow()))
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows it has.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.batch.num_rows()
    }

    /// About how much memory its values take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.batch.get_array_memory_size()
    }

    /// The values of one column.
    pub fn column(&self, name: &str) -> Result<Values> {
        Values::of_arrow(self.array(name)?)
    }

    /// One column as real numbers: whole numbers, truth values (0 and 1) and times (microseconds)
    /// too. Fails for text.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        #[allow(clippy::cast_precision_loss, reason = "numbers() promises the nearest real number")]
        match self.column(name)? {
            Values::Int(values) | Values::Time(values) => {
                Ok(values.into_iter().map(|value| value.map(|number| number as f64)).collect())
            }
            Values::Real(values) => Ok(values),
            Values::Bool(values) => {
                Ok(values.into_iter().map(|value| value.map(|truth| f64::from(u8::from(truth)))).collect())
            }
            Values::Text(_) => Err(Error::WrongType {
                column: name.to_owned(),
                expected: "numbers".to_owned(),
                found: ColumnType::Text.to_string(),
            }),
        }
    }

    /// One column as words; numbers as they are written in JSON, times in RFC 3339.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        Ok(match self.column(name)? {
            Values::Text(values) => values,
            Values::Int(values) => words(values, |value| value.to_string()),
            Values::Real(values) => words(values, |value| format!("{value:?}")),
            Values::Bool(values) => words(values, |value| value.to_string()),
            Values::Time(values) => words(values, |value| Timestamp::from_micros(value).to_string()),
        })
    }

    /// A column of times, as microseconds since 1970-01-01 UTC. Fails for any other type.
    pub fn times(&self, name: &str) -> Result<Vec<Option<i64>>> {
        match self.column(name)? {
            Values::Time(values) => Ok(values),
            other => Err(Error::WrongType {
                column: name.to_owned(),
                expected: ColumnType::Time.to_string(),
                found: other.kind().to_string(),
            }),
        }
    }

    /// The `length` rows from row `offset` on, or as many as there are. Shares the values.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let offset = offset.min(self.row_count());
        let length = length.min(self.row_count() - offset);
        Self { schema: Arc::clone(&self.schema), batch: self.batch.slice(offset, length) }
    }

    /// Only these columns, in this order. Shares the values.
    pub fn select(&self, names: &[&str]) -> Result<Self> {
        let mut fields = Vec::with_capacity(names.len());
        let mut arrays = Vec::with_capacity(names.len());
        for name in names {
            let index = self.index(name)?;
            fields.push(self.batch.schema_ref().field(index).clone());
            arrays.push(Arc::clone(self.batch.column(index)));
        }
        Self::of_arrays(Arc::new(ArrowSchema::new(fields)), arrays, self.row_count())
    }

    /// This table with one column more at the end, or with that column replaced.
    pub fn with_column(&self, name: &str, values: Values) -> Result<Self> {
        if values.len() != self.row_count() && !self.schema.columns.is_empty() {
            return Err(Error::UnevenColumns {
                column: name.to_owned(),
                rows: values.len(),
                expected: self.row_count(),
            });
        }
        let rows = values.len();
        let array = values.into_arrow();
        let field = Field::new(name, array.data_type().clone(), array.null_count() > 0);
        let mut fields: Vec<Field> =
            self.batch.schema_ref().fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut arrays = self.batch.columns().to_vec();
        match fields.iter().position(|known| known.name() == name) {
            Some(place) => {
                fields.splice(place..=place, [field]);
                arrays.splice(place..=place, [array]);
            }
            None => {
                fields.push(field);
                arrays.push(array);
            }
        }
        Self::of_arrays(Arc::new(ArrowSchema::new(fields)), arrays, rows)
    }

    /// The rows for which `keep` holds true. `keep` has one entry per row.
    pub fn filter(&self, keep: &[bool]) -> Result<Self> {
        let mask = BooleanArray::from(keep.to_vec());
        let batch = arrow::compute::filter_record_batch(&self.batch, &mask)
            .map_err(|error| internal("filter a table", &error))?;
        Ok(Self { schema: Arc::clone(&self.schema), batch })
    }

    /// The same rows with exactly the columns of `schema`: a column that is lacking is added without values, one
    /// that is not in `schema` is left out. Fails if a column holds another type.
    pub fn brought_to(&self, schema: &Schema) -> Result<Self> {
        let arrow_schema = schema.to_arrow();
        let mut arrays = Vec::with_capacity(schema.columns.len());
        for (column, field) in schema.columns.iter().zip(arrow_schema.fields()) {
            let array = match self.schema.columns.iter().position(|known| known.name == column.name) {
                None => new_null_array(field.data_type(), self.row_count()),
                Some(place) => Arc::clone(self.batch.column(place)),
            };
            if array.data_type() != field.data_type() {
                return Err(Error::WrongType {
                    column: column.name.clone(),
                    expected: column.kind.to_string(),
                    found: self
                        .schema
                        .find(&column.name)
                        .map_or_else(String::new, |known| known.kind.to_string()),
                });
            }
            arrays.push(array);
        }
        Self::of_arrays(arrow_schema, arrays, self.row_count())
    }

    /// The rows of all `tables`, one after the other. All need the same columns in the same order.
    pub fn concat(tables: &[Self]) -> Result<Self> {
        let Some(first) = tables.first() else {
            return Self::from_columns(Vec::new());
        };
        let mut nullable: Vec<Column> = first.schema.columns.clone();
        for table in tables {
            for (place, column) in table.schema.columns.iter().enumerate() {
                match nullable.get_mut(place) {
                    Some(known) if known.name == column.name && known.kind == column.kind => {
                        known.nullable |= column.nullable;
                    }
                    Some(known) if known.name == column.name => {
                        return Err(Error::WrongType {
                            column: column.name.clone(),
                            expected: known.kind.to_string(),
                            found: column.kind.to_string(),
                        });
                    }
                    _ => return Err(first.schema.unknown(&column.name)),
                }
            }
            if let Some(lacking) = nullable.get(table.schema.columns.len()) {
                return Err(table.schema.unknown(&lacking.name));
            }
        }
        let schema = Schema::new(nullable);
        let arrow_schema = schema.to_arrow();
        let text_bytes: usize = tables.iter().map(Self::memory_bytes).sum();
        if text_bytes > i32::MAX as usize * 8 {
            return Err(Error::TooLarge { what: "the joined table".to_owned(), limit: "16 GiB".to_owned() });
        }
        let batch = concat_batches(&arrow_schema, tables.iter().map(|table| &table.batch))
            .map_err(|error| internal("join tables", &error))?;
        Ok(Self { schema: Arc::new(schema), batch })
    }

    /// The first `limit` rows as JSON objects. Times are RFC 3339 texts; real numbers that JSON
    /// cannot hold (NaN, infinities) are null.
    #[must_use]
    pub fn json_rows(&self, limit: usize) -> Vec<Map<String, Value>> {
        (0..self.row_count().min(limit))
            .map(|row| {
                let cells = self.schema.columns.iter().zip(self.batch.columns());
                cells.map(|(column, array)| (column.name.clone(), json_cell(array, row))).collect()
            })
            .collect()
    }

    /// The first `limit` rows as JSON arrays in column order; values as in [`Table::json_rows`].
    #[must_use]
    pub fn json_arrays(&self, limit: usize) -> Vec<Vec<Value>> {
        (0..self.row_count().min(limit))
            .map(|row| self.batch.columns().iter().map(|array| json_cell(array, row)).collect())
            .collect()
    }

    /// The table as CSV with a header. Missing values are empty fields, times are RFC 3339, and real
    /// numbers read back as the same numbers.
    pub fn to_csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: &dyn std::error::Error| internal("write CSV", error);
        writer.write_record(self.schema.names()).map_err(|error| failed(&error))?;
        let columns: Vec<Vec<Option<String>>> =
            self.schema.names().map(|name| self.texts(name)).collect::<Result<_>>()?;
        for row in 0..self.row_count() {
            let fields =
                columns.iter().map(|column| column.get(row).and_then(Option::as_deref).unwrap_or(""));
            writer.write_record(fields).map_err(|error| failed(&error))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(&error))?;
        String::from_utf8(bytes).map_err(|error| failed(&error))
    }

    /// The table as an Arrow IPC stream.
    pub fn to_ipc(&self) -> Result<Vec<u8>> {
        let failed = |error| internal("write Arrow IPC", &error);
        let mut writer =
            arrow::ipc::writer::StreamWriter::try_new(Vec::new(), self.batch.schema_ref()).map_err(failed)?;
        writer.write(&self.batch).map_err(failed)?;
        writer.finish().map_err(failed)?;
        writer.into_inner().map_err(failed)
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.schema
            .columns
            .iter()
            .position(|column| column.name == name)
            .ok_or_else(|| self.schema.unknown(name))
    }

    pub(crate) fn array(&self, name: &str) -> Result<&dyn Array> {
        Ok(self.batch.column(self.index(name)?).as_ref())
    }

    pub(crate) fn shared(&self, name: &str) -> Result<ArrayRef> {
        Ok(Arc::clone(self.batch.column(self.index(name)?)))
    }

    pub(crate) const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub(crate) fn of_arrays(schema: Arc<ArrowSchema>, arrays: Vec<ArrayRef>, rows: usize) -> Result<Self> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|error| internal("build a table", &error))?;
        Self::of_batch(&batch)
    }

    pub(crate) fn of_batch(batch: &RecordBatch) -> Result<Self> {
        Self::of_batches(batch.schema_ref(), std::slice::from_ref(batch), Odd::Refuse)
    }

    /// Joins batches and casts every column to one of our five types.
    pub(crate) fn of_batches(schema: &ArrowSchema, batches: &[RecordBatch], odd: Odd) -> Result<Self> {
        let mut seen = std::collections::HashSet::new();
        for field in schema.fields() {
            if !seen.insert(field.name()) {
                return Err(Error::RepeatedColumn { column: field.name().clone() });
            }
        }
        let batch = match batches {
            [one] => one.clone(),
            _ => {
                let known = batches.first().map_or_else(|| Arc::new(schema.clone()), RecordBatch::schema);
                concat_batches(&known, batches).map_err(|error| internal("join rows", &error))?
            }
        };
        let mut columns = Vec::with_capacity(schema.fields().len());
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let (kind, array) = canonical(field, array, odd)?;
            columns.push(Column {
                name: field.name().clone(),
                kind,
                nullable: field.is_nullable() || array.null_count() > 0,
            });
            arrays.push(array);
        }
        let schema = Schema::new(columns);
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(schema.to_arrow(), arrays, &options)
            .map_err(|error| internal("build a table", &error))?;
        Ok(Self { schema: Arc::new(schema), batch })
    }
}

/// What to do with a column of a type that we do not have, such as a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Fail and name the column.
    Refuse,
    /// Write it as text.
    Write,
}

pub(crate) fn canonical(field: &Field, array: &ArrayRef, odd: Odd) -> Result<(ColumnType, ArrayRef)> {
    let unsupported =
        || Error::UnsupportedType { column: field.name().clone(), kind: array.data_type().to_string() };
    let Some(kind) = ColumnType::of_arrow(array.data_type()) else {
        if odd == Odd::Refuse {
            return Err(unsupported());
        }
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(array.as_ref(), &options).map_err(|_| unsupported())?;
        let words = (0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string()));
        return Ok((ColumnType::Text, Arc::new(words.collect::<StringArray>())));
    };
    let wanted = kind.to_arrow();
    if *array.data_type() == wanted {
        return Ok((kind, Arc::clone(array)));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, &wanted, &options).map_err(|error| Error::Damaged {
        what: format!("column `{}`", field.name()),
        problem: error.to_string(),
    })?;
    Ok((kind, array))
}

fn json_cell(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<Int64Array>() {
        return Value::from(array.value(row));
    }
    if let Some(array) = any.downcast_ref::<Float64Array>() {
        return Number::from_f64(array.value(row)).map_or(Value::Null, Value::Number);
    }
    if let Some(array) = any.downcast_ref::<StringArray>() {
        return Value::from(array.value(row));
    }
    if let Some(array) = any.downcast_ref::<BooleanArray>() {
        return Value::from(array.value(row));
    }
    if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
        return Value::from(Timestamp::from_micros(array.value(row)).to_string());
    }
    Value::Null
}

fn words<T>(values: Vec<Option<T>>, word: impl Fn(T) -> String) -> Vec<Option<String>> {
    values.into_iter().map(|value| value.map(&word)).collect()
}

pub(crate) fn internal(doing: &str, error: &dyn std::error::Error) -> Error {
    Error::Internal { problem: format!("could not {doing}: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        Table::from_columns(vec![
            ("hour".into(), Values::Int(vec![Some(1), None, Some(3)])),
            ("temp".into(), Values::Real(vec![Some(1.5), Some(f64::NAN), None])),
            ("sky".into(), Values::Text(vec![Some("Clear".into()), None, Some("a,\"b\"\nc".into())])),
            ("dry".into(), Values::Bool(vec![Some(true), Some(false), None])),
            ("at".into(), Values::Time(vec![Some(0), None, Some(1_500_000)])),
        ])
        .unwrap()
    }

    #[test]
    fn values_come_back_as_they_were_given() {
        let table = sample();
        assert_eq!(table.row_count(), 3);
        assert_eq!(table.column("hour").unwrap(), Values::Int(vec![Some(1), None, Some(3)]));
        assert_eq!(table.numbers("dry").unwrap(), vec![Some(1.0), Some(0.0), None]);
        assert_eq!(table.texts("at").unwrap()[2].as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert_eq!(table.json_rows(1)[0]["at"], "1970-01-01T00:00:00Z");
        assert_eq!(table.json_arrays(9)[1][1], Value::Null);
    }

    #[test]
    fn an_unknown_column_is_answered_with_the_nearest() {
        use base::Failure;
        let error = sample().column("tmp").unwrap_err();
        assert_eq!(error.to_string(), "there is no column `tmp`");
        assert_eq!(error.hint().unwrap(), "did you mean `temp`?");
    }

    #[test]
    fn uneven_columns_are_refused() {
        let columns = vec![("a".into(), Values::Int(vec![None])), ("b".into(), Values::Int(vec![]))];
        let error = Table::from_columns(columns).unwrap_err();
        assert_eq!(error.to_string(), "column `b` has 0 rows, the columns before it have 1");
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let columns = vec![("a".into(), Values::Int(vec![])), ("a".into(), Values::Int(vec![]))];
        assert!(matches!(Table::from_columns(columns), Err(Error::RepeatedColumn { .. })));
    }

    #[test]
    fn slices_and_joins_keep_rows_in_order() {
        let table = sample();
        let joined = Table::concat(&[table.slice(2, 9), table.slice(0, 2)]).unwrap();
        assert_eq!(joined.column("hour").unwrap(), Values::Int(vec![Some(3), Some(1), None]));
        assert!(Table::concat(&[table.clone(), table.select(&["hour"]).unwrap()]).is_err());
    }

    #[test]
    fn arrow_ipc_is_lossless() {
        let table = sample();
        let bytes = table.to_ipc().unwrap();
        let mut reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
        let back = Table::of_batch(&reader.next().unwrap().unwrap()).unwrap();
        assert_eq!(back.schema(), table.schema());
        assert_eq!(back.json_rows(9), table.json_rows(9));
    }

    #[test]
    fn a_column_is_replaced_in_its_place() {
        let table = sample().with_column("temp", Values::Int(vec![Some(7); 3])).unwrap();
        assert_eq!(table.schema().columns[1], Column::required("temp", ColumnType::Int));
        assert_eq!(table.filter(&[false, true, false]).unwrap().row_count(), 1);
    }
}
