//! Models that only Python runs, in worker processes.

use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use super::python::pytest;
use super::story::Stage;
use crate::process::Program;
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// First the workers alone, then models that MLflow's client logs, through a server that the tests start and stop.
pub fn run(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python_of("python/tests/workers/requirements.txt") {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let ended = Program::cargo()?
        .args(["nextest", "run", "--workspace", "-E", "package(inference) & test(workers::)"])
        .env("GINGHAM_WORKER_PYTHON", python.to_string_lossy())
        .deadline(DEADLINE)
        .run_and_keep()?;
    if !ended.success {
        return Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)));
    }
    stage.build()?;
    let ended = pytest(python)?
        .arg("tests/workers")
        .env("GINGHAM_BINARY", repository::binary()?.to_string_lossy())
        .env("OMP_NUM_THREADS", "1")
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}
