//! One deployment: the version that answers now, its limits, and how it makes way for the next.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use crate::counters::{Counters, Ending};
use crate::engine::{Column, Engine};
use crate::limiter::Limiter;

/// What happens to predictions before they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Archiving {
    /// An answer is given when its record is durable; without a record there is no answer.
    #[default]
    Required,
    /// An answer is given at once; records that cannot be kept are counted.
    BestEffort,
    /// Nothing is kept.
    Off,
}

/// The limits of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Requests worked on at once.
    pub concurrent_requests: usize,
    /// Requests that wait for a place; more are turned away.
    pub queued_requests: usize,
    /// How long a request waits for a place, in milliseconds.
    pub queue_timeout_ms: u64,
    /// Rows of one request.
    pub request_rows: usize,
    /// What happens to predictions.
    pub archive: Archiving,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrent_requests: 256,
            queued_requests: 1_024,
            queue_timeout_ms: 5_000,
            request_rows: 10_000,
            archive: Archiving::Required,
        }
    }
}

/// A version that is to answer.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The name it will be asked by.
    pub deployment: String,
    /// The model.
    pub model: String,
    /// The version.
    pub version: i64,
    /// The alias that led to it.
    pub alias: Option<String>,
    /// The loaded model.
    pub engine: Arc<dyn Engine>,
    /// Rows it must answer before it takes traffic, in the order of its signature; one made-up row when absent.
    pub warm_up: Option<Vec<Column>>,
    /// The limits.
    pub settings: Settings,
}

/// A version that answers, or did.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub model: Arc<str>,
    /// The version.
    pub version: i64,
    /// The alias that led to it.
    pub alias: Option<String>,
    /// The loaded model.
    pub engine: Arc<dyn Engine>,
    /// Since when it answers.
    pub since: Timestamp,
    pub(crate) feature_names: Arc<[String]>,
    pub(crate) counters: Counters,
    told: OnceLock<Told>,
}

/// The same counts for whoever collects metrics.
struct Told {
    answered: metrics::Counter,
    refused: metrics::Counter,
    shed: metrics::Counter,
    failed: metrics::Counter,
    rows: metrics::Counter,
    latency: metrics::Histogram,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Told")
    }
}

impl Told {
    fn of(name: &str, version: i64) -> Self {
        let (name, version) = (name.to_owned(), version.to_string());
        let requests = |outcome: &'static str| {
            metrics::counter!(
                "gingham_inference_requests_total",
                "deployment" => name.clone(),
                "version" => version.clone(),
                "outcome" => outcome
            )
        };
        Self {
            answered: requests("answered"),
            refused: requests("refused"),
            shed: requests("shed"),
            failed: requests("failed"),
            rows: metrics::counter!(
                "gingham_inference_rows_total", "deployment" => name.clone(), "version" => version.clone()
            ),
            latency: metrics::histogram!(
                "gingham_inference_seconds", "deployment" => name.clone(), "version" => version.clone()
            ),
        }
    }
}

impl Loaded {
    pub(crate) fn of(offer: &Offer, since: Timestamp) -> Self {
        Self {
            model: offer.model.as_str().into(),
            version: offer.version,
            alias: offer.alias.clone(),
            feature_names: offer.engine.signature().inputs.iter().map(|field| field.name.clone()).collect(),
            engine: Arc::clone(&offer.engine),
            since,
            counters: Counters::default(),
            told: OnceLock::new(),
        }
    }

    pub(crate) fn ended(&self, deployment: &str, ending: Ending, took: Duration) {
        self.counters.ended(ending, took);
        // Not before the first request: what collects metrics is set up after deployments are restored.
        let told = self.told.get_or_init(|| Told::of(deployment, self.version));
        match ending {
            Ending::Answered { rows } => {
                told.answered.increment(1);
                told.rows.increment(rows);
                told.latency.record(took.as_secs_f64());
            }
            Ending::Refused => told.refused.increment(1),
            Ending::Shed => told.shed.increment(1),
            Ending::Failed => told.failed.increment(1),
        }
    }
}

/// A deployment in the table.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: Arc<str>,
    current: ArcSwap<Loaded>,
    working: ArcSwap<Working>,
    /// All versions together.
    pub(crate) counters: Counters,
    idle: Arc<Notify>,
}

/// The limits of a deployment at work.
#[derive(Debug)]
pub(crate) struct Working {
    pub(crate) settings: Settings,
    pub(crate) limiter: Limiter,
    /// Room for records that are written after the answer.
    pub(crate) late_records: Arc<Semaphore>,
}

/// The most rows whose records may be on their way after the answer.
const LATE_ROWS: usize = 65_536;

impl Working {
    fn of(settings: Settings) -> Self {
        Self {
            settings,
            limiter: Limiter::new(
                settings.concurrent_requests,
                settings.queued_requests,
                Duration::from_millis(settings.queue_timeout_ms),
            ),
            late_records: Arc::new(Semaphore::new(LATE_ROWS)),
        }
    }
}

impl Slot {
    pub(crate) fn new(name: &str, first: Arc<Loaded>, settings: Settings) -> Self {
        Self {
            name: name.into(),
            current: ArcSwap::new(first),
            working: ArcSwap::from_pointee(Working::of(settings)),
            counters: Counters::default(),
            idle: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn current(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    pub(crate) fn working(&self) -> Arc<Working> {
        self.working.load_full()
    }

    /// Begins a request: it keeps the version that is current now.
    pub(crate) fn begin(&self) -> InFlight {
        InFlight { loaded: Some(self.current.load_full()), idle: Arc::clone(&self.idle) }
    }

    /// Puts the next version in place; requests that began before keep the one they have.
    pub(crate) fn swap(&self, next: Arc<Loaded>, settings: Settings) -> Draining {
        if self.working.load().settings != settings {
            self.working.store(Arc::new(Working::of(settings)));
        }
        Draining { loaded: self.current.swap(next), idle: Arc::clone(&self.idle) }
    }
}

/// A request's hold on its version.
#[derive(Debug)]
pub(crate) struct InFlight {
    loaded: Option<Arc<Loaded>>,
    idle: Arc<Notify>,
}

impl InFlight {
    pub(crate) fn version(&self) -> Option<&Arc<Loaded>> {
        self.loaded.as_ref()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The hold goes first, so that whoever is woken counts without it.
        drop(self.loaded.take());
        self.idle.notify_waiters();
    }
}

/// A version that takes no new requests and answers those it has.
#[derive(Debug)]
pub struct Draining {
    loaded: Arc<Loaded>,
    idle: Arc<Notify>,
}

impl Draining {
    /// The version that goes.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.loaded.version
    }

    /// How many requests it still answers.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        Arc::strong_count(&self.loaded).saturating_sub(1)
    }

    /// Waits until its last request is answered; false when that took longer than `at_most`.
    pub async fn finished(&self, at_most: Duration) -> bool {
        let all_gone = async {
            loop {
                let woken = self.idle.notified();
                if self.in_flight() == 0 {
                    return;
                }
                woken.await;
            }
        };
        tokio::time::timeout(at_most, all_gone).await.is_ok()
    }
}
