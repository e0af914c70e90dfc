//! The archive itself: declare a model, append rows, commit them to Delta tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use base::Timestamp;
use tables::{Column, ColumnType, DeltaTable, Schema, Table};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::codec::{self, Record};
use crate::layout::{self, Layout, Row};
use crate::mask::Masks;
use crate::stream::Stream;
use crate::wal::Wal;
use crate::writer::{Call, Counters, Rows, Writer};
use crate::{Error, FaultPoint, Faults, Label, Prediction, Result};

/// How an archive works.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// Where it lives. Each model has a folder in it with the Delta tables `predictions` and `labels`; the log
    /// is in `.wal`.
    pub folder: PathBuf,
    /// Rows are committed to Delta at least this often.
    pub commit_every: Duration,
    /// Rows are committed to Delta when so many wait.
    pub commit_rows: usize,
    /// A segment of the log ends when it has so many bytes.
    pub wal_segment_bytes: u64,
    /// No more rows are taken while so many wait to be committed.
    pub max_pending_rows: usize,
    /// The most bytes that one call may archive.
    pub max_call_bytes: usize,
    /// What fails where, in tests; nothing otherwise.
    pub faults: Faults,
}

impl ArchiveOptions {
    /// The usual ways, in that folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            commit_every: Duration::from_secs(60),
            commit_rows: 100_000,
            wal_segment_bytes: 16 << 20,
            max_pending_rows: 1_000_000,
            max_call_bytes: 64 << 20,
            faults: Faults::default(),
        }
    }
}

/// Keeps every prediction and every label of every model.
///
/// What [`Archive::append`] acknowledged is on the disk: first in a write-ahead log, at least once a minute in a
/// Delta table, and at no time in both twice. Queries see it at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    options: ArchiveOptions,
    models: RwLock<BTreeMap<String, Arc<Model>>>,
    counters: Arc<Counters>,
    pub(crate) writer: Writer,
    /// Commits, new columns and joining of files happen one after the other.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Rows that must be kept once and may be here already are looked up and appended one call after the other.
    pub(crate) once: tokio::sync::RwLock<()>,
    pub(crate) masks: Arc<Masks>,
}

/// The two tables of one model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) predictions: Stream<Prediction>,
    pub(crate) labels: Stream<Label>,
    /// The greatest id of a prediction, once it was looked up.
    greatest: std::sync::Mutex<Option<Uuid>>,
}

impl Model {
    /// Takes the ids from `first` to `last` if they are greater than all before; no one else gets them then.
    pub(crate) fn claim(&self, first: Uuid, last: Uuid) -> bool {
        let mut greatest = self.greatest.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = greatest.is_some_and(|greatest| first > greatest);
        if newer {
            *greatest = Some(last);
        }
        newer
    }

    pub(crate) fn knows_greatest(&self) -> bool {
        self.greatest.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Ids up to this one are there, or may be.
    pub(crate) fn claim_to(&self, last: Uuid) {
        let mut greatest = self.greatest.lock().unwrap_or_else(PoisonError::into_inner);
        *greatest = (*greatest).max(Some(last));
    }

    /// Ids that were not looked up count too, once the greatest is known.
    pub(crate) fn note(&self, id: Uuid) {
        let mut greatest = self.greatest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(greatest) = greatest.as_mut() {
            *greatest = id.max(*greatest);
        }
    }
}

/// What the archive has done and what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// Rows that are acknowledged or being written, and not yet in a Delta table.
    pub pending_rows: usize,
    /// Rows acknowledged since the archive was opened.
    pub acknowledged_rows: u64,
    /// Rows refused since then, as the log could not be written or too many waited.
    pub refused_rows: u64,
    /// Flushes of the log since then.
    pub flushes: u64,
    /// How many bytes the log has.
    pub log_bytes: u64,
}

