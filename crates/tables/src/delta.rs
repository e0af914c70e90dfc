//! Tables in Delta Lake format: versions, appends, time travel.

mod arrivals;
mod find;
mod removal;
mod rows;
mod statistics;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base::{Digest, Hasher};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, MetadataExt, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter, WriteMode};
use deltalake::{DeltaTable as Lake, DeltaTableBuilder, DeltaTableError};
use url::Url;

pub use self::arrivals::Arrivals;
pub use self::removal::{Removed, Selector};
use self::statistics::Statistics;
use self::store::DurableFiles;
use crate::{Error, Range, Result, Schema, Table, engine, parquet_file};

/// After so many commits a checkpoint sums up the log, and log files past their retention go.
const COMMITS_PER_CHECKPOINT: i64 = 50;

/// A Delta table in a local folder. Cheap to clone; clones share their knowledge of the newest version.
///
/// All columns are nullable, so that later rows may lack values. A commit is on the disk, data and log, when
/// it returns. The table is an ordinary one: Spark, Trino, DuckDB, Polars and the `deltalake` package read it.
/// Only local folders are supported; object stores are not.
#[derive(Debug, Clone)]
pub struct DeltaTable {
    shared: Arc<Shared>,
    keys: Arc<[String]>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    lake: RwLock<Lake>,
    /// The version before the newest: who has begun with it need not read it from the log again.
    before: RwLock<Option<Lake>>,
    listings: find::Listings,
    writing: tokio::sync::Mutex<()>,
}

/// One data file of a version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Its path inside the table's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows, where the log says.
    pub rows: Option<u64>,
    /// When it was written, in milliseconds since 1970-01-01 UTC.
    pub written_ms: i64,
}

/// How far an application has come, kept in the table's log with the rows themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker<'a> {
    /// The application.
    pub application: &'a str,
    /// Its position: what was written up to here is in the table.
    pub position: i64,
}

impl DeltaTable {
    /// Opens the table at `location` (a folder, or a `file://` address), or creates it with the columns
    /// of `schema`. An existing table keeps its columns.
    pub async fn open_or_create(location: &str, schema: &Schema) -> Result<Self> {
        let folder = local_folder(location)?;
        let columns = rows::all_nullable(schema);
        engine::finish(async move {
            let mut lake = empty_lake(&folder)?;
            let words = |error| storage_error("open", &folder, &error);
            if !lake.verify_deltatable_existence().await.map_err(words)? {
                let fields: StructType = columns.to_arrow().as_ref().try_into_kernel().map_err(|error| {
                    Error::Internal { problem: format!("cannot describe columns to Delta: {error}") }
                })?;
                let created = CreateBuilder::new()
                    .with_log_store(lake.log_store())
                    .with_columns(fields.fields().cloned())
                    .with_configuration_property(
                        deltalake::TableProperty::CheckpointInterval,
                        Some(COMMITS_PER_CHECKPOINT.to_string()),
                    )
                    .await;
                match created {
                    Ok(created) => return Ok(Self::new(folder, created)),
                    // Somebody else created it in between.
                    Err(_) if lake.verify_deltatable_existence().await.map_err(words)? => {}
                    Err(error) => return Err(storage_error("create", &folder, &error)),
                }
            }
            lake.load().await.map_err(words)?;
            Ok(Self::new(folder, lake))
        })
        .await
    }

    /// Opens the table at `location`; fails with [`Error::NoTable`] if there is none.
    pub async fn open(location: &str) -> Result<Self> {
        let folder = local_folder(location)?;
        engine::run(async move {
            let mut lake = empty_lake(&folder)?;
            let words = |error| storage_error("open", &folder, &error);
            if !lake.verify_deltatable_existence().await.map_err(words)? {
                return Err(Error::NoTable { location: folder.display().to_string() });
            }
            lake.load().await.map_err(words)?;
            Ok(Self::new(folder, lake))
        })
        .await
    }

