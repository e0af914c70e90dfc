//! What an event becomes when it is told to others.

use base::Event;
use lineage::{RunState, TellDataset, TellJob, TellRun, job_event};
use serde_json::Value;

use super::steps::{found, named_datasets, numbered};
use crate::{Error, Platform};

impl Platform {
    /// The events of OpenLineage that tell of an event of ours.
    pub(super) async fn told_of(&self, namespace: &str, event: &Event) -> Result<Vec<Value>, Error> {
        let name = event.object.name.as_str();
        match event.kind.as_str() {
            "dataset.version_added" => self.tell_push(namespace, event, name).await,
            "version.registered" => self.tell_version(namespace, event, name).await,
            "deployment.switched" => Ok(vec![deployment_event(namespace, event)]),
            "run.started" => self.tell_run(namespace, event, RunState::Start).await,
            "run.finished" => self.tell_run(namespace, event, RunState::Complete).await,
            "run.failed" => {
                let state = match event.data.get("status").and_then(Value::as_str) {
                    Some("KILLED") => RunState::Abort,
                    _ => RunState::Fail,
                };
                self.tell_run(namespace, event, state).await
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Rows that came are a run of their own: it began and ended when they were written down.
    async fn tell_push(&self, namespace: &str, event: &Event, object: &str) -> Result<Vec<Value>, Error> {
        let Some((dataset, number)) = numbered(object) else { return Ok(Vec::new()) };
        let version = datasets::get_version(&mut self.db.read().await?, dataset, number).await;
        let Some(version) = found(version)? else { return Ok(Vec::new()) };
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut job = TellJob::batch(namespace, format!("push/{dataset}"), "QUERY");
        let query = text(&version.origin, "query");
        if !query.is_empty() {
            let engine = text(&version.origin, "engine");
            job = job.with_sql(&query, if engine.is_empty() { "sql" } else { &engine });
        }
        let mut inputs: Vec<TellDataset> = named_datasets(version.origin.get("inputs"))
            .into_iter()
            .map(|(name, number)| TellDataset::new(namespace, name).with_version(number))
            .collect();
        for source in version.origin.get("external").and_then(Value::as_array).into_iter().flatten() {
            let told = TellDataset::new(&text(source, "namespace"), text(source, "name"));
            let seen = text(source, "version");
            inputs.push(if seen.is_empty() { told } else { told.with_version(seen) });
        }
        let columns = version.schema.columns.iter();
        let output = TellDataset::new(namespace, dataset)
            .with_version(number)
            .with_columns(columns.map(|column| (column.name.as_str(), column.kind.word())))
            .with_rows_written(version.rows_added);
        let told = |state| TellRun {
            at: event.at,
            state,
            run: format!("push {object} {}", version.digest),
            job: job.clone(),
            inputs: inputs.clone(),
            outputs: vec![output.clone()],
            problem: None,
        };
        Ok(vec![told(RunState::Start).event(), told(RunState::Complete).event()])
    }

    /// A version is what a run wrote. The run has ended by then, perhaps: more is known of it.
    async fn tell_version(&self, namespace: &str, event: &Event, object: &str) -> Result<Vec<Value>, Error> {
        let Some((model, number)) = numbered(object) else { return Ok(Vec::new()) };
        let version = registry::get_version(&mut self.db.read().await?, model, number).await;
        let Some(version) = found(version)? else { return Ok(Vec::new()) };
        let output = model_version(namespace, model, number);
        let inputs = named_datasets(version.dataset_versions.as_ref())
            .into_iter()
            .map(|(name, number)| TellDataset::new(namespace, name).with_version(number))
            .collect();
        let Some(run) = &version.source_run else {
            return Ok(vec![lineage::dataset_event(event.at, &output)]);
        };
        let job = self.job_of(namespace, run).await?.0;
        let (state, outputs) = (RunState::Other, vec![output]);
        let told = TellRun { at: event.at, state, run: run.clone(), job, inputs, outputs, problem: None };
        Ok(vec![told.event()])
    }

    async fn tell_run(&self, namespace: &str, event: &Event, state: RunState) -> Result<Vec<Value>, Error> {
        let run = event.object.name.as_str();
        let (job, mut inputs) = self.job_of(namespace, run).await?;
        let mut outputs = Vec::new();
        let capture = found(experiments::find_capture(&mut self.db.read().await?, run).await)?.flatten();
        if let Some(capture) = capture {
            inputs.extend(files_of(namespace, &capture.record, "inputs"));
            outputs.extend(files_of(namespace, &capture.record, "outputs"));
        }
        let failed = matches!(state, RunState::Fail | RunState::Abort);
        let problem = failed.then(|| event.summary.clone());
        Ok(vec![TellRun { at: event.at, state, run: run.to_owned(), job, inputs, outputs, problem }.event()])
    }

    /// The job that a run is one of, by its experiment, and the datasets that its client named.
    async fn job_of(&self, namespace: &str, run: &str) -> Result<(TellJob, Vec<TellDataset>), Error> {
        let mut read = self.db.read().await?;
        let Some(known) = found(experiments::get_run(&mut read, run).await)? else {
            return Ok((TellJob::batch(namespace, "runs", "RUN"), Vec::new()));
        };
        let experiment = found(experiments::get_experiment(&mut read, known.experiment_id).await)?;
        let name = experiment.map_or_else(|| known.experiment_id.to_string(), |experiment| experiment.name);
        let mut job = TellJob::batch(namespace, format!("experiments/{name}"), "RUN");
        let tag = |key: &str| known.tags.get(key).map(String::as_str);
        if let Some(remote) = tag("mlflow.source.git.repoURL") {
            job = job.with_git(remote, tag("mlflow.source.git.commit"), tag("mlflow.source.git.branch"));
        }
        let inputs = known
            .inputs
            .iter()
            .map(|input| TellDataset::new(namespace, input.name.clone()).with_version(&input.digest))
            .collect();
        Ok((job, inputs))
    }
}

fn model_version(namespace: &str, model: &str, number: i64) -> TellDataset {
    TellDataset::new(namespace, format!("models/{model}")).with_type("MODEL").with_version(number)
}

/// A deployment reads a model and writes predictions for as long as it is there: a job without runs.
fn deployment_event(namespace: &str, event: &Event) -> Value {
    let model = event.data.get("model").and_then(Value::as_str).unwrap_or_default();
    let number = event.data.get("version").and_then(Value::as_i64).unwrap_or_default();
    let job = TellJob::service(namespace, format!("deployments/{}", event.object.name), "DEPLOYMENT");
    let output = TellDataset::new(namespace, format!("predictions/{model}")).with_type("TABLE");
    job_event(event.at, &job, &[model_version(namespace, model, number)], &[output])
}

/// Files that a captured run read or wrote, by their path and the digest of what they held.
fn files_of(namespace: &str, record: &Value, key: &str) -> Vec<TellDataset> {
    let files = record.get(key).and_then(Value::as_array).into_iter().flatten();
    let text =
        |files: &Value, key: &str| files.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    files
        .filter(|files| !text(files, "tree").is_empty())
        .map(|files| {
            TellDataset::new(namespace, format!("files/{}", text(files, "path")))
                .with_version(text(files, "tree"))
        })
        .collect()
}
