//! A server of its own, in a process of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::exit::hinted;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it is told to stop when the story ends, however it ends.
pub(super) struct Server {
    process: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts a server in a new or empty folder and waits until it is healthy.
    pub(super) async fn start(data: &Path, port: u16) -> Result<Self> {
        let occupied = fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(hinted(
                format!("the folder `{}` is not empty", data.display()),
                "name a new one: the story begins with nothing",
            ));
        }
        if TcpListener::bind(("127.0.0.1", port)).is_err() {
            return Err(hinted(format!("port {port} is taken"), "name another with --port"));
        }
        fs::create_dir_all(data).with_context(|| format!("`{}` cannot be made", data.display()))?;
        let log = data.join("server.log");
        let output = fs::File::create(&log).context("the server's log cannot be made")?;
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        let process = Command::new(program)
            .args(["up", "--port", &port.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot start")?;
        let mut server = Self { process, port, log };
        server.wait_until_healthy().await?;
        Ok(server)
    }

    /// The server's address.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells the server to stop and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            kill(Pid::from_raw(id), Signal::SIGTERM).context("the server cannot be told to stop")?;
        }
        tokio::time::timeout(PATIENCE, self.process.wait()).await.context("the server does not stop")??;
        Ok(())
    }

    async fn wait_until_healthy(&mut self) -> Result<()> {
        let client = Client::new(&self.address(), None)?;
        let started = Instant::now();
        while !client.is_healthy().await {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("the server ended at once ({status}):\n{log}");
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "the server did not answer within {} s; see `{}`",
                    PATIENCE.as_secs(),
                    self.log.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