impl Archive {
    /// Opens the archive: cuts a torn end off the log, and takes up the acknowledged rows that are not in a Delta
    /// table yet. Commits go on in the background on the present tokio runtime.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the log does not read back, and [`Error::InUse`] if another process has it open.
    pub async fn open(options: ArchiveOptions) -> Result<Self> {
        let mut models = BTreeMap::new();
        let mut committed: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for name in model_folders(&options.folder)? {
            let (model, positions) = match open_model(&options.folder, &name).await {
                // A crash cut its declaration short; no row can have come.
                Err(Error::Table(tables::Error::NoTable { .. })) => continue,
                opened => opened?,
            };
            committed.insert(name.clone(), positions);
            models.insert(name, Arc::new(model));
        }

        let masks = Arc::new(Masks::open(&options.folder)?);
        let counters = Arc::new(Counters::default());
        let newest =
            committed.values().map(|(predictions, labels)| *predictions.max(labels)).max().unwrap_or(0);
        let log = options.folder.join(".wal");
        let wal = {
            let (models, counters, log) = (&models, &counters, &log);
            let replay = |sequence: i64, payload: &[u8]| {
                let rows =
                    take_up(models, &committed, sequence, payload).map_err(|problem| Error::Damaged {
                        file: log.display().to_string(),
                        offset: 0,
                        problem: format!("frame {sequence}: {problem}"),
                    })?;
                counters.pending.fetch_add(rows, Ordering::Relaxed);
                Ok(())
            };
            Wal::open(log, options.wal_segment_bytes, newest + 1, options.faults.clone(), replay)?
        };
        if wal.next_sequence() <= newest {
            return Err(Error::Damaged {
                file: log.display().to_string(),
                offset: 0,
                problem: format!(
                    "it ends at frame {}, the tables hold frame {newest}",
                    wal.next_sequence() - 1
                ),
            });
        }
        counters.last_sequence.store((wal.next_sequence() - 1).unsigned_abs(), Ordering::Release);

        let enough = Arc::new(Notify::new());
        let writer = Writer::start(wal, Arc::clone(&counters), options.commit_rows, Arc::clone(&enough))
            .map_err(|error| Error::Storage {
                doing: "start the thread of",
                location: log.display().to_string(),
                problem: error.to_string(),
            })?;
        let every = options.commit_every;
        let inner = Arc::new(Inner {
            options,
            models: RwLock::new(models),
            counters,
            writer,
            changing: tokio::sync::Mutex::new(()),
            once: tokio::sync::RwLock::new(()),
            masks,
        });
        tokio::spawn(commit_now_and_then(Arc::downgrade(&inner), every, enough));
        Ok(Self { inner })
    }

    /// Says which features a model takes and what it answers; before its first row. Features may be added later
    /// by declaring the model again; those that are left out then stay, and are missing in rows that lack them.
    pub async fn declare(&self, model: &str, features: &[Column], output: ColumnType) -> Result<()> {
        base::names::check_name("model", model)?;
        let _changing = self.inner.changing.lock().await;
        let wanted = layout::predictions_schema(features, output);
        let Ok(known) = self.inner.model(model) else {
            let folder = self.inner.options.folder.join(model);
            create(&folder.join("labels"), &layout::labels_schema(output)).await?;
            create(&folder.join("predictions"), &wanted).await?;
            let (opened, _) = open_model(&self.inner.options.folder, model).await?;
            let mut models = self.inner.models.write().unwrap_or_else(PoisonError::into_inner);
            models.insert(model.to_owned(), Arc::new(opened));
            return Ok(());
        };
        let mut schema = known.predictions.schema();
        let before = schema.columns.len();
        for column in wanted.columns {
            match schema.find(&column.name) {
                None => schema.columns.push(column),
                Some(found) if found.kind == column.kind => {}
                Some(found) => {
                    return Err(Error::Redeclared {
                        model: model.to_owned(),
                        column: column.name,
                        before: found.kind.to_string(),
                        now: column.kind.to_string(),
                    });
                }
            }
        }
        if schema.columns.len() > before { known.predictions.widen(schema).await } else { Ok(()) }
    }

    /// Archives predictions: all of them, or none. When it returns they are on the disk.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many rows wait to be committed: nothing was taken, try again later.
    /// [`Error::Storage`] if the disk refused: nothing was acknowledged.
    pub async fn append(&self, mut rows: Vec<Prediction>) -> Result<()> {
        self.inner.masks.mask_predictions(&mut rows);
        let mut bytes = Vec::new();
        let by_model = self.inner.sort(
            rows,
            |row| &row.model,
            |model| model.predictions.layout(),
            |row| {
                codec::put_prediction(&mut bytes, row);
            },
        )?;
        for (model, rows) in &by_model {
            rows.iter().map(|row| row.id).max().into_iter().for_each(|id| model.note(id));
        }
        let rows = by_model.iter().map(|(_, rows)| rows.len()).sum();
        self.inner.write(bytes, Rows { predictions: by_model, ..Rows::default() }, rows).await
    }

    /// Archives labels, under the same promise as [`Archive::append`]. A label may come before its prediction.
    pub async fn append_labels(&self, mut rows: Vec<Label>) -> Result<()> {
        self.inner.masks.mask_labels(&mut rows);
        let mut bytes = Vec::new();
        let by_model = self.inner.sort(
            rows,
            |row| &row.model,
            |model| model.labels.layout(),
            |row| {
                codec::put_label(&mut bytes, row);
            },
        )?;
        let rows = by_model.iter().map(|(_, rows)| rows.len()).sum();
        self.inner.write(bytes, Rows { labels: by_model, ..Rows::default() }, rows).await
    }

