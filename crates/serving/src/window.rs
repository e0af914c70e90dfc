//! How many requests failed and how long they took, in the last while.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::traffic::Rollback;

/// The window is cut into so many parts; the oldest is forgotten as a whole.
const PARTS: u32 = 6;
/// Latencies are counted in classes whose bounds grow by a quarter.
const CLASSES: usize = 96;

/// Watches one version by the rule of its deployment.
#[derive(Debug)]
pub(crate) struct Guard {
    rule: Rollback,
    began: Instant,
    parts: Mutex<Vec<Part>>,
    tripped: OnceLock<String>,
}

#[derive(Debug, Clone)]
struct Part {
    number: u64,
    requests: u64,
    failures: u64,
    classes: [u32; CLASSES],
}

fn class_of(took: Duration) -> usize {
    let micros = took.as_secs_f64() * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the classes")]
    let class = (micros.max(1.0).ln() / 1.25_f64.ln()).clamp(0.0, CLASSES as f64 - 1.0) as usize;
    class
}

/// The upper bound of a class in milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "fewer than a hundred classes"
)]
fn bound_ms(class: usize) -> f64 {
    1.25_f64.powi(class as i32 + 1) / 1e3
}

impl Guard {
    pub(crate) fn new(rule: &Rollback) -> Self {
        Self {
            rule: rule.clone(),
            began: Instant::now(),
            parts: Mutex::new(Vec::new()),
            tripped: OnceLock::new(),
        }
    }

    /// Why the version should go, once it should.
    pub(crate) fn tripped(&self) -> Option<&str> {
        self.tripped.get().map(String::as_str)
    }

    /// Counts a request that ended at `at`; `took` is absent when it failed.
    pub(crate) fn note(&self, took: Option<Duration>, at: Instant) {
        let part_length = Duration::from_secs(self.rule.window_s).as_secs_f64() / f64::from(PARTS);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of parts")]
        let number = (at.saturating_duration_since(self.began).as_secs_f64() / part_length) as u64;
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.retain(|part| part.number + u64::from(PARTS) > number);
        if parts.last().is_none_or(|part| part.number < number) {
            parts.push(Part { number, requests: 0, failures: 0, classes: [0; CLASSES] });
        }
        if let Some(part) = parts.last_mut() {
            part.requests += 1;
            match took {
                None => part.failures += 1,
                Some(took) => {
                    if let Some(class) = part.classes.get_mut(class_of(took)) {
                        *class += 1;
                    }
                }
            }
        }
        if let Some(reason) = self.judge(&parts) {
            drop(parts);
            let _ = self.tripped.set(reason);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn judge(&self, parts: &[Part]) -> Option<String> {
        let requests: u64 = parts.iter().map(|part| part.requests).sum();
        if requests < self.rule.least_requests.max(1) {
            return None;
        }
        let failures: u64 = parts.iter().map(|part| part.failures).sum();
        let rate = failures as f64 / requests as f64;
        let seconds = self.rule.window_s;
        if let Some(most) = self.rule.error_rate
            && rate > most
        {
            return Some(format!(
                "{failures} of {requests} requests of the last {seconds} s failed; {} % may",
                most * 100.0
            ));
        }
        let most = self.rule.p99_ms?;
        let answered = requests - failures;
        let rank = answered - answered / 100;
        let mut seen = 0;
        let class = (0..CLASSES).find(|class| {
            seen += parts
                .iter()
                .map(|part| u64::from(part.classes.get(*class).copied().unwrap_or(0)))
                .sum::<u64>();
            seen >= rank && answered > 0
        })?;
        // The lower bound of the class: nobody is taken back for an error of rounding.
        let p99 = bound_ms(class) / 1.25;
        (p99 > most).then(|| {
            format!("99 of 100 requests of the last {seconds} s took up to {p99:.1} ms or more; {most} ms are allowed")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(json: &str) -> Guard {
        Guard::new(&serde_json::from_str(json).unwrap())
    }

    const OK: Option<Duration> = Some(Duration::from_millis(2));

    #[test]
    fn too_many_failures_trip_it_and_few_requests_do_not() {
        let guard = guard(r#"{"error_rate": 0.1, "least_requests": 10}"#);
        let now = Instant::now();
        for _ in 0..9 {
            guard.note(None, now);
        }
        assert_eq!(guard.tripped(), None, "nine requests say nothing");
        guard.note(None, now);
        assert_eq!(guard.tripped().unwrap(), "10 of 10 requests of the last 60 s failed; 10 % may");
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let guard = guard(r#"{"error_rate": 0.5, "least_requests": 10, "window_s": 60}"#);
        let start = Instant::now();
        for _ in 0..9 {
            guard.note(None, start);
        }
        for second in 0..200 {
            guard.note(OK, start + Duration::from_secs(61 + second));
        }
        for _ in 0..5 {
            guard.note(None, start + Duration::from_secs(261));
        }
        assert_eq!(guard.tripped(), None);
    }

    #[test]
    fn slow_answers_trip_it() {
        let guard = guard(r#"{"p99_ms": 50, "least_requests": 100}"#);
        let now = Instant::now();
        for _ in 0..198 {
            guard.note(OK, now);
        }
        guard.note(Some(Duration::from_millis(500)), now);
        assert_eq!(guard.tripped(), None, "one of two hundred is none of a hundred");
        for _ in 0..10 {
            guard.note(Some(Duration::from_millis(500)), now);
        }
        assert!(guard.tripped().unwrap().contains("50 ms are allowed"));
    }
}
