//! Load on a server, and what it cost: requests a second, waiting times, processor time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::bench::http::Client;
use crate::process::Program;

/// Clock ticks of a second in `/proc/PID/stat`, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server under load: its port, and the processes whose time counts as its own.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Where it listens.
    pub port: u16,
    /// The server; its children count too.
    pub process: u32,
    /// A database server that works for it, whose children count too.
    pub database: Option<u32>,
}

/// What a load cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Requests a second.
    pub rate: f64,
    /// The median waiting time in ms.
    pub p50_ms: f64,
    /// The waiting time in ms that one in a hundred requests exceeds.
    pub p99_ms: f64,
    /// Processor time of the server for one request, in ms.
    pub cpu_ms: f64,
}

/// Sends `count` requests from `clients` connections at once; `send` makes the request with the given number.
pub fn load(
    target: &Target,
    clients: usize,
    count: usize,
    send: impl Fn(&mut Client, usize) -> Result<()> + Sync,
) -> Result<Cost> {
    let next = AtomicUsize::new(0);
    let before = target.cpu_seconds()?;
    let start = Instant::now();
    let waits = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<Duration>> {
                    let mut client = Client::connect(target.port)?;
                    let mut waits = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return Ok(waits);
                        }
                        let start = Instant::now();
                        send(&mut client, number)?;
                        waits.push(start.elapsed());
                    }
                })
            })
            .collect();
        let mut waits = Vec::new();
        for worker in workers {
            waits.extend(worker.join().map_err(|_| anyhow!("a client failed"))??);
        }
        Ok::<_, anyhow::Error>(waits)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = target.cpu_seconds()? - before;
    Ok(Cost {
        rate: real(count) / seconds,
        p50_ms: percentile(&waits, 0.5),
        p99_ms: percentile(&waits, 0.99),
        cpu_ms: cpu * 1_000.0 / real(count),
    })
}

impl Target {
    /// Processor time that the server and its children have used so far, in seconds.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let mut ticks = 0;
        for process in self.processes()? {
            ticks += ticks_of(process).unwrap_or(0);
        }
        Ok(real(ticks) / TICKS_PER_SECOND)
    }

    /// Resident memory of the server and its children, in MB.
    pub fn resident_mb(&self) -> Result<f64> {
        let mut kib = 0;
        for process in descendants(self.process)? {
            kib += resident_kib(process).unwrap_or(0);
        }
        Ok(real(kib) * 1_024.0 / 1_000_000.0)
    }

    fn processes(&self) -> Result<Vec<u32>> {
        let mut all = descendants(self.process)?;
        if let Some(database) = self.database {
            all.extend(descendants(database)?);
        }
        Ok(all)
    }
}

/// A process and all that come from it.
fn descendants(process: u32) -> Result<Vec<u32>> {
    let table = Program::new("ps").args(["-eo", "pid=,ppid="]).stdout()?;
    let pairs: Vec<(u32, u32)> = String::from_utf8_lossy(&table)
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect();
    let mut all = vec![process];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        all.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    Ok(all)
}

/// Ticks of a process in user and kernel mode, and of its children that have ended.
fn ticks_of(process: u32) -> Result<usize> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let mut ticks = 0;
    for field in fields.get(11..15).context("stat is short")? {
        ticks += field.parse::<usize>()?;
    }
    Ok(ticks)
}

fn resident_kib(process: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("no number in VmRSS")?.parse()?)
}

fn percentile(waits: &[Duration], part: f64) -> f64 {
    let mut sorted: Vec<f64> = waits.iter().map(|wait| wait.as_secs_f64() * 1_000.0).collect();
    sorted.sort_by(f64::total_cmp);
    let at = (real(sorted.len()) * part).ceil().max(1.0) - 1.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    sorted.get(at as usize).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_of_a_busy_process_is_seen() {
        let own = Target { port: 0, process: std::process::id(), database: None };
        let before = own.cpu_seconds().unwrap();
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_millis(300) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(own.cpu_seconds().unwrap() > before);
        assert!(own.resident_mb().unwrap() > 1.0);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let waits: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert!(
            (percentile(&waits, 0.5) - 50.0).abs() < 1e-9 && (percentile(&waits, 0.99) - 99.0).abs() < 1e-9
        );
        assert!(percentile(&[], 0.5).is_nan());
    }
}
