//! A small HTTP client on a kept connection: enough to put a server under load, and cheap beside it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A connection to a server on this machine.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    port: u16,
}

impl Client {
    /// Connects.
    pub fn connect(port: u16) -> Result<Self> {
        let stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("the server cannot be reached")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1_024, stream), port })
    }

    /// Asks with `GET`.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        self.ask("GET", path, "")
    }

    /// Sends JSON with `POST`.
    pub fn post(&mut self, path: &str, body: &str) -> Result<Vec<u8>> {
        self.ask("POST", path, body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let (mut length, mut chunked, mut close) = (0_usize, false, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse()?,
                ("transfer-encoding", value) => chunked = value == "chunked",
                ("connection", value) => close = value == "close",
                _ => {}
            }
        }
        let answer = if chunked { self.chunks()? } else { self.bytes(length)? };
        if !status.contains(" 200 ") {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        if close {
            *self = Self::connect(self.port)?;
        }
        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16).context("a chunk without its size")?;
            all.append(&mut self.bytes(size)?);
            self.line()?;
            if size == 0 {
                return Ok(all);
            }
        }
    }
}
