//! The rows of one table: those in Delta, those on their way there, and those that just came.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tables::{DeltaTable, Marker, Range, Schema, Selector, Table};

use crate::faults::{FaultPoint, Faults};
use crate::layout::{Layout, Row};
use crate::{Error, Result};

/// Under this name the tables' logs say up to which frame of our log their rows are in.
const APPLICATION: &str = "gingham-archive";

/// Rows are turned into columns when so many have come: few, because those who wait for their acknowledgement wait for it.
const LOT_ROWS: usize = 256;

/// Lots are joined until they have about this many rows.
const CHUNK_ROWS: usize = 4096;

/// After so many files of a table they are joined.
const MOST_SMALL_FILES: usize = 64;

/// Files of this size need no joining.
const LARGE_FILE_BYTES: u64 = 32 << 20;

/// One table of a model. Every row is in exactly one of: the Delta table at `version`, `committing`, `chunks`, `open`.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    pub(crate) delta: DeltaTable,
    time_column: String,
    state: Mutex<State<R>>,
}

#[derive(Debug)]
struct State<R> {
    layout: Arc<Layout>,
    version: i64,
    committing: Vec<Table>,
    /// The first and the last frame that have rows in `committing`.
    committing_frames: Option<(i64, i64)>,
    /// The last frame whose rows are in the table, as far as this process has brought it.
    committed: i64,
    chunks: Vec<Table>,
    open: Vec<R>,
    /// The first frame that has rows in `chunks` or `open`.
    waiting_from: Option<i64>,
    last_sequence: i64,
    latest: Option<i64>,
    /// The earliest moment that a row is about.
    earliest: Known,
}

/// What is found out when it is first asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    NotYet,
    Is(Option<i64>),
}

