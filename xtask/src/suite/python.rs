//! The Python package and the clients that people already have, against the real binary.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use super::story::Stage;
use crate::postgres::{Commits, Postgres};
use crate::process::Program;
use crate::server::{Server, free_port};
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Tests that need the folder that the demo leaves.
const ON_THE_DEMO: &[&str] = &[
    "tests/test_cards.py",
    "tests/test_deltalake.py",
    "tests/test_oip_client.py",
    "tests/test_oip_conformance.py",
    "tests/test_story.py",
];

/// Tests that run on both databases.
const OF_MLFLOW: &[&str] =
    &["tests/test_mlflow_scenarios.py", "tests/test_mlflow_client.py", "tests/test_mlflow_protocol.py"];

/// Strict types of the package.
pub fn types() -> Result<Outcome> {
    let python = match setup::python() {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let ended = Program::new(python)
        .args(["-m", "mypy", "--strict", "--cache-dir=/dev/null", "src"])
        .folder(folder()?)
        .deadline(DEADLINE)
        .run()?;
    Ok(Outcome::of_one(&ended))
}

/// Every test that is content with an empty server.
pub fn clients(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python() {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    stage.build()?;
    let server = Server::start(&stage.folder()?.join("clients"))?;
    let mut program = pytest(python)?.arg("tests").env("GINGHAM_URL", server.url());
    program = program.env("GINGHAM_BINARY", repository::binary()?.to_string_lossy());
    // They have libraries of their own: other parts run them.
    // KServe's client has an environment of its own too.
    for apart in
        ["tests/engines", "tests/clusters", "tests/mlflow_whole", "tests/workers", "tests/test_oip_kserve.py"]
    {
        program = program.arg(format!("--ignore={apart}"));
    }
    for file in ON_THE_DEMO {
        program = program.arg(format!("--ignore={file}"));
    }
    let ended = program.run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// What MLflow's clients see, once more with the other database underneath.
pub fn mlflow_on_postgres(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python() {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    stage.build()?;
    let folder = stage.folder()?;
    let database = match Postgres::start(&folder, Commits::InMemory)? {
        Ok(database) => database,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let port = free_port()?;
    let program = Program::new(repository::binary()?)
        .args(["up", "--data"])
        .arg(folder.join("on-postgres").to_string_lossy())
        .args(["--port".to_owned(), port.to_string()])
        .args(["--database".to_owned(), database.url()])
        .env("GINGHAM_WEBHOOK_TARGETS", "any")
        .folder(repository::root()?);
    let log = folder.join("on-postgres.log");
    let server = Server::start_program(&program, port, &log, Duration::from_millis(20))?;
    let ended =
        pytest(python)?.args(OF_MLFLOW.iter().copied()).env("GINGHAM_URL", server.url()).run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// What needs the whole of MLflow: imports from its server and its databases, and PyTorch, which its users log.
pub fn whole_mlflow(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python_of("python/tests/mlflow_whole/requirements.txt") {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    stage.build()?;
    let folder = stage.folder()?.join("mlflow-whole");
    std::fs::create_dir_all(&folder)?;
    let database = match Postgres::start(&folder, Commits::InMemory)? {
        Ok(database) => database,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let installed = Program::new(&python)
        .arg(repository::root()?.join("python/tests/mlflow_whole/cpu_torch.py").to_string_lossy())
        .deadline(DEADLINE)
        .run_and_keep()?;
    if !installed.success {
        // The test that needs it is then left out, and says so.
        println!("PyTorch could not be installed: {}", installed.output.trim());
    }
    let server = Server::start(&folder.join("data"))?;
    let ended = pytest(python)?
        .arg("tests/mlflow_whole")
        .env("GINGHAM_URL", server.url())
        .env("GINGHAM_BINARY", repository::binary()?.to_string_lossy())
        .env("GINGHAM_TEST_POSTGRES", database.url().replace("postgres://", "postgresql://"))
        .env("OMP_NUM_THREADS", "1")
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// The tests that look at what the demo left.
pub fn archive(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python() {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let (url, data) = match stage.server()? {
        Ok(server) => (server.url(), stage.demo_folder()?),
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let folder = folder()?;
    let ended = pytest(python)?
        .args(ON_THE_DEMO.iter().copied().filter(|file| folder.join(file).is_file()))
        .env("GINGHAM_URL", url)
        .env("GINGHAM_DATA", data.to_string_lossy())
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

fn folder() -> Result<PathBuf> {
    Ok(repository::root()?.join("python"))
}

pub(super) fn pytest(python: PathBuf) -> Result<Program> {
    Ok(Program::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .folder(folder()?)
        .env("PYTHONPATH", "src")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .deadline(DEADLINE))
}