    fn new(folder: PathBuf, lake: Lake) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder,
                lake: RwLock::new(lake),
                before: RwLock::new(None),
                listings: find::Listings::default(),
                writing: tokio::sync::Mutex::new(()),
            }),
            keys: Arc::default(),
        }
    }

    /// This table, with columns of words by whose values single rows are looked up: files that this handle writes get a
    /// Bloom filter for each, by which [`DeltaTable::find`] knows where it need not look.
    #[must_use]
    pub fn keyed_by(mut self, columns: &[&str]) -> Self {
        self.keys = columns.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The newest version that this handle knows: it knows its own commits, and those of others after
    /// [`DeltaTable::refresh`].
    #[must_use]
    pub fn version(&self) -> i64 {
        version_of(&self.lake())
    }

    /// How many rows the newest known version has, as far as its log says.
    pub(crate) fn known_rows(&self) -> usize {
        let lake = self.lake();
        lake.snapshot()
            .map_or(0, |snapshot| snapshot.log_data().iter().filter_map(|file| file.num_records()).sum())
    }

    /// The columns of the newest version that this handle knows.
    pub fn schema(&self) -> Result<Schema> {
        schema_of(&self.lake(), &self.shared.folder)
    }

    /// Looks for commits of others and returns the newest version.
    pub async fn refresh(&self) -> Result<i64> {
        let this = self.clone();
        engine::run(async move {
            let mut lake = this.lake();
            let known = version_of(&lake);
            lake.update_state().await.map_err(|error| this.error("open", &error))?;
            if version_of(&lake) > known {
                this.keep(lake);
            }
            Ok(this.version())
        })
        .await
    }

    /// Adds rows and returns the new version. Columns are matched by name: a column that the table lacks is
    /// added to it (missing in older rows), one that `rows` lacks is missing in the new rows, whole
    /// numbers become real where the table holds real numbers. Any other type is [`Error::SchemaChange`].
    pub async fn append(&self, rows: &Table) -> Result<i64> {
        self.commit(rows, SaveMode::Append, None).await
    }

    /// Like [`DeltaTable::append`], and records how far `marker.application` has come in the same commit: after
    /// a crash, [`DeltaTable::marker`] tells whether the rows are in.
    pub async fn append_marked(&self, rows: &Table, marker: Marker<'_>) -> Result<i64> {
        let transaction = Transaction::new(marker.application, marker.position);
        self.commit(rows, SaveMode::Append, Some(transaction)).await
    }

    /// Replaces all rows, and returns the new version; older versions can still be read.
    pub async fn overwrite(&self, rows: &Table) -> Result<i64> {
        self.commit(rows, SaveMode::Overwrite, None).await
    }

    /// The last position that `application` recorded, if it ever did.
    pub async fn marker(&self, application: &str) -> Result<Option<i64>> {
        let this = self.clone();
        let application = application.to_owned();
        engine::run(async move {
            let lake = this.lake();
            let snapshot = lake.snapshot().map_err(|error| this.error("read", &error))?;
            let position = snapshot.transaction_version(lake.log_store().as_ref(), application).await;
            position.map_err(|error| this.error("read", &error))
        })
        .await
    }

    /// Waits for commits of this handle that still run, looks for those of others, and returns the last position
    /// that `application` recorded. After a commit whose outcome is not known, this tells it.
    pub async fn settled_marker(&self, application: &str) -> Result<Option<i64>> {
        let settled = self.shared.writing.lock().await;
        drop(settled);
        self.refresh().await?;
        self.marker(application).await
    }

    /// All rows of a version; of the newest, looked up afresh, if none is given. Rows of one append stay in
    /// order, appends come in the order in which they were written; compaction may reorder them.
    pub async fn read(&self, version: Option<i64>) -> Result<Table> {
        let this = self.clone();
        engine::run(async move {
            let lake = this.at(version).await?;
            let schema = schema_of(&lake, &this.shared.folder)?;
            let files = files_of(&lake, &this.shared.folder)?;
            let folder = this.shared.folder.clone();
            blocking(move || rows::read_files(&folder, &files, &schema)).await
        })
        .await
    }

    /// Some rows of a version: at most `limit` from the row `offset` on, in the order of [`DeltaTable::read`]. Files whose
    /// rows all come before or after them are not opened.
    pub async fn read_page(&self, version: Option<i64>, offset: usize, limit: usize) -> Result<Table> {
        let this = self.clone();
        engine::run(async move {
            let lake = this.at(version).await?;
            let schema = schema_of(&lake, &this.shared.folder)?;
            let mut skipped = 0_usize;
            let mut before = 0_usize;
            let mut files = Vec::new();
            for file in files_of(&lake, &this.shared.folder)? {
                // A file that does not say how many rows it has is read.
                let rows = file.info.rows.and_then(|rows| usize::try_from(rows).ok());
                match rows {
                    Some(rows) if files.is_empty() && before + rows <= offset => skipped += rows,
                    Some(_) if before >= offset.saturating_add(limit) => break,
                    _ => files.push(file),
                }
                before += rows.unwrap_or_default();
            }
            let folder = this.shared.folder.clone();
            let rows = blocking(move || rows::read_files(&folder, &files, &schema)).await?;
            let from = offset.saturating_sub(skipped).min(rows.row_count());
            Ok(rows.slice(from, limit.min(rows.row_count() - from)))
        })
        .await
    }

    /// The rows of a version whose value in `column` lies in `range`, in the order of [`DeltaTable::read`].
    /// Files that cannot hold any are not opened; there is no planning, so this is the quickest way to a few rows.
    pub async fn read_within(&self, version: Option<i64>, column: &str, range: &Range) -> Result<Table> {
        let this = self.clone();
        let (column, range) = (column.to_owned(), range.clone());
        engine::run(async move {
            let lake = this.at(version).await?;
            let schema = schema_of(&lake, &this.shared.folder)?;
            if schema.find(&column).is_none() {
                return Err(schema.unknown(&column));
            }
            let mut files = files_of(&lake, &this.shared.folder)?;
            files.retain(|file| file.statistics.may_hold(&column, &range));
            let folder = this.shared.folder.clone();
            blocking(move || rows::read_files_within(&folder, &files, &schema, &column, &range)).await
        })
        .await
    }

    /// Like [`DeltaTable::read_within`], with these columns only; the others are not read.
    pub async fn read_columns_within(
        &self,
        version: Option<i64>,
        columns: &[&str],
        column: &str,
        range: &Range,
    ) -> Result<Table> {
        let this = self.clone();
        let (column, range) = (column.to_owned(), range.clone());
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        engine::run(async move {
            let lake = this.at(version).await?;
            let mut schema = schema_of(&lake, &this.shared.folder)?;
            if let Some(unknown) = columns.iter().chain([&column]).find(|name| schema.find(name).is_none()) {
                return Err(schema.unknown(unknown));
            }
            schema.columns.retain(|one| columns.contains(&one.name) || one.name == column);
            let mut files = files_of(&lake, &this.shared.folder)?;
            files.retain(|file| file.statistics.may_hold(&column, &range));
            let folder = this.shared.folder.clone();
            blocking(move || rows::read_files_within(&folder, &files, &schema, &column, &range)).await
        })
        .await
    }

    /// The latest time in a column of the newest known version, in microseconds; none if there is no row.
    pub async fn latest(&self, column: &str) -> Result<Option<i64>> {
        let files = files_of(&self.lake(), &self.shared.folder)?;
        let unsure = files.iter().any(|file| file.statistics.latest(column).is_none());
        let known = files.iter().filter_map(|file| file.statistics.latest(column)).max();
        let from = match (unsure, known) {
            (false, None) => return Ok(None),
            (false, Some(known)) => known,
            (true, _) => i64::MIN,
        };
        let range = Range::Time { from, to: i64::MAX };
        let rows = self.read_within(Some(self.version()), column, &range).await?;
        Ok(rows.times(column)?.into_iter().flatten().max())
    }

    /// The earliest time in a column of the newest known version, in microseconds; none if there is no row.
    pub async fn earliest(&self, column: &str) -> Result<Option<i64>> {
        let files = files_of(&self.lake(), &self.shared.folder)?;
        let unsure = files.iter().any(|file| file.statistics.earliest(column).is_none());
        let known = files.iter().filter_map(|file| file.statistics.earliest(column)).min();
        let to = match (unsure, known) {
            (false, None) => return Ok(None),
            // What the log has is cut to the millisecond.
            (false, Some(known)) => known.saturating_add(statistics::TIME_SLACK_US),
            (true, _) => i64::MAX,
        };
        let range = Range::Time { from: i64::MIN, to };
        let rows = self.read_columns_within(Some(self.version()), &[], column, &range).await?;
        Ok(rows.time_bounds(column)?.map(|(earliest, _)| earliest))
    }

    /// The data files of a version, in the order in which they were written; of the newest if none is given.
    pub async fn files(&self, version: Option<i64>) -> Result<Vec<FileInfo>> {
        let this = self.clone();
        engine::run(async move {
            let lake = this.at(version).await?;
            Ok(files_of(&lake, &this.shared.folder)?.into_iter().map(|file| file.info).collect())
        })
        .await
    }

    /// The digest of each data file of a version, in the order of [`DeltaTable::files`]. Reads them whole.
    pub async fn file_digests(&self, version: Option<i64>) -> Result<Vec<(FileInfo, Digest)>> {
        let files = self.files(version).await?;
        let folder = self.shared.folder.clone();
        engine::run(blocking(move || {
            files.into_iter().map(|file| Ok((file.clone(), digest_file(&folder.join(&file.path))?))).collect()
        }))
        .await
    }

    /// Joins small files into large ones; the rows stay the same. Returns the new version.
    pub async fn compact(&self) -> Result<i64> {
        let this = self.clone();
        engine::finish(async move {
            let _writing = this.shared.writing.lock().await;
            // One file after the other: what people wait for goes on beside it.
            let optimize = this
                .lake()
                .optimize()
                .with_max_concurrent_tasks(1)
                .with_writer_properties(parquet_file::joined_properties(&this.keys));
            let (lake, _) = optimize.await.map_err(|error| this.error("compact", &error))?;
            this.keep(lake);
            Ok(this.version())
        })
        .await
    }

    /// Sums up the log, so that opening the table stays quick. Commits do so by themselves now and then.
    pub async fn checkpoint(&self) -> Result<()> {
        let this = self.clone();
        engine::finish(async move { this.sum_up_log().await }).await
    }

    async fn sum_up_log(&self) -> Result<()> {
        let lake = self.lake();
        deltalake::checkpoints::create_checkpoint(&lake, None)
            .await
            .map_err(|error| self.error("write the checkpoint of", &error))?;
        deltalake::checkpoints::cleanup_metadata(&lake, None)
            .await
            .map_err(|error| self.error("clean the log of", &error))?;
        Ok(())
    }

    async fn commit(&self, rows: &Table, mode: SaveMode, marker: Option<Transaction>) -> Result<i64> {
        let this = self.clone();
        let rows = rows.clone();
        engine::finish(async move {
            let _writing = this.shared.writing.lock().await;
            let lake = this.lake();
            let known = schema_of(&lake, &this.shared.folder)?;
            let (rows, widened) = rows::fit(&rows, &known, &this.shared.folder)?;
            let snapshot = lake.snapshot().map_err(|error| this.error("read", &error))?;

            let mut actions = Vec::new();
            if mode == SaveMode::Overwrite {
                actions
                    .extend(snapshot.log_data().iter().map(|file| Action::Remove(file.remove_action(true))));
            }
            if rows.row_count() > 0 {
                let mut writer = RecordBatchWriter::for_table(&lake)
                    .map_err(|error| this.error("write to", &error))?
                    .with_writer_properties(parquet_file::small_group_properties(&this.keys));
                let write = writer.write_with_mode(rows.batch().clone(), WriteMode::MergeSchema);
                write.await.map_err(|error| this.error("write to", &error))?;
                let files = writer.flush().await.map_err(|error| this.error("write to", &error))?;
                actions.extend(files.into_iter().map(Action::Add));
            }
            if let Some(schema) = &widened {
                let kernel: StructType = schema.to_arrow().as_ref().try_into_kernel().map_err(|error| {
                    Error::Internal { problem: format!("cannot describe columns to Delta: {error}") }
                })?;
                let metadata = snapshot.metadata().clone().with_schema(&kernel);
                actions
                    .push(Action::Metadata(metadata.map_err(|error| this.error("write to", &error.into()))?));
            }
            if actions.is_empty() && marker.is_none() {
                return Ok(this.version());
            }

            // Checkpoints are written after the commit: if one fails, the rows are in nevertheless.
            let mut properties = CommitProperties::default()
                .with_create_checkpoint(false)
                .with_cleanup_expired_logs(Some(false));
            properties = properties.with_metadata(HashMap::from([("client".to_owned(), "gingham".into())]));
            if let Some(marker) = marker {
                properties = properties.with_application_transaction(marker);
            }
            let operation = DeltaOperation::Write { mode, partition_by: None, predicate: None };
            let committed = CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(snapshot), lake.log_store(), operation)
                .await
                .map_err(|error| this.error("commit to", &error))?;
            let mut lake = lake.clone();
            lake.state = Some(committed.snapshot());
            this.keep(lake);

            let version = this.version();
            if version > 0
                && version % COMMITS_PER_CHECKPOINT == 0
                && let Err(error) = this.sum_up_log().await
            {
                tracing::warn!(%error, "could not sum up the log of a table; reading it stays slower");
            }
            Ok(version)
        })
        .await
    }

    fn lake(&self) -> Lake {
        self.shared.lake.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, lake: Lake) {
        let mut known = self.shared.lake.write().unwrap_or_else(PoisonError::into_inner);
        if version_of(&lake) >= version_of(&known) {
            let older = std::mem::replace(&mut *known, lake);
            if version_of(&older) < version_of(&known) {
                *self.shared.before.write().unwrap_or_else(PoisonError::into_inner) = Some(older);
            }
        }
    }

    /// Lets go of what was learnt of files that may be gone, or of which rows are.
    fn forget_files(&self) {
        *self.shared.before.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.shared.listings.clear();
        find::forget(&self.shared.folder);
    }

    /// The table as it was at `version`, or the newest.
    pub(crate) async fn at(&self, version: Option<i64>) -> Result<Lake> {
        let mut lake = self.lake();
        let known = version_of(&lake);
        let Some(version) = version else {
            lake.update_state().await.map_err(|error| self.error("open", &error))?;
            if version_of(&lake) > known {
                self.keep(lake.clone());
            }
            return Ok(lake);
        };
        if version == known {
            return Ok(lake);
        }
        let before = self.shared.before.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(before) = before.filter(|before| version_of(before) == version) {
            return Ok(before);
        }
        let missing =
            |newest| Error::NoVersion { location: self.shared.folder.display().to_string(), version, newest };
        let wanted = u64::try_from(version).map_err(|_| missing(known))?;
        match lake.load_version(wanted).await {
            Ok(()) if version_of(&lake) == version => Ok(lake),
            Ok(()) => Err(missing(version_of(&lake))),
            Err(_) if version > known => Err(missing(known)),
            Err(error) => Err(self.error("read an older version of", &error)),
        }
    }

    pub(crate) fn error(&self, doing: &'static str, error: &DeltaTableError) -> Error {
        storage_error(doing, &self.shared.folder, error)
    }
}

