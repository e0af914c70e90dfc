//! The servers that are measured: how each is installed, started and asked.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::Setting;
use super::super::peers::Environment;
use crate::process::{self, Program};
use crate::repository;
use crate::server::free_port;

/// How long a server may take to start; some import for a minute.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// How long the model may take to be made.
const MADE_WITHIN: Duration = Duration::from_secs(900);

/// One server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An axum handler that answers nothing: the limit of the HTTP stack.
    Bare,
    /// Ours.
    Gingham,
    /// FastAPI with ONNX Runtime.
    FastApi,
    /// MLServer.
    MlServer,
    /// `mlflow models serve`.
    Mlflow,
    /// BentoML with ONNX Runtime.
    Bento,
}

/// In the order in which they are measured.
pub const ALL: [Peer; 6] =
    [Peer::Bare, Peer::Gingham, Peer::FastApi, Peer::MlServer, Peer::Mlflow, Peer::Bento];

impl Peer {
    /// The word for `GINGHAM_BENCH_PEERS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Gingham => "gingham",
            Self::FastApi => "fastapi",
            Self::MlServer => "mlserver",
            Self::Mlflow => "mlflow",
            Self::Bento => "bentoml",
        }
    }

    /// As the report says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Bare => "empty axum handler",
            Self::Gingham => "gingham",
            Self::FastApi => "FastAPI + onnxruntime",
            Self::MlServer => "MLServer",
            Self::Mlflow => "mlflow models serve",
            Self::Bento => "BentoML + onnxruntime",
        }
    }

    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Bare | Self::Gingham => &[],
            Self::FastApi => &["fastapi", "uvicorn[standard]", "onnxruntime", "numpy"],
            // Its workers do not start with a newer uvloop.
            Self::MlServer => {
                &["mlserver", "mlserver-sklearn", "uvloop<0.22", "scikit-learn==1.7.2", "joblib"]
            }
            Self::Mlflow => &["mlflow", "scikit-learn==1.7.2", "cloudpickle"],
            Self::Bento => &["bentoml", "onnxruntime", "numpy"],
        }
    }
}

/// Makes the model in every form that the servers need, once.
pub fn make_model(cache: &Path) -> Result<()> {
    let model = cache.join("model");
    if model.join("mlflow").is_dir() && model.join("model.onnx").is_file() {
        return Ok(());
    }
    let packages = ["scikit-learn==1.7.2", "skl2onnx", "mlflow", "joblib", "cloudpickle"];
    let made = Program::new(Environment::with(&packages)?.program("python"))
        .arg(repository::root()?.join("benches/serving/make_model.py").to_string_lossy())
        .arg(model.to_string_lossy())
        .deadline(MADE_WITHIN)
        .run()?;
    if !made.success {
        bail!("the model of the benchmark cannot be made: {}", made.words);
    }
    Ok(())
}

/// A server that answers.
pub struct Running {
    child: Child,
    peer: Peer,
    /// Where it listens.
    pub port: u16,
    /// From exec until its model answered.
    pub ready_after: Duration,
}

impl Drop for Running {
    fn drop(&mut self) {
        process::end_with_descendants(self.child.id());
        drop(self.child.wait());
    }
}

