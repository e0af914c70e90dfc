//! Engines against the libraries whose models they run.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use super::python::pytest;
use super::story::Stage;
use crate::process::Program;
use crate::server::Server;
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(30 * 60);
const FOLDER: &str = "python/tests/engines";

/// Makes the models with the libraries, unless they were made before, and lets our engines answer them.
/// Then models that MLflow's clients log are asked through the server.
pub fn run(stage: &mut Stage) -> Result<Outcome> {
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
    Program::new(&python)
        .arg(script.to_string_lossy())
        .arg(cases.to_string_lossy())
        .env("OMP_NUM_THREADS", "1")
        .deadline(DEADLINE)
        .run_or_fail()?;
    let script = root.join(FOLDER).join("explanations.py");
    let stamp = setup::fingerprint(&[
        "python/tests/engines/explanations.py",
        "python/tests/engines/requirements.txt",
    ])?;
    let explanations = repository::cache_folder()?.join("engine-explanations").join(stamp);
    Program::new(&python)
        .arg(script.to_string_lossy())
        .arg(explanations.to_string_lossy())
        .env("OMP_NUM_THREADS", "1")
        .deadline(DEADLINE)
        .run_or_fail()?;
    let ended = Program::cargo()?
        .args(["nextest", "run", "--workspace", "-E", "package(inference) & binary(it)"])
        .env("GINGHAM_EXPLANATIONS", explanations.to_string_lossy())
        .env("GINGHAM_ENGINE_CASES", cases.to_string_lossy())
        .env("GINGHAM_ONNX_RUNTIME", library(&python)?)
        .deadline(DEADLINE)
        .run_and_keep()?;
    if !ended.success {
        return Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)));
    }
    stage.build()?;
    let server = Server::start(&stage.folder()?.join("engines"))?;
    let ended = pytest(python)?
        .arg("tests/engines")
        .env("GINGHAM_URL", server.url())
        .env("OMP_NUM_THREADS", "1")
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// The library in the package `onnxruntime` of an environment; empty where there is none.
fn library(python: &Path) -> Result<String> {
    let script = "import glob, os, onnxruntime as o; print(*glob.glob(os.path.join(os.path.dirname(o.__file__), 'capi', 'libonnxruntime.so*'))[:1])";
    let ended = Program::new(python).args(["-c", script]).run_and_keep()?;
    Ok(ended.output.lines().last().unwrap_or_default().trim().to_owned())
}
