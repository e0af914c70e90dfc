//! The rows of a file in a range, from the pages that may hold them.

use std::path::Path;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::super::rows::collect;
use super::outline::{footer_of, open, place_of};
use crate::{Range, Result, Schema, Table};

/// Reads the rows in the range of these row groups; their column is there.
pub(super) fn read(
    path: &Path,
    schema: &Schema,
    column: &str,
    range: &Range,
    groups: Vec<usize>,
) -> Result<Table> {
    let file = open(path)?;
    let footer = footer_of(path, &file)?;
    let selection = selection(footer.metadata(), column, range, &groups);
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.as_ref().clone());
    builder = builder.with_row_groups(groups);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    collect(path, builder, schema, Some((column, range)))?.within(column, range)
}

/// The rows of the pages that may hold a value in the range; `None` where the file has no index of pages.
fn selection(
    metadata: &ParquetMetaData,
    column: &str,
    range: &Range,
    groups: &[usize],
) -> Option<RowSelection> {
    let place = place_of(metadata, column)?;
    let (values, places) = (metadata.column_index()?, metadata.offset_index()?);
    let mut selectors = Vec::new();
    for group in groups {
        let rows = usize::try_from(metadata.row_groups().get(*group)?.num_rows()).ok()?;
        let values = values.get(*group)?.get(place)?;
        let pages = places.get(*group)?.get(place)?.page_locations();
        let begins: Vec<usize> =
            pages.iter().map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<_>>()?;
        for (number, begin) in begins.iter().enumerate() {
            let count = begins.get(number + 1).copied().unwrap_or(rows).checked_sub(*begin)?;
            selectors.push(if may_hold(values, number, range) {
                RowSelector::select(count)
            } else {
                RowSelector::skip(count)
            });
        }
    }
    Some(RowSelection::from(selectors))
}

/// Whether a page may hold a value in the range; `true` wherever the index does not say.
fn may_hold(values: &ColumnIndexMetaData, page: usize, range: &Range) -> bool {
    match (values, range) {
        (ColumnIndexMetaData::INT64(values), Range::Time { from, to }) => {
            match (values.min_value(page), values.max_value(page)) {
                (Some(least), Some(greatest)) => least < to && greatest >= from,
                _ => true,
            }
        }
        (ColumnIndexMetaData::BYTE_ARRAY(values), Range::Text { first, last }) => {
            match (values.min_value(page), values.max_value(page)) {
                (Some(least), Some(greatest)) => least <= last.as_bytes() && greatest >= first.as_bytes(),
                _ => true,
            }
        }
        _ => true,
    }
}
