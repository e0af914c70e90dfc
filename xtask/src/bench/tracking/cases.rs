//! What is asked of each server.

use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use super::Measured;
use super::load::{Target, load};
use crate::bench::http::Client;

const API: &str = "/api/2.0/mlflow";
/// Metrics and params of each run that is searched.
const FIELDS: usize = 20;
/// The instant at which everything here begins, in milliseconds.
const NOON: usize = 1_795_000_000_000;

/// How much of everything.
pub struct Sizes {
    requests: usize,
    batches: usize,
    runs: usize,
    searches: usize,
    batches_of_history: usize,
    histories: usize,
}

impl Sizes {
    /// What figures are taken with.
    pub fn full() -> Self {
        Self {
            requests: 4_000,
            batches: 200,
            runs: 10_000,
            searches: 200,
            batches_of_history: 100,
            histories: 20,
        }
    }

    /// The same data, fewer requests: a server that needs seconds for one of them need not be asked 200 times.
    pub fn full_of_mlflow() -> Self {
        Self { requests: 300, batches: 20, searches: 5, histories: 2, ..Self::full() }
    }

    /// To see that all of it works.
    pub fn quick() -> Self {
        Self { requests: 100, batches: 5, runs: 300, searches: 5, batches_of_history: 10, histories: 2 }
    }
}

/// A way to fill a server with runs to be searched.
pub trait Fill {
    /// Makes so many runs of 20 params and 20 metrics in an experiment.
    fn fill(&self, target: &Target, experiment: &str, runs: usize) -> Result<()>;
}

/// Over HTTP, as any client would.
pub struct OverHttp;

impl Fill for OverHttp {
    fn fill(&self, target: &Target, experiment: &str, runs: usize) -> Result<()> {
        load(target, 4, runs, |client, number| {
            let run = create_run(client, experiment, number)?;
            let metrics: Vec<Value> = (0..FIELDS)
                .map(|field| json!({"key": format!("m{field}"), "value": value_of(number, field), "timestamp": NOON, "step": 0}))
                .collect();
            let params: Vec<Value> = (0..FIELDS)
                .map(|field| json!({"key": format!("p{field}"), "value": param_of(number, field)}))
                .collect();
            let body = json!({"run_id": run, "metrics": metrics, "params": params});
            client.post(&format!("{API}/runs/log-batch"), &body.to_string())?;
            let body = json!({"run_id": run, "status": "FINISHED", "end_time": NOON});
            client.post(&format!("{API}/runs/update"), &body.to_string()).map(drop)
        })?;
        Ok(())
    }
}

/// A value between 0 and 1 that looks like chance and is the same each time.
pub fn value_of(run: usize, field: usize) -> f64 {
    let mixed = (run * 7_919 + field * 104_729 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    super::load::real(mixed >> 11) / super::load::real(1 << 53)
}

/// One of five texts.
pub fn param_of(run: usize, field: usize) -> &'static str {
    ["x", "y", "z", "some", "other"].get((run + field) % 5).copied().unwrap_or("x")
}

/// Asks everything of a server, one after another.
pub fn measure(target: &Target, sizes: &Sizes, filler: &dyn Fill) -> Result<Vec<Measured>> {
    let experiment = create_experiment(&mut Client::connect(target.port)?, "bench")?;
    let mut all = Vec::new();
    writes(target, sizes, &experiment, &mut all)?;
    histories(target, sizes, &experiment, &mut all)?;
    // A new connection: servers close one that has been idle for some seconds.
    let searched = create_experiment(&mut Client::connect(target.port)?, "searched")?;
    filler.fill(target, &searched, sizes.runs)?;
    searches(target, sizes, &searched, &mut all)?;
    println!("memory after all of it: {:.1} MB", target.resident_mb()?);
    Ok(all)
}

fn writes(target: &Target, sizes: &Sizes, experiment: &str, all: &mut Vec<Measured>) -> Result<()> {
    let mut client = Client::connect(target.port)?;
    let runs =
        (0..8).map(|number| create_run(&mut client, experiment, number)).collect::<Result<Vec<_>>>()?;
    let run_of = |number: usize| runs.get(number % runs.len()).map_or("", String::as_str);
    let log_metric = |client: &mut Client, number: usize, key: &str| {
        let body = json!({
            "run_id": run_of(number), "key": key, "value": value_of(number, 0), "timestamp": NOON + number, "step": number,
        });
        client.post(&format!("{API}/runs/log-metric"), &body.to_string()).map(drop)
    };
    let cost = load(target, 1, sizes.requests / 4, |client, number| log_metric(client, number, "alone"))?;
    all.push(Measured { what: "log-metric, 1 client", cost });
    let cost = load(target, 8, sizes.requests, |client, number| log_metric(client, number, "together"))?;
    all.push(Measured { what: "log-metric, 8 clients", cost });
    let log_batch = |client: &mut Client, number: usize, metrics: Vec<Value>| {
        let body = json!({"run_id": run_of(number), "metrics": metrics});
        client.post(&format!("{API}/runs/log-batch"), &body.to_string()).map(drop)
    };
    let cost = load(target, 1, sizes.batches, |client, number| {
        let point = |place: usize| json!({"key": "series", "value": value_of(number, place), "timestamp": NOON + place, "step": number * 1_000 + place});
        log_batch(client, number, (0..1_000).map(point).collect())
    })?;
    all.push(Measured { what: "log-batch, 1,000 points of 1 metric", cost });
    let cost = load(target, 1, sizes.batches, |client, number| {
        let point = |place: usize| json!({"key": format!("wide{place}"), "value": value_of(number, place), "timestamp": NOON, "step": number});
        log_batch(client, number, (0..1_000).map(point).collect())
    })?;
    all.push(Measured { what: "log-batch, 1,000 metrics", cost });
    for (clients, what) in [(1, "runs/create, 1 client"), (8, "runs/create, 8 clients")] {
        let cost = load(target, clients, sizes.requests / 4, |client, number| {
            create_run(client, experiment, number).map(drop)
        })?;
        all.push(Measured { what, cost });
    }
    Ok(())
}

