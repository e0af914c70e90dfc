//! Pipeline runs, their steps and cache, the queue of jobs, and the child processes that do the work.
//!
//! A **job** says what is to be done; a worker holds it by a lease that it must renew, so that work
//! of a worker that died goes back to the queue. A **pipeline run** is one walk through a model's
//! steps; a **step** whose key (command, inputs, parameters, code, platform) was seen before is not
//! run again. Every change of state leaves an event in the same transaction.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod error;
mod job;
mod key;
mod process;
mod run;
mod store;

pub use error::Error;
pub use job::{Backoff, Beat, Enqueued, Job, JobFilter, JobState, Lease, NewJob, Retry};
pub use key::{Change, StepParts, changes, this_platform};
pub use process::{ChildError, ChildSpec, Finished, Limits, run_child};
pub use run::{CachedStep, Explanation, NewRun, PipelineRun, RunState, Step, StepEnd};
pub use store::jobs;
pub use store::runs;
