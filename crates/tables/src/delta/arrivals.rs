//! What came into a table since a version that a reader has seen.

use std::path::Path;

use serde_json::Value;

use super::{DeltaTable, blocking, files_of, rows, schema_of};
use crate::{Error, Result, Table, engine};

/// The files that a reader has not seen yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// Whether these are all files of the table, because what was seen before cannot be told from what is there: rows
    /// were taken out since, or the log does not reach back so far. The reader begins anew then.
    pub whole: bool,
    /// The version after them.
    pub version: i64,
    /// The files, oldest first; [`DeltaTable::read_file`] reads them.
    pub files: Vec<String>,
}

impl DeltaTable {
    /// Which files hold the rows that were appended after version `seen` up to `version`; all files of `version` when
    /// nothing was seen, or rows were also taken out in between. Joining of small files brings nothing new.
    ///
    /// # Errors
    /// [`Error::NoVersion`] when the table has no such `version`.
    pub async fn arrivals(&self, seen: Option<i64>, version: i64) -> Result<Arrivals> {
        let this = self.clone();
        engine::run(async move {
            if let Some(seen) = seen {
                let log = this.shared.folder.join("_delta_log");
                let appended = blocking(move || appended(&log, seen, version)).await?;
                let folder = this.shared.folder.clone();
                // Files that joining replaced are kept for a while only.
                let there = |files: &[String]| files.iter().all(|file| folder.join(file).is_file());
                if let Some(files) = appended.filter(|files| there(files)) {
                    return Ok(Arrivals { whole: false, version, files });
                }
            }
            let lake = this.at(Some(version)).await?;
            let files = files_of(&lake, &this.shared.folder)?;
            Ok(Arrivals {
                whole: true,
                version,
                files: files.into_iter().map(|file| file.info.path).collect(),
            })
        })
        .await
    }

    /// The rows of one data file that [`DeltaTable::arrivals`] named, with the columns of the newest known version.
    pub async fn read_file(&self, file: &str) -> Result<Table> {
        let this = self.clone();
        let file = file.to_owned();
        engine::run(async move {
            let schema = schema_of(&this.lake(), &this.shared.folder)?;
            let path = this.shared.folder.join(file);
            blocking(move || rows::read_file(&path, &schema, None)).await
        })
        .await
    }

    /// The id that the table was given when it was made; a table made anew in the same folder has another.
    pub fn id(&self) -> Result<String> {
        let lake = self.lake();
        let snapshot = lake.snapshot().map_err(|error| self.error("read", &error))?;
        Ok(snapshot.metadata().id().to_owned())
    }
}

/// The files that the commits after `seen` up to `version` appended; `None` when one of them took rows out or cannot be
/// read any more.
fn appended(log: &Path, seen: i64, version: i64) -> Result<Option<Vec<String>>> {
    if seen > version {
        return Ok(None);
    }
    let mut files = Vec::new();
    for number in seen + 1..=version {
        let path = log.join(format!("{number:020}.json"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::Storage {
                    doing: "read",
                    location: path.display().to_string(),
                    problem: error.to_string(),
                });
            }
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let action: Value = serde_json::from_str(line).map_err(|error| Error::Damaged {
                what: format!("`{}`", path.display()),
                problem: error.to_string(),
            })?;
            let changes = |action: &Value| action.get("dataChange").and_then(Value::as_bool) != Some(false);
            if action.get("remove").is_some_and(changes) {
                return Ok(None);
            }
            if let Some(add) = action.get("add").filter(|add| changes(add)) {
                let Some(file) = add.get("path").and_then(Value::as_str) else { return Ok(None) };
                if file.contains('%') || file.contains("://") {
                    // Written by somebody else, with a path that means something to them.
                    return Ok(None);
                }
                files.push(file.to_owned());
            }
        }
    }
    Ok(Some(files))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::{Column, ColumnType, DeltaTable, Schema, Table, Values};

    fn rows(values: &[i64]) -> Table {
        let values = values.iter().copied().map(Some).collect();
        Table::from_columns(vec![("n".to_owned(), Values::Int(values))]).unwrap()
    }

    async fn numbers(table: &DeltaTable, files: &[String]) -> Vec<i64> {
        let mut found = Vec::new();
        for file in files {
            let Values::Int(values) = table.read_file(file).await.unwrap().column("n").unwrap() else {
                panic!()
            };
            found.extend(values.into_iter().flatten());
        }
        found
    }

    #[tokio::test]
    async fn a_reader_gets_each_row_once_and_begins_anew_when_rows_were_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let schema = Schema::new(vec![Column::new("n", ColumnType::Int)]);
        let table = DeltaTable::open_or_create(folder.path().to_str().unwrap(), &schema).await.unwrap();
        let first = table.append(&rows(&[1, 2])).await.unwrap();
        let all = table.arrivals(None, first).await.unwrap();
        assert!(all.whole);
        assert_eq!(numbers(&table, &all.files).await, [1, 2]);

        table.append(&rows(&[3])).await.unwrap();
        table.append(&rows(&[4])).await.unwrap();
        let joined = table.compact().await.unwrap();
        let since = table.arrivals(Some(first), joined).await.unwrap();
        assert!(!since.whole, "joining files brings nothing new");
        assert_eq!(numbers(&table, &since.files).await, [3, 4]);
        assert!(table.arrivals(Some(joined), joined).await.unwrap().files.is_empty());

        table.vacuum(Duration::ZERO).await.unwrap();
        let gone = table.arrivals(Some(first), joined).await.unwrap();
        assert!(gone.whole, "the files that held them are deleted");

        let one = Arc::new(|rows: &Table| Ok(rows.numbers("n")?.iter().map(|n| *n == Some(1.0)).collect()));
        let removed = table.remove_rows(None, one).await.unwrap().version;
        let anew = table.arrivals(Some(joined), removed).await.unwrap();
        assert!(anew.whole);
        let mut left = numbers(&table, &anew.files).await;
        left.sort_unstable();
        assert_eq!(left, [2, 3, 4]);
        table.forget_history().await.unwrap();
        assert!(table.arrivals(Some(first), table.version()).await.unwrap().whole);
    }
}
