//! Rows on their way into and out of the data files of a Delta table.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::BooleanArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use parquet::file::statistics::Statistics;

use super::DataFile;
use crate::table::Odd;
use crate::{Column, ColumnType, Error, Part, Range, Result, Schema, Table};

/// The same columns, each of which may lack values.
pub(super) fn all_nullable(schema: &Schema) -> Schema {
    let columns = schema.columns.iter().map(|column| Column::new(column.name.clone(), column.kind));
    Schema::new(columns.collect())
}

/// The rows with the columns that the table will have, and the table's new columns if it gains any. Values are shared where
/// their type stays.
pub(super) fn fit(rows: &Table, known: &Schema, folder: &Path) -> Result<(Table, Option<Schema>)> {
    let mut schema = known.clone();
    let fresh = rows.schema().columns.iter().filter(|column| known.find(&column.name).is_none());
    schema.columns.extend(fresh.map(|column| Column::new(column.name.clone(), column.kind)));
    let widened = schema.columns.len() > known.columns.len();
    let schema = all_nullable(&schema);
    let mut parts = Vec::with_capacity(schema.columns.len());
    for column in &schema.columns {
        parts.push((column.clone(), part(rows, column, folder)?));
    }
    let fitted = Table::assemble(parts, rows.row_count())?;
    Ok((fitted, widened.then_some(schema)))
}

fn part<'a>(rows: &'a Table, column: &'a Column, folder: &Path) -> Result<Part<'a>> {
    let Some(found) = rows.schema().find(&column.name) else { return Ok(Part::Missing) };
    match (found.kind, column.kind) {
        (found, kind) if found == kind => Ok(Part::Of(rows, &column.name)),
        (ColumnType::Int, ColumnType::Real) => Ok(Part::Of(rows, &column.name)),
        _ if rows.missing(&column.name)? == rows.row_count() => Ok(Part::Missing),
        (found, kind) => Err(Error::SchemaChange {
            location: folder.display().to_string(),
            column: column.name.clone(),
            was: kind.to_string(),
            is: found.to_string(),
        }),
    }
}

/// Reads data files one after the other, each brought to the columns of `schema`.
pub(super) fn read_files(folder: &Path, files: &[DataFile], schema: &Schema) -> Result<Table> {
    read_parts(folder, files, schema, None)
}

/// Like [`read_files`], and keeps the rows in `range` only.
pub(super) fn read_files_within(
    folder: &Path,
    files: &[DataFile],
    schema: &Schema,
    column: &str,
    range: &Range,
) -> Result<Table> {
    read_parts(folder, files, schema, Some((column, range)))
}

fn read_parts(
    folder: &Path,
    files: &[DataFile],
    schema: &Schema,
    keep: Option<(&str, &Range)>,
) -> Result<Table> {
    let mut parts = Vec::with_capacity(files.len() + 1);
    parts.push(Table::empty(schema)?);
    for file in files {
        if file.masked {
            return Err(Error::Storage {
                doing: "read",
                location: folder.display().to_string(),
                problem: "rows were deleted by a mask (deletion vector), which only queries can read"
                    .to_owned(),
            });
        }
        let rows = read_file(&folder.join(&file.info.path), schema, keep)?;
        parts.push(match keep {
            Some((column, range)) => rows.within(column, range)?,
            None => rows,
        });
    }
    Table::concat(&parts)
}

/// Reads the columns of `schema` of one file. With `keep`, rows outside the range may be left out: only its column is
/// decoded for them.
pub(super) fn read_file(path: &Path, schema: &Schema, keep: Option<(&str, &Range)>) -> Result<Table> {
    let damaged = |problem: String| Error::Damaged { what: format!("`{}`", path.display()), problem };
    let file = File::open(path).map_err(|error| Error::Storage {
        doing: "read",
        location: path.display().to_string(),
        problem: error.to_string(),
    })?;
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(error.to_string()))?;
    if let Some((column, range)) = keep {
        let Ok(place) = builder.schema().index_of(column) else {
            return Table::empty(schema);
        };
        let groups = builder.metadata().row_groups().iter().enumerate();
        let matching = groups.filter(|(_, group)| {
            let statistics = group.columns().get(place).and_then(|chunk| chunk.statistics());
            statistics.is_none_or(|statistics| may_hold(statistics, range))
        });
        let matching = matching.map(|(number, _)| number).collect();
        builder = builder.with_row_groups(matching);
    }
    collect(path, builder, schema, keep)
}

/// Reads the columns of `schema` of what a reader has selected. With `keep`, rows outside the range may be left out.
pub(super) fn collect(
    path: &Path,
    mut builder: ParquetRecordBatchReaderBuilder<File>,
    schema: &Schema,
    keep: Option<(&str, &Range)>,
) -> Result<Table> {
    let damaged = |problem: String| Error::Damaged { what: format!("`{}`", path.display()), problem };
    if let Some((column, range)) = keep {
        let Ok(place) = builder.schema().index_of(column) else {
            return Table::empty(schema);
        };
        let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
        let range = range.clone();
        let predicate = ArrowPredicateFn::new(mask, move |batch| {
            let inside = batch.columns().first().and_then(|values| range.mask(values.as_ref()));
            Ok(inside.unwrap_or_else(|| BooleanArray::from(vec![true; batch.num_rows()])))
        });
        builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
    }
    let wanted: Vec<usize> = builder
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| schema.find(field.name()).is_some())
        .map(|(place, _)| place)
        .collect();
    if wanted.is_empty() {
        // Its rows count nevertheless; no file of ours comes here.
        return Err(damaged("it has none of the columns that the table's log names".to_owned()));
    }
    let arrow_schema =
        Arc::new(builder.schema().project(&wanted).map_err(|error| damaged(error.to_string()))?);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let builder = builder.with_projection(mask);
    let reader = builder.with_batch_size(65_536).build().map_err(|error| damaged(error.to_string()))?;
    let batches =
        reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
    let rows = Table::of_batches(&arrow_schema, &batches, Odd::Refuse)?;
    rows.brought_to(schema).map_err(|error| damaged(error.to_string()))
}

/// Whether a part of a file with these statistics may hold a value in the range; `true` wherever they do not say.
fn may_hold(statistics: &Statistics, range: &Range) -> bool {
    match (statistics, range) {
        (Statistics::Int64(values), Range::Time { from, to }) => match (values.min_opt(), values.max_opt()) {
            (Some(smallest), Some(largest)) => smallest < to && largest >= from,
            _ => true,
        },
        (Statistics::ByteArray(values), Range::Text { first, last }) => {
            match (values.min_opt(), values.max_opt()) {
                // Cut statistics are still below and above every value.
                (Some(smallest), Some(largest)) => {
                    smallest.data() <= last.as_bytes() && largest.data() >= first.as_bytes()
                }
                _ => true,
            }
        }
        _ => true,
    }
}
