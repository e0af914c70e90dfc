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
}

impl Counters {
    pub(crate) fn ended(&self, ending: Ending, took: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match ending {
            Ending::Answered { rows } => {
                self.rows.fetch_add(rows, Ordering::Relaxed);
                self.latency.record(took);
                return;
            }
            Ending::Refused => self.refused.fetch_add(1, Ordering::Relaxed),
            Ending::Shed => self.shed.fetch_add(1, Ordering::Relaxed),
            Ending::Failed => 0,
        };
        self.errors.fetch_add(1, Ordering::Relaxed);
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
