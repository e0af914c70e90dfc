//! Predictions on their way to the server: durable here before they are given, deleted when the server has them.
//!
//! Rows lie in segments, files of JSON lines. One thread writes; requests that come together share one sync. A
//! segment is sealed before it is sent and deleted when all of it was taken. A process that is ended loses nothing
//! that was acknowledged: what it may send twice has the same ids, and the server keeps each id once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serving::{Cell, PredictionSink, ServedPrediction, SinkFailure, SinkFuture};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::elsewhere::read::OWN;

/// Requests that may wait for the disk.
const WAITING: usize = 4_096;
/// The size at which a segment is sealed, in bytes.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Where predictions lie until they are sent.
#[derive(Debug, Clone)]
pub struct Spool {
    orders: mpsc::Sender<Order>,
    folder: Arc<Path>,
    bytes: Arc<AtomicU64>,
    most_bytes: u64,
}

enum Order {
    /// Lines to keep, and whom to tell.
    Keep(Vec<u8>, oneshot::Sender<io::Result<()>>),
    /// End the segment that is being written.
    Seal(oneshot::Sender<()>),
}

/// One row on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) model: String,
    pub(super) row: Map<String, Value>,
}

impl Spool {
    /// Opens the spool in a folder; what a process before left there is sent first.
    pub(super) fn open(folder: &Path, most_bytes: u64) -> Result<Self, Error> {
        let refused = |cause: io::Error| Error::Files {
            doing: format!("predictions cannot be kept in `{}`", folder.display()),
            cause,
        };
        fs::create_dir_all(folder).map_err(refused)?;
        // A segment that was being written when the process ended is taken as it is.
        for open in open_ones(folder).map_err(refused)? {
            fs::rename(&open, open.with_extension("jsonl")).map_err(refused)?;
        }
        let left = sealed(folder).map_err(refused)?;
        let bytes = left.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum();
        let next = left.iter().filter_map(|path| number_of(path)).max().unwrap_or(0) + 1;
        let (orders, inbox) = mpsc::channel(WAITING);
        let bytes = Arc::new(AtomicU64::new(bytes));
        let mut writer = Writer { folder: folder.to_owned(), next, current: None, bytes: Arc::clone(&bytes) };
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run(inbox))
            .map_err(refused)?;
        Ok(Self { orders, folder: folder.into(), bytes, most_bytes })
    }

    /// Bytes that were not sent yet.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The segments that can be sent, the oldest first.
    pub(super) async fn ready(&self) -> Vec<PathBuf> {
        let (tell, told) = oneshot::channel();
        if self.orders.send(Order::Seal(tell)).await.is_ok() {
            let _ = told.await;
        }
        sealed(&self.folder).unwrap_or_default()
    }

    /// Forgets a segment that was sent.
    pub(super) fn forget(&self, segment: &Path) {
        let bytes = fs::metadata(segment).map_or(0, |file| file.len());
        if fs::remove_file(segment).is_ok() {
            self.bytes.fetch_sub(bytes.min(self.bytes.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
    }

    /// Puts a segment aside that the server does not want; it stays on the disk.
    pub(super) fn put_aside(&self, segment: &Path) {
        let aside = segment.with_extension("refused");
        let bytes = fs::metadata(segment).map_or(0, |file| file.len());
        if fs::rename(segment, aside).is_ok() {
            self.bytes.fetch_sub(bytes.min(self.bytes.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
    }

    async fn keep(&self, lines: Vec<u8>) -> Result<(), SinkFailure> {
        if self.waiting_bytes().saturating_add(lines.len() as u64) > self.most_bytes {
            return Err(SinkFailure(format!(
                "{} bytes of predictions wait for the server already, and {} are the most",
                self.waiting_bytes(),
                self.most_bytes
            )));
        }
        let (tell, told) = oneshot::channel();
        let gone = || SinkFailure("the spool has ended".to_owned());
        self.orders.send(Order::Keep(lines, tell)).await.map_err(|_| gone())?;
        told.await
            .map_err(|_| gone())?
            .map_err(|error| SinkFailure(format!("the spool cannot be written: {error}")))
    }
}

impl PredictionSink for Spool {
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_> {
        Box::pin(async move {
            let mut lines = Vec::with_capacity(predictions.len() * 256);
            for prediction in predictions {
                let line = Line { model: prediction.model.to_string(), row: row(prediction) };
                serde_json::to_writer(&mut lines, &line).map_err(|error| SinkFailure(error.to_string()))?;
                lines.push(b'\n');
            }
            self.keep(lines).await
        })
    }
}

/// A prediction as the server's open door takes it.
pub(crate) fn row(served: ServedPrediction) -> Map<String, Value> {
    let mut row = Map::new();
    let names = served.feature_names.iter().chain(served.output_names.iter());
    for (name, cell) in names.zip(served.features.into_iter().chain(served.outputs)) {
        let value = match cell {
            Cell::Missing => continue,
            Cell::Number(number) => json!(number),
            Cell::Word(word) => json!(word),
        };
        let name = if OWN.contains(&&**name) { format!("features.{name}") } else { name.to_string() };
        row.insert(name, value);
    }
    let own = [
        ("prediction_id", json!(served.id)),
        ("event_time", json!(served.event_time.to_string())),
        ("version", json!(served.version)),
        ("deployment", json!(&*served.deployment)),
        ("variant", json!(served.variant)),
        ("prediction", json!(served.prediction)),
        ("latency_us", json!(served.latency_us)),
        ("trace_id", json!(served.trace_id)),
        ("entity", json!(served.entity)),
    ];
    row.extend(
        own.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)),
    );
    row
}

/// The rows of a segment. A last line that a crash cut was never acknowledged, and is left out.
pub(super) fn read(segment: &Path) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in BufReader::new(File::open(segment)?).split(b'\n') {
        if let Ok(line) = serde_json::from_slice(&line?) {
            lines.push(line);
        }
    }
    Ok(lines)
}

struct Writer {
    folder: PathBuf,
    next: u64,
    current: Option<(PathBuf, File, u64)>,
    bytes: Arc<AtomicU64>,
}

impl Writer {
    fn run(&mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut waiting = Vec::new();
            let mut bytes = Vec::new();
            let mut sealing = Vec::new();
            let mut order = Some(first);
            // Whoever comes while the disk is busy shares the next sync.
            while let Some(Order::Keep(lines, tell)) = order {
                bytes.extend_from_slice(&lines);
                waiting.push(tell);
                order = inbox.try_recv().ok();
            }
            if let Some(Order::Seal(tell)) = order {
                sealing.push(tell);
            }
            if !bytes.is_empty() {
                let written = self.write(&bytes).map_err(|error| (error.kind(), error.to_string()));
                for tell in waiting {
                    let _ = tell.send(written.clone().map_err(|(kind, words)| io::Error::new(kind, words)));
                }
            }
            for tell in sealing {
                self.seal();
                let _ = tell.send(());
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.current.is_none() {
            let path = self.folder.join(format!("{:016}.open", self.next));
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            self.next += 1;
            self.current = Some((path, file, 0));
        }
        let Some((_, file, length)) = &mut self.current else { return Ok(()) };
        let before = *length;
        if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_data()) {
            // What was not acknowledged must not be sent.
            let _ = file.set_len(before);
            return Err(error);
        }
        *length += bytes.len() as u64;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if *length >= SEGMENT_BYTES {
            self.seal();
        }
        Ok(())
    }

    fn seal(&mut self) {
        if let Some((path, file, _)) = self.current.take() {
            drop(file);
            let _ = fs::rename(&path, path.with_extension("jsonl"));
        }
    }
}

fn files_with(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn sealed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    files_with(folder, "jsonl")
}

fn open_ones(folder: &Path) -> io::Result<Vec<PathBuf>> {
    files_with(folder, "open")
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn prediction(value: f64) -> ServedPrediction {
        ServedPrediction {
            id: base::id::new_uuid(),
            event_time: Timestamp::from_micros(1_000_000),
            received_time: Timestamp::from_micros(2_000_000),
            deployment: "traffic".into(),
            model: "traffic".into(),
            version: 2,
            variant: "primary",
            feature_names: ["hour", "weight", "holiday"].map(Arc::from).into(),
            features: vec![Cell::Number(8.0), Cell::Number(0.5), Cell::Missing],
            prediction: value,
            output_names: Vec::new().into(),
            outputs: Vec::new(),
            latency_us: 12,
            trace_id: None,
            entity: Some("a".into()),
        }
    }

    fn values(segment: &Path) -> Vec<Value> {
        read(segment).unwrap().into_iter().map(|line| line.row["prediction"].clone()).collect()
    }

    #[tokio::test]
    async fn what_was_acknowledged_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.take(vec![prediction(1.0), prediction(2.0)]).await.unwrap();
        // The process ends without a word; its last line was cut.
        let open = open_ones(folder.path()).unwrap().pop().unwrap();
        drop(spool);
        let mut file = OpenOptions::new().append(true).open(&open).unwrap();
        file.write_all(b"{\"model\":\"traffic\",\"row\":{\"predic").unwrap();
        let again = Spool::open(folder.path(), 1 << 20).unwrap();
        again.take(vec![prediction(3.0)]).await.unwrap();
        let ready = again.ready().await;
        assert_eq!(ready.iter().flat_map(|segment| values(segment)).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    }

    #[tokio::test]
    async fn a_full_spool_refuses_and_takes_again_when_it_was_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 600).unwrap();
        spool.take(vec![prediction(1.0)]).await.unwrap();
        let error = spool.take(vec![prediction(2.0), prediction(3.0)]).await.unwrap_err();
        assert!(error.0.contains("600 are the most"), "{error}");
        for segment in spool.ready().await {
            spool.forget(&segment);
        }
        assert_eq!(spool.waiting_bytes(), 0);
        spool.take(vec![prediction(2.0)]).await.unwrap();
    }

    #[test]
    fn a_feature_that_is_called_like_a_column_keeps_its_name() {
        let row = row(prediction(1.0));
        assert_eq!((&row["hour"], &row["features.weight"]), (&json!(8.0), &json!(0.5)));
        assert!(!row.contains_key("weight") && !row.contains_key("holiday"));
        assert_eq!(crate::elsewhere::read::feature_name("features.weight"), "weight");
        assert_eq!(crate::elsewhere::read::feature_name("features.hour"), "features.hour");
    }
}
