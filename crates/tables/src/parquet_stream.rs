//! One Parquet file written part by part, so that it never lies in memory as a whole.

use ::parquet::arrow::ArrowWriter;
use ::parquet::errors::ParquetError;

use crate::parquet_file::writer_properties;
use crate::table::internal;
use crate::{Result, Schema, Table};

/// Writes a Parquet file; what was written so far is handed out after every part.
pub struct ParquetStream {
    schema: Schema,
    writer: ArrowWriter<Vec<u8>>,
}

impl std::fmt::Debug for ParquetStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ParquetStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl ParquetStream {
    /// A file with these columns.
    pub fn new(schema: &Schema) -> Result<Self> {
        let writer = ArrowWriter::try_new(Vec::new(), schema.to_arrow(), Some(writer_properties()))
            .map_err(|error| failed(&error))?;
        Ok(Self { schema: schema.clone(), writer })
    }

    /// Adds rows as a row group, and returns the next bytes of the file.
    pub fn write(&mut self, rows: &Table) -> Result<Vec<u8>> {
        let rows = rows.brought_to(&self.schema)?;
        self.writer.write(rows.batch()).map_err(|error| failed(&error))?;
        self.writer.flush().map_err(|error| failed(&error))?;
        // The writer counts positions by itself and never looks back.
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Ends the file, and returns its last bytes.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.writer.into_inner().map_err(|error| failed(&error))
    }
}

fn failed(error: &ParquetError) -> crate::Error {
    internal("write Parquet", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;

    #[test]
    fn parts_make_one_file() {
        let part = |from: i64| {
            Table::from_columns(vec![("a".into(), Values::Int((from..from + 3).map(Some).collect()))])
                .unwrap()
        };
        let mut stream = ParquetStream::new(part(0).schema()).unwrap();
        let mut bytes = stream.write(&part(0)).unwrap();
        bytes.extend(stream.write(&part(3)).unwrap());
        bytes.extend(stream.finish().unwrap());
        let back = Table::from_parquet(bytes).unwrap();
        assert_eq!(back.column("a").unwrap(), Values::Int((0..6).map(Some).collect()));
    }
}
