//! JSON shapes of pipeline runs and jobs.

use ::pipelines::{Job, PipelineRun, Step};
use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A walk through the steps of a model's pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelineRunBody {
    /// Its id.
    pub id: String,
    /// The model.
    pub model: String,
    /// The job that does it.
    pub job: Option<String>,
    /// Why it was started, in words.
    pub cause: String,
    /// Who started it.
    pub actor: String,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// What came out or went wrong, in words.
    pub message: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Its steps, in the order in which they began; lists leave them out.
    pub steps: Vec<StepBody>,
}

/// One step of a pipeline run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// Its name.
    pub name: String,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Whether its outputs were taken from an earlier run.
    pub cached: bool,
    /// The pipeline run that they were taken from.
    pub reused_from: Option<String>,
    /// Its cache key.
    #[schema(value_type = String)]
    pub key: Digest,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// What came out: digests, ids and figures.
    pub outputs: Value,
    /// What came out or went wrong, in words.
    pub message: Option<String>,
    /// The tracked run that belongs to it.
    pub run_id: Option<String>,
}

/// A page of pipeline runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelineRunPage {
    /// The runs, newest first, without their steps.
    pub items: Vec<PipelineRunBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which pipeline runs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PipelineRunQuery {
    /// Only those of this model.
    pub model: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A piece of work in the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// Its id.
    pub id: String,
    /// What sort of work it is.
    pub kind: String,
    /// The model it is about.
    pub model: Option<String>,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// The share that is done, from 0 to 1.
    pub progress: f64,
    /// What the worker is at, in words.
    pub message: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Why it was asked for, in words.
    pub cause: String,
    /// Who asked.
    pub actor: String,
    /// How often a worker took it.
    pub attempts: i64,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its last attempt began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// What came out.
    pub result: Option<Value>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// The jobs, newest first.
    pub items: Vec<JobBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which jobs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Only those about this model.
    pub model: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those in this state.
    pub state: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl From<PipelineRun> for PipelineRunBody {
    fn from(run: PipelineRun) -> Self {
        PipelineRunBody {
            id: run.id,
            model: run.model,
            job: run.job,
            cause: run.cause,
            actor: run.actor.as_str().to_owned(),
            state: run.state.as_str(),
            message: run.message,
            started_at: run.started_at,
            finished_at: run.finished_at,
            steps: run.steps.into_iter().map(StepBody::from).collect(),
        }
    }
}

impl From<Step> for StepBody {
    fn from(step: Step) -> Self {
        StepBody {
            name: step.name,
            state: step.state.as_str(),
            cached: step.cached,
            reused_from: step.reused_from,
            key: step.key,
            started_at: step.started_at,
            finished_at: step.finished_at,
            outputs: step.outputs,
            message: step.message,
            run_id: step.run_id,
        }
    }
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        JobBody {
            id: job.id,
            kind: job.kind,
            model: job.model,
            state: job.state.as_str(),
            progress: job.progress,
            message: job.message,
            error: job.error,
            cause: job.cause,
            actor: job.actor.as_str().to_owned(),
            attempts: job.attempts,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            result: job.result,
        }
    }
}
