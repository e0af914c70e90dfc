//! Taking rows out of a table, and the bytes of what was taken out off the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deltalake::kernel::Action;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::protocol::DeltaOperation;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};

use super::{DeltaTable, blocking, files_of, rows, schema_of};
use crate::{Error, Range, Result, Table, engine, parquet_file};

/// Says for each row of a table whether it goes.
pub type Selector = Arc<dyn Fn(&Table) -> Result<Vec<bool>> + Send + Sync>;

/// What was taken out of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// How many rows went.
    pub rows: usize,
    /// How many files were written anew without them, or left out.
    pub files: usize,
    /// The version without them.
    pub version: i64,
}

impl DeltaTable {
    /// Takes the rows that `which` selects out of the newest version: their files are written anew without them, in
    /// one commit. `within` spares files that hold no row in that range. Files of older versions stay until
    /// [`DeltaTable::vacuum`].
    pub async fn remove_rows(&self, within: Option<(&str, &Range)>, which: Selector) -> Result<Removed> {
        let this = self.clone();
        let within = within.map(|(column, range)| (column.to_owned(), range.clone()));
        engine::finish(async move {
            let _writing = this.shared.writing.lock().await;
            let lake = this.at(None).await?;
            let folder = this.shared.folder.clone();
            let schema = schema_of(&lake, &folder)?;
            let mut files = files_of(&lake, &folder)?;
            if let Some((column, range)) = &within {
                files.retain(|file| file.statistics.may_hold(column, range));
            }
            let (mut removed, mut touched, mut actions) = (0, Vec::new(), Vec::new());
            for file in files {
                let path = file.info.path.clone();
                let (read_folder, read_schema, which) = (folder.clone(), schema.clone(), Arc::clone(&which));
                let (kept, gone) = blocking(move || {
                    let rows = rows::read_files(&read_folder, std::slice::from_ref(&file), &read_schema)?;
                    let goes = which(&rows)?;
                    let gone = goes.iter().filter(|goes| **goes).count();
                    let kept = if gone == 0 {
                        None
                    } else {
                        Some(rows.filter(&goes.iter().map(|goes| !goes).collect::<Vec<_>>())?)
                    };
                    Ok((kept, gone))
                })
                .await?;
                let Some(kept) = kept else { continue };
                removed += gone;
                touched.push(path);
                if kept.row_count() == 0 {
                    continue;
                }
                let failed = |error| this.error("write to", &error);
                let mut writer = RecordBatchWriter::for_table(&lake)
                    .map_err(failed)?
                    .with_writer_properties(parquet_file::small_group_properties(&this.keys));
                let kept = kept.brought_to(&rows::all_nullable(&schema))?;
                writer.write(kept.batch().clone()).await.map_err(failed)?;
                actions.extend(writer.flush().await.map_err(failed)?.into_iter().map(Action::Add));
            }
            if touched.is_empty() {
                return Ok(Removed { rows: 0, files: 0, version: this.version() });
            }
            let snapshot = lake.snapshot().map_err(|error| this.error("read", &error))?;
            for file in snapshot.log_data().iter() {
                if touched.contains(&file.object_store_path().to_string()) {
                    actions.push(Action::Remove(file.remove_action(true)));
                }
            }
            let properties = CommitProperties::default()
                .with_create_checkpoint(false)
                .with_cleanup_expired_logs(Some(false));
            let committed = CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(snapshot), lake.log_store(), DeltaOperation::Delete { predicate: None })
                .await
                .map_err(|error| this.error("commit to", &error))?;
            let mut lake = lake.clone();
            lake.state = Some(committed.snapshot());
            this.keep(lake);
            this.forget_files();
            Ok(Removed { rows: removed, files: touched.len(), version: this.version() })
        })
        .await
    }

    /// Deletes data files that the newest version does not need and that are older than `grace`; returns their
    /// number. Questions to older versions that needed them fail from then on.
    pub async fn vacuum(&self, grace: Duration) -> Result<usize> {
        let this = self.clone();
        engine::finish(async move {
            let _writing = this.shared.writing.lock().await;
            let lake = this.at(None).await?;
            let folder = this.shared.folder.clone();
            let needed: Vec<String> =
                files_of(&lake, &folder)?.into_iter().map(|file| file.info.path).collect();
            let removed = blocking(move || {
                let too_young = SystemTime::now().checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
                remove_files(&folder, |name, written| {
                    name.ends_with(".parquet")
                        && written <= too_young
                        && !needed.iter().any(|path| path == name)
                })
            })
            .await;
            this.forget_files();
            removed
        })
        .await
    }

    /// Sums up the log as of now and deletes all of it that is older: afterwards no earlier version can be read, and
    /// no statistics of files that are gone are left.
    pub async fn forget_history(&self) -> Result<()> {
        let this = self.clone();
        engine::finish(async move {
            let _writing = this.shared.writing.lock().await;
            let lake = this.at(None).await?;
            this.keep(lake);
            this.sum_up_log().await?;
            let (version, log) = (this.version(), this.shared.folder.join("_delta_log"));
            blocking(move || {
                remove_files(&log, |name, _| {
                    let digits = name.split('.').next().unwrap_or_default();
                    digits.len() == 20 && digits.parse::<i64>().is_ok_and(|number| number < version)
                })
                .map(|_| ())
            })
            .await
        })
        .await
    }
}

/// Removes the files of a folder that `goes` names by their name and when they were written.
fn remove_files(folder: &Path, goes: impl Fn(&str, SystemTime) -> bool) -> Result<usize> {
    let failed = |error: std::io::Error| Error::Storage {
        doing: "clean",
        location: folder.display().to_string(),
        problem: error.to_string(),
    };
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let data = entry.metadata().map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if data.is_file() && goes(name, data.modified().map_err(failed)?) {
            std::fs::remove_file(entry.path()).map_err(failed)?;
            removed += 1;
        }
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(removed)
}
