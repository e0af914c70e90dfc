//! A full drift report of two files, beside Evidently in the same run.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Setting;
use super::figures::Figure;
use super::peers::Environment;
use crate::process::Program;
use crate::repository;

/// What the peer's environment holds; pandas 3 breaks its import.
const PACKAGES: &[&str] = &["evidently==0.7.23", "pandas<3", "pyarrow", "numpy"];
/// The peer takes minutes for a million rows.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Processor time, wall time and memory of both; `GINGHAM_BENCH_ROWS` makes it shorter.
pub fn drift(setting: &Setting) -> Result<Vec<Figure>> {
    let python = Environment::with(PACKAGES)?.program("python");
    let rows = std::env::var("GINGHAM_BENCH_ROWS").unwrap_or_else(|_| "1000000".to_owned());
    let answer = Program::new(python)
        .arg(repository::root()?.join("benches/monitoring.py").to_string_lossy())
        .arg(setting.binary.to_string_lossy())
        .arg(setting.folder.join("drift").to_string_lossy())
        .arg(&rows)
        .deadline(DEADLINE)
        .stdout()?;
    let answer: Value = serde_json::from_slice(&answer).context("the benchmark printed no JSON")?;
    let of = |who: &str, what: &str| -> Vec<f64> {
        let runs = answer[who].as_array().into_iter().flatten();
        runs.filter_map(|run| run[what].as_f64()).collect()
    };
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = least(&of("evidently", "cpu_s")) / least(&of("gingham", "cpu_s"));
    let memory = least(&of("evidently", "peak_mib")) / least(&of("gingham", "peak_mib"));
    println!("   {rows} x 25 against {rows} x 25");
    Ok(vec![
        Figure {
            name: "drift report, wall",
            values: of("gingham", "wall_s"),
            unit: "s",
            aim: "at most 2.5 s",
        },
        Figure {
            name: "drift report, processor",
            values: of("gingham", "cpu_s"),
            unit: "s",
            aim: "at most 5 s",
        },
        Figure {
            name: "drift report, memory",
            values: of("gingham", "peak_mib"),
            unit: "MiB",
            aim: "at most 300 MiB",
        },
        Figure {
            name: "Evidently, processor",
            values: of("evidently", "cpu_s"),
            unit: "s",
            aim: "beside us",
        },
        Figure {
            name: "Evidently, memory",
            values: of("evidently", "peak_mib"),
            unit: "MiB",
            aim: "beside us",
        },
        Figure { name: "Evidently / us, processor", values: vec![ratio], unit: "times", aim: "at least 30" },
        Figure { name: "Evidently / us, memory", values: vec![memory], unit: "times", aim: "beside us" },
    ])
}
