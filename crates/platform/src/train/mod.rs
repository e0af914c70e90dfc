//! From the newest rows to a version with a verdict: prepare, train, evaluate, register, promote.
//!
//! Each step is recorded with the key of everything that decides its result; a step whose key was
//! seen before is not run again, if what it gave is still there.

mod candidate;
mod evaluate;
mod expected;
mod prepare;
mod prove;
mod register;
mod retrain;
mod steps;

use std::sync::Arc;

use base::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Platform, specs};
pub use retrain::{RetrainVerdict, Retrained};

use candidate::Trained;
use evaluate::Judged;
use steps::Pipeline;

/// What is to be trained, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOrder {
    /// The model.
    pub model: String,
    /// Only rows that happened before this moment; all there are when absent.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// What came out of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOutcome {
    /// The pipeline run.
    pub pipeline_run: String,
    /// The version that was registered.
    pub version: i64,
    /// The candidate that was best.
    pub candidate: String,
    /// Whether the alias moved to it.
    pub promoted: bool,
    /// Why, or why not, in a sentence.
    pub decision: String,
    /// Each rule with what was observed and required.
    pub rules: Vec<checks::gate::RuleResult>,
}

/// Says how far a training is: the share that is done, and what is going on.
pub(crate) type Report = Arc<dyn Fn(f64, &str) + Send + Sync>;

/// Who asked for a training, why, and for which job.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) words: String,
    pub(crate) actor: Actor,
    pub(crate) job: Option<String>,
}

impl Platform {
    /// Walks through the model's pipeline.
    pub(crate) async fn train(
        &self,
        order: &TrainOrder,
        cause: &Cause,
        report: &Report,
    ) -> Result<TrainOutcome, Error> {
        let applied = specs::find(&mut self.db.read().await?, &order.model).await?;
        let Some(applied) = applied else { return Err(self.not_applied(&order.model).await?) };
        let pipeline = Pipeline::start(self, applied, cause.clone(), Arc::clone(report)).await?;
        let walked = walk(&pipeline, order).await;
        pipeline
            .finish(walked.as_ref().map(|outcome| outcome.decision.clone()).map_err(ToString::to_string))
            .await?;
        let outcome = walked?;
        self.follow_alias(&pipeline.applied.spec).await?;
        Ok(outcome)
    }
}

async fn walk(pipeline: &Pipeline<'_>, order: &TrainOrder) -> Result<TrainOutcome, Error> {
    pipeline.report(0.02, "preparing rows");
    let rows = prepare::prepare(pipeline, order.until).await?;
    let candidates = &pipeline.applied.spec.pipeline.candidates;
    let mut trained: Vec<Trained> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few candidates")]
        let span = (0.1 + 0.75 * index as f64 / candidates.len() as f64, 0.75 / candidates.len() as f64);
        trained.push(candidate::train(pipeline, &rows, candidate, span).await?);
    }
    pipeline.report(0.88, "evaluating on the newest rows");
    let judged: Judged = evaluate::evaluate(pipeline, &rows, trained).await?;
    pipeline.report(0.95, "registering the best");
    register::register(pipeline, &rows, judged).await
}

/// Parameters as a step's key takes them.
fn params(
    pairs: impl IntoIterator<Item = (&'static str, Value)>,
) -> std::collections::BTreeMap<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
