//! The thread that writes the log: calls that come at the same time share one flush.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tables::Table;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::archive::Model;
use crate::wal::Wal;
use crate::{Error, Label, Prediction, Result};

/// Calls that wait for the thread; beyond that, callers wait to hand over theirs.
const QUEUE_CALLS: usize = 1024;

/// One frame takes calls until it has this many bytes.
const FRAME_BYTES: usize = 4 << 20;

/// Rows by model.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) predictions: Vec<(Arc<Model>, Vec<Prediction>)>,
    pub(crate) tables: Vec<(Arc<Model>, Table)>,
    pub(crate) labels: Vec<(Arc<Model>, Vec<Label>)>,
}

/// One call with its rows, also as they stand in the log.
pub(crate) struct Call {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kept: Rows,
    pub(crate) rows: usize,
    pub(crate) acknowledge: oneshot::Sender<Result<()>>,
}

enum Command {
    Append(Call),
    /// Everything up to this frame is committed.
    Committed(i64),
    /// The log goes on in a new segment.
    Rotate(oneshot::Sender<()>),
    /// Everything up to this frame is committed; answered when its segments are gone.
    Drop(i64, oneshot::Sender<()>),
}

/// What the archive counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) pending: AtomicUsize,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) last_sequence: AtomicU64,
}

/// The handle of the thread; dropping it lets the thread finish its work and end.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Append(_) => "Append",
            Self::Committed(_) => "Committed",
            Self::Rotate(_) => "Rotate",
            Self::Drop(..) => "Drop",
        })
    }
}

impl Writer {
    pub(crate) fn start(
        mut wal: Wal,
        counters: Arc<Counters>,
        commit_rows: usize,
        enough: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let (queue, mut calls) = mpsc::channel(QUEUE_CALLS);
        counters.log_bytes.store(wal.bytes(), Ordering::Relaxed);
        let thread = std::thread::Builder::new().name("archive-log".to_owned()).spawn(move || {
            while let Some(first) = calls.blocking_recv() {
                let mut group = Vec::new();
                let mut bytes = 0;
                let mut next = Some(first);
                while let Some(command) = next.take() {
                    match command {
                        Command::Append(call) => {
                            bytes += call.bytes.len();
                            group.push(call);
                        }
                        Command::Committed(sequence) => forget(&mut wal, sequence),
                        Command::Rotate(done) => {
                            // What came before it belongs to the old segment.
                            write(&mut wal, std::mem::take(&mut group), &counters);
                            bytes = 0;
                            wal.rotate();
                            // Whoever asked may have gone.
                            let _ = done.send(());
                        }
                        Command::Drop(sequence, done) => {
                            forget(&mut wal, sequence);
                            let _ = done.send(());
                        }
                    }
                    if bytes < FRAME_BYTES {
                        next = calls.try_recv().ok();
                    }
                }
                write(&mut wal, group, &counters);
                counters.log_bytes.store(wal.bytes(), Ordering::Relaxed);
                if counters.pending.load(Ordering::Relaxed) >= commit_rows {
                    enough.notify_one();
                }
            }
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands a call to the thread; it is acknowledged through its channel.
    pub(crate) async fn append(&self, call: Call) -> Result<()> {
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(Command::Append(call)).await.map_err(|_| Error::Closed)
    }

    /// Begins a new segment of the log: what was acknowledged so far is in older ones.
    pub(crate) async fn rotate(&self) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        self.ask(Command::Rotate(done), is_done).await
    }

    /// Like [`Writer::committed`], and waits until the segments that hold nothing else are gone.
    pub(crate) async fn drop_until(&self, sequence: i64) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        self.ask(Command::Drop(sequence, done), is_done).await
    }

    async fn ask(&self, command: Command, is_done: oneshot::Receiver<()>) -> Result<()> {
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(command).await.map_err(|_| Error::Closed)?;
        is_done.await.map_err(|_| Error::Closed)
    }

    /// Tells the thread that the log is needed no more up to `sequence`.
    pub(crate) async fn committed(&self, sequence: i64) {
        if let Some(queue) = &self.queue {
            // A thread that has ended needs no telling.
            let _ = queue.send(Command::Committed(sequence)).await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the archive's log ended badly");
        }
    }
}

fn write(wal: &mut Wal, mut group: Vec<Call>, counters: &Counters) {
    if group.is_empty() {
        return;
    }
    let parts: Vec<&[u8]> = group.iter().map(|call| call.bytes.as_slice()).collect();
    match wal.append(&parts) {
        Ok(sequence) => {
            counters.flushes.fetch_add(1, Ordering::Relaxed);
            // All rows of a frame for one table go in together: a commit takes whole frames.
            insert(sequence, &mut group);
            counters.last_sequence.store(sequence.unsigned_abs(), Ordering::Release);
            for call in group {
                counters.acknowledged.fetch_add(call.rows as u64, Ordering::Relaxed);
                // A caller that stopped waiting does not hear it; its rows are kept nevertheless.
                let _ = call.acknowledge.send(Ok(()));
            }
        }
        Err(error) => {
            tracing::error!(%error, "predictions could not be archived");
            for call in group {
                counters.pending.fetch_sub(call.rows, Ordering::Relaxed);
                counters.refused.fetch_add(call.rows as u64, Ordering::Relaxed);
                let _ = call.acknowledge.send(Err(error.again()));
            }
        }
    }
}

fn insert(sequence: i64, group: &mut [Call]) {
    let mut predictions: Vec<(Arc<Model>, Vec<Prediction>)> = Vec::new();
    let mut tables: Vec<(Arc<Model>, Vec<Table>)> = Vec::new();
    let mut labels = Vec::new();
    for call in group {
        let Rows { predictions: rows, tables: columns, labels: told } = std::mem::take(&mut call.kept);
        join(&mut predictions, rows);
        join(&mut tables, columns.into_iter().map(|(model, rows)| (model, vec![rows])).collect());
        join(&mut labels, told);
    }
    for (model, rows) in predictions {
        let place = tables.iter().position(|(known, _)| Arc::ptr_eq(known, &model));
        let columns = place.map(|place| tables.swap_remove(place).1).unwrap_or_default();
        model.predictions.insert(sequence, rows, columns);
    }
    for (model, columns) in tables {
        model.predictions.insert(sequence, Vec::new(), columns);
    }
    for (model, rows) in labels {
        model.labels.insert(sequence, rows, Vec::new());
    }
}

/// Adds rows to those of the same model.
fn join<R>(all: &mut Vec<(Arc<Model>, Vec<R>)>, more: Vec<(Arc<Model>, Vec<R>)>) {
    for (model, mut rows) in more {
        match all.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &model)) {
            Some((_, known)) => known.append(&mut rows),
            None => all.push((model, rows)),
        }
    }
}

/// Lets go of what is committed; a segment that holds nothing else makes room.
fn forget(wal: &mut Wal, sequence: i64) {
    /// A smaller segment is not worth a new file.
    const WORTH_ROTATING_BYTES: u64 = 256 << 10;
    if sequence + 1 >= wal.next_sequence() && wal.active_bytes() >= WORTH_ROTATING_BYTES {
        wal.rotate();
    }
    if let Err(error) = wal.truncate(sequence) {
        tracing::warn!(%error, "could not remove committed segments of the archive's log");
    }
}
