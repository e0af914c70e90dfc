//! What is counted of a deployment and of each version behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// Latencies in milliseconds; absent when nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Half of the requests took no longer.
    pub p50: Option<f64>,
    /// 95 of 100 took no longer.
    pub p95: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99: Option<f64>,
}

/// What was counted since the server started.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// All requests.
    pub requests_total: u64,
    /// Rows answered.
    pub rows_total: u64,
    /// Requests that failed, whoever was at fault.
    pub errors_total: u64,
    /// Those of them that did not fit the signature.
    pub refused_total: u64,
    /// Those of them that were turned away because the deployment was busy.
    pub shed_total: u64,
    /// Predictions that were given but not archived, where the policy allows it.
    pub unarchived_total: u64,
    /// Requests that are being worked on.
    pub in_flight: u64,
    /// Requests that wait for a place.
    pub waiting: u64,
    /// How long answered requests took.
    pub latency_ms: LatencyMs,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered { rows: u64 },
    Refused,
    Shed,
    Failed,
}

/// Counters of one version; the deployment's are their sum.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    rows: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    shed: AtomicU64,
    unarchived: AtomicU64,
    latency: Histogram,
    queue_ns: AtomicU64,
    engine_ns: AtomicU64,
    engine_calls: AtomicU64,
    answered_ns: AtomicU64,
    failed_ns: AtomicU64,
    last_ms: AtomicU64,
}

/// Sums since the server started, as Triton's statistics tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Requests answered.
    pub answered: u64,
    /// How long they took together, in nanoseconds.
    pub answered_ns: u64,
    /// Requests not answered, whoever was at fault.
    pub failed: u64,
    /// How long they took together, in nanoseconds.
    pub failed_ns: u64,
    /// How long requests waited for a place together, in nanoseconds.
    pub queue_ns: u64,
    /// Calls of the engine.
    pub engine_calls: u64,
    /// How long they took together, in nanoseconds.
    pub engine_ns: u64,
    /// Rows answered.
    pub rows: u64,
    /// When the last request ended, in milliseconds since 1970.
    pub last_ms: u64,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Counters {
    pub(crate) fn ended(&self, ending: Ending, took: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match ending {
            Ending::Answered { rows } => {
                self.rows.fetch_add(rows, Ordering::Relaxed);
                self.latency.record(took);
                self.answered_ns.fetch_add(nanos(took), Ordering::Relaxed);
                return;
            }
            Ending::Refused => self.refused.fetch_add(1, Ordering::Relaxed),
            Ending::Shed => self.shed.fetch_add(1, Ordering::Relaxed),
            Ending::Failed => 0,
        };
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.failed_ns.fetch_add(nanos(took), Ordering::Relaxed);
    }

    pub(crate) fn spent(&self, queue: Duration, engine: Duration) {
        self.queue_ns.fetch_add(nanos(queue), Ordering::Relaxed);
        self.engine_ns.fetch_add(nanos(engine), Ordering::Relaxed);
        self.engine_calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn at(&self, millis: u64) {
        self.last_ms.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn sums(&self) -> Sums {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failed = read(&self.errors);
        Sums {
            answered: read(&self.requests).saturating_sub(failed),
            answered_ns: read(&self.answered_ns),
            failed,
            failed_ns: read(&self.failed_ns),
            queue_ns: read(&self.queue_ns),
            engine_calls: read(&self.engine_calls),
            engine_ns: read(&self.engine_ns),
            rows: read(&self.rows),
            last_ms: read(&self.last_ms),
        }
    }

    pub(crate) fn unarchived(&self, rows: u64) {
        self.unarchived.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests_total: read(&self.requests),
            rows_total: read(&self.rows),
            errors_total: read(&self.errors),
            refused_total: read(&self.refused),
            shed_total: read(&self.shed),
            unarchived_total: read(&self.unarchived),
            in_flight: 0,
            waiting: 0,
            latency_ms: LatencyMs {
                p50: self.latency.quantile_ms(0.50),
                p95: self.latency.quantile_ms(0.95),
                p99: self.latency.quantile_ms(0.99),
            },
        }
    }
}
