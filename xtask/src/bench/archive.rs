//! The prediction archive: single rows acknowledged at a steady rate, ingest of many, look-ups, questions, and the drift report
//! from stored profiles; beside pyarrow's Parquet writer and DuckDB in the same run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Setting;
use super::figures::Figure;
use super::http::Client;
use super::peers::Environment;
use crate::process::Program;
use crate::repository;
use crate::server::Server;

/// What is measured beside us.
const PEERS: &[&str] = &["duckdb==1.4.1", "pyarrow", "numpy", "pytz"];
const DEADLINE: Duration = Duration::from_secs(3_600);
/// Calls of a single row a second.
const RATE: u32 = 5_000;
/// Connections that send them.
const CONNECTIONS: u32 = 16;
/// Rows that are sent at once in large calls; `GINGHAM_BENCH_ROWS` sets another number.
const ROWS: usize = 5_000_000;

/// Measures everything; `--quick` with few rows.
pub fn archive(setting: &Setting) -> Result<Vec<Figure>> {
    let python = Environment::with(PEERS)?.program("python");
    let data = setting.folder.join("archive-data");
    let server = Server::start_binary(&setting.binary, &data, Duration::from_millis(20))?;
    let lasting = Duration::from_secs(if setting.quick { 3 } else { 20 });
    let singles = single_rows(server.port, lasting)?;
    let rows = match std::env::var("GINGHAM_BENCH_ROWS").ok() {
        Some(text) => text.parse().context("`GINGHAM_BENCH_ROWS` is a number of rows")?,
        None if setting.quick => 100_000,
        None => ROWS,
    };
    let printed = Program::new(python)
        .arg(repository::root()?.join("benches/archive.py").to_string_lossy())
        .args([server.url(), data.to_string_lossy().into_owned(), rows.to_string()])
        .deadline(DEADLINE)
        .stdout()?;
    drop(server);
    let found: Value = serde_json::from_slice(&printed).context("the benchmark printed no JSON")?;
    let one = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
    let many = |name: &str| -> Vec<f64> {
        found[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    println!(
        "   {} rows of 25 columns; the first report, which sums them up, took {:.0} ms",
        one("rows"),
        one("first_report_ms")
    );
    println!(
        "   questions {:.0} ms, DuckDB on the same files {:.0} ms",
        one("questions_ms"),
        one("duckdb_ms")
    );
    Ok(vec![
        Figure {
            name: "archive, single rows, rate",
            values: vec![singles.rate],
            unit: "rows/s",
            aim: "5,000",
        },
        Figure {
            name: "archive, single rows, p50",
            values: vec![singles.quantile(0.5)],
            unit: "ms",
            aim: "told",
        },
        Figure {
            name: "archive, single rows, p99",
            values: vec![singles.quantile(0.99)],
            unit: "ms",
            aim: "under 10 ms at 5,000 rows/s",
        },
        Figure {
            name: "archive, durable ingest",
            values: vec![one("ingest_rows_s")],
            unit: "rows/s",
            aim: "beside the Parquet writer",
        },
        Figure {
            name: "archive, ingest to Parquet writer",
            values: vec![one("ingest_rows_s") / one("encode_rows_s")],
            unit: "×",
            aim: "0.5 at least",
        },
        Figure { name: "archive, look-up by id", values: many("look_up_ms"), unit: "ms", aim: "under 50 ms" },
        Figure {
            name: "archive, questions to DuckDB",
            values: vec![one("questions_ms") / one("duckdb_ms")],
            unit: "×",
            aim: "1.5 at most",
        },
        Figure {
            name: "drift report from profiles",
            values: many("report_ms"),
            unit: "ms",
            aim: "under 50 ms",
        },
    ])
}

struct Singles {
    rate: f64,
    latencies_ms: Vec<f64>,
}

impl Singles {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank"
    )]
    fn quantile(&self, share: f64) -> f64 {
        let rank = (self.latencies_ms.len() as f64 * share) as usize;
        self.latencies_ms
            .get(rank.min(self.latencies_ms.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

/// Single rows at a steady rate, each timed from the moment at which it was due: a server that falls behind shows it.
fn single_rows(port: u16, lasting: Duration) -> Result<Singles> {
    let numbers: String = (0..16).map(|at| format!(",\"n{at}\":{at}.25")).collect();
    let words: String = (0..5).map(|at| format!(",\"c{at}\":\"v{at}\"")).collect();
    let body = format!("{{\"rows\":[{{\"prediction\":0.5,\"entity\":\"c-1\"{numbers}{words}}}]}}");
    let path = "/api/v1/models/single/predictions";
    // The first contact declares the model.
    Client::connect(port)?.post(path, &body)?;
    let gap = Duration::from_secs(1) * CONNECTIONS / RATE;
    let began = Instant::now();
    let talks: Vec<Result<Vec<f64>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|thread| {
                let body = body.as_str();
                scope.spawn(move || -> Result<Vec<f64>> {
                    let mut client = Client::connect(port)?;
                    let mut due = began + gap * thread / CONNECTIONS;
                    let mut took = Vec::new();
                    while due < began + lasting {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        client.post(path, body)?;
                        took.push(due.elapsed().as_secs_f64() * 1e3);
                        due += gap;
                        if Instant::now() > began + lasting * 3 {
                            break;
                        }
                    }
                    Ok(took)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(talked) => talked,
            Err(_) => bail!("a thread of the load broke down"),
        });
        joined.collect()
    });
    let mut latencies_ms = Vec::new();
    for talk in talks {
        latencies_ms.extend(talk?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let rate = latencies_ms.len() as f64 / began.elapsed().as_secs_f64();
    latencies_ms.sort_by(f64::total_cmp);
    Ok(Singles { rate, latencies_ms })
}
