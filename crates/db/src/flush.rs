//! Commits made durable together: one flush of PostgreSQL's log for all that wait.
//!
//! A transaction keeps its locks until its commit has returned. Waiting for the disk before that would let all that
//! append to the log of events, or count runs, wait for each other's disk. So transactions commit without waiting
//! (`synchronous_commit = off`) and are acknowledged after a flush that began later: PostgreSQL writes its own log in
//! order, so whatever was committed before the flush is on the disk with it.
//!
//! That holds for one life of the server only. A crash forgets commits that were not flushed, and ends every
//! connection; so a commit counts as flushed only over the connection that was there when its transaction began.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::sync::{mpsc, oneshot, watch};

use crate::Error;

/// How many commits may wait for a flush.
const MOST_WAITING: usize = 4_096;
/// A connection that flushes nothing for so long is looked at, so that a lost one is replaced before it is needed.
const IDLE: Duration = Duration::from_secs(20);
/// How long a flush, and making the connection, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before the next try to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes a line into PostgreSQL's log as a transaction of its own, which commits as the server's settings say: by
/// default when it is on the disk. It leaves nothing behind that can be read.
const FLUSH: &str = "select pg_logical_emit_message(true, 'gingham', '')::text";

/// Which of the connections, counted from 1; 0 while there is none.
type Turn = u64;

/// A commit that waits.
#[derive(Debug)]
struct Waiting {
    since: Turn,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// Where commits wait to be durable.
#[derive(Debug, Clone)]
pub(crate) struct Flusher {
    waiting: mpsc::Sender<Waiting>,
    turn: watch::Receiver<Turn>,
}

impl Flusher {
    /// Keeps a connection to flush over, for as long as the flusher or a clone is there.
    pub(crate) async fn start(options: PgConnectOptions) -> Result<Self, sqlx::Error> {
        let connection = options.connect().await?;
        let (waiting, commits) = mpsc::channel(MOST_WAITING);
        let (tell, turn) = watch::channel(1);
        tokio::spawn(flush_groups(options, connection, commits, tell));
        Ok(Self { waiting, turn })
    }

    /// Called before a transaction begins; its answer goes to [`Flusher::flushed`] after the commit.
    pub(crate) async fn begun(&self) -> Result<Turn, Error> {
        let mut turn = self.turn.clone();
        let connected = tokio::time::timeout(PATIENCE, turn.wait_for(|turn| *turn > 0)).await;
        match connected {
            Ok(Ok(turn)) => Ok(*turn),
            _ => Err(lost("no connection could be made to flush commits")),
        }
    }

    /// Returns when everything committed before the call, in a transaction begun since then, is as durable as the
    /// server makes commits.
    pub(crate) async fn flushed(&self, since: Turn) -> Result<(), Error> {
        let (answer, flushed) = oneshot::channel();
        self.waiting.send(Waiting { since, answer }).await.map_err(|_| Error::Panicked)?;
        flushed.await.map_err(|_| Error::Panicked)?
    }
}

async fn flush_groups(
    options: PgConnectOptions,
    mut connection: PgConnection,
    mut commits: mpsc::Receiver<Waiting>,
    tell: watch::Sender<Turn>,
) {
    let mut group = Vec::new();
    for turn in 1.. {
        let why = loop {
            let received = tokio::time::timeout(IDLE, commits.recv_many(&mut group, MOST_WAITING)).await;
            if received == Ok(0) {
                return;
            }
            let flushed = tokio::time::timeout(PATIENCE, sqlx::query(FLUSH).execute(&mut connection)).await;
            match flushed {
                Ok(Ok(_)) => answer(&mut group, turn, None),
                Ok(Err(error)) => break error.to_string(),
                Err(_) => break format!("it took longer than {} s", PATIENCE.as_secs()),
            }
        };
        tell.send_replace(0);
        tracing::warn!(error = why, "the connection that flushes commits is lost");
        answer(&mut group, turn, Some(&why));
        connection = loop {
            match tokio::time::timeout(PATIENCE, options.connect()).await {
                Ok(Ok(connection)) => break connection,
                Ok(Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
            if tell.is_closed() {
                return;
            }
        };
        tell.send_replace(turn + 1);
    }
}

/// Answers all that wait: those of this connection as said, those of an earlier one that they may be lost.
fn answer(group: &mut Vec<Waiting>, turn: Turn, failure: Option<&str>) {
    for waiting in group.drain(..) {
        let outcome = match failure {
            Some(why) => Err(lost(why)),
            None if waiting.since != turn => Err(lost("the connection was lost in between")),
            None => Ok(()),
        };
        // Who has gone away needs no answer.
        let _ = waiting.answer.send(outcome);
    }
}

fn lost(why: &str) -> Error {
    Error::Failed { cause: format!("a commit may not be durable: {why}") }
}
