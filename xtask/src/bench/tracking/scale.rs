//! Many runs of many metrics: 75,000 runs of 1,500 metrics of 20 steps is a shape that others have published; here it
//! is a tenth of the runs unless `GINGHAM_BENCH_RUNS` says otherwise. What was filled is thrown away, unless
//! `GINGHAM_BENCH_FOLDER` names a folder where it stays and is searched again the next time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde_json::json;

use super::figure;
use super::load::{Target, load};
use crate::bench::Setting;
use crate::bench::figures::Figure;
use crate::bench::http::Client;
use crate::process::Program;
use crate::server::Server;

const RUNS: usize = 7_500;
const METRICS: usize = 1_500;
const STEPS: usize = 20;
const QUICK_RUNS: usize = 200;
/// The runs of the shape that others have published.
const PUBLISHED_RUNS: usize = 75_000;
/// Makes the index that the filler took away, in one go.
const MAKE_INDEX: &str = "import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute('pragma cache_size = -1000000')
database.execute('create index if not exists metric_values_by_value on metric_values (key, value, run)')
database.execute('pragma wal_checkpoint(truncate)')";

/// Fills a database through the store itself and searches it.
pub fn at_scale(setting: &Setting) -> Result<Vec<Figure>> {
    let asked = std::env::var("GINGHAM_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs: usize = asked.unwrap_or(if setting.quick { QUICK_RUNS } else { RUNS });
    let data = std::env::var("GINGHAM_BENCH_FOLDER")
        .map_or_else(|_| setting.folder.join("scale"), PathBuf::from)
        .join(format!("{runs}-runs"));
    let database = data.join("gingham.db");
    let mut figures = Vec::new();
    if database.is_file() {
        println!("searching what was filled before: {}", database.display());
    } else {
        figures.extend(filled(setting, &data, &database, runs)?);
    }
    let server = Server::start_binary(&setting.binary, &data, Duration::from_millis(1))?;
    let target = Target { port: server.port, process: server.process(), database: None };
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
        ("two filters, one run", "metrics.metric_7 > 0.5 and params.model = 'b'", "metrics.metric_7 DESC", 1),
        ("the best of all points", "min(metrics.metric_7) < 0.01", "attributes.start_time DESC", 1),
        ("at a step", "metrics.metric_7@10 > 0.5", "metrics.metric_7@10 DESC", 1),
    ] {
        let body =
            json!({"experiment_ids": ["1"], "filter": filter, "order_by": [order], "max_results": limit});
        let body = body.to_string();
        let mut client = Client::connect(target.port)?;
        let start = Instant::now();
        first_answer(&mut client, &body)?;
        let first_ms = start.elapsed().as_secs_f64() * 1_000.0;
        let cost = load(&target, 1, if setting.quick { 5 } else { 40 }, |client, _| {
            let page = client.post("/api/2.0/mlflow/runs/search", &body)?;
            // A page may have 11 MB: reading it as JSON would take longer here than making it takes the server.
            if contains(&page, b"\"run_id\"") { Ok(()) } else { Err(anyhow!("no runs were found")) }
        })?;
        println!(
            "search of {limit}, {what:<26} first {first_ms:>8.1} ms  p50 {:>8.1} ms  p99 {:>8.1} ms  CPU {:>8.1} ms",
            cost.p50_ms, cost.p99_ms, cost.cpu_ms
        );
        let name = format!("scale: search of {limit} among {runs} runs of 1,500 metrics, {what}, p50");
        figures.push(figure(name, cost.p50_ms, "ms", "under 300 ms for 75,000 runs"));
    }
    println!("memory: {:.1} MB", target.resident_mb()?);
    Ok(figures)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Asks until there is an answer: the first search by values at a step of so many runs indexes them, which takes longer than
/// a request may; who asks again, as MLflow's client does, finds what was indexed so far.
fn first_answer(client: &mut Client, body: &str) -> Result<()> {
    const TRIES: usize = 40;
    for _ in 1..TRIES {
        match client.post("/api/2.0/mlflow/runs/search", body) {
            Err(error) if error.to_string().contains("TEMPORARILY_UNAVAILABLE") => {}
            answer => return answer.map(drop),
        }
    }
    client.post("/api/2.0/mlflow/runs/search", body).map(drop)
}

/// Fills a database and tells how long that took and how large it is, here and for the published shape.
fn filled(setting: &Setting, data: &Path, database: &Path, runs: usize) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(data)?;
    let start = Instant::now();
    let mut fill =
        Program::cargo()?.args(["run", "--quiet", "--package", "experiments", "--example", "fill"]);
    if !setting.quick {
        fill = fill.args(["--profile", "release"]);
    }
    fill.args(["--".to_owned(), format!("sqlite:{}", database.display())])
        .args([runs, METRICS, STEPS].map(|size| size.to_string()))
        .run_or_fail()?;
    let filled = start.elapsed().as_secs_f64();
    Program::new("python3").args(["-c", MAKE_INDEX]).arg(database.to_string_lossy()).run_or_fail()?;
    println!(
        "runs after {filled:.0} s, the index of values after {:.0} s",
        start.elapsed().as_secs_f64() - filled
    );
    let (seconds, bytes) = (start.elapsed().as_secs_f64(), std::fs::metadata(database)?.len());
    let points = runs * METRICS * STEPS;
    #[expect(clippy::cast_precision_loss, reason = "sizes for people")]
    let (megabytes, each, factor) =
        (bytes as f64 / 1e6, bytes as f64 / points as f64, PUBLISHED_RUNS as f64 / runs as f64);
    println!(
        "{runs} runs of {METRICS} metrics of {STEPS} steps: {seconds:.0} s, {megabytes:.0} MB, {each:.1} bytes a point; \
         for {PUBLISHED_RUNS} runs that is {:.0} minutes and {:.1} GB",
        seconds * factor / 60.0,
        megabytes * factor / 1_000.0
    );
    Ok(vec![
        figure(format!("scale: {runs} runs of 1,500 metrics, filled in"), seconds, "s", "none stated"),
        figure(format!("scale: {runs} runs of 1,500 metrics, database"), megabytes, "MB", "none stated"),
    ])
}
