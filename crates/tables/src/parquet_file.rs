//! Parquet files to tables and back.

use std::fs::File;
use std::path::Path;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::ChunkReader;
use ::parquet::schema::types::ColumnPath;
use bytes::Bytes;

use crate::table::{Odd, internal};
use crate::{Error, Result, Table};

const CREATED_BY: &str = concat!("gingham ", env!("CARGO_PKG_VERSION"));

impl Table {
    /// The table as one Parquet file, compressed with zstd.
    pub fn to_parquet(&self) -> Result<Vec<u8>> {
        let failed = |error: ::parquet::errors::ParquetError| internal("write Parquet", &error);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, self.batch().schema(), Some(writer_properties()))
            .map_err(failed)?;
        writer.write(self.batch()).map_err(failed)?;
        writer.close().map_err(failed)?;
        Ok(bytes)
    }

    /// Reads a Parquet file. Integers of any width become [`crate::ColumnType::Int`], floats and decimals
    /// [`crate::ColumnType::Real`], dates and timestamps [`crate::ColumnType::Time`]; nested columns are refused.
    pub fn from_parquet(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        read("the Parquet file", Bytes::from(bytes.into()))
    }

    /// Reads a Parquet file from disk; see [`Table::from_parquet`].
    pub fn from_parquet_file(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::Storage {
            doing: "open",
            location: path.display().to_string(),
            problem: error.to_string(),
        })?;
        read(&format!("`{}`", path.display()), file)
    }
}

fn read<R: ChunkReader + 'static>(what: &str, source: R) -> Result<Table> {
    let damaged = |problem: String| Error::Damaged { what: what.to_owned(), problem };
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(source).map_err(|error| damaged(error.to_string()))?;
    let schema = builder.schema().clone();
    let reader = builder.with_batch_size(65_536).build().map_err(|error| damaged(error.to_string()))?;
    let batches =
        reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
    Table::of_batches(&schema, &batches, Odd::Refuse)
}

/// For files that come often and are asked for a few rows: small row groups, most of which a question skips.
pub(crate) fn small_group_properties(keys: &[String]) -> WriterProperties {
    grouped(8_192, keys)
}

/// For files that were joined: larger row groups, of which a look-up by a key reads single pages.
pub(crate) fn joined_properties(keys: &[String]) -> WriterProperties {
    grouped(131_072, keys)
}

fn grouped(rows: usize, keys: &[String]) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(rows))
        .set_data_page_row_count_limit(8_192)
        .set_created_by(CREATED_BY.to_owned());
    for key in keys {
        let column = ColumnPath::new(vec![key.clone()]);
        builder = builder
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_fpp(column.clone(), 0.01)
            .set_column_bloom_filter_max_ndv(column.clone(), rows as u64)
            // Values that hardly ever repeat make no dictionary.
            .set_column_dictionary_enabled(column, false);
    }
    builder.build()
}

pub(crate) fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(CREATED_BY.to_owned())
        .build()
}

#[cfg(test)]
mod tests {
    use crate::{Table, Values};

    #[test]
    fn parquet_is_lossless() {
        let table = Table::from_columns(vec![
            ("a".into(), Values::Int(vec![Some(i64::MIN), None])),
            ("b".into(), Values::Text(vec![None, Some("é".into())])),
            ("c".into(), Values::Time(vec![Some(-1), Some(1)])),
            ("d".into(), Values::Real(vec![Some(0.1), Some(f64::INFINITY)])),
            ("e".into(), Values::Bool(vec![Some(true), None])),
        ])
        .unwrap();
        let back = Table::from_parquet(table.to_parquet().unwrap()).unwrap();
        assert_eq!(back.schema(), table.schema());
        for name in table.schema().names() {
            assert_eq!(back.column(name).unwrap(), table.column(name).unwrap());
        }
    }

    #[test]
    fn a_cut_file_is_named_as_damaged() {
        let table = Table::from_columns(vec![("a".into(), Values::Int(vec![Some(1)]))]).unwrap();
        let mut bytes = table.to_parquet().unwrap();
        bytes.truncate(bytes.len() / 2);
        let error = Table::from_parquet(bytes).unwrap_err();
        assert!(error.to_string().starts_with("the Parquet file is damaged"), "{error}");
    }
}
