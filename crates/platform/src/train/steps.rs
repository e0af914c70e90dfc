//! The steps of one pipeline run: each is looked up by its key before it is run.

use std::future::Future;

use base::Digest;
use pipelines::{NewRun, RunState, StepEnd, StepParts, runs, this_platform};
use serde_json::Value;

use super::{Cause, Report};
use crate::specs::AppliedSpec;
use crate::{Error, Platform};

/// A pipeline run that is under way.
pub(super) struct Pipeline<'a> {
    pub(super) platform: &'a Platform,
    pub(super) applied: AppliedSpec,
    pub(super) cause: Cause,
    pub(super) run: String,
    report: Report,
}

/// What a step gave, and the tracked run that belongs to it.
pub(super) struct StepResult {
    pub(super) outputs: Value,
    pub(super) tracked: Option<String>,
    pub(super) message: String,
}

impl<'a> Pipeline<'a> {
    /// Writes down that the run begins.
    pub(super) async fn start(
        platform: &'a Platform,
        applied: AppliedSpec,
        cause: Cause,
        report: Report,
    ) -> Result<Self, Error> {
        let new = NewRun {
            model: applied.spec.model.clone(),
            job: cause.job.clone(),
            cause: cause.words.clone(),
            actor: cause.actor.clone(),
        };
        let now = platform.clock.now();
        let run = platform
            .db
            .write(move |tx| Box::pin(async move { runs::start_run(tx, &new, now).await }))
            .await?;
        Ok(Self { platform, applied, cause, run: run.id, report })
    }

    /// A pipeline that is walked without being written down.
    pub(super) fn detached(
        platform: &'a Platform,
        applied: AppliedSpec,
        cause: Cause,
        report: Report,
    ) -> Self {
        Self { platform, applied, cause, run: String::new(), report }
    }

    /// Tells how far the run is.
    pub(super) fn report(&self, share: f64, what: &str) {
        (self.report)(share, what);
    }

    /// How to tell from somewhere else.
    pub(super) fn reporter(&self) -> Report {
        Report::clone(&self.report)
    }

    /// Gives what the step gave when it last ran with the same parts, or runs it. `kept` names the output
    /// whose artifact must still be there; a step without one runs each time.
    pub(super) async fn step<F, Work>(
        &self,
        name: &str,
        parts: StepParts,
        kept: Option<&str>,
        work: F,
    ) -> Result<StepResult, Error>
    where
        F: FnOnce() -> Work,
        Work: Future<Output = Result<StepResult, Error>>,
    {
        let cached = runs::find_cached(&mut self.platform.db.read().await?, parts.key()).await?;
        if let (Some(cached), Some(kept)) = (cached, kept)
            && is_kept(self.platform, &cached.outputs, kept).await
        {
            let (run, name, now) = (self.run.clone(), name.to_owned(), self.platform.clock.now());
            let result = StepResult {
                outputs: cached.outputs.clone(),
                tracked: cached.run_id.clone(),
                message: "nothing changed since it last ran".to_owned(),
            };
            self.platform
                .db
                .write(move |tx| {
                    Box::pin(async move { runs::reuse_step(tx, &run, &name, &parts, &cached, now).await })
                })
                .await?;
            return Ok(result);
        }
        self.begin(name, parts).await?;
        let done = work().await;
        self.end(name, &done).await?;
        done
    }

    async fn begin(&self, name: &str, parts: StepParts) -> Result<(), Error> {
        let (run, name, now) = (self.run.clone(), name.to_owned(), self.platform.clock.now());
        let begun: Result<_, pipelines::Error> = self
            .platform
            .db
            .write(move |tx| Box::pin(async move { runs::start_step(tx, &run, &name, &parts, now).await }))
            .await;
        Ok(begun.map(drop)?)
    }

    async fn end(&self, name: &str, done: &Result<StepResult, Error>) -> Result<(), Error> {
        let end = match done {
            Ok(result) => StepEnd {
                state: RunState::Succeeded,
                outputs: result.outputs.clone(),
                message: Some(result.message.clone()),
                run_id: result.tracked.clone(),
            },
            Err(error) => StepEnd::failed(error.to_string()),
        };
        let (run, name, now) = (self.run.clone(), name.to_owned(), self.platform.clock.now());
        let ended: Result<_, pipelines::Error> = self
            .platform
            .db
            .write(move |tx| Box::pin(async move { runs::finish_step(tx, &run, &name, &end, now).await }))
            .await;
        Ok(ended.map(drop)?)
    }

    /// Writes down how the run ended.
    pub(super) async fn finish(&self, outcome: Result<String, String>) -> Result<(), Error> {
        let (state, message) = match outcome {
            Ok(decision) => (RunState::Succeeded, decision),
            Err(error) => (RunState::Failed, error),
        };
        let (run, now) = (self.run.clone(), self.platform.clock.now());
        let ended: Result<_, pipelines::Error> = self
            .platform
            .db
            .write(move |tx| {
                Box::pin(async move { runs::finish_run(tx, &run, state, Some(&message), now).await })
            })
            .await;
        Ok(ended.map(drop)?)
    }
}

/// The key of a step that this program runs itself.
pub(super) fn parts(
    command: String,
    inputs: impl IntoIterator<Item = (&'static str, Digest)>,
    params: std::collections::BTreeMap<String, Value>,
) -> StepParts {
    StepParts {
        command,
        inputs: inputs.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect(),
        params,
        code: Digest::of(concat!("gingham ", env!("CARGO_PKG_VERSION"))),
        platform: this_platform(),
    }
}

/// The digest under `name` in what a step gave.
pub(super) fn digest_in(outputs: &Value, name: &str) -> Result<Digest, Error> {
    let text = outputs.get(name).and_then(Value::as_str).unwrap_or_default();
    text.parse().map_err(|_| Error::Stored { what: "step output", cause: format!("`{name}` is no digest") })
}

/// Whether the artifact under `name` is still there.
async fn is_kept(platform: &Platform, outputs: &Value, name: &str) -> bool {
    match digest_in(outputs, name) {
        Ok(digest) => matches!(platform.artifacts.find_blob(digest).await, Ok(Some(_))),
        Err(_) => false,
    }
}
