//! Writing part by part, and all or nothing.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{RowFormat, storage};
use crate::{Column, ParquetStream, Result, Schema, Table};

/// Writes rows to a file, part by part. The file appears under its name when it is finished, whole and on disk; until
/// then, and when the process ends before, it lies beside it under another name.
pub struct RowWriter {
    target: PathBuf,
    beside: PathBuf,
    format: RowFormat,
    out: Out,
    schema: Option<Schema>,
    parquet: Option<ParquetStream>,
    finished: bool,
}

enum Out {
    Plain(BufWriter<File>),
    Packed(Box<GzEncoder<BufWriter<File>>>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Packed(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Packed(out) => out.flush(),
        }
    }
}

impl std::fmt::Debug for RowWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RowWriter").field("target", &self.target).finish_non_exhaustive()
    }
}

impl RowWriter {
    /// Begins a file. What a broken-off attempt left beside it is overwritten.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn create(target: &Path, format: RowFormat) -> Result<Self> {
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| storage("make the folder of", target, &error))?;
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let beside = target.with_file_name(format!(".{name}.unfinished"));
        let file = File::create(&beside).map_err(|error| storage("write", &beside, &error))?;
        let out = BufWriter::with_capacity(1 << 20, file);
        let packed = name.ends_with(".gz") && format != RowFormat::Parquet;
        let out = if packed {
            Out::Packed(Box::new(GzEncoder::new(out, Compression::fast())))
        } else {
            Out::Plain(out)
        };
        Ok(Self {
            target: target.to_owned(),
            beside,
            format,
            out,
            schema: None,
            parquet: None,
            finished: false,
        })
    }

    /// Adds rows; all parts have the columns of the first.
    ///
    /// # Errors
    /// A disk that is full, or columns of another type than before.
    pub fn write(&mut self, rows: &Table) -> Result<()> {
        let first = self.schema.is_none();
        let schema = self.schema.get_or_insert_with(|| {
            // A later part may miss what the first one has.
            let columns = rows.schema().columns.iter();
            Schema::new(columns.map(|column| Column::new(column.name.clone(), column.kind)).collect())
        });
        let written = match self.format {
            RowFormat::Parquet => {
                let stream = match &mut self.parquet {
                    Some(stream) => stream,
                    none => none.insert(ParquetStream::new(schema)?),
                };
                let bytes = stream.write(rows)?;
                self.out.write_all(&bytes)
            }
            RowFormat::Csv => csv_rows(&mut self.out, &rows.brought_to(schema)?, first),
            RowFormat::JsonLines => json_rows(&mut self.out, &rows.brought_to(schema)?),
        };
        written.map_err(|error| storage("write", &self.beside, &error))
    }

    /// Ends the file and gives it its name. Whoever looks sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn finish(mut self) -> Result<()> {
        let failed = |error: std::io::Error| storage("write", &self.beside, &error);
        if let Some(stream) = self.parquet.take() {
            let bytes = stream.finish()?;
            self.out.write_all(&bytes).map_err(failed)?;
        }
        self.out.flush().map_err(failed)?;
        if let Out::Packed(out) = &mut self.out {
            out.try_finish().map_err(failed)?;
            out.get_mut().flush().map_err(failed)?;
        }
        let file = match &self.out {
            Out::Plain(out) => out.get_ref(),
            Out::Packed(out) => out.get_ref().get_ref(),
        };
        file.sync_all().map_err(failed)?;
        fs::rename(&self.beside, &self.target).map_err(failed)?;
        if let Some(folder) = self.target.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for RowWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

fn csv_rows(out: &mut Out, rows: &Table, with_header: bool) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |error: csv::Error| std::io::Error::other(error.to_string());
    if with_header {
        writer.write_record(rows.schema().names()).map_err(failed)?;
    }
    let columns: Vec<Vec<Option<String>>> = rows
        .schema()
        .names()
        .map(|name| rows.texts(name))
        .collect::<Result<_>>()
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    for row in 0..rows.row_count() {
        let fields =
            columns.iter().map(|column| column.get(row).and_then(Option::as_deref).unwrap_or_default());
        writer.write_record(fields).map_err(failed)?;
    }
    writer.flush()
}

fn json_rows(out: &mut Out, rows: &Table) -> std::io::Result<()> {
    for row in rows.json_rows(rows.row_count()) {
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