    /// Commits everything acknowledged so far to the Delta tables.
    pub async fn flush(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        // On a task of its own, so that a caller that stops waiting does not leave a commit half way.
        tokio::spawn(async move { inner.commit().await }).await.unwrap_or(Err(Error::Closed))
    }

    /// The names of the models.
    #[must_use]
    pub fn models(&self) -> Vec<String> {
        self.inner.models.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The columns of a model's predictions.
    pub fn schema(&self, model: &str) -> Result<Schema> {
        Ok(self.inner.model(model)?.predictions.schema())
    }

    /// The latest event time of any prediction of the model; none if it has none, or is not known.
    #[must_use]
    pub fn watermark(&self, model: &str) -> Option<Timestamp> {
        self.inner.model(model).ok()?.predictions.latest().map(Timestamp::from_micros)
    }

    /// The earliest event time of any prediction of the model; none if it has none. Cheap when asked again.
    pub async fn first_event(&self, model: &str) -> Result<Option<Timestamp>> {
        let earliest = self.inner.model(model)?.predictions.earliest().await?;
        Ok(earliest.map(Timestamp::from_micros))
    }

    /// What the archive has done and what waits.
    #[must_use]
    pub fn status(&self) -> ArchiveStatus {
        let counters = &self.inner.counters;
        ArchiveStatus {
            pending_rows: counters.pending.load(Ordering::Relaxed),
            acknowledged_rows: counters.acknowledged.load(Ordering::Relaxed),
            refused_rows: counters.refused.load(Ordering::Relaxed),
            flushes: counters.flushes.load(Ordering::Relaxed),
            log_bytes: counters.log_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    pub(crate) fn model(&self, name: &str) -> Result<Arc<Model>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.get(name).cloned().ok_or_else(|| Error::UnknownModel {
            model: name.to_owned(),
            models: models.keys().cloned().collect(),
        })
    }

    /// Lets a test strike here.
    pub(crate) fn fault(&self, point: FaultPoint) -> Result<()> {
        self.options.faults.at(point).map_err(|error| Error::Storage {
            doing: "erase from",
            location: self.options.folder.display().to_string(),
            problem: error.to_string(),
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn all_models(&self) -> Vec<Arc<Model>> {
        self.models.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Checks rows against their columns, encodes them and sorts them by model.
    fn sort<R: Row>(
        &self,
        rows: Vec<R>,
        name: impl Fn(&R) -> &String,
        layout: impl Fn(&Model) -> Arc<Layout>,
        mut encode: impl FnMut(&R),
    ) -> Result<Vec<(Arc<Model>, Vec<R>)>> {
        let mut sorted: Vec<(Arc<Model>, Arc<Layout>, Vec<R>)> = Vec::new();
        for row in rows {
            let place = match sorted.iter().position(|(model, ..)| model.name == *name(&row)) {
                Some(place) => place,
                None => {
                    let model = self.model(name(&row))?;
                    let layout = layout(&model);
                    sorted.push((model, layout, Vec::new()));
                    sorted.len() - 1
                }
            };
            if let Some((_, layout, rows)) = sorted.get_mut(place) {
                let row = row.fit(layout)?;
                encode(&row);
                rows.push(row);
            }
        }
        Ok(sorted.into_iter().map(|(model, _, rows)| (model, rows)).collect())
    }

    pub(crate) async fn write(&self, bytes: Vec<u8>, kept: Rows, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let limit_bytes = self.options.max_call_bytes;
        if bytes.len() > limit_bytes {
            return Err(Error::TooLarge { bytes: bytes.len(), limit_bytes });
        }
        let limit = self.options.max_pending_rows;
        let pending = &self.counters.pending;
        let room = |waiting: usize| waiting.checked_add(rows).filter(|sum| *sum <= limit);
        if let Err(waiting) = pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room) {
            self.counters.refused.fetch_add(rows as u64, Ordering::Relaxed);
            return Err(Error::Busy { pending: waiting, limit });
        }
        let (acknowledge, acknowledged) = oneshot::channel();
        let call = Call { bytes, kept, rows, acknowledge };
        if let Err(error) = self.writer.append(call).await {
            pending.fetch_sub(rows, Ordering::Relaxed);
            return Err(error);
        }
        acknowledged.await.unwrap_or(Err(Error::Closed))
    }

    async fn commit(&self) -> Result<()> {
        let _changing = self.changing.lock().await;
        self.commit_now().await
    }

    /// Commits what is acknowledged. The caller holds `changing`.
    pub(crate) async fn commit_now(&self) -> Result<()> {
        // Frames up to here are in memory as a whole; later ones are not touched below.
        let acknowledged = self.counters.last_sequence.load(Ordering::Acquire);
        let mut first_error = None;
        for model in self.all_models() {
            for committed in [
                model.predictions.commit(&self.options.faults).await,
                model.labels.commit(&self.options.faults).await,
            ] {
                match committed {
                    Ok(rows) => {
                        self.counters.pending.fetch_sub(rows, Ordering::Relaxed);
                    }
                    Err(error) => {
                        tracing::error!(model = model.name, %error, "archived rows could not be committed yet");
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        let mut safe = i64::try_from(acknowledged).unwrap_or(i64::MAX);
        for model in self.all_models() {
            let waiting = [model.predictions.uncommitted_from(), model.labels.uncommitted_from()];
            safe = waiting.into_iter().flatten().map(|first| first - 1).fold(safe, i64::min);
        }
        self.writer.committed(safe).await;
        if let Some(error) = first_error {
            return Err(error);
        }
        for model in self.all_models() {
            for tidied in [model.predictions.tidy().await, model.labels.tidy().await] {
                if let Err(error) = tidied {
                    tracing::warn!(model = model.name, %error, "could not join small files of the archive");
                }
            }
        }
        Ok(())
    }
}

async fn commit_now_and_then(archive: Weak<Inner>, every: Duration, enough: Arc<Notify>) {
    /// After a failure, even many rows wait this long for the next try.
    const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = enough.notified() => {}
        }
        let Some(archive) = archive.upgrade() else { return };
        if archive.commit().await.is_err() {
            drop(archive);
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// The folders that hold models.
fn model_folders(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| Error::Storage {
        doing: "open",
        location: folder.display().to_string(),
        problem: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Labels are created first: with predictions there, both are.
        if base::names::check_name("model", &name).is_ok()
            && entry.path().join("predictions/_delta_log").is_dir()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

async fn create(folder: &Path, schema: &Schema) -> Result<DeltaTable> {
    Ok(DeltaTable::open_or_create(utf8(folder)?, schema).await?)
}

fn utf8(folder: &Path) -> Result<&str> {
    folder.to_str().ok_or_else(|| Error::Storage {
        doing: "open",
        location: folder.display().to_string(),
        problem: "the path is not UTF-8".to_owned(),
    })
}

/// Opens the tables of a model, and says which frames they hold.
async fn open_model(folder: &Path, name: &str) -> Result<(Model, (i64, i64))> {
    let folder = folder.join(name);
    let nothing = Schema::default();
    let by_id = |table: DeltaTable| table.keyed_by(&["prediction_id"]);
    let predictions = by_id(create(&folder.join("predictions"), &nothing).await?);
    let (predictions, last_prediction) = Stream::open(predictions, "event_time").await?;
    let labels = by_id(create(&folder.join("labels"), &nothing).await?);
    let (labels, last_label) = Stream::open(labels, "label_time").await?;
    let greatest = std::sync::Mutex::new(None);
    Ok((Model { name: name.to_owned(), predictions, labels, greatest }, (last_prediction, last_label)))
}

/// Takes the rows of a frame that are in no table yet back into memory; returns how many there are.
fn take_up(
    models: &BTreeMap<String, Arc<Model>>,
    committed: &BTreeMap<String, (i64, i64)>,
    sequence: i64,
    payload: &[u8],
) -> std::result::Result<usize, String> {
    #[derive(Default)]
    struct Taken {
        predictions: Vec<Prediction>,
        tables: Vec<Table>,
        labels: Vec<Label>,
    }
    let mut taken: BTreeMap<&str, Taken> = BTreeMap::new();
    for record in codec::read_all(payload).map_err(|codec::Unreadable(problem)| problem.to_owned())? {
        let name = match &record {
            Record::Prediction(row) => &row.model,
            Record::Label(row) => &row.model,
            Record::Table(columns) => &columns.model,
        };
        let (model, positions) = models
            .get(name)
            .zip(committed.get(name))
            .ok_or_else(|| format!("it has rows of model `{name}`, whose tables are gone"))?;
        let taken = taken.entry(&model.name).or_default();
        match record {
            Record::Prediction(row) if sequence > positions.0 => taken.predictions.push(row),
            Record::Label(row) if sequence > positions.1 => taken.labels.push(row),
            Record::Table(columns) if sequence > positions.0 => taken.tables.push(columns.rows),
            _ => {}
        }
    }
    let mut rows = 0;
    for (name, Taken { predictions, tables, labels }) in taken {
        let Some(model) = models.get(name) else { continue };
        if !predictions.is_empty() || !tables.is_empty() {
            rows += predictions.len() + tables.iter().map(Table::row_count).sum::<usize>();
            model.predictions.insert(sequence, predictions, tables);
        }
        if !labels.is_empty() {
            rows += labels.len();
            model.labels.insert(sequence, labels, Vec::new());
        }
    }
    Ok(rows)
}
