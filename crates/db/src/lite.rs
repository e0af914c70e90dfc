//! SQLite: many readers, one writer that commits whole groups of writes with one fsync.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use tokio::sync::{mpsc, watch};

use crate::session::{Sql, TxConnection};
use crate::{Error, Tx};

const READERS: u32 = 4;
const ROWS_IN_HAND: usize = 1_024;
/// The most memory that pages take, in KiB with a minus before it, as SQLite wants it. A run of 1,500 metrics touches
/// 3,000 leaves of indexes; a writer that cannot hold them writes and reads each of them again and again.
const WRITER_CACHE: &str = "-32000";
const READER_CACHE: &str = "-16000";
const WAITING_WRITES: usize = 4_096;
const MOST_PER_GROUP: usize = 512;
const LONGEST_GROUP: Duration = Duration::from_millis(5);
pub(crate) const LONGEST_WRITE: Duration = Duration::from_secs(60);

/// What a write wants to happen to its part of the group.
pub(crate) enum Wish {
    Keep,
    Undo,
}

/// Tells the waiting caller how the group ended.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What a write does with the transaction.
pub(crate) type Work = Box<dyn for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Wish> + Send>;

/// One write: runs in a savepoint of the group, and is answered after the group's commit.
pub(crate) struct Write {
    pub(crate) run: Work,
    pub(crate) answer: Answer,
}

pub(crate) struct Lite {
    pub(crate) readers: SqlitePool,
    pub(crate) writes: mpsc::Sender<Write>,
}

/// Opens the file (making it if it is not there), migrates it and starts its writer.
pub(crate) async fn open(path: &Path, newest: watch::Sender<i64>) -> Result<Lite, Error> {
    let opened =
        |cause: sqlx::Error| Error::Open { location: path.display().to_string(), cause: cause.to_string() };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // PostgreSQL calls the order of bytes "C"; with the same name here one text sorts alike on both.
        .collation("C", |left: &str, right: &str| left.cmp(right))
        .pragma("case_sensitive_like", "1")
        // Rows come from the thread of the connection; a page of a search should wait for it once, not forty times.
        .row_buffer_size(ROWS_IN_HAND)
        .pragma("mmap_size", "134217728");
    let writer = options.clone().pragma("cache_size", WRITER_CACHE);
    let connection = writer.connect().await.map_err(opened)?;
    let mut tx = Tx { connection: TxConnection::Lite(Box::new(connection)), newest_event: None };
    run(&mut tx, "begin immediate").await?;
    crate::migrations::apply(&mut tx).await?;
    run(&mut tx, "commit").await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options.pragma("cache_size", READER_CACHE).read_only(true).create_if_missing(false))
        .await
        .map_err(opened)?;
    let (writes, waiting) = mpsc::channel(WAITING_WRITES);
    tokio::spawn(write_groups(tx, waiting, newest));
    Ok(Lite { readers, writes })
}

async fn run(tx: &mut Tx, sql: &'static str) -> Result<(), Error> {
    tx.execute(sql, Vec::new()).await.map(drop)
}

async fn write_groups(mut tx: Tx, mut waiting: mpsc::Receiver<Write>, newest: watch::Sender<i64>) {
    while let Some(first) = waiting.recv().await {
        tx.newest_event = None;
        if let Err(error) = run(&mut tx, "begin immediate").await {
            (first.answer)(Err(error));
            continue;
        }
        let answers = write_group(&mut tx, first, &mut waiting).await;
        let committed = run(&mut tx, "commit").await;
        if committed.is_err() {
            // After a failed commit SQLite may still hold the transaction open.
            let _ = run(&mut tx, "rollback").await;
        }
        if let (Ok(()), Some(seq)) = (&committed, tx.newest_event) {
            newest.send_replace(seq);
        }
        let failure = committed.err().map(|error| error.to_string());
        for answer in answers {
            answer(failure.as_ref().map_or(Ok(()), |cause| Err(Error::Failed { cause: cause.clone() })));
        }
    }
}

/// Runs the first write and all that wait behind it, up to the limits of a group.
async fn write_group(tx: &mut Tx, first: Write, waiting: &mut mpsc::Receiver<Write>) -> Vec<Answer> {
    let started = Instant::now();
    let mut answers = Vec::new();
    let mut next = Some(first);
    while let Some(write) = next.take() {
        // As long as nothing is kept, undoing a write is undoing all; only those behind it need a savepoint.
        let alone = answers.is_empty();
        let ended = if alone { write_alone(tx, write.run).await } else { write_one(tx, write.run).await };
        match ended {
            Ended::Kept => answers.push(write.answer),
            Ended::Undone if alone => (write.answer)(Ok(())),
            // It may have seen what those before it wrote, so its answer holds only if theirs does.
            Ended::Undone => answers.push(write.answer),
            Ended::Failed(error) => (write.answer)(Err(error)),
            Ended::Broken(error) => {
                (write.answer)(Err(error));
                return answers;
            }
        }
        if answers.len() < MOST_PER_GROUP && started.elapsed() < LONGEST_GROUP {
            next = waiting.try_recv().ok();
        }
    }
    answers
}

/// How a write ended.
enum Ended {
    /// It is part of the group.
    Kept,
    /// It wished to be undone, and was.
    Undone,
    /// It was undone because it could not end.
    Failed(Error),
    /// It could not be undone: the group ends here.
    Broken(Error),
}

/// Runs a write that has nothing before it in the group.
async fn write_alone(tx: &mut Tx, work: Work) -> Ended {
    let event_before = tx.newest_event;
    let ended = outcome_of(tx, work).await;
    if matches!(ended, Ended::Kept) {
        return ended;
    }
    tx.newest_event = event_before;
    for sql in ["rollback", "begin immediate"] {
        if let Err(error) = run(tx, sql).await {
            return Ended::Broken(error);
        }
    }
    ended
}

/// Runs a write behind others, so that undoing it leaves those as they are.
async fn write_one(tx: &mut Tx, work: Work) -> Ended {
    if let Err(error) = run(tx, "savepoint write_one").await {
        return Ended::Failed(error);
    }
    let event_before = tx.newest_event;
    let ended = outcome_of(tx, work).await;
    if !matches!(ended, Ended::Kept) {
        tx.newest_event = event_before;
        if let Err(error) = run(tx, "rollback to write_one").await {
            return Ended::Broken(error);
        }
    }
    match run(tx, "release write_one").await {
        Ok(()) => ended,
        Err(error) => Ended::Broken(error),
    }
}

async fn outcome_of(tx: &mut Tx, work: Work) -> Ended {
    match tokio::time::timeout(LONGEST_WRITE, AssertUnwindSafe(work(tx)).catch_unwind()).await {
        Ok(Ok(Wish::Keep)) => Ended::Kept,
        Ok(Ok(Wish::Undo)) => Ended::Undone,
        Ok(Err(_)) => Ended::Failed(Error::Panicked),
        Err(_) => Ended::Failed(Error::TimedOut { seconds: LONGEST_WRITE.as_secs() }),
    }
}
