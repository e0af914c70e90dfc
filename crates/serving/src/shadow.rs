//! A version that is asked after the answer is given, and how its answers compare.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deployment::Loaded;

/// Rows that may wait for the shadow at once; further ones are not shown to it, and counted.
const WAITING_ROWS: usize = 4_096;

/// How the shadow's answers compare with those that were given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Rows that both have answered.
    pub rows: u64,
    /// Rows on which both agree, within the tolerance.
    pub agreed: u64,
    /// The mean distance between both answers.
    pub mean_difference: Option<f64>,
    /// The mean of shadow minus given.
    pub mean_shift: Option<f64>,
    /// The largest distance.
    pub largest_difference: Option<f64>,
    /// Rows that the shadow could not answer.
    pub failed: u64,
    /// Rows that were not shown to it because too many were waiting.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Sums {
    rows: u64,
    agreed: u64,
    distance: f64,
    shift: f64,
    largest: f64,
}

/// The shadow of a deployment at work.
#[derive(Debug)]
pub(crate) struct ShadowBranch {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) share: f64,
    tolerance: f64,
    room: Arc<Semaphore>,
    sums: Mutex<Sums>,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl ShadowBranch {
    pub(crate) fn new(loaded: Arc<Loaded>, share: f64, tolerance: f64) -> Self {
        Self {
            loaded,
            share,
            tolerance,
            room: Arc::new(Semaphore::new(WAITING_ROWS)),
            sums: Mutex::default(),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Room for so many rows; without it they are counted as dropped.
    pub(crate) fn room(&self, rows: usize, busy: bool) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(rows).unwrap_or(u32::MAX);
        let room = if busy { None } else { Arc::clone(&self.room).try_acquire_many_owned(wanted).ok() };
        if room.is_none() {
            self.dropped.fetch_add(rows as u64, Ordering::Relaxed);
            metrics::counter!("gingham_shadow_dropped_rows_total").increment(rows as u64);
        }
        room
    }

    pub(crate) fn failed(&self, rows: usize) {
        self.failed.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn compare(&self, given: &[f64], shadow: &[f64]) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for (given, shadow) in given.iter().zip(shadow) {
            let distance = (shadow - given).abs();
            sums.rows += 1;
            sums.agreed += u64::from(distance <= self.tolerance);
            sums.distance += distance;
            sums.shift += shadow - given;
            sums.largest = sums.largest.max(distance);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "means for people")]
    pub(crate) fn comparison(&self) -> Comparison {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = |sum: f64| (sums.rows > 0).then(|| sum / sums.rows as f64);
        Comparison {
            rows: sums.rows,
            agreed: sums.agreed,
            mean_difference: mean(sums.distance),
            mean_shift: mean(sums.shift),
            largest_difference: (sums.rows > 0).then_some(sums.largest),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}
