//! What can go wrong with jobs and pipeline runs.

use base::{Failure, Kind};

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No job has that id.
    #[error("there is no job `{job}`")]
    JobNotFound {
        /// The id that was asked for.
        job: String,
    },
    /// The job is over already.
    #[error("job `{job}` is over already: it {state}")]
    JobOver {
        /// The job.
        job: String,
        /// How it ended, in words.
        state: &'static str,
    },
    /// The lease ran out, and the job went back to the queue, to another worker or was cancelled.
    #[error("worker `{worker}` does not hold job `{job}` any more")]
    LeaseLost {
        /// The job.
        job: String,
        /// The worker that thought it did.
        worker: String,
    },
    /// No pipeline run has that id.
    #[error("there is no pipeline run `{run}`")]
    RunNotFound {
        /// The id that was asked for.
        run: String,
    },
    /// The pipeline run is over already.
    #[error("pipeline run `{run}` is over already")]
    RunOver {
        /// The run.
        run: String,
    },
    /// The run has no such step under way.
    #[error("pipeline run `{run}` has no step `{step}` under way")]
    StepNotRunning {
        /// The run.
        run: String,
        /// The step.
        step: String,
    },
    /// The run has that step already.
    #[error("pipeline run `{run}` has a step `{step}` already")]
    StepExists {
        /// The run.
        run: String,
        /// The step.
        step: String,
    },
    /// A row holds a word that this version does not know.
    #[error("the database holds an unknown {what} `{found}`")]
    UnknownWord {
        /// What it should be.
        what: &'static str,
        /// What is there.
        found: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::JobNotFound { .. } | Self::RunNotFound { .. } => Kind::NotFound,
            Self::JobOver { .. }
            | Self::LeaseLost { .. }
            | Self::RunOver { .. }
            | Self::StepNotRunning { .. }
            | Self::StepExists { .. } => Kind::Conflict,
            Self::UnknownWord { .. } => Kind::Internal,
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::JobNotFound { .. } => "job_not_found",
            Self::JobOver { .. } => "job_over",
            Self::LeaseLost { .. } => "job_lease_lost",
            Self::RunNotFound { .. } => "pipeline_run_not_found",
            Self::RunOver { .. } => "pipeline_run_over",
            Self::StepNotRunning { .. } => "step_not_running",
            Self::StepExists { .. } => "step_exists",
            Self::UnknownWord { .. } => "database_failed",
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::LeaseLost { .. } => {
                Some("throw the work away: whoever holds the job now does it again".to_owned())
            }
            Self::Db(error) => error.hint(),
            _ => None,
        }
    }
}
