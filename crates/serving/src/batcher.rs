//! Requests that come at the same time are computed together.
//!
//! While one batch is computed, requests gather; the next batch takes what has gathered, up to a number of rows that
//! grows while batches stay below the latency target and is halved when one does not (additive increase,
//! multiplicative decrease). Only when several requests came together last time does a batch that is not full wait a
//! moment for more, so that a client who asks alone never pays for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base::Kind;
use tokio::sync::oneshot;

use crate::engine::{Answer, Column, Engine, EngineFailure};
use crate::predict::checked;
use crate::rows::Rows;

/// How batches are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows of one batch, whoever sent them; a larger request is a batch of its own.
    pub(crate) most_rows: usize,
    /// What a request may take with its wait; half of it is for computing.
    pub(crate) latency_target: Duration,
    /// Batches computed at the same time.
    pub(crate) parallel: usize,
}

/// The queue before one engine.
#[derive(Debug)]
pub(crate) struct Batcher {
    engine: Arc<dyn Engine>,
    limits: Limits,
    state: Mutex<State>,
    more: Condvar,
    name: (Arc<str>, i64),
    told: OnceLock<Told>,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Item>,
    waiting_rows: usize,
    working: usize,
    /// Rows that a batch may have at the moment.
    rows_now: usize,
    /// Whether the last batch had several requests.
    company: bool,
}

struct Item {
    rows: Arc<Rows>,
    answer: oneshot::Sender<Result<Answer, EngineFailure>>,
    /// Kept while it is worked on, so that a model that hangs takes no more requests than it has places.
    _place: Arc<tokio::sync::OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Item({} rows)", self.rows.rows)
    }
}

struct Told {
    rows: metrics::Histogram,
    requests: metrics::Histogram,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Told")
    }
}

impl Batcher {
    pub(crate) fn new(engine: Arc<dyn Engine>, limits: Limits, deployment: &str, version: i64) -> Self {
        Self {
            engine,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                waiting_rows: 0,
                working: 0,
                rows_now: limits.most_rows,
                company: false,
            }),
            limits,
            more: Condvar::new(),
            name: (deployment.into(), version),
            told: OnceLock::new(),
        }
    }

    /// Not before the first batch: what collects metrics is set up after deployments are restored.
    fn told(&self) -> &Told {
        self.told.get_or_init(|| {
            let (deployment, version) = (self.name.0.to_string(), self.name.1.to_string());
            Told {
                rows: metrics::histogram!(
                    "gingham_inference_batch_rows", "deployment" => deployment.clone(), "version" => version.clone()
                ),
                requests: metrics::histogram!(
                    "gingham_inference_batch_requests", "deployment" => deployment, "version" => version
                ),
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes the rows together with others. The answer is lost when the caller stops waiting.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        rows: Arc<Rows>,
        place: Arc<tokio::sync::OwnedSemaphorePermit>,
    ) -> Result<Answer, EngineFailure> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state();
            state.waiting_rows += rows.rows;
            state.waiting.push_back(Item { rows, answer, _place: place });
            if state.working < self.limits.parallel.max(1) {
                state.working += 1;
                let batcher = Arc::clone(self);
                tokio::task::spawn_blocking(move || batcher.work());
            }
        }
        self.more.notify_one();
        answered.await.unwrap_or_else(|_| Err(EngineFailure::internal("the engine broke down")))
    }

    /// Computes batches until nothing waits.
    fn work(&self) {
        while let Some(batch) = self.next() {
            let (requests, rows) = (batch.len(), batch.iter().map(|item| item.rows.rows).sum::<usize>());
            let began = Instant::now();
            self.compute(batch);
            self.learn(requests, rows, began.elapsed());
        }
    }

    /// What is computed next; `None` lets the thread go.
    fn next(&self) -> Option<Vec<Item>> {
        let mut state = self.state();
        if state.company && !state.waiting.is_empty() && state.waiting_rows < state.rows_now {
            let pause = self.limits.latency_target / 8;
            let (after, _) = self
                .more
                .wait_timeout_while(state, pause, |state| state.waiting_rows < state.rows_now)
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
        }
        let mut batch: Vec<Item> = Vec::new();
        let mut rows = 0;
        while let Some(item) = state.waiting.pop_front() {
            if !batch.is_empty() && rows + item.rows.rows > state.rows_now {
                state.waiting.push_front(item);
                break;
            }
            state.waiting_rows -= item.rows.rows;
            // Whoever has gone need not be answered.
            if !item.answer.is_closed() {
                rows += item.rows.rows;
                batch.push(item);
            }
        }
        if batch.is_empty() {
            state.working -= 1;
            return None;
        }
        state.company = batch.len() > 1;
        Some(batch)
    }

    fn learn(&self, requests: usize, rows: usize, took: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        {
            self.told().rows.record(rows as f64);
            self.told().requests.record(requests as f64);
        }
        let mut state = self.state();
        if took > self.limits.latency_target / 2 && requests > 1 {
            state.rows_now = (rows / 2).max(1);
        } else if rows >= state.rows_now {
            state.rows_now = (state.rows_now + state.rows_now / 8 + 1).min(self.limits.most_rows);
        }
    }

    fn compute(&self, batch: Vec<Item>) {
        if let [_] = batch.as_slice() {
            batch.into_iter().for_each(|item| self.alone(item));
            return;
        }
        let mut columns: Vec<Column> =
            batch.first().map(|item| item.rows.columns.clone()).unwrap_or_default();
        for item in batch.iter().skip(1) {
            for (column, more) in columns.iter_mut().zip(&item.rows.columns) {
                column.extend(more);
            }
        }
        let rows = batch.iter().map(|item| item.rows.rows).sum();
        match checked(&*self.engine, &columns, rows) {
            Ok(answer) => {
                let widths: Vec<usize> =
                    self.engine.signature().more_outputs.iter().map(|output| output.width as usize).collect();
                let shown_width =
                    self.engine.signature().shown.as_ref().map_or(1, |output| output.width as usize);
                let mut from = 0;
                for item in batch {
                    let rows = item.rows.rows;
                    let part = Answer {
                        predictions: answer.predictions.get(from..from + rows).unwrap_or_default().to_vec(),
                        shown: answer.shown.as_ref().map(|values| values.rows(from, rows, shown_width)),
                        more: answer
                            .more
                            .iter()
                            .zip(&widths)
                            .map(|(values, width)| values.rows(from, rows, *width))
                            .collect(),
                    };
                    from += rows;
                    let _ = item.answer.send(Ok(part));
                }
            }
            // Perhaps one request's rows are at fault: the others must not suffer for it.
            Err(failure) if matches!(failure.kind, Kind::Invalid | Kind::Internal) => {
                batch.into_iter().for_each(|item| self.alone(item));
            }
            Err(failure) => {
                for item in batch {
                    let _ = item.answer.send(Err(failure.clone()));
                }
            }
        }
    }

    fn alone(&self, item: Item) {
        let answer = checked(&*self.engine, &item.rows.columns, item.rows.rows);
        let _ = item.answer.send(answer);
    }
}