fn empty_lake(folder: &Path) -> Result<Lake> {
    let bad = |problem: String| Error::BadLocation { location: folder.display().to_string(), problem };
    let address = Url::from_directory_path(folder).map_err(|()| bad("it is no absolute path".to_owned()))?;
    DeltaTableBuilder::from_url(address.clone())
        .map(|builder| builder.with_storage_backend(Arc::new(DurableFiles::new()), address))
        .and_then(DeltaTableBuilder::build)
        .map_err(|error| bad(error.to_string()))
}

/// The absolute path of a folder given as path or `file://` address; creates it.
fn local_folder(location: &str) -> Result<PathBuf> {
    let bad =
        |problem: &str| Error::BadLocation { location: location.to_owned(), problem: problem.to_owned() };
    let path = match Url::parse(location) {
        Ok(address) if address.scheme() == "file" => {
            address.to_file_path().map_err(|()| bad("it is no path on this machine"))?
        }
        Ok(address) if address.has_host() => return Err(bad("only local folders are supported")),
        _ => PathBuf::from(location),
    };
    let failed = |error: std::io::Error| Error::Storage {
        doing: "create",
        location: location.to_owned(),
        problem: error.to_string(),
    };
    std::fs::create_dir_all(&path).map_err(failed)?;
    std::fs::canonicalize(&path).map_err(failed)
}

