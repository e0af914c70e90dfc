//! Latencies in a fixed number of counters, exact to about six percent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two of microseconds is cut into this many parts.
const PARTS: u64 = 8;
/// Up to 2^32 microseconds, a little more than an hour.
const POWERS: u64 = 33;
const BUCKETS: usize = (POWERS * PARTS) as usize;

/// Counts of latencies; written from many threads without a lock.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Vec<AtomicU64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// Where a latency is counted: small ones each for themselves, others by power of two and part.
fn bucket(micros: u64) -> usize {
    if micros < PARTS {
        return usize::try_from(micros).unwrap_or_default();
    }
    let power = u64::from(micros.ilog2());
    let part = (micros >> (power - 3)) - PARTS;
    usize::try_from((power - 2) * PARTS + part).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The middle of the latencies that a bucket counts, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket as f64;
    }
    let (power, part) = (bucket / PARTS + 2, bucket % PARTS);
    let width = (1_u64 << (power - 3)) as f64;
    ((PARTS + part) as f64 + 0.5) * width
}

impl Histogram {
    /// Counts a latency.
    pub(crate) fn record(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        if let Some(counter) = self.buckets.get(bucket(micros)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The latency in milliseconds that a share of all latencies does not exceed; nothing when there are none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within a count"
    )]
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let counts: Vec<u64> = self.buckets.iter().map(|counter| counter.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        (total > 0).then(|| middle(place) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_the_truth() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, truth) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9)] {
            let found = histogram.quantile_ms(share).unwrap();
            assert!((found / truth - 1.0).abs() < 0.07, "{share}: {found} for {truth}");
        }
    }

    #[test]
    fn every_latency_has_a_bucket_whose_middle_is_near() {
        for micros in (0..64).map(|power| 1_u64 << power).chain([0, 3, 7, 9, 15, 17, 100, 12_345, u64::MAX]) {
            let bucket = bucket(micros);
            assert!(bucket < BUCKETS);
            if micros < 1 << 32 {
                assert!((middle(bucket) - micros as f64).abs() <= micros as f64 / 15.0 + 0.5, "{micros}");
            }
        }
    }
}
