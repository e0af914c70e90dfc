//! `import mlflow`: brings a whole tracking store in, from a running server, its database or its folder.
//!
//! The import runs here, at the client: it sees what the person sees (files, networks, credentials), and the server never
//! reaches out to an address that somebody gave it. What it reads goes to the server as records that can be applied
//! twice, with a mark after each run; a second import passes over what is marked and unchanged.

mod artifacts;
mod database;
mod files;
mod report;
mod rest;
mod sender;
mod source;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use base::Digest;
use db::Foreign;
use futures::StreamExt;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use self::artifacts::{Place, copy, place};
use self::database::Database;
use self::files::FileStore;
use self::report::Report;
use self::rest::{Credentials, Rest};
use self::sender::Sender;
pub(crate) use self::sender::send;
use self::source::{Experiment, LoggedModel, Registered, Run, Source, Version};
use crate::client::Client;
use crate::exit::hinted;
use crate::{output, progress};

/// What is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ImportArguments {
    /// `http://SERVER`, `sqlite:///FILE`, `postgresql://…`, or a folder such as `./mlruns`.
    pub(crate) uri: String,
    /// Only these experiments, by name; all of them when none is named.
    #[arg(long = "experiment")]
    pub(crate) experiments: Vec<String>,
    /// Count what would come in, and bring in nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave files where they are; runs then name that place.
    #[arg(long)]
    pub(crate) no_artifacts: bool,
    /// Leave the model registry out.
    #[arg(long)]
    pub(crate) no_registry: bool,
    /// The folder in which the other server's artifact proxy keeps files (`--artifacts-destination` there).
    #[arg(long)]
    pub(crate) artifact_root: Option<PathBuf>,
    /// Where the report is written.
    #[arg(long, default_value = "gingham-import-report.json")]
    pub(crate) report: PathBuf,
    /// The user name for the other server.
    #[arg(long, env = "MLFLOW_TRACKING_USERNAME")]
    pub(crate) source_user: Option<String>,
    /// The password for the other server.
    #[arg(long, env = "MLFLOW_TRACKING_PASSWORD", hide_env_values = true)]
    pub(crate) source_password: Option<String>,
    /// The token for the other server.
    #[arg(long, env = "MLFLOW_TRACKING_TOKEN", hide_env_values = true)]
    pub(crate) source_token: Option<String>,
}

