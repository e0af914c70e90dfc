//! Engines against the libraries whose models they run.

use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use crate::process::Program;
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(30 * 60);
const FOLDER: &str = "python/tests/engines";

/// Makes the models with the libraries, unless they were made before, and lets our engines answer them.
pub fn run() -> Result<Outcome> {
    let python = match setup::python_of("python/tests/engines/requirements.txt") {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let root = repository::root()?;
    let script = root.join(FOLDER).join("make_cases.py");
    // Another script or other libraries make other models.
    let stamp =
        setup::fingerprint(&["python/tests/engines/make_cases.py", "python/tests/engines/requirements.txt"])?;
    let cases = repository::cache_folder()?.join("engine-cases").join(stamp);
    Program::new(python)
        .arg(script.to_string_lossy())
        .arg(cases.to_string_lossy())
        .env("OMP_NUM_THREADS", "1")
        .deadline(DEADLINE)
        .run_or_fail()?;
    let ended = Program::cargo()?
        .args(["nextest", "run", "-p", "inference", "-E", "binary(it)"])
        .env("GINGHAM_ENGINE_CASES", cases.to_string_lossy())
        .deadline(DEADLINE)
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}
