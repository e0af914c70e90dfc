//! One deployment: the version that answers now, its limits, and how it makes way for the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use crate::batcher::{self, Batcher};
use crate::counters::{Counters, Ending};
use crate::device::Device;
use crate::engine::{Column, Cost, Engine, EngineFailure, Place, Signature};
use crate::limiter::Limiter;
use crate::routing::{Choice, Routing};

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

/// Whether requests that come together are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batching {
    /// Only for models that are not cheap: for others a wait would cost more than it saves.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Always.
    On {
        /// What a request may take with its wait, in milliseconds.
        latency_target_ms: u64,
        /// Rows of one batch.
        most_rows: usize,
    },
}

impl Batching {
    fn limits(self, cost: Cost) -> Option<batcher::Limits> {
        let (latency_target_ms, most_rows) = match self {
            Self::Off => return None,
            Self::Auto if cost == Cost::Cheap => return None,
            Self::Auto => (50, 256),
            Self::On { latency_target_ms, most_rows } => (latency_target_ms, most_rows),
        };
        Some(batcher::Limits {
            most_rows: most_rows.clamp(1, 65_536),
            latency_target: Duration::from_millis(latency_target_ms.clamp(1, 60_000)),
            parallel: std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 8),
        })
    }
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
    /// How long a model that is not cheap may take, in milliseconds; a fallback may set a shorter limit.
    pub answer_timeout_ms: u64,
    /// Whether requests that come together are computed together.
    pub batching: Batching,
    /// What happens to predictions.
    pub archive: Archiving,
    /// On what the model is computed.
    #[serde(skip_serializing_if = "is_cpu")]
    pub device: Device,
    /// How many MiB of a graphics card's memory it may take; all when zero.
    #[serde(skip_serializing_if = "is_zero")]
    pub device_memory_mib: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_cpu(device: &Device) -> bool {
    *device == Device::Cpu
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrent_requests: 256,
            queued_requests: 1_024,
            queue_timeout_ms: 5_000,
            request_rows: 10_000,
            answer_timeout_ms: 20_000,
            batching: Batching::Auto,
            archive: Archiving::Required,
            device: Device::Cpu,
            device_memory_mib: 0,
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
    pub(crate) feature_names: Arc<[Arc<str>]>,
    pub(crate) output_names: Arc<[Arc<str>]>,
    pub(crate) counters: Counters,
    pub(crate) batcher: Option<Arc<Batcher>>,
    /// Requests that it is answering.
    pub(crate) in_flight: AtomicUsize,
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
    queue: metrics::Histogram,
    engine: metrics::Histogram,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Told")
    }
}

impl Told {
    fn of(name: &str, version: i64, place: Place) -> Self {
        let (name, version) = (name.to_owned(), version.to_string());
        metrics::gauge!(
            "gingham_inference_engine_info",
            "deployment" => name.clone(),
            "version" => version.clone(),
            "engine" => place.engine,
            "provider" => place.provider,
            "device" => place.device
        )
        .set(1.0);
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
            queue: metrics::histogram!(
                "gingham_inference_queue_seconds", "deployment" => name.clone(), "version" => version.clone()
            ),
            engine: metrics::histogram!(
                "gingham_inference_engine_seconds", "deployment" => name.clone(), "version" => version.clone()
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
            feature_names: offer
                .engine
                .signature()
                .inputs
                .iter()
                .flat_map(crate::InputField::element_names)
                .map(Arc::from)
                .collect(),
            output_names: output_names(offer.engine.signature()),
            batcher: offer.settings.batching.limits(offer.engine.cost()).map(|limits| {
                Arc::new(Batcher::new(Arc::clone(&offer.engine), limits, &offer.deployment, offer.version))
            }),
            engine: Arc::clone(&offer.engine),
            since,
            in_flight: AtomicUsize::new(0),
            counters: Counters::default(),
            told: OnceLock::new(),
        }
    }

