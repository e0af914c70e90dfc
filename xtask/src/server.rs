//! A `gingham up` of our own: started on a free port, asked until it is ready, stopped at the end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, Program};
use crate::repository;

/// How long a server may take to be ready before it counts as broken.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The port it listens on.
    pub port: u16,
    /// How long it took from the start of the process to its first 200.
    pub ready_after: Duration,
}

impl Server {
    /// Starts the built binary on `data` and waits until `/health` answers 200.
    pub fn start(data: &Path) -> Result<Self> {
        Self::start_binary(&repository::binary()?, data, Duration::from_millis(20))
    }

    /// The same with a given binary, asking `/health` every `every`.
    pub fn start_binary(binary: &Path, data: &Path, every: Duration) -> Result<Self> {
        let port = free_port()?;
        let log = std::fs::File::create(data.with_extension("log")).context("no log file for the server")?;
        let start = Instant::now();
        let child = Program::new(binary)
            .args(["up", "--data"])
            .arg(data.to_string_lossy())
            .args(["--port".to_owned(), port.to_string()])
            .folder(repository::root()?)
            .command()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("`{}` could not be started", binary.display()))?;
        let mut server = Self { child, port, ready_after: Duration::ZERO };
        loop {
            if status(port, "/health") == Some(200) {
                server.ready_after = start.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("`gingham up` {status} before it was ready\n{}", log_tail(data));
            }
            if start.elapsed() > READY_WITHIN {
                bail!("`gingham up` was not ready after {} s\n{}", READY_WITHIN.as_secs(), log_tail(data));
            }
            std::thread::sleep(every);
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::signal("TERM", self.child.id());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(15) {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        process::end_with_descendants(self.child.id());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// The status that a GET of `path` answers, if anyone answers.
fn status(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

fn log_tail(data: &Path) -> String {
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
