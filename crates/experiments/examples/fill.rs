//! Fills a database with runs of many metrics, through the store itself: `fill URL RUNS METRICS STEPS`.
//!
//! The index of values is taken away first: who fills makes it again at the end, in one go, instead of touching a leaf of it
//! for every value.

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for benchmarks talks and fails plainly"
)]

use std::time::Instant;

use base::{Actor, Timestamp};
use db::{Db, Sql};
use experiments::{
    Batch, Error, Metric, NewExperiment, NewRun, RunChange, RunStatus, create_experiment, create_run,
    log_batch, update_run,
};

/// Noon of a day, in milliseconds.
const NOON: i64 = 1_795_000_000_000;
/// Runs of one transaction.
const RUNS_AT_ONCE: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, runs, metrics, steps] = arguments.as_slice() else {
        return Err("fill URL RUNS METRICS STEPS".into());
    };
    let (runs, metrics, steps): (i64, i64, i64) = (runs.parse()?, metrics.parse()?, steps.parse()?);
    let db = Db::open(url).await?;
    let experiment = db
        .write(|tx| {
            Box::pin(async move {
                let new = NewExperiment { name: "scale".into(), ..NewExperiment::default() };
                create_experiment(tx, &new, &Actor::named("fill"), Timestamp::from_millis(NOON)).await
            })
        })
        .await
        .map_err(|error: Error| error.to_string())?;
    db.write(|tx| {
        Box::pin(async move { tx.execute("drop index metric_values_by_value", Vec::new()).await.map(drop) })
    })
    .await
    .map_err(|error: db::Error| error.to_string())?;
    let start = Instant::now();
    for first in (0..runs).step_by(RUNS_AT_ONCE) {
        db.write(move |tx| {
            Box::pin(async move {
                for run in (first..runs).take(RUNS_AT_ONCE) {
                    one_run(tx, experiment.id, run, metrics, steps).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
        if first % 1_000 == 0 {
            println!("{first} runs after {:.1} s", start.elapsed().as_secs_f64());
        }
    }
    println!("{runs} runs after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

async fn one_run(
    tx: &mut db::Tx,
    experiment_id: i64,
    run: i64,
    metrics: i64,
    steps: i64,
) -> Result<(), Error> {
    let me = Actor::named("fill");
    let start_time = Timestamp::from_millis(NOON + run * 1_000);
    let new = NewRun { experiment_id, start_time, user: "fill".into(), ..NewRun::default() };
    let id = create_run(tx, new, &me).await?.id;
    let mut points = Vec::new();
    for metric in 0..metrics {
        let key = format!("metric_{metric}");
        for step in 0..steps {
            let value = chance(run * 1_000_003 + metric * 1_009 + step);
            let time = Timestamp::from_millis(NOON + run * 1_000 + step);
            points.push(Metric { key: key.clone(), value, time, step });
        }
    }
    let model = ["a", "b", "c", "d", "e"].get(usize::try_from(run % 5).unwrap_or(0)).copied().unwrap_or("a");
    let params = vec![("model".to_owned(), model.to_owned()), ("seed".to_owned(), run.to_string())];
    log_batch(tx, &id, Batch { metrics: points, params, tags: Vec::new() }).await?;
    let change = RunChange { status: Some(RunStatus::Finished), end_time: Some(start_time), name: None };
    update_run(tx, &id, change, &me).await
}

/// A number between 0 and 1 with six decimals that looks like chance.
fn chance(seed: i64) -> f64 {
    let mut mixed = seed.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    f64::from(u32::try_from((mixed ^ (mixed >> 31)) % 1_000_000).unwrap_or(0)) / 1_000_000.0
}