fn histories(target: &Target, sizes: &Sizes, experiment: &str, all: &mut Vec<Measured>) -> Result<()> {
    let run = create_run(&mut Client::connect(target.port)?, experiment, 0)?;
    load(target, 1, sizes.batches_of_history, |client, number| {
        let point = |place: usize| {
            let step = number * 1_000 + place;
            json!({"key": "loss", "value": value_of(step, 3), "timestamp": NOON + step * 1_000, "step": step})
        };
        let body = json!({"run_id": run, "metrics": (0..1_000).map(point).collect::<Vec<_>>()});
        client.post(&format!("{API}/runs/log-batch"), &body.to_string()).map(drop)
    })?;
    let expected = sizes.batches_of_history * 1_000;
    let cost = load(target, 1, sizes.histories, |client, _| {
        let mut token = String::new();
        let mut points = 0;
        loop {
            let page = client.get(&format!(
                "{API}/metrics/get-history?run_id={run}&metric_key=loss&max_results=25000{token}"
            ))?;
            let page: Value = serde_json::from_slice(&page)?;
            points += page["metrics"].as_array().map_or(0, Vec::len);
            match page["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None if points == expected => return Ok(()),
                None => return Err(anyhow!("{points} points came instead of {expected}")),
            }
        }
    })?;
    all.push(Measured { what: "history, whole, in pages of 25,000", cost });
    let cost = load(target, 1, sizes.histories, |client, _| {
        let query = format!("run_ids={run}&metric_key=loss&max_results=320");
        client.get(&format!("{API}/metrics/get-history-bulk-interval?{query}")).map(drop)
    })?;
    all.push(Measured { what: "history, drawn with 320 points", cost });
    Ok(())
}

fn searches(target: &Target, sizes: &Sizes, experiment: &str, all: &mut Vec<Measured>) -> Result<()> {
    let search = |what, filter: &str, order: &str, limit: usize, expected: usize| -> Result<Measured> {
        let body = json!({
            "experiment_ids": [experiment], "filter": filter, "order_by": [order], "max_results": limit,
        })
        .to_string();
        let sizes_seen = Mutex::new(Vec::new());
        let cost = load(target, 1, sizes.searches, |client, _| {
            let page = client.post(&format!("{API}/runs/search"), &body)?;
            sizes_seen.lock().map_err(|_| anyhow!("a client failed"))?.push(page);
            Ok(())
        })?;
        for page in sizes_seen.into_inner().unwrap_or_default().iter().take(1) {
            let page: Value = serde_json::from_slice(page)?;
            let found = page["runs"].as_array().map_or(0, Vec::len);
            if found != expected {
                return Err(anyhow!("{what}: {found} runs came instead of {expected}"));
            }
        }
        Ok(Measured { what, cost })
    };
    let passing = (0..sizes.runs).filter(|run| value_of(*run, 1) > 0.5 && param_of(*run, 1) == "x").count();
    all.push(search(
        "search, two filters by a metric",
        "metrics.m1 > 0.5 and params.p1 = \"x\"",
        "metrics.m1 DESC",
        100,
        passing.min(100),
    )?);
    all.push(search("search, newest 100", "", "attributes.start_time DESC", 100, sizes.runs.min(100))?);
    all.push(search("search, first page of 1,000", "", "metrics.m2 ASC", 1_000, sizes.runs.min(1_000))?);
    let like = "attributes.run_name LIKE '%77%'";
    let passing = (0..sizes.runs).filter(|run| format!("run-{run}").contains("77")).count();
    all.push(search(
        "search, a part of the name",
        like,
        "attributes.start_time DESC",
        100,
        passing.min(100),
    )?);
    Ok(())
}

fn create_experiment(client: &mut Client, name: &str) -> Result<String> {
    let answer = client.post(&format!("{API}/experiments/create"), &json!({"name": name}).to_string())?;
    text_at(&answer, "/experiment_id")
}

fn create_run(client: &mut Client, experiment: &str, number: usize) -> Result<String> {
    let body = json!({
        "experiment_id": experiment, "run_name": format!("run-{number}"), "start_time": NOON + number, "user_id": "bench",
        "tags": [{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.name", "value": "bench.py"}],
    });
    let answer = client.post(&format!("{API}/runs/create"), &body.to_string())?;
    text_at(&answer, "/run/info/run_id")
}

fn text_at(answer: &[u8], pointer: &str) -> Result<String> {
    let answer: Value = serde_json::from_slice(answer)?;
    let text = answer.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no `{pointer}` in {answer}"))?.to_owned())
}
