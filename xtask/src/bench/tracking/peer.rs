//! MLflow's own server, of a fixed version in an environment of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::cases::{Fill, param_of, value_of};
use super::load::Target;
use crate::bench::peers::Environment;
use crate::process::Program;
use crate::server::{Server, free_port};

/// What is installed.
const PACKAGES: &[&str] = &["mlflow==3.12.0"];

/// Writes runs into MLflow's database as its server would have. Over HTTP this takes MLflow half an hour.
const FILL: &str = r#"
import sqlite3, sys, uuid
database, experiment = sys.argv[1], int(sys.argv[2])
c = sqlite3.connect(database, timeout=60)
for number, line in enumerate(sys.stdin):
    metrics, params = [part.split(",") for part in line.strip().split(";")]
    run, start = uuid.uuid4().hex, 1795000000000 + number
    c.execute("insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
              " end_time, lifecycle_stage, artifact_uri, experiment_id) values (?,?,'UNKNOWN','','','bench','FINISHED',?,?,"
              "'active',?,?)",
              (run, f"run-{number}", start, start, f"mlflow-artifacts:/{experiment}/{run}/artifacts", experiment))
    tags = [("mlflow.runName", f"run-{number}"), ("mlflow.user", "bench"), ("mlflow.source.name", "bench.py")]
    c.executemany("insert into tags (key, value, run_uuid) values (?,?,?)", [(k, v, run) for k, v in tags])
    c.executemany("insert into params (key, value, run_uuid) values (?,?,?)",
                  [(f"p{i}", v, run) for i, v in enumerate(params)])
    rows = [(f"m{i}", float(v), start, 0, 0, run) for i, v in enumerate(metrics)]
    c.executemany("insert into metrics (key, value, timestamp, step, is_nan, run_uuid) values (?,?,?,?,?,?)", rows)
    c.executemany("insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid) values (?,?,?,?,?,?)", rows)
c.commit()
"#;

/// Starts it with one worker, SQLite and without its jobs, which is how it is quickest on two cores.
pub fn start(folder: &Path) -> Result<Server> {
    let environment = Environment::with(PACKAGES)?;
    let port = free_port()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let program = Program::new(environment.program("mlflow"))
        .args(["server", "--workers", "1", "--host", "127.0.0.1", "--port"])
        .arg(port.to_string())
        .args(["--backend-store-uri".to_owned(), format!("sqlite:///{}", database(folder).display())])
        .args(["--artifacts-destination".to_owned(), folder.join("mlflow-artifacts").display().to_string()])
        .env("PATH", format!("{}:{path}", environment.programs.display()))
        .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
        .folder(folder);
    Server::start_program(&program, port, &folder.join("mlflow.log"), Duration::from_millis(20))
}

fn database(folder: &Path) -> PathBuf {
    folder.join("mlflow.db")
}

/// Fills MLflow's database without its server.
pub struct Filler {
    /// Where the database lies.
    pub folder: PathBuf,
}

impl Fill for Filler {
    fn fill(&self, _: &Target, experiment: &str, runs: usize) -> Result<()> {
        let lines: String = (0..runs)
            .map(|run| {
                let metrics: Vec<String> = (0..20).map(|field| value_of(run, field).to_string()).collect();
                let params: Vec<&str> = (0..20).map(|field| param_of(run, field)).collect();
                format!("{};{}\n", metrics.join(","), params.join(","))
            })
            .collect();
        let file = self.folder.join("runs.txt");
        std::fs::write(&file, lines)?;
        let ended = Program::new(Environment::with(PACKAGES)?.program("python"))
            .args(["-c", FILL])
            .arg(database(&self.folder).to_string_lossy())
            .arg(experiment)
            .command()
            .stdin(std::fs::File::open(&file)?)
            .status()
            .context("MLflow's database cannot be filled")?;
        anyhow::ensure!(ended.success(), "filling MLflow's database {ended}");
        Ok(())
    }
}
