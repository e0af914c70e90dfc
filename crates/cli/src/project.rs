//! A folder with a `gingham.yaml` and the files it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use platform::spec::{Spec, SpecSource};
use tables::{CsvOptions, Query, Table};

use crate::exit::hinted;

/// A `gingham.yaml`, read together with its files.
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    pub(crate) source: SpecSource,
    pub(crate) spec: Spec,
}

impl Project {
    /// Reads the file at `path`, or the `gingham.yaml` in the folder at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join("gingham.yaml") } else { path.to_owned() };
        let spec_yaml = fs::read_to_string(&file).map_err(|error| {
            hinted(format!("`{}` cannot be read: {error}", file.display()), "name the file or its folder")
        })?;
        let folder = folder_of(&file).to_owned();
        let source = SpecSource { files: files_beside(&folder), spec_yaml };
        let spec = platform::spec::parse(&source).map_err(|mut error| {
            // A policy beside the `gingham.yaml` names itself.
            error.file = match error.file.as_str() {
                "gingham.yaml" => file.display().to_string(),
                other => folder.join(other).display().to_string(),
            };
            match error.hint.clone() {
                Some(hint) => hinted(error.to_string(), hint),
                None => anyhow::Error::new(error),
            }
        })?;
        Ok(Self { folder, source, spec })
    }

    /// The source's rows as they are.
    pub(crate) fn rows(&self) -> Result<Table> {
        let name = self.spec.data.source.as_ref().ok_or_else(|| {
            hinted("this `gingham.yaml` names no `data.source`", "push rows with `gingham push DATASET FILE`")
        })?;
        read_table(&self.folder.join(name))
    }

    /// The rows after the pipeline's `prepare` step.
    pub(crate) async fn prepared(&self, rows: &Table) -> Result<Table> {
        let sql = self.source.files.get(&self.spec.pipeline.prepare).map_or("", String::as_str);
        Query::new()
            .table("input", rows.clone())
            .run(sql)
            .await
            .with_context(|| format!("`{}` failed", self.spec.pipeline.prepare))
    }
}

/// The folder that a file is in; that of a bare name is the current one.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Reads a CSV (also `.gz`) or Parquet file.
pub(crate) fn read_table(path: &Path) -> Result<Table> {
    let shown = path.display();
    let is_parquet = path.extension().is_some_and(|extension| extension == "parquet");
    let table = if is_parquet {
        Table::from_parquet_file(path)
    } else {
        tables::read_csv(path, &CsvOptions::default())
    };
    table.with_context(|| format!("`{shown}` cannot be read"))
}

/// The small files with SQL and with policies in the folder, by their names.
fn files_beside(folder: &Path) -> BTreeMap<String, String> {
    const MOST_BYTES: u64 = 1024 * 1024;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.ends_with(".sql") || name.ends_with(".policy.yaml")
        })
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() <= MOST_BYTES))
        .filter_map(|entry| {
            Some((entry.file_name().into_string().ok()?, fs::read_to_string(entry.path()).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("gingham.yaml")), Path::new("."));
        assert_eq!(folder_of(Path::new("examples/traffic/gingham.yaml")), Path::new("examples/traffic"));
    }
}