    /// What steps in with a fixed value: no version of the model, so its number is 0.
    pub(crate) fn constant(&self, value: f64) -> Self {
        let signature =
            Signature { shown: None, more_outputs: Vec::new(), ..self.engine.signature().clone() };
        Self {
            model: Arc::clone(&self.model),
            version: 0,
            alias: None,
            feature_names: Arc::clone(&self.feature_names),
            output_names: Arc::default(),
            engine: Arc::new(Constant { signature, value }),
            since: self.since,
            in_flight: AtomicUsize::new(0),
            counters: Counters::default(),
            batcher: None,
            told: OnceLock::new(),
        }
    }

    pub(crate) fn ended(&self, deployment: &str, ending: Ending, took: Duration) {
        self.counters.ended(ending, took);
        let told = self.told(deployment);
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

    /// How long a request waited for its place, and how long its engine computed.
    pub(crate) fn spent(&self, deployment: &str, queue: Duration, engine: Duration) {
        self.counters.spent(queue, engine);
        let told = self.told(deployment);
        told.queue.record(queue.as_secs_f64());
        told.engine.record(engine.as_secs_f64());
    }

    /// Not before the first request: what collects metrics is set up after deployments are restored.
    fn told(&self, deployment: &str) -> &Told {
        self.told.get_or_init(|| Told::of(deployment, self.version, self.engine.place()))
    }
}

fn output_names(signature: &Signature) -> Arc<[Arc<str>]> {
    signature.archived_outputs().into_iter().map(|(name, _)| name.into()).collect()
}

/// Answers each row with the same value.
#[derive(Debug)]
struct Constant {
    signature: Signature,
    value: f64,
}

impl Engine for Constant {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let width = self.signature.inputs.first().map_or(1, |field| field.width.max(1) as usize);
        Ok(vec![self.value; columns.first().map_or(0, |column| column.len() / width)])
    }

    fn name(&self) -> &str {
        "constant"
    }
}

/// A deployment in the table.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: Arc<str>,
    routing: ArcSwap<Routing>,
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
            routing: ArcSwap::from_pointee(Routing::only(first)),
            working: ArcSwap::from_pointee(Working::of(settings)),
            counters: Counters::default(),
            idle: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.routing.load().primary)
    }

    pub(crate) fn routing(&self) -> Arc<Routing> {
        self.routing.load_full()
    }

    pub(crate) fn working(&self) -> Arc<Working> {
        self.working.load_full()
    }

    /// A request's hold on the versions that may answer it, as they are now.
    pub(crate) fn hold(&self, choice: Choice) -> InFlight {
        choice.loaded.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { choice: Some(choice), idle: Arc::clone(&self.idle) }
    }

    /// Puts the next version in place; requests that began before keep the one they have.
    pub(crate) fn swap(&self, next: Arc<Loaded>, settings: Settings) -> Draining {
        if self.working.load().settings != settings {
            self.working.store(Arc::new(Working::of(settings)));
        }
        let before = self.routing.load_full();
        let after = Arc::new(before.with_primary(next));
        drop(self.routing.swap(after));
        Draining { loaded: Arc::clone(&before.primary), idle: Arc::clone(&self.idle) }
    }

    /// Puts other branches beside the primary.
    pub(crate) fn reroute(&self, routing: Routing) {
        drop(self.routing.swap(Arc::new(routing)));
        self.idle.notify_waiters();
    }
}

/// A request's hold on its versions.
#[derive(Debug)]
pub(crate) struct InFlight {
    choice: Option<Choice>,
    idle: Arc<Notify>,
}

impl InFlight {
    pub(crate) fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The hold goes first, so that whoever is woken counts without it.
        if let Some(choice) = self.choice.take() {
            choice.loaded.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
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
        self.loaded.in_flight.load(Ordering::Relaxed)
    }

    /// Waits until its last request is answered; false when that took longer than `at_most`.
    pub async fn finished(&self, at_most: Duration) -> bool {
        let all_gone = async {
            loop {
                let woken = self.idle.notified();
                // Whoever has just found it in the table holds it and is not counted yet.
                if Arc::strong_count(&self.loaded) <= 1 {
                    return;
                }
                woken.await;
            }
        };
        tokio::time::timeout(at_most, all_gone).await.is_ok()
    }
}
