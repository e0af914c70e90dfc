//! Arrow IPC, files and streams, to tables.

use std::io::Cursor;

use arrow::ipc::reader::{FileReader, StreamReader};

use crate::table::Odd;
use crate::{Error, Result, Table};

/// What an Arrow IPC file, other than a stream, begins with.
const MAGIC: &[u8] = b"ARROW1";

impl Table {
    /// Reads Arrow IPC, a file (also called Feather) or a stream; types become ours as in [`Table::from_parquet`].
    pub fn from_ipc(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(MAGIC) {
            return Self::from_ipc_file(bytes);
        }
        let damaged = |problem: String| Error::Damaged { what: "the Arrow IPC stream".to_owned(), problem };
        let reader =
            StreamReader::try_new(Cursor::new(bytes), None).map_err(|error| damaged(error.to_string()))?;
        let schema = reader.schema();
        let batches =
            reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
        Self::of_batches(&schema, &batches, Odd::Refuse)
    }

    fn from_ipc_file(bytes: &[u8]) -> Result<Self> {
        let damaged = |problem: String| Error::Damaged { what: "the Arrow IPC file".to_owned(), problem };
        let reader =
            FileReader::try_new(Cursor::new(bytes), None).map_err(|error| damaged(error.to_string()))?;
        let schema = reader.schema();
        let batches =
            reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
        Self::of_batches(&schema, &batches, Odd::Refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;

    #[test]
    fn a_stream_reads_back_and_a_cut_one_is_named() {
        let table = Table::from_columns(vec![
            ("a".into(), Values::Int(vec![Some(1), None])),
            ("b".into(), Values::Text(vec![None, Some("é".into())])),
        ])
        .unwrap();
        let bytes = table.to_ipc().unwrap();
        let back = Table::from_ipc(&bytes).unwrap();
        assert_eq!(back.column("a").unwrap(), table.column("a").unwrap());
        assert_eq!(back.column("b").unwrap(), table.column("b").unwrap());
        // The same as a file: what comes before and after the stream differs.
        let batch = StreamReader::try_new(Cursor::new(&bytes), None).unwrap().next().unwrap().unwrap();
        let mut writer = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.into_inner().unwrap();
        assert_eq!(Table::from_ipc(&file).unwrap().column("b").unwrap(), table.column("b").unwrap());
        assert!(Table::from_ipc(&file[..file.len() / 2]).is_err());
        let error = Table::from_ipc(&bytes[..20]).unwrap_err();
        assert!(error.to_string().contains("the Arrow IPC stream is damaged"), "{error}");
    }
}