impl Running {
    /// Installs, starts and waits until the model answers.
    pub fn start(setting: &Setting, peer: Peer, cache: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = command(setting, peer, cache, port)?;
        let log = std::fs::File::create(cache.join(format!("{}.log", peer.name())))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("`{}` cannot be started", peer.words()))?;
        let mut running = Self { child, peer, port, ready_after: Duration::ZERO };
        let request = running.request()?;
        let once =
            super::load::Load { port, request: &request, connections: 1, lasting: Duration::from_millis(1) };
        loop {
            if once.run().is_ok_and(|outcome| outcome.failed == 0) {
                running.ready_after = began.elapsed();
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("it ended ({status}) before it was ready; its log is in `{}`", cache.display());
            }
            if began.elapsed() > READY_WITHIN {
                bail!("it was not ready after {} s", READY_WITHIN.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The request for one row.
    pub fn request(&self) -> Result<Vec<u8>> {
        let row: Vec<f64> = (0..30_i32).map(|at| f64::from(at % 7) * 0.25 - 0.6).collect();
        let tensor = |name: &str, datatype: &str| -> Value {
            json!({ "inputs": [{ "name": name, "shape": [1, 30], "datatype": datatype, "data": [row] }] })
        };
        let (path, body) = match self.peer {
            Peer::Bare => ("/", json!({ "rows": [row] })),
            Peer::Gingham => ("/v2/models/bench/infer", tensor("features", "FP64")),
            Peer::FastApi | Peer::Bento => ("/predict", json!({ "rows": [row] })),
            Peer::MlServer => ("/v2/models/bench/infer", tensor("predict", "FP64")),
            Peer::Mlflow => ("/invocations", json!({ "inputs": [row] })),
        };
        let body = serde_json::to_string(&body)?;
        Ok(format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .into_bytes())
    }
}

fn command(setting: &Setting, peer: Peer, cache: &Path, port: u16) -> Result<Command> {
    let (root, model) = (repository::root()?, cache.join("model"));
    let apps = root.join("benches/serving");
    let own = || Environment::with(peer.packages());
    let mut command = match peer {
        Peer::Bare => {
            // Beside the binary that is measured, or built as it was.
            let built = setting.binary.with_file_name("examples").join("bare");
            if !built.is_file() {
                bail!("`{}` is not there; `cargo build -p server --example bare` makes it", built.display());
            }
            let mut command = Command::new(built);
            command.arg(port.to_string());
            command
        }
        Peer::Gingham => {
            let data = setting.folder.join("serving");
            prepare(setting, &data, &model, &apps)?;
            let mut command = Command::new(&setting.binary);
            command.arg("up").arg("--data").arg(&data).arg("--port").arg(port.to_string());
            command.args(["--log", "warn"]);
            command
        }
        Peer::FastApi => {
            let mut command = Command::new(own()?.program("uvicorn"));
            command.args(["fastapi_app:app", "--no-access-log", "--log-level", "warning", "--port"]);
            command.arg(port.to_string()).current_dir(&apps).env("BENCH_MODEL", model.join("model.onnx"));
            command
        }
        Peer::MlServer => {
            let folder = setting.folder.join("mlserver");
            std::fs::create_dir_all(&folder)?;
            let [grpc, metrics] = [free_port()?, free_port()?];
            let server = json!({
                "http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": false,
            });
            let settings = json!({
                "name": "bench", "implementation": "mlserver_sklearn.SKLearnModel",
                "parameters": { "uri": model.join("model.joblib") },
            });
            std::fs::write(folder.join("settings.json"), server.to_string())?;
            std::fs::write(folder.join("model-settings.json"), settings.to_string())?;
            let mut command = Command::new(own()?.program("mlserver"));
            command.arg("start").arg(&folder);
            command
        }
        Peer::Mlflow => {
            let environment = own()?;
            let mut command = Command::new(environment.program("mlflow"));
            command.args(["models", "serve", "--env-manager", "local", "--workers", "1", "--port"]);
            command.arg(port.to_string()).arg("--model-uri").arg(model.join("mlflow"));
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", environment.programs.display()));
            command
        }
        Peer::Bento => {
            let mut command = Command::new(own()?.program("bentoml"));
            command.args(["serve", "bento_app:Bench", "--port"]).arg(port.to_string()).current_dir(&apps);
            command.env("BENCH_MODEL", model.join("model.onnx")).env("BENTOML_DO_NOT_TRACK", "True");
            command
        }
    };
    command.env("OMP_NUM_THREADS", "1");
    Ok(command)
}

/// Trains and deploys our model of the same rows, before the start that is measured.
fn prepare(setting: &Setting, data: &Path, model: &Path, apps: &Path) -> Result<()> {
    let project = setting.folder.join("project");
    std::fs::create_dir_all(&project)?;
    for file in ["gingham.yaml", "prepare.sql"] {
        std::fs::copy(apps.join(file), project.join(file))?;
    }
    std::fs::copy(model.join("rows.csv"), project.join("rows.csv"))?;
    let server = crate::server::Server::start_binary(&setting.binary, data, Duration::from_millis(20))?;
    let applied = Program::new(&setting.binary)
        .args(["--server".to_owned(), server.url(), "apply".to_owned()])
        .arg(project.to_string_lossy())
        .deadline(MADE_WITHIN)
        .run()?;
    if !applied.success {
        bail!("the model of the benchmark cannot be applied: {}", applied.words);
    }
    Ok(())
}
