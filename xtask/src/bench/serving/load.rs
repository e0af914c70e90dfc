//! A load of equal requests over HTTP/1.1 with connections that stay open, a thread each.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent, to whom, and for how long.
pub struct Load<'a> {
    pub port: u16,
    pub request: &'a [u8],
    pub connections: usize,
    pub lasting: Duration,
}

/// What came of it.
pub struct Outcome {
    /// How long each answer with status 200 took, in microseconds, in order.
    latencies_us: Vec<u32>,
    /// Answers with another status.
    pub failed: usize,
    took: Duration,
}

impl Outcome {
    /// How many requests were answered.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn answered(&self) -> f64 {
        self.latencies_us.len() as f64
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered() / self.took.as_secs_f64()
    }

    /// The latency that a share of the answers does not exceed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within a count")]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let rank = (self.answered() * share) as usize;
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get(rank.min(last)).map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
    }
}

impl Load<'_> {
    /// Sends until the time is over. Fails when a connection breaks.
    pub fn run(&self) -> Result<Outcome> {
        let began = Instant::now();
        let until = began + self.lasting;
        let connections: Vec<Result<(Vec<u32>, usize)>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections).map(|_| scope.spawn(|| self.talk(until))).collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(talked) => talked,
                Err(_) => bail!("a thread of the load broke down"),
            });
            joined.collect()
        });
        let mut outcome = Outcome { latencies_us: Vec::new(), failed: 0, took: began.elapsed() };
        for connection in connections {
            let (latencies, failed) = connection?;
            outcome.latencies_us.extend(latencies);
            outcome.failed += failed;
        }
        outcome.latencies_us.sort_unstable();
        Ok(outcome)
    }

    fn talk(&self, until: Instant) -> Result<(Vec<u32>, usize)> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (mut latencies, mut failed) = (Vec::new(), 0);
        let mut buffer = Vec::with_capacity(16 << 10);
        while Instant::now() < until {
            let began = Instant::now();
            stream.write_all(self.request).context("the server closed a connection")?;
            if answer(&mut stream, &mut buffer)? == 200 {
                latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            } else {
                failed += 1;
            }
        }
        Ok((latencies, failed))
    }
}

/// Reads one answer to its end and gives its status.
fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    let mut chunk = [0_u8; 8 << 10];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            bail!("the server closed a connection in the middle of an answer");
        }
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some((status, length)) = complete(buffer)
            && buffer.len() >= length
        {
            return Ok(status);
        }
    }
}

/// The status and the whole length of an answer, once its head is there; a chunked one has the length that it has
/// when its last chunk has come.
fn complete(buffer: &[u8]) -> Option<(u16, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(buffer.get(..end)?).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if header("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked")) {
        return buffer.ends_with(b"0\r\n\r\n").then_some((status, buffer.len()));
    }
    Some((status, end + header("content-length")?.parse::<usize>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(complete(head), Some((200, head.len() + 3)));
        assert_eq!(complete(b"HTTP/1.1 200 OK\r\nContent-"), None);
        let chunked = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        assert_eq!(complete(chunked), Some((503, chunked.len())));
        assert_eq!(complete(chunked.get(..chunked.len() - 5).unwrap()), None);
    }
}
