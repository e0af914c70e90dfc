//! The binary itself: its size, how quickly it is ready, what it holds when idle.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Setting;
use super::figures::Figure;
use crate::server::Server;

/// How often a start is measured.
const STARTS: usize = 15;

/// How long a server rests before its memory is read.
const REST: Duration = Duration::from_secs(10);

/// Bytes of the binary, as built.
pub fn size(setting: &Setting) -> Result<Vec<Figure>> {
    let bytes = std::fs::metadata(&setting.binary)?.len();
    Ok(vec![Figure { name: "binary size", values: vec![megabytes(bytes)], unit: "MB", aim: "none stated" }])
}

/// From exec to ready, on a folder that an earlier start made.
pub fn cold(setting: &Setting) -> Result<Vec<Figure>> {
    let data = setting.folder.join("cold");
    let mut values = Vec::new();
    for start in 0..=STARTS {
        let server = Server::start_binary(&setting.binary, &data, Duration::from_millis(1))?;
        // The first start makes the folder.
        if start > 0 {
            values.push(server.ready_after.as_secs_f64() * 1000.0);
        }
    }
    Ok(vec![Figure { name: "cold start", values, unit: "ms", aim: "under 150 ms" }])
}

/// Resident memory after a rest.
pub fn memory(setting: &Setting) -> Result<Vec<Figure>> {
    let mut values = Vec::new();
    for _ in 0..3 {
        let server =
            Server::start_binary(&setting.binary, &setting.folder.join("memory"), Duration::from_millis(5))?;
        std::thread::sleep(REST);
        values.push(resident(server.process())?);
    }
    Ok(vec![Figure { name: "idle memory", values, unit: "MB", aim: "under 60 MB" }])
}

/// Resident memory of a process in MB.
fn resident(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no number in VmRSS")?.parse()?;
    Ok(megabytes(kib * 1024))
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files and processes are far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}
