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
const READY_WITHIN: Duration = Duration::from_secs(240);

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
        let program = Program::new(binary)
            .args(["up", "--data"])
            .arg(data.to_string_lossy())
            .args(["--port".to_owned(), port.to_string()])
            .env("GINGHAM_WEBHOOK_TARGETS", "any")
            .folder(repository::root()?);
        Self::start_program(&program, port, &data.with_extension("log"), every)
    }

    /// Starts a program that will listen on `port` and waits until `/health` answers 200, asking `every` so often. What
    /// it prints goes into the file `log`.
    pub fn start_program(program: &Program, port: u16, log: &Path, every: Duration) -> Result<Self> {
        let file = std::fs::File::create(log).context("no log file for the server")?;
        let start = Instant::now();
        let child = program
            .command()
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("the server could not be started")?;
        let mut server = Self { child, port, ready_after: Duration::ZERO };
        loop {
            if status(port, "/health") == Some(200) {
                server.ready_after = start.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("the server {status} before it was ready\n{}", tail(log));
            }
            if start.elapsed() > READY_WITHIN {
                bail!("the server was not ready after {} s\n{}", READY_WITHIN.as_secs(), tail(log));
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

fn tail(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