impl<R: Row> Stream<R> {
    /// The stream of a table, and the last frame of the log whose rows the table holds.
    pub(crate) async fn open(delta: DeltaTable, time_column: &str) -> Result<(Self, i64)> {
        let committed = delta.marker(APPLICATION).await?.unwrap_or(0);
        let latest = delta.latest(time_column).await?;
        let state = State {
            layout: Arc::new(Layout::new(delta.schema()?)),
            version: delta.version(),
            committing: Vec::new(),
            committing_frames: None,
            committed,
            chunks: Vec::new(),
            open: Vec::new(),
            waiting_from: None,
            last_sequence: committed,
            latest,
            earliest: Known::NotYet,
        };
        Ok((Self { delta, time_column: time_column.to_owned(), state: Mutex::new(state) }, committed))
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the fields of a row stand, at this moment.
    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.state().layout)
    }

    pub(crate) fn schema(&self) -> Schema {
        self.layout().schema().clone()
    }

    /// The latest moment that a row is about.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.state().latest
    }

    /// The earliest moment that a row is about; read once, and again after rows were taken out.
    pub(crate) async fn earliest(&self) -> Result<Option<i64>> {
        if let Known::Is(earliest) = self.state().earliest {
            return Ok(earliest);
        }
        loop {
            // The rows in memory first: they move into the table only.
            let (version, chunks) = self.view()?;
            let stored = self.delta.earliest(&self.time_column).await?;
            let mut earliest = stored;
            for chunk in chunks {
                let first = chunk.time_bounds(&self.time_column)?.map(|(first, _)| first);
                earliest = earliest.into_iter().chain(first).min();
            }
            let mut state = self.state();
            // Rows that came meanwhile are in memory or in a later version.
            if state.version == version {
                state.seal()?;
                for chunk in state.committing.iter().chain(&state.chunks) {
                    let first = chunk.time_bounds(&self.time_column)?.map(|(first, _)| first);
                    earliest = earliest.into_iter().chain(first).min();
                }
                state.earliest = Known::Is(earliest);
                return Ok(earliest);
            }
        }
    }

    /// Adds the rows of one frame, some as rows and others as columns. Frames come in order.
    pub(crate) fn insert(&self, sequence: i64, rows: Vec<R>, columns: Vec<Table>) {
        let bounds: Vec<(i64, i64)> = rows
            .iter()
            .filter_map(|row| row.moment().map(base::Timestamp::as_micros))
            .map(|moment| (moment, moment))
            .chain(columns.iter().filter_map(|columns| columns.time_bounds(&self.time_column).ok().flatten()))
            .collect();
        let mut state = self.state();
        state.latest = state.latest.max(bounds.iter().map(|(_, last)| *last).max());
        let first = bounds.iter().map(|(first, _)| *first).min();
        if let Known::Is(earliest) = &mut state.earliest {
            *earliest =
                earliest.map_or(first, |earliest| Some(first.map_or(earliest, |first| earliest.min(first))));
        }
        state.waiting_from.get_or_insert(sequence);
        state.last_sequence = sequence;
        for columns in columns {
            // Columns may have been added since these were made to fit; if the type of one had changed, the commit says so.
            let fitted = columns.brought_to(state.layout.schema());
            state.chunks.push(fitted.unwrap_or(columns));
        }
        state.open.extend(rows);
        if state.open.len() >= LOT_ROWS
            && let Err(error) = state.seal()
        {
            // The rows stay as they are, and the commit tries again and reports it.
            tracing::warn!(%error, "could not turn archived rows into columns yet");
        }
    }

    /// The table's version and the rows that it does not hold yet, at one moment.
    pub(crate) fn view(&self) -> Result<(i64, Vec<Table>)> {
        let mut state = self.state();
        state.seal()?;
        let rows = state.committing.iter().chain(&state.chunks).cloned().collect();
        Ok((state.version, rows))
    }

    /// All rows whose value in `column` lies in `range`.
    pub(crate) async fn within(&self, column: &str, range: &Range) -> Result<Table> {
        let (version, chunks) = self.view()?;
        let mut parts = vec![self.delta.read_within(Some(version), column, range).await?];
        for chunk in chunks {
            parts.push(chunk.within(column, range)?);
        }
        Ok(Table::concat(&parts)?)
    }

    /// The rows that are in no version of the table yet and whose value in `column` lies in `range`; `None` if there is none.
    pub(crate) fn waiting(&self, column: &str, range: &Range) -> Result<Option<Table>> {
        let (_, chunks) = self.view()?;
        for chunk in chunks {
            let found = chunk.within(column, range)?;
            if found.row_count() > 0 {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The rows in the table whose value in `column` lies in `range`, of which there should be few.
    pub(crate) async fn kept(&self, column: &str, range: &Range) -> Result<Table> {
        loop {
            let version = self.state().version;
            let found = self.delta.find(version, column, range).await;
            // Erasure takes files away; what is left is in a later version.
            if found.is_err() && self.state().version != version {
                continue;
            }
            return Ok(found?);
        }
    }

    /// All rows whose value in `column` lies in `range`, of which there should be few.
    pub(crate) async fn find(&self, column: &str, range: &Range) -> Result<Table> {
        loop {
            let (version, chunks) = self.view()?;
            let found = self.delta.find(version, column, range).await;
            if found.is_err() && self.state().version != version {
                continue;
            }
            let mut parts = vec![found?];
            for chunk in chunks {
                parts.push(chunk.within(column, range)?);
            }
            return Ok(Table::concat(&parts)?);
        }
    }

    /// The first frame that the table lacks rows of.
    pub(crate) fn uncommitted_from(&self) -> Option<i64> {
        let state = self.state();
        state.committing_frames.map(|(first, _)| first).or(state.waiting_from)
    }

    /// Commits all rows that are here now; returns how many they were. One call at a time.
    pub(crate) async fn commit(&self, faults: &Faults) -> Result<usize> {
        let earlier = self.settle().await?;
        let (rows, position) = {
            let mut state = self.state();
            state.seal()?;
            let Some(first) = state.waiting_from.take() else { return Ok(earlier) };
            state.committing = std::mem::take(&mut state.chunks);
            state.committing_frames = Some((first, state.last_sequence));
            (state.committing.clone(), state.last_sequence)
        };
        match self.append(&rows, position, faults).await {
            Ok(()) => Ok(earlier + self.state().committed(position, self.delta.version())),
            // If the commit was made before it failed, the rows are in, and this finds it out.
            Err(error) => match self.settle().await? {
                0 => Err(error),
                rows => Ok(earlier + rows),
            },
        }
    }

    async fn append(&self, rows: &[Table], position: i64, faults: &Faults) -> Result<()> {
        let broken = |error: io::Error| Error::Storage {
            doing: "commit",
            location: self.delta.folder().display().to_string(),
            problem: error.to_string(),
        };
        faults.at(FaultPoint::BeforeCommit).map_err(broken)?;
        let marker = Marker { application: APPLICATION, position };
        self.delta.append_marked(&Table::concat(rows)?, marker).await?;
        faults.at(FaultPoint::AfterCommit).map_err(broken)
    }

    /// Finds out what became of a commit that failed or was given up: its rows are in the table, or they wait
    /// again. Returns how many are in.
    async fn settle(&self) -> Result<usize> {
        let (frames, committed) = {
            let state = self.state();
            (state.committing_frames, state.committed)
        };
        let Some((_, position)) = frames else { return Ok(0) };
        let found = self.delta.settled_marker(APPLICATION).await?.unwrap_or(0);
        if found >= position {
            return Ok(self.state().committed(position, self.delta.version()));
        }
        if found > committed {
            // Some of the rows are in and we cannot tell which: only the log knows. Opening the archive anew does.
            return Err(
                tables::Error::Conflict { location: self.delta.folder().display().to_string() }.into()
            );
        }
        let mut state = self.state();
        let mut back = std::mem::take(&mut state.committing);
        back.append(&mut state.chunks);
        state.chunks = back;
        if let Some((first, _)) = state.committing_frames.take() {
            state.waiting_from = Some(first);
        }
        Ok(0)
    }

    /// Takes rows out of the table; see [`DeltaTable::remove_rows`]. Never while rows are being committed.
    pub(crate) async fn remove(&self, within: Option<(&str, &Range)>, which: Selector) -> Result<usize> {
        let removed = self.delta.remove_rows(within, which).await?;
        let mut state = self.state();
        state.version = self.delta.version();
        state.earliest = Known::NotYet;
        drop(state);
        Ok(removed.rows)
    }

    /// Leaves nothing on the disk that the newest version does not need: neither data nor its log's statistics.
    pub(crate) async fn forget(&self) -> Result<usize> {
        let files = self.delta.vacuum(std::time::Duration::ZERO).await?;
        self.delta.forget_history().await?;
        self.state().version = self.delta.version();
        Ok(files)
    }

    /// Joins small files if there are many. Never while rows are being committed.
    pub(crate) async fn tidy(&self) -> Result<()> {
        let version = self.state().version;
        let files = self.delta.files(Some(version)).await?;
        if files.iter().filter(|file| file.bytes < LARGE_FILE_BYTES).count() < MOST_SMALL_FILES {
            return Ok(());
        }
        self.delta.compact().await?;
        self.state().version = self.delta.version();
        Ok(())
    }

    /// Adds columns to the table and to the rows that are not in it yet. Never while rows are being committed.
    pub(crate) async fn widen(&self, schema: Schema) -> Result<()> {
        self.delta.append(&Table::empty(&schema)?).await?;
        let mut state = self.state();
        let chunks =
            state.chunks.iter().map(|chunk| chunk.brought_to(&schema)).collect::<tables::Result<_>>()?;
        state.chunks = chunks;
        state.layout = Arc::new(Layout::new(schema));
        state.version = self.delta.version();
        Ok(())
    }
}

impl<R: Row> State<R> {
    /// The rows on their way are in the table; returns how many.
    fn committed(&mut self, position: i64, version: i64) -> usize {
        self.version = version;
        self.committed = position;
        self.committing_frames = None;
        self.committing.drain(..).map(|chunk| chunk.row_count()).sum()
    }

    /// Turns the rows that came as rows into columns.
    fn seal(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.chunks.push(R::table(&self.open, &self.layout)?);
        self.open.clear();
        // Only lots of like sizes, so that each row is copied a few times however small the lots are.
        while let [.., before, last] = self.chunks.as_slice()
            && before.row_count() <= last.row_count()
            && before.row_count() + last.row_count() <= CHUNK_ROWS
        {
            let joined = Table::concat(&[before.clone(), last.clone()])?;
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(joined);
        }
        Ok(())
    }
}
