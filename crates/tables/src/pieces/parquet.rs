//! A Parquet file in pieces, row group after row group: only the columns that are asked for are read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use ::parquet::basic::Encoding;
use ::parquet::file::metadata::ColumnChunkMetaData;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema};

use super::PIECE;
use crate::scan::{damaged, metadata, open};
use crate::table::Odd;
use crate::{ColumnType, Result, Schema, Table};

/// A file and what it says of itself.
#[derive(Debug)]
pub(super) struct ParquetRows {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    schema: Schema,
    rows: u64,
}

impl ParquetRows {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let metadata = metadata(path, ArrowReaderOptions::new())?;
        let schema = Schema::of_arrow(metadata.schema())?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let rows = u64::try_from(rows).map_err(|error| damaged(path, &error))?;
        Ok(Self { path: path.to_owned(), metadata, schema, rows })
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) const fn row_count(&self) -> u64 {
        self.rows
    }

    fn builder(&self, file: File, metadata: ArrowReaderMetadata) -> ParquetRecordBatchReaderBuilder<File> {
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(PIECE)
    }

    /// All columns of some rows; pages without one of them are passed over.
    pub(super) fn rows(&self, numbers: &[u64]) -> Result<Table> {
        let mut groups = Vec::new();
        let mut ranges = Vec::new();
        let (mut before, mut chosen) = (0_u64, 0_usize);
        for (index, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).map_err(|error| damaged(&self.path, &error))?;
            let length = usize::try_from(rows).map_err(|error| damaged(&self.path, &error))?;
            let inside = numbers.iter().filter(|number| **number > before && **number <= before + rows);
            #[expect(clippy::cast_possible_truncation, reason = "less than the rows of the group")]
            let found = inside.map(|number| chosen + (number - before - 1) as usize).map(|at| at..at + 1);
            let had = ranges.len();
            ranges.extend(found);
            if ranges.len() > had {
                groups.push(index);
                chosen += length;
            }
            before += rows;
        }
        let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), chosen);
        let reader = self
            .builder(open(&self.path)?, self.metadata.clone())
            .with_row_groups(groups)
            .with_row_selection(selection)
            .build()
            .map_err(|error| damaged(&self.path, &error))?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>();
        let batches = batches.map_err(|error| damaged(&self.path, &error))?;
        Table::of_batches(self.metadata.schema(), &batches, Odd::Refuse)
    }
}

/// The batches of the row groups still to come.
pub(super) struct GroupPieces {
    file: Option<File>,
    rows: Arc<ParquetRows>,
    columns: Vec<usize>,
    next_group: usize,
    reader: Option<ParquetRecordBatchReader>,
}

impl std::fmt::Debug for GroupPieces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("GroupPieces");
        shown.field("rows", &self.rows).field("next_group", &self.next_group).finish_non_exhaustive()
    }
}

impl GroupPieces {
    pub(super) fn new(rows: Arc<ParquetRows>, columns: &[usize]) -> Self {
        Self { file: None, rows, columns: columns.to_vec(), next_group: 0, reader: None }
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                return batch.map(Some).map_err(|error| damaged(&self.rows.path, &error));
            }
            if self.next_group >= self.rows.metadata.metadata().num_row_groups() {
                return Ok(None);
            }
            self.reader = Some(self.reader_of(self.next_group)?);
            self.next_group += 1;
        }
    }

    fn reader_of(&mut self, group: usize) -> Result<ParquetRecordBatchReader> {
        let rows = Arc::clone(&self.rows);
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(open(&rows.path)?),
        };
        let file = file.try_clone().map_err(|error| damaged(&rows.path, &error))?;
        let metadata = rows.with_dictionaries(group, &self.columns);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), self.columns.iter().copied());
        rows.builder(file, metadata)
            .with_row_groups(vec![group])
            .with_projection(mask)
            .build()
            .map_err(|error| damaged(&rows.path, &error))
    }
}

impl ParquetRows {
    /// The same file, read so that texts that are stored once and meant by many rows stay so.
    fn with_dictionaries(&self, group: usize, columns: &[usize]) -> ArrowReaderMetadata {
        let known = &self.metadata;
        let chunks = known.metadata().row_group(group).columns();
        let texts = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut any = false;
        let fields: Vec<Arc<Field>> = known
            .schema()
            .fields()
            .iter()
            .zip(&self.schema.columns)
            .enumerate()
            .map(|(index, (field, column))| {
                let stays = column.kind == ColumnType::Text
                    && columns.contains(&index)
                    && chunks.get(index).is_some_and(is_dictionary);
                any |= stays;
                if stays {
                    Arc::new(Field::new(field.name(), texts.clone(), field.is_nullable()))
                } else {
                    Arc::clone(field)
                }
            })
            .collect();
        if !any {
            return known.clone();
        }
        let wanted = Arc::new(ArrowSchema::new_with_metadata(fields, known.schema().metadata().clone()));
        let options = ArrowReaderOptions::new().with_schema(wanted);
        ArrowReaderMetadata::try_new(Arc::clone(known.metadata()), options).unwrap_or_else(|_| known.clone())
    }
}

/// Whether every value of a column is written as an index into its dictionary.
fn is_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    chunk.dictionary_page_offset().is_some()
        && chunk.page_encoding_stats_mask().is_some_and(|pages| {
            pages.is_only(Encoding::RLE_DICTIONARY) || pages.is_only(Encoding::PLAIN_DICTIONARY)
        })
}
