//! Jobs: what is to be done, and who holds it until when.

use base::{Actor, Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for a worker, or for its next attempt.
    Queued,
    /// A worker holds it.
    Running,
    /// It is done.
    Succeeded,
    /// It is given up.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// The word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it will not change any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state with that word.
    pub fn parse(word: &str) -> Result<Self, Error> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| Error::UnknownWord { what: "job state", found: word.to_owned() })
    }
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What sort of work it is, such as `train`.
    pub kind: String,
    /// The model it is about, if it is about one.
    pub model: Option<String>,
    /// What the worker has to know.
    pub payload: Value,
    /// Why it was asked for, in words.
    pub cause: String,
    /// Who asked.
    pub actor: Actor,
    /// At most one job with this key is queued or running.
    pub dedup_key: Option<String>,
    /// How far it is.
    pub state: JobState,
    /// How often a worker took it.
    pub attempts: i64,
    /// How often a worker may take it.
    pub most_attempts: i64,
    /// It is not taken before this moment.
    pub not_before: Timestamp,
    /// The share that is done, from 0 to 1.
    pub progress: f64,
    /// What the worker is at, in words.
    pub message: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// What came out.
    pub result: Option<Value>,
    /// Who holds it or held it last.
    pub worker: Option<String>,
    /// Until when it is held.
    pub lease_until: Option<Timestamp>,
    /// Why it is to be stopped, once somebody asked for that.
    pub cancel_reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// A job that is about to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What sort of work it is.
    pub kind: String,
    /// The model it is about.
    pub model: Option<String>,
    /// What the worker has to know.
    pub payload: Value,
    /// Why, in words.
    pub cause: String,
    /// Who asks.
    pub actor: Actor,
    /// At most one job with this key is queued or running.
    pub dedup_key: Option<String>,
    /// How often a worker may take it.
    pub most_attempts: u32,
    /// It is not taken before this moment; at once if absent.
    pub not_before: Option<Timestamp>,
}

impl NewJob {
    /// A job that may be tried three times, at once, with nothing that it excludes.
    pub fn new(kind: &str, payload: Value, cause: impl Into<String>, actor: &Actor) -> Self {
        Self {
            kind: kind.to_owned(),
            model: None,
            payload,
            cause: cause.into(),
            actor: actor.clone(),
            dedup_key: None,
            most_attempts: 3,
            not_before: None,
        }
    }

    /// The same job about `model`.
    #[must_use]
    pub fn about(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// The same job, unless one with this key is queued or running.
    #[must_use]
    pub fn only_one(mut self, dedup_key: impl Into<String>) -> Self {
        self.dedup_key = Some(dedup_key.into());
        self
    }
}

/// What became of a wish to queue a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// It is queued.
    New(Job),
    /// A job with the same dedup key is queued or running; this one.
    Already(Job),
}

impl Enqueued {
    /// The job that will do the work.
    #[must_use]
    pub fn into_job(self) -> Job {
        match self {
            Self::New(job) | Self::Already(job) => job,
        }
    }
}

/// A worker's hold on a job. It is good for one attempt: once the job went to somebody else, what
/// the former holder says is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: String,
    /// The worker.
    pub worker: String,
    /// Which attempt it is.
    pub attempt: i64,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Until when the job is held now.
    pub lease_until: Timestamp,
    /// Why the worker is to stop, if somebody asked for that.
    pub cancel_reason: Option<String>,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again later, if there are attempts left.
    Later(Backoff),
    /// It would fail again: a mistake in the input, say.
    Never,
}

/// How long to wait before the next attempt: twice as long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first attempt.
    pub first: Period,
    /// The longest wait.
    pub longest: Period,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Period::from_micros(5_000_000), longest: Period::from_micros(600_000_000) }
    }
}

impl Backoff {
    /// The wait after attempt number `attempt`, counted from 1.
    #[must_use]
    pub fn after(self, attempt: i64) -> Period {
        let doublings = attempt.saturating_sub(1).clamp(0, 40);
        let wait = self.first.as_micros().saturating_mul(1i64 << doublings);
        Period::from_micros(wait.clamp(0, self.longest.as_micros().max(0)))
    }
}

/// Which jobs are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those about this model.
    pub model: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those in this state.
    pub state: Option<JobState>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (1..=9).map(|attempt| backoff.after(attempt).as_micros() / 1_000_000).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(backoff.after(i64::MAX).as_micros(), 600_000_000);
    }
}
