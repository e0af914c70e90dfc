//! What a command prints: passed on at once, and kept on the server as it comes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::record::Log;
use super::secrets::{Masker, Secrets};
use super::tracking::Tracked;

/// The most that is kept of what one run prints, in bytes.
const MOST_BYTES: u64 = 32 << 20;
/// A part of the log is sent when it is so long, in bytes.
const PART_BYTES: usize = 256 << 10;
/// And otherwise after so long.
const PART_EVERY: Duration = Duration::from_secs(1);
/// How often a part is tried to be sent.
const TRIES: u32 = 3;
/// The folder of the parts, until the log is whole.
const PARTS: &str = "logs/parts";

/// Where a stream is passed on to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Passed {
    Output,
    Error,
}

/// Where pumps put what is to be kept.
#[derive(Debug, Clone)]
pub(super) struct LogInlet {
    sender: mpsc::UnboundedSender<Vec<u8>>,
    taken: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl LogInlet {
    /// An inlet, and where what is put in comes out.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, taken: Arc::default(), dropped: Arc::default() }, receiver)
    }

    /// Takes bytes; what goes beyond the limit is counted and not kept.
    fn put(&self, bytes: Vec<u8>) {
        let length = bytes.len() as u64;
        if self.taken.fetch_add(length, Ordering::Relaxed) + length > MOST_BYTES {
            self.taken.fetch_sub(length, Ordering::Relaxed);
            self.dropped.fetch_add(length, Ordering::Relaxed);
        } else {
            let _ = self.sender.send(bytes);
        }
    }

    /// How much was taken and dropped.
    pub(super) fn log(&self) -> Log {
        Log { bytes: self.taken.load(Ordering::Relaxed), dropped_bytes: self.dropped.load(Ordering::Relaxed) }
    }
}

/// Passes a stream on until it ends, and puts it into the log with secrets masked.
pub(super) async fn pump(mut from: impl AsyncRead + Unpin, to: Passed, secrets: Secrets, log: LogInlet) {
    let mut masker = Masker::new(secrets);
    let mut buffer = vec![0; 32 << 10];
    while let Ok(length) = from.read(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        // A reader that has gone away is no reason to stop the command.
        let _ = match to {
            Passed::Output => write_all(&mut std::io::stdout().lock(), bytes),
            Passed::Error => write_all(&mut std::io::stderr().lock(), bytes),
        };
        let safe = masker.push(bytes);
        if !safe.is_empty() {
            log.put(safe);
        }
    }
    let rest = masker.finish();
    if !rest.is_empty() {
        log.put(rest);
    }
}

fn write_all(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

/// Sends the log in parts as it comes, and as one file in the end. Answers what could not be sent, if anything.
pub(super) async fn send(tracked: Tracked, mut receiver: mpsc::UnboundedReceiver<Vec<u8>>) -> Option<String> {
    let mut whole: Vec<u8> = Vec::new();
    let mut sent = 0;
    let mut part = 0_u32;
    let mut lost = None;
    let mut since = Instant::now();
    loop {
        let waiting = whole.len() - sent;
        let received = if waiting == 0 {
            receiver.recv().await.map(Some)
        } else {
            match tokio::time::timeout_at(since + PART_EVERY, receiver.recv()).await {
                Ok(received) => received.map(Some),
                Err(_) => Some(None),
            }
        };
        let is_over = received.is_none();
        if let Some(Some(bytes)) = received {
            if waiting == 0 {
                since = Instant::now();
            }
            whole.extend_from_slice(&bytes);
        }
        if is_over {
            break;
        }
        let waiting = whole.len() - sent;
        if waiting >= PART_BYTES || (waiting > 0 && since.elapsed() >= PART_EVERY) {
            part += 1;
            let content = whole.get(sent..).unwrap_or_default().to_vec();
            if let Err(error) = put(&tracked, &format!("{PARTS}/{part:06}.log"), content, 1).await {
                lost = Some(error);
            }
            sent = whole.len();
            since = Instant::now();
        }
    }
    if whole.is_empty() {
        return None;
    }
    match put(&tracked, "logs/output.log", whole, TRIES).await {
        Ok(()) => {
            if part > 0 {
                let _ = tracked.remove_file(PARTS).await;
            }
            None
        }
        Err(error) => Some(lost.unwrap_or(error)),
    }
}

async fn put(tracked: &Tracked, path: &str, content: Vec<u8>, tries: u32) -> Result<(), String> {
    let mut error = String::new();
    for turn in 0..tries {
        match tracked.put_file(path, content.clone()).await {
            Ok(()) => return Ok(()),
            Err(failed) => error = format!("{failed:#}"),
        }
        tokio::time::sleep(Duration::from_millis(300 << turn)).await;
    }
    Err(error)
}
