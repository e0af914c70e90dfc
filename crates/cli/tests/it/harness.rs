//! Running the binary, and a server made of it that stops with its test.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// The binary with a clean environment.
pub(crate) fn gingham() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gingham"));
    command
        .env_remove("GINGHAM_URL")
        .env_remove("GINGHAM_TOKEN")
        .env_remove("GINGHAM_DATA")
        .env("NO_COLOR", "1");
    command
}

/// What a run printed and how it exited.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the binary with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    gingham().args(arguments).output().unwrap().into()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The folder of the traffic example.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/traffic")
}

/// The example with less history, so that it is quick, and without its policy: its alias moves by hand.
pub(crate) fn short_example() -> (TempDir, PathBuf) {
    shortened(|yaml| {
        yaml.lines().filter(|line| !line.starts_with("risk:")).map(|line| format!("{line}\n")).collect()
    })
}

/// The same under its policy: its alias moves by reviews.
pub(crate) fn guarded_example() -> (TempDir, PathBuf) {
    shortened(|yaml| yaml)
}

fn shortened(change: impl FnOnce(String) -> String) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let yaml = fs::read_to_string(example().join("gingham.yaml")).unwrap();
    let yaml =
        yaml.replace("first_until: 2013-10-02", "first_until: 2013-02-01").replace("last: 8w", "last: 4w");
    fs::write(folder.path().join("gingham.yaml"), change(yaml)).unwrap();
    for file in ["prepare.sql", "low.policy.yaml", "traffic.csv.gz"] {
        fs::copy(example().join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

/// A server in a fresh folder; it is told to stop when the test ends.
pub(crate) struct Server {
    process: Child,
    port: u16,
    more: Vec<String>,
    pub(crate) data: PathBuf,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server that is told more than its folder and port.
    pub(crate) fn start_with(more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let port = free_port();
        let process = Self::spawn(&data, port, &more);
        let mut server = Self { process, port, more, data, _folder: folder };
        server.wait_until_healthy();
        server
    }

    fn spawn(data: &Path, port: u16, more: &[String]) -> Child {
        gingham()
            .args(["up", "--port", &port.to_string(), "--log", "warn", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait_until_healthy(&mut self) {
        let started = Instant::now();
        while self.try_run(&["status"]).code != Some(0) {
            assert!(self.process.try_wait().unwrap().is_none(), "the server ended");
            assert!(started.elapsed() < Duration::from_secs(60), "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the server as a power cut would, and starts it again.
    pub(crate) fn crash_and_start_again(&mut self) {
        self.crash();
        self.start_again();
    }

    /// Kills the server as a power cut would.
    pub(crate) fn crash(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the server again, in the same folder and on the same port.
    pub(crate) fn start_again(&mut self) {
        self.process = Self::spawn(&self.data, self.port, &self.more);
        self.wait_until_healthy();
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Posts a body as MLflow's client does, and answers what came back.
    pub(crate) fn mlflow(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "POST /api/2.0/mlflow/{path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().next().unwrap().contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    pub(crate) fn try_run(&self, arguments: &[&str]) -> Ran {
        gingham().arg("--server").arg(self.address()).args(arguments).output().unwrap().into()
    }

    /// Runs a command that must succeed and answers what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let ran = self.try_run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}\n{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs a command that must succeed with `--json` and answers what it printed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&printed).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.process.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.process.wait();
    }
}
