//! Arrow IPC streams to tables.

use std::io::Cursor;

use arrow::ipc::reader::StreamReader;

use crate::table::Odd;
use crate::{Error, Result, Table};

impl Table {
    /// Reads an Arrow IPC stream; types become ours as in [`Table::from_parquet`].
    pub fn from_ipc(bytes: &[u8]) -> Result<Self> {
        let damaged = |problem: String| Error::Damaged { what: "the Arrow IPC stream".to_owned(), problem };
        let reader =
            StreamReader::try_new(Cursor::new(bytes), None).map_err(|error| damaged(error.to_string()))?;
        let schema = reader.schema();
        let batches =
            reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
        Self::of_batches(&schema, &batches, Odd::Refuse)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Table, Values};

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
        let error = Table::from_ipc(&bytes[..20]).unwrap_err();
        assert!(error.to_string().contains("the Arrow IPC stream is damaged"), "{error}");
    }
}
