//! Many runs of many metrics: 75,000 runs of 1,500 metrics of 20 steps is a shape that others have published; here it
//! is a tenth of the runs unless `GINGHAM_BENCH_RUNS` says otherwise.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::figure;
use super::load::{Target, load};
use crate::bench::Setting;
use crate::bench::figures::Figure;
use crate::process::Program;
use crate::server::Server;

const RUNS: usize = 7_500;
const METRICS: usize = 1_500;
const STEPS: usize = 20;
const QUICK_RUNS: usize = 200;

/// Fills a database through the store itself and searches it.
pub fn at_scale(setting: &Setting) -> Result<Vec<Figure>> {
    let asked = std::env::var("GINGHAM_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs: usize = asked.unwrap_or(if setting.quick { QUICK_RUNS } else { RUNS });
    let data = setting.folder.join("scale");
    std::fs::create_dir_all(&data)?;
    let database = data.join("gingham.db");
    let start = Instant::now();
    let mut fill =
        Program::cargo()?.args(["run", "--quiet", "--package", "experiments", "--example", "fill"]);
    if !setting.quick {
        fill = fill.args(["--profile", "release"]);
    }
    fill.args(["--".to_owned(), format!("sqlite:{}", database.display())])
        .args([runs, METRICS, STEPS].map(|size| size.to_string()))
        .run_or_fail()?;
    let (seconds, bytes) = (start.elapsed().as_secs(), std::fs::metadata(&database)?.len());
    println!("{runs} runs of {METRICS} metrics of {STEPS} steps: {seconds} s, {} MB", bytes / 1_000_000);
    let server = Server::start_binary(&setting.binary, &data, Duration::from_millis(1))?;
    let target = Target { port: server.port, process: server.process(), database: None };
    let mut figures = Vec::new();
    for (what, filter, order, limit) in [
        ("by a metric", "", "metrics.metric_7 DESC", 100),
        (
            "two filters by a metric",
            "metrics.metric_7 > 0.5 and params.model = 'b'",
            "metrics.metric_7 DESC",
            100,
        ),
        ("a filter, newest first", "metrics.metric_11 < 0.5", "attributes.start_time DESC", 100),
        ("one run", "metrics.metric_7 > 0.5", "metrics.metric_11 ASC", 1),
    ] {
        let body =
            json!({"experiment_ids": ["1"], "filter": filter, "order_by": [order], "max_results": limit});
        let body = body.to_string();
        let cost = load(&target, 1, if setting.quick { 5 } else { 40 }, |client, _| {
            let page: Value = serde_json::from_slice(&client.post("/api/2.0/mlflow/runs/search", &body)?)?;
            match page["runs"].as_array().map_or(0, Vec::len) {
                0 => Err(anyhow!("no runs were found")),
                _ => Ok(()),
            }
        })?;
        println!(
            "search of {limit}, {what:<26} p50 {:>8.1} ms  p99 {:>8.1} ms  CPU {:>8.1} ms",
            cost.p50_ms, cost.p99_ms, cost.cpu_ms
        );
        let name = format!("scale: search of {limit} among {runs} runs of 1,500 metrics, {what}, p50");
        figures.push(figure(name, cost.p50_ms, "ms", "under 300 ms for 75,000 runs"));
    }
    println!("memory: {:.1} MB", target.resident_mb()?);
    Ok(figures)
}
