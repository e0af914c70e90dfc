//! The run on the server: made, kept alive, logged to and ended.

use anyhow::{Context, Result};
use base::{Clock, SystemClock};
use serde_json::{Value, json};

use super::record::{Ended, Record};
use crate::client::{Client, ServerError};
use crate::output::text_at;

/// How long a tag may be on the server.
const MOST_TAG: usize = 5_000;
/// How many params are logged at once.
const PARAMS_AT_ONCE: usize = 100;

/// A run on the server.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    client: Client,
    pub(super) run: String,
    pub(super) experiment: String,
    artifacts: String,
}

/// The id of an experiment; made if there is none of this name.
pub(super) async fn experiment(client: &Client, name: &str) -> Result<String> {
    let query = [("experiment_name", Some(name.to_owned()))];
    match client.get_with("/api/2.0/mlflow/experiments/get-by-name", &query).await {
        Ok(found) => return Ok(text_at(&found, "experiment.experiment_id")),
        Err(error) if error.downcast_ref::<ServerError>().is_some_and(|error| error.status == 404) => {}
        Err(error) => return Err(error),
    }
    let made = client.post("/api/2.0/mlflow/experiments/create", &json!({"name": name})).await?;
    Ok(text_at(&made, "experiment_id"))
}

impl Tracked {
    /// Makes a run, and writes down what was captured so far.
    pub(super) async fn begin(
        client: &Client,
        experiment: &str,
        name: Option<&str>,
        record: &Record,
    ) -> Result<Self> {
        let mut tags = vec![
            ("mlflow.source.type", "LOCAL".to_owned()),
            ("mlflow.source.name", record.command.join(" ")),
            ("gingham.captured", "run".to_owned()),
        ];
        if let Some(git) = &record.code.git {
            tags.extend(git.commit.clone().map(|commit| ("mlflow.source.git.commit", commit)));
            tags.extend(git.branch.clone().map(|branch| ("mlflow.source.git.branch", branch)));
            tags.extend(git.remote.clone().map(|remote| ("mlflow.source.git.repoURL", remote)));
        }
        tags.extend(record.rerun_of.clone().map(|run| ("gingham.rerun_of", run)));
        let tags: Vec<Value> = tags
            .into_iter()
            .map(
                |(key, value)| json!({"key": key, "value": value.chars().take(MOST_TAG).collect::<String>()}),
            )
            .collect();
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
        let body = json!({
            "experiment_id": experiment, "run_name": name, "user_id": user,
            "start_time": SystemClock.now().as_millis(), "tags": tags,
        });
        let made = client.post("/api/2.0/mlflow/runs/create", &body).await?;
        let run = text_at(&made, "run.info.run_id");
        let location = text_at(&made, "run.info.artifact_uri");
        let artifacts = location.trim_start_matches("mlflow-artifacts:").trim_matches('/').to_owned();
        let tracked = Self { client: client.clone(), run, experiment: experiment.to_owned(), artifacts };
        tracked.write(record, false).await?;
        for params in record.params.chunks(PARAMS_AT_ONCE) {
            let params: Vec<Value> =
                params.iter().map(|param| json!({"key": param.name, "value": param.value})).collect();
            let body = json!({"run_id": tracked.run, "params": params});
            client.post("/api/2.0/mlflow/runs/log-batch", &body).await?;
        }
        Ok(tracked)
    }

    /// Writes down what was captured.
    pub(super) async fn write(&self, record: &Record, is_over: bool) -> Result<()> {
        let body = json!({"record": record, "is_over": is_over});
        self.client.put(&format!("/api/v1/runs/{}/capture", self.run), &body).await?;
        Ok(())
    }

    /// Says that the run is still under way.
    pub(super) async fn keep_alive(&self) -> Result<()> {
        self.client.post(&format!("/api/v1/runs/{}/heartbeat", self.run), &json!({})).await?;
        Ok(())
    }

    /// Stores a file of the run.
    pub(super) async fn put_file(&self, path: &str, content: Vec<u8>) -> Result<()> {
        let address = format!("/api/2.0/mlflow-artifacts/artifacts/{}/{path}", self.artifacts);
        self.client.put_bytes(&address, content).await?;
        Ok(())
    }

    /// Removes a file or folder of the run.
    pub(super) async fn remove_file(&self, path: &str) -> Result<()> {
        let address = format!("/api/2.0/mlflow-artifacts/artifacts/{}/{path}", self.artifacts);
        self.client.delete(&address).await?;
        Ok(())
    }

    /// Writes down how the run ended.
    pub(super) async fn end(&self, record: &Record, status: &str) -> Result<()> {
        let Some(ended) = &record.ended else { return Ok(()) };
        let now = SystemClock.now().as_millis();
        let metrics: Vec<Value> = figures(ended)
            .into_iter()
            .map(|(key, value)| json!({"key": key, "value": value, "timestamp": now, "step": 0}))
            .collect();
        let mut tags = Vec::new();
        tags.extend(
            ended.exit_code.map(|code| json!({"key": "gingham.exit_code", "value": code.to_string()})),
        );
        tags.extend(ended.signal.map(|signal| json!({"key": "gingham.signal", "value": signal.to_string()})));
        let body = json!({"run_id": self.run, "metrics": metrics, "tags": tags});
        self.client.post("/api/2.0/mlflow/runs/log-batch", &body).await?;
        self.write(record, true).await?;
        let body = json!({"run_id": self.run, "status": status, "end_time": now});
        self.client
            .post("/api/2.0/mlflow/runs/update", &body)
            .await
            .context("the end of the run is not written down")?;
        Ok(())
    }

    /// Sets a tag of the run.
    pub(super) async fn tag(&self, key: &str, value: &str) -> Result<()> {
        let body = json!({"run_id": self.run, "key": key, "value": value});
        self.client.post("/api/2.0/mlflow/runs/set-tag", &body).await?;
        Ok(())
    }
}

/// What a run took, as metrics that can be searched for.
fn figures(ended: &Ended) -> Vec<(String, f64)> {
    let usage = &ended.usage;
    #[expect(clippy::cast_precision_loss, reason = "sizes of memory are far below 2^52")]
    let peak = usage.peak_memory_bytes as f64;
    let mut figures = vec![
        ("system/wall_seconds".to_owned(), usage.wall_seconds),
        ("system/cpu_seconds".to_owned(), usage.user_cpu_seconds + usage.system_cpu_seconds),
        ("system/peak_memory_bytes".to_owned(), peak),
    ];
    for (index, gpu) in usage.gpus.iter().enumerate() {
        figures.push((format!("system/gpu_{index}_utilization_percent"), gpu.mean_utilization_percent));
    }
    figures
}