/// Brings a tracking store in.
pub(crate) async fn import(client: &Client, arguments: &ImportArguments, json: bool) -> Result<ExitCode> {
    let source = open(arguments).await?;
    let report = Report {
        source: source.name().to_owned(),
        target: client.address().to_owned(),
        dry_run: arguments.dry_run,
        ..Report::default()
    };
    let sender = Sender::new(client, source.name());
    let mut import = Import { client, source: &source, arguments, sender, report };
    let outcome = import.all().await;
    let report = import.report;
    let file = (!arguments.dry_run).then_some(arguments.report.as_path());
    if let Some(file) = file {
        report.write(file)?;
    }
    if json {
        output::json(&serde_json::to_value(&report)?);
    } else {
        report.print(file);
    }
    outcome.map_err(|error| {
        hinted(
            format!("{error:#}"),
            "what has come in stays; the same command goes on where this one stopped",
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn open(arguments: &ImportArguments) -> Result<Source> {
    let uri = arguments.uri.as_str();
    if uri.starts_with("http://") || uri.starts_with("https://") {
        let credentials = Credentials {
            user: arguments.source_user.clone(),
            password: arguments.source_password.clone(),
            token: arguments.source_token.clone(),
        };
        return Ok(Source::Rest(Rest::open(uri, credentials).await?));
    }
    // As SQLAlchemy writes them: a driver may follow the engine, and four slashes begin an absolute path.
    if let Some((engine, rest)) = uri.split_once("://")
        && matches!(engine.split('+').next(), Some("postgresql" | "postgres"))
    {
        let foreign = Foreign::open_postgres(&format!("postgres://{rest}")).await?;
        let place = rest.rsplit('@').next().unwrap_or(rest);
        return Ok(Source::Database(Database::open(foreign, format!("postgres://{place}")).await?));
    }
    let sqlite = uri.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("///").unwrap_or(rest));
    let path = Path::new(
        sqlite.or_else(|| uri.strip_prefix("file://")).or_else(|| uri.strip_prefix("file:")).unwrap_or(uri),
    );
    if sqlite.is_none() && path.is_dir() {
        return Ok(Source::Files(FileStore::open(path)?));
    }
    if path.is_file() {
        let path = path.canonicalize()?;
        let foreign = Foreign::open_file(&path).await?;
        return Ok(Source::Database(Database::open(foreign, format!("sqlite:{}", path.display())).await?));
    }
    Err(hinted(
        format!("`{uri}` is no tracking store: there is no such file, folder or scheme"),
        "`http://SERVER`, `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE` or a folder such as `./mlruns`",
    ))
}

/// What an earlier import has brought in, by id.
type Marks = HashMap<String, String>;

struct Import<'a> {
    client: &'a Client,
    source: &'a Source,
    arguments: &'a ImportArguments,
    sender: Sender<'a>,
    report: Report,
}

/// The state of something, by which a later import sees that it changed.
fn fingerprint(thing: &impl serde::Serialize) -> Result<String> {
    Ok(Digest::of(serde_json::to_vec(thing)?).short())
}

impl Import<'_> {
    async fn all(&mut self) -> Result<()> {
        let mut experiments = self.source.experiments().await?;
        if !self.arguments.experiments.is_empty() {
            for name in &self.arguments.experiments {
                if !experiments.iter().any(|experiment| experiment.name == *name) {
                    let names: Vec<_> = experiments.iter().map(|one| one.name.as_str()).take(20).collect();
                    return Err(hinted(
                        format!("there is no experiment `{name}` there"),
                        format!("there are {}", names.join(", ")),
                    ));
                }
            }
            experiments.retain(|experiment| self.arguments.experiments.contains(&experiment.name));
        }
        let bar = match self.source.count_runs(&experiments).await? {
            Some(count) => progress::bar(count, "runs"),
            None => progress::count("runs"),
        };
        let (runs, models) = if self.arguments.dry_run {
            (Marks::new(), Marks::new())
        } else {
            (self.marks("run").await?, self.marks("logged_model").await?)
        };
        for experiment in &experiments {
            self.experiment(experiment, &runs, &models, &bar).await?;
        }
        if !self.arguments.no_registry {
            self.registry().await?;
        }
        self.sender.flush(&mut self.report).await?;
        bar.finish_and_clear();
        if let Source::Database(database) = self.source {
            for (what, count) in database.others().await? {
                self.report.leave_out(format!("{count} {what}"), "are not a part of what is imported");
            }
        }
        Ok(())
    }

    async fn marks(&self, kind: &str) -> Result<Marks> {
        let query = [("source", Some(self.source.name().to_owned())), ("kind", Some(kind.to_owned()))];
        let items = self.client.list_in_pages("/api/v1/records/whole", &query, 1_000).await?;
        let word =
            |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(items.iter().map(|item| (word(item, "id"), word(item, "fingerprint"))).collect())
    }

    async fn push(&mut self, record: &Value, points: usize) -> Result<()> {
        if self.arguments.dry_run {
            return Ok(());
        }
        self.sender.push(record, points, &mut self.report).await
    }

    async fn experiment(
        &mut self,
        experiment: &Experiment,
        runs: &Marks,
        models: &Marks,
        bar: &ProgressBar,
    ) -> Result<()> {
        self.report.experiments += 1;
        bar.set_message(experiment.name.clone());
        let mut home: Option<String> = None;
        let mut after: Option<String> = None;
        loop {
            let (page, next) = self.source.runs(experiment, after.as_deref()).await?;
            for run in page {
                let mark = runs.get(&run.id);
                let state = fingerprint(&run)?;
                if mark == Some(&state) {
                    self.report.runs_unchanged += 1;
                } else {
                    let home = self.home(experiment, &mut home).await?;
                    self.run(experiment, &run, &home, &state, mark.is_none()).await?;
                }
                bar.inc(1);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let (page, next) = self.source.logged_models(experiment, after.as_deref()).await?;
            for model in page {
                let mark = models.get(&model.id);
                let state = fingerprint(&model)?;
                if mark != Some(&state) {
                    let home = self.home(experiment, &mut home).await?;
                    self.logged_model(experiment, &model, &home, &state, mark.is_none()).await?;
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        // An experiment without runs comes in too, once.
        let state = fingerprint(experiment)?;
        if home.is_none()
            && !self.arguments.dry_run
            && self.is_marked("experiment", &experiment.id, &state).await?
        {
            return Ok(());
        }
        self.home(experiment, &mut home).await?;
        if experiment.deleted {
            self.push(&json!({"kind": "experiment_deleted", "name": experiment.name}), 0).await?;
        }
        let whole = json!({"kind": "whole", "what": "experiment", "id": experiment.id, "fingerprint": state});
        self.push(&whole, 0).await
    }

    async fn is_marked(&self, kind: &str, id: &str, state: &str) -> Result<bool> {
        Ok(self.marks(kind).await?.get(id).is_some_and(|mark| mark == state))
    }

    /// Makes the experiment here, and answers the location of its files.
    async fn home(&mut self, experiment: &Experiment, known: &mut Option<String>) -> Result<String> {
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let keeps_its_place = place(self.source, &experiment.location, None, None) == Place::Elsewhere
            && !experiment.location.is_empty();
        let record = json!({
            "kind": "experiment", "name": experiment.name, "tags": experiment.tags, "restore": true,
            "created_ms": experiment.created_ms, "updated_ms": experiment.updated_ms,
            "artifact_location": keeps_its_place.then_some(&experiment.location),
        });
        self.push(&record, 0).await?;
        let home = if self.arguments.dry_run {
            "mlflow-artifacts:/0".to_owned()
        } else {
            self.sender.flush(&mut self.report).await?;
            let query = [("experiment_name", Some(experiment.name.clone()))];
            let answer = self.client.get_with("/api/2.0/mlflow/experiments/get-by-name", &query).await?;
            output::text_at(&answer, "experiment.artifact_location")
        };
        *known = Some(home.clone());
        Ok(home)
    }

    /// Where the files of something go, if they are copied; else the place that is to be named instead.
    async fn files(
        &mut self,
        what: &str,
        uri: &str,
        run: Option<&str>,
        to: &str,
        resume: bool,
    ) -> Result<Option<String>> {
        let from = place(self.source, uri, run, self.arguments.artifact_root.as_deref());
        let own = to.strip_prefix("mlflow-artifacts:/");
        match (&from, own) {
            (Place::Elsewhere, _) if uri.is_empty() => Ok(None),
            (Place::Elsewhere, _) => Ok(Some(uri.to_owned())),
            _ if self.arguments.no_artifacts => Ok(Some(uri.to_owned())),
            (Place::Unreachable(why), _) => {
                self.report.leave_out(format!("files of {what}"), why.clone());
                Ok(None)
            }
            (_, None) => {
                let why =
                    format!("the experiment here keeps its files at {to}, where this program cannot write");
                self.report.leave_out(format!("files of {what}"), why);
                Ok(Some(uri.to_owned()))
            }
            (_, Some(_)) if self.arguments.dry_run => Ok(None),
            (_, Some(own)) => {
                copy(self.source, &from, self.client, own, resume, &mut self.report)
                    .await
                    .with_context(|| format!("the files of {what} cannot be copied"))?;
                Ok(None)
            }
        }
    }

    async fn run(
        &mut self,
        experiment: &Experiment,
        run: &Run,
        home: &str,
        state: &str,
        resume: bool,
    ) -> Result<()> {
        let id = run.id.as_str();
        let to = format!("{home}/{id}/artifacts");
        let uri = self.files(&format!("run {id}"), &run.artifact_uri, Some(id), &to, resume).await?;
        let mut tags = run.tags.clone();
        if !run.name.is_empty() {
            tags.insert("mlflow.runName".into(), run.name.clone());
        }
        let begun = json!({
            "kind": "run", "id": id, "experiment": experiment.name, "user": run.user, "start_ms": run.start_ms,
            "name": (!run.name.is_empty()).then_some(&run.name), "artifact_uri": uri, "tags": tags,
        });
        self.push(&begun, 0).await?;
        if !run.params.is_empty() {
            self.push(&json!({"kind": "params", "run": id, "params": run.params}), 0).await?;
        }
        if !self.arguments.dry_run {
            let mut points = self.source.points(run);
            while let Some(piece) = points.next().await {
                let piece = piece.with_context(|| format!("the metrics of run {id} cannot be read"))?;
                let count = piece.len();
                self.report.points += count as u64;
                let record = json!({
                    "kind": "metric", "run": id, "key": piece.key, "steps": piece.steps,
                    "times_ms": piece.times_ms, "values": piece.values,
                });
                self.push(&record, count).await?;
            }
        }
        if !run.datasets.is_empty() || !run.model_inputs.is_empty() {
            let inputs =
                json!({"kind": "inputs", "run": id, "datasets": run.datasets, "models": run.model_inputs});
            self.push(&inputs, 0).await?;
        }
        if !run.model_outputs.is_empty() {
            self.push(&json!({"kind": "outputs", "run": id, "models": run.model_outputs}), 0).await?;
        }
        let ended = json!({
            "kind": "run_state", "run": id, "status": run.status, "end_ms": run.end_ms, "deleted": run.deleted,
        });
        self.push(&ended, 0).await?;
        self.push(&json!({"kind": "whole", "what": "run", "id": id, "fingerprint": state}), 0).await?;
        self.report.runs += 1;
        self.report.params += run.params.len() as u64;
        Ok(())
    }

    async fn logged_model(
        &mut self,
        experiment: &Experiment,
        model: &LoggedModel,
        home: &str,
        state: &str,
        resume: bool,
    ) -> Result<()> {
        let id = model.id.as_str();
        let to = format!("{home}/models/{id}/artifacts");
        let uri = self.files(&format!("logged model {id}"), &model.artifact_uri, None, &to, resume).await?;
        let record = json!({
            "kind": "logged_model", "id": id, "experiment": experiment.name, "name": model.name,
            "model_type": model.model_type, "source_run": model.source_run, "status": model.status,
            "status_message": model.status_message, "artifact_uri": uri, "created_ms": model.created_ms,
            "updated_ms": model.updated_ms, "params": model.params, "tags": model.tags,
        });
        self.push(&record, 0).await?;
        let mut of_runs: HashMap<&str, Vec<Value>> = HashMap::new();
        for point in &model.metrics {
            of_runs.entry(&point.run).or_default().push(json!({
                "model": id, "key": point.key, "value": point.value, "time_ms": point.time_ms, "step": point.step,
                "dataset_name": point.dataset_name, "dataset_digest": point.dataset_digest,
            }));
        }
        for (run, points) in of_runs {
            let count = points.len();
            self.push(&json!({"kind": "logged_model_metrics", "run": run, "points": points}), count).await?;
        }
        let whole = json!({"kind": "whole", "what": "logged_model", "id": id, "fingerprint": state});
        self.push(&whole, 0).await?;
        self.report.logged_models += 1;
        Ok(())
    }

    async fn registry(&mut self) -> Result<()> {
        let marks = if self.arguments.dry_run { Marks::new() } else { self.marks("model").await? };
        let mut after: Option<String> = None;
        loop {
            let (page, next) = self.source.registered(after.as_deref()).await?;
            for model in page {
                let state = fingerprint(&model)?;
                if marks.get(&model.name) != Some(&state) {
                    self.registered(&model, &state).await?;
                }
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn registered(&mut self, model: &Registered, state: &str) -> Result<()> {
        let record = json!({
            "kind": "model", "name": model.name, "description": model.description, "tags": model.tags,
            "created_ms": model.created_ms, "updated_ms": model.updated_ms,
        });
        self.push(&record, 0).await?;
        for version in &model.versions {
            let (source, location) = self.location(version).await?;
            let record = json!({
                "kind": "version", "model": model.name, "number": version.number, "source": source,
                "storage_location": location, "description": version.description,
                "source_run": version.source_run, "run_link": version.run_link,
                "logged_model": version.logged_model, "stage": version.stage, "status": version.status,
                "status_message": version.status_message, "created_ms": version.created_ms,
                "updated_ms": version.updated_ms, "tags": version.tags,
            });
            self.push(&record, 0).await?;
            self.report.versions += 1;
        }
        for (alias, version) in &model.aliases {
            let record = json!({"kind": "alias", "model": model.name, "alias": alias, "version": version});
            self.push(&record, 0).await?;
            self.report.aliases += 1;
        }
        let whole = json!({"kind": "whole", "what": "model", "id": model.name, "fingerprint": state});
        self.push(&whole, 0).await?;
        self.report.models += 1;
        Ok(())
    }

    /// Source and storage location of a version as they are here: what lay with a run or a logged model there lies with
    /// the same run or logged model here.
    async fn location(&mut self, version: &Version) -> Result<(String, Option<String>)> {
        if self.arguments.dry_run {
            return Ok((version.source.clone(), None));
        }
        if let Some(model) = &version.logged_model {
            // The logged model has come in before, perhaps in the batch that still waits.
            self.sender.flush(&mut self.report).await?;
            let found = self.client.get(&format!("/api/2.0/mlflow/logged-models/{model}")).await;
            let location = found.ok().map(|found| output::text_at(&found, "model.info.artifact_uri"));
            let source = match &location {
                Some(location) if !version.source.starts_with("models:") => location.clone(),
                _ => version.source.clone(),
            };
            return Ok((source, location));
        }
        if let Some(run) = &version.source_run
            && let Some((_, below)) = version.source.split_once(&format!("/{run}/artifacts"))
        {
            self.sender.flush(&mut self.report).await?;
            let query = [("run_id", Some(run.clone()))];
            if let Ok(found) = self.client.get_with("/api/2.0/mlflow/runs/get", &query).await {
                let location = format!("{}{below}", output::text_at(&found, "run.info.artifact_uri"));
                return Ok((location.clone(), Some(location)));
            }
        }
        Ok((version.source.clone(), version.storage_location.clone()))
    }
}
