//! Single-row requests over HTTP: ours, and the servers that people use today, one after the other in one run.
//!
//! CPU time is user and system time of the server's whole process tree divided by requests: it moves little when the
//! machine is busy with other things, as wall times do. Every server answers one row of 30 numbers with boosted trees
//! (100 of them); ours archives every row, with its answer given when the record is on the disk.

mod load;
mod peers;
mod processes;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Setting;
use super::figures::Figure;
use load::{Load, Outcome};
use peers::{Peer, Running};

/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How long each load lasts, in seconds; `GINGHAM_BENCH_SECONDS` sets another time.
const SECONDS: u64 = 6;

/// What one server did.
struct Measured {
    peer: Peer,
    start_s: f64,
    start_cpu_s: f64,
    memory_mb: f64,
    runs: Vec<Run>,
}

struct Run {
    connections: usize,
    outcome: Outcome,
    cpu_us: f64,
}

/// Measures all servers that can be installed.
pub fn serving(setting: &Setting) -> Result<Vec<Figure>> {
    let seconds = std::env::var("GINGHAM_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    let lasting = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let only = std::env::var("GINGHAM_BENCH_PEERS").ok();
    let chosen =
        |peer: &Peer| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == peer.name()));
    let cache = cache()?;
    peers::make_model(&cache)?;
    let mut measured = Vec::new();
    for peer in peers::ALL.into_iter().filter(chosen) {
        match measure(setting, peer, &cache, lasting) {
            Ok(one) => {
                tell(&one);
                measured.push(one);
            }
            Err(error) if peer == Peer::Gingham => return Err(error),
            Err(error) => println!("{:<26} not measured: {error:#}", peer.words()),
        }
    }
    Ok(figures(&measured))
}

/// Environments of the peers outlive a run: installing them takes minutes.
fn cache() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache =
        base.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?.join("gingham/bench-serving");
    std::fs::create_dir_all(&cache)?;
    Ok(cache)
}

fn measure(setting: &Setting, peer: Peer, cache: &std::path::Path, lasting: Duration) -> Result<Measured> {
    let running = Running::start(setting, peer, cache)?;
    let (start_s, process) = (running.ready_after.as_secs_f64(), running.process());
    let start_cpu_s = processes::cpu_seconds(process);
    let request = running.request()?;
    // Warm: the first requests compile, import and connect.
    Load { port: running.port, request: &request, connections: 4, lasting: lasting / 4 }.run()?;
    let mut runs = Vec::new();
    for connections in CONNECTIONS {
        let before = processes::cpu_seconds(process);
        let outcome = Load { port: running.port, request: &request, connections, lasting }.run()?;
        let spent = processes::cpu_seconds(process) - before;
        let cpu_us = spent * 1e6 / outcome.answered().max(1.0);
        runs.push(Run { connections, outcome, cpu_us });
    }
    let memory_mb = processes::memory_mb(process);
    Ok(Measured { peer, start_s, start_cpu_s, memory_mb, runs })
}

fn tell(measured: &Measured) {
    println!(
        "{:<26} start {:.2} s (CPU {:.2} s), memory {:.0} MB",
        measured.peer.words(),
        measured.start_s,
        measured.start_cpu_s,
        measured.memory_mb
    );
    for run in &measured.runs {
        println!(
            "  {:>3} connections {:>9.0} req/s  p50 {:>8.3} ms  p99 {:>8.3} ms  CPU {:>7.1} µs/request  {} failed",
            run.connections,
            run.outcome.rate(),
            run.outcome.quantile_ms(0.5),
            run.outcome.quantile_ms(0.99),
            run.cpu_us,
            run.outcome.failed,
        );
    }
}

/// The figures that have an aim; ratios to each peer are printed.
fn figures(measured: &[Measured]) -> Vec<Figure> {
    let of = |peer: Peer| measured.iter().find(|one| one.peer == peer);
    let Some(ours) = of(Peer::Gingham) else { return Vec::new() };
    let at =
        |one: &Measured, connections: usize| one.runs.iter().position(|run| run.connections == connections);
    let mut figures = Vec::new();
    for other in measured.iter().filter(|one| one.peer != Peer::Gingham) {
        for connections in CONNECTIONS {
            let pair = at(ours, connections).zip(at(other, connections));
            let pair = pair.and_then(|(a, b)| ours.runs.get(a).zip(other.runs.get(b)));
            if let Some((own, theirs)) = pair {
                println!(
                    "ours to {:<26} {connections:>3} connections: {:>7.2} times the requests, {:>7.2} times the CPU, {:>6.2} times the p99",
                    other.peer.words(),
                    own.outcome.rate() / theirs.outcome.rate(),
                    own.cpu_us / theirs.cpu_us,
                    own.outcome.quantile_ms(0.99) / theirs.outcome.quantile_ms(0.99),
                );
            }
        }
    }
    let sixteen = |one: &Measured| {
        at(one, 16).and_then(|at| one.runs.get(at)).map(|run| (run.outcome.rate(), run.cpu_us))
    };
    let Some((rate, cpu)) = sixteen(ours) else { return figures };
    let mut figure = |name, value, unit, aim| figures.push(Figure { name, values: vec![value], unit, aim });
    figure("serving, CPU of a request", cpu, "µs", "70 µs at most, 16 connections");
    figure("serving, requests", rate, "req/s", "16 connections, archived");
    figure("serving, start", ours.start_s * 1e3, "ms", "under 150 ms plus model load");
    if let Some((theirs, _)) = of(Peer::FastApi).and_then(sixteen) {
        figure("serving, to FastAPI", rate / theirs, "×", "5 × at least, 16 connections");
    }
    if let Some((theirs, _)) = of(Peer::Bare).and_then(sixteen) {
        figure("serving, to an empty handler", rate / theirs * 100.0, "%", "60 % at least, 16 connections");
    }
    figures
}