fn version_of(lake: &Lake) -> i64 {
    lake.version().and_then(|version| i64::try_from(version).ok()).unwrap_or(-1)
}

pub(crate) fn schema_of(lake: &Lake, folder: &Path) -> Result<Schema> {
    let snapshot = lake.snapshot().map_err(|error| storage_error("read", folder, &error))?;
    Schema::of_arrow(&snapshot.snapshot().arrow_schema())
}

/// A data file of a version, what the log says about its values, and whether some of its rows were deleted by a mask.
pub(crate) struct DataFile {
    pub(crate) info: FileInfo,
    pub(crate) statistics: Statistics,
    pub(crate) masked: bool,
}

pub(crate) fn files_of(lake: &Lake, folder: &Path) -> Result<Vec<DataFile>> {
    let snapshot = lake.snapshot().map_err(|error| storage_error("read", folder, &error))?;
    let mut files: Vec<DataFile> = snapshot
        .log_data()
        .iter()
        .map(|file| DataFile {
            info: FileInfo {
                path: file.object_store_path().to_string(),
                bytes: u64::try_from(file.size()).unwrap_or(0),
                rows: file.num_records().map(|rows| rows as u64),
                written_ms: file.modification_time(),
            },
            statistics: Statistics::read(file.stats().as_deref()),
            masked: file.deletion_vector_descriptor().is_some(),
        })
        .collect();
    files.sort_by(|a, b| (a.info.written_ms, &a.info.path).cmp(&(b.info.written_ms, &b.info.path)));
    Ok(files)
}

fn digest_file(path: &Path) -> Result<Digest> {
    use std::io::Read;
    let failed = |error: std::io::Error| Error::Storage {
        doing: "read",
        location: path.display().to_string(),
        problem: error.to_string(),
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(hasher.finish()),
            Some(bytes) => {
                hasher.update(bytes);
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::Internal { problem: format!("the table engine failed: {error}") }))
}

fn storage_error(doing: &'static str, folder: &Path, error: &DeltaTableError) -> Error {
    let location = folder.display().to_string();
    match error {
        DeltaTableError::VersionAlreadyExists(_) => Error::Conflict { location },
        DeltaTableError::Transaction { source } if source.to_string().contains("conflict") => {
            Error::Conflict { location }
        }
        DeltaTableError::InvalidJsonLog { .. }
        | DeltaTableError::Parquet { .. }
        | DeltaTableError::KernelError(_) => {
            Error::Damaged { what: format!("the Delta table `{location}`"), problem: error.to_string() }
        }
        DeltaTableError::NotATable(_) => Error::NoTable { location },
        _ => Error::Storage { doing, location, problem: error.to_string() },
    }
}
