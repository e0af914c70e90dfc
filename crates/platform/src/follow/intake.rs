//! Events of other systems on their way into the graph.
//!
//! Those that come while a transaction is under way wait, and go into the next one together: a flush of the disk and a
//! few statements serve all of them. Each is answered when it is durable.

use std::sync::{Arc, PoisonError};

use lineage::Graph;
use tokio::sync::{Mutex, oneshot};

use crate::{Error, Platform};

/// The most things and steps that wait.
const MOST_WAITING: usize = 400_000;
/// How many things and steps go into one transaction, before the last event is added.
const MOST_AT_ONCE: usize = 40_000;

/// What was told together, and who waits for it.
#[derive(Debug)]
struct Told {
    graphs: Vec<Graph>,
    answer: oneshot::Sender<Result<(), db::Error>>,
}

/// Where events wait for their transaction.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    waiting: std::sync::Mutex<Vec<Told>>,
    turn: Arc<Mutex<()>>,
}

fn weight(graphs: &[Graph]) -> usize {
    graphs.iter().map(|graph| graph.nodes.len() + graph.edges.len()).sum()
}

impl Intake {
    fn hand_in(&self, graphs: Vec<Graph>) -> Result<oneshot::Receiver<Result<(), db::Error>>, db::Error> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().map(|told| weight(&told.graphs)).sum::<usize>() > MOST_WAITING {
            return Err(db::Error::Busy);
        }
        waiting.push(Told { graphs, answer });
        Ok(answered)
    }

    /// Those that have waited longest, at least one if there is one.
    fn some(&self) -> Vec<Told> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut together = 0;
        let enough = waiting.iter().position(|told| {
            together += weight(&told.graphs);
            together > MOST_AT_ONCE
        });
        let count = enough.map_or(waiting.len(), |place| place + 1);
        waiting.drain(..count).collect()
    }
}

impl Platform {
    /// Adds what others tell of to the graph; durable when it returns.
    ///
    /// # Errors
    /// When too much waits already, or the database fails: then nothing of it was added.
    pub async fn take_lineage(&self, graphs: Vec<Graph>) -> Result<(), Error> {
        if weight(&graphs) == 0 {
            return Ok(());
        }
        let answered = self.telling.hand_in(graphs)?;
        let turn = Arc::clone(&self.telling.turn).lock_owned().await;
        // Empty when somebody before has taken this along.
        let some = self.telling.some();
        if !some.is_empty() {
            let (db, now) = (self.db.clone(), self.clock.now());
            // A task of its own: whoever asked may go away, and the others still get their answer.
            tokio::spawn(async move {
                let _turn = turn;
                let (graphs, answers): (Vec<Vec<Graph>>, Vec<_>) =
                    some.into_iter().map(|told| (told.graphs, told.answer)).unzip();
                let graphs: Vec<Graph> = graphs.into_iter().flatten().collect();
                let put: Result<(), lineage::Error> =
                    db.write(move |tx| Box::pin(async move { lineage::put(tx, &graphs, now).await })).await;
                for answer in answers {
                    // Nobody to be told is no failure.
                    let _ = answer.send(put.as_ref().copied().map_err(for_each));
                }
            });
        } else {
            drop(turn);
        }
        Ok(answered.await.unwrap_or(Err(db::Error::Panicked))?)
    }
}

/// The failure of a transaction, for each of those who shared it.
fn for_each(error: &lineage::Error) -> db::Error {
    match error {
        lineage::Error::Db(db::Error::Busy) => db::Error::Busy,
        lineage::Error::Db(db::Error::DiskFull) => db::Error::DiskFull,
        lineage::Error::Db(db::Error::TimedOut { seconds }) => db::Error::TimedOut { seconds: *seconds },
        other => db::Error::Failed { cause: other.to_string() },
    }
}
