//! MLflow's own tables, in SQLite or PostgreSQL.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use async_points::Gathering;
use db::{Foreign, Row, params};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::json;

use super::source::{
    Experiment, Link, LoggedModel, ModelPoint, Page, Pairs, Points, Registered, Run, Version, real,
};

/// Runs that are read at a time.
const PAGE: usize = 100;

/// The database of an MLflow server.
pub(super) struct Database {
    foreign: Foreign,
    name: String,
    has: Has,
}

/// Tables that came with later releases.
struct Has {
    inputs: bool,
    input_step: bool,
    logged_models: bool,
    aliases: bool,
    storage_location: bool,
    experiment_times: bool,
}

impl Database {
    pub(super) async fn open(foreign: Foreign, name: String) -> Result<Self> {
        if !foreign.has_table("runs").await? || !foreign.has_table("experiments").await? {
            bail!("the database `{name}` holds no tables of MLflow");
        }
        let has = Has {
            inputs: foreign.has_table("inputs").await?,
            input_step: foreign.has_column("inputs", "step").await?,
            logged_models: foreign.has_table("logged_models").await?,
            aliases: foreign.has_table("registered_model_aliases").await?,
            storage_location: foreign.has_column("model_versions", "storage_location").await?,
            experiment_times: foreign.has_column("experiments", "creation_time").await?,
        };
        Ok(Self { foreign, name, has })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn experiments(&self) -> Result<Vec<Experiment>> {
        let sql = if self.has.experiment_times {
            "select experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time \
             from experiments order by experiment_id"
        } else {
            "select experiment_id, name, artifact_location, lifecycle_stage, null as creation_time, \
             null as last_update_time from experiments order by experiment_id"
        };
        let mut tags =
            self.pairs("select experiment_id as owner, key, value from experiment_tags", Vec::new()).await?;
        let mut found = Vec::new();
        for row in self.foreign.rows(sql, Vec::new()).await? {
            let id = row.int("experiment_id")?.to_string();
            found.push(Experiment {
                tags: tags.remove(&id).unwrap_or_default(),
                id,
                name: row.text("name")?,
                location: row.opt_text("artifact_location")?.unwrap_or_default(),
                deleted: row.opt_text("lifecycle_stage")?.as_deref() == Some("deleted"),
                created_ms: row.opt_int("creation_time")?,
                updated_ms: row.opt_int("last_update_time")?,
            });
        }
        Ok(found)
    }

    pub(super) async fn count_runs(&self, experiments: &[Experiment]) -> Result<u64> {
        let mut total = 0;
        for experiment in experiments {
            let sql = "select count(*) as count from runs where experiment_id = $1";
            let rows = self.foreign.rows(sql, params![number(experiment)?]).await?;
            let count = rows.first().map(|row| row.int("count")).transpose()?.unwrap_or(0);
            total += u64::try_from(count).unwrap_or(0);
        }
        Ok(total)
    }

    pub(super) async fn runs(&self, experiment: &Experiment, after: Option<&str>) -> Result<Page<Run>> {
        let sql = "select run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri \
                   from runs where experiment_id = $1 and run_uuid > $2 order by run_uuid limit $3";
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let rows = self.foreign.rows(sql, params![number(experiment)?, after.unwrap_or(""), limit]).await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in &rows {
            runs.push(self.run(row).await?);
        }
        let next = (rows.len() == PAGE).then(|| runs.last().map(|run| run.id.clone())).flatten();
        Ok((runs, next))
    }

    async fn run(&self, row: &Row) -> Result<Run> {
        let id = row.text("run_uuid")?;
        let of = |sql: &'static str| self.flat(sql, &id);
        let tags = of("select key, value from tags where run_uuid = $1").await?;
        let metrics = self
            .foreign
            .rows(
                "select key, value, timestamp, step, is_nan from latest_metrics where run_uuid = $1",
                params![&id],
            )
            .await?
            .iter()
            .map(|row| {
                let point = format!(
                    "{} {} {}",
                    row.opt_int("step")?.unwrap_or(0),
                    row.opt_int("timestamp")?.unwrap_or(0),
                    row.opt_real("value")?.unwrap_or(0.0)
                );
                Ok((row.text("key")?, point))
            })
            .collect::<Result<Pairs>>()?;
        let (datasets, model_inputs, model_outputs) = self.inputs(&id).await?;
        let name = row.opt_text("name")?.filter(|name| !name.is_empty());
        Ok(Run {
            name: name.or_else(|| tags.get("mlflow.runName").cloned()).unwrap_or_default(),
            user: row.opt_text("user_id")?.unwrap_or_default(),
            status: row.opt_text("status")?.unwrap_or_else(|| "RUNNING".into()),
            start_ms: row.opt_int("start_time")?.unwrap_or(0),
            end_ms: row.opt_int("end_time")?,
            deleted: row.opt_text("lifecycle_stage")?.as_deref() == Some("deleted"),
            artifact_uri: row.opt_text("artifact_uri")?.unwrap_or_default(),
            params: of("select key, value from params where run_uuid = $1").await?,
            tags,
            metrics,
            datasets,
            model_inputs,
            model_outputs,
            id,
        })
    }

    async fn inputs(&self, run: &str) -> Result<(Vec<serde_json::Value>, Vec<Link>, Vec<Link>)> {
        let (mut datasets, mut read, mut made) = (Vec::new(), Vec::new(), Vec::new());
        if !self.has.inputs {
            return Ok((datasets, read, made));
        }
        let sql = "select i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, \
                   d.dataset_schema, d.dataset_profile from inputs i join datasets d on d.dataset_uuid = i.source_id \
                   where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id = $1 \
                   order by d.name, d.digest";
        for row in self.foreign.rows(sql, params![run]).await? {
            let tags = "select name as key, value from input_tags where input_uuid = $1";
            datasets.push(json!({
                "name": row.text("name")?,
                "digest": row.text("digest")?,
                "source_type": row.opt_text("dataset_source_type")?.unwrap_or_default(),
                "source": row.opt_text("dataset_source")?.unwrap_or_default(),
                "schema": row.opt_text("dataset_schema")?,
                "profile": row.opt_text("dataset_profile")?,
                "tags": self.flat(tags, &row.text("input_uuid")?).await?,
            }));
        }
        if self.has.input_step {
            let sql = "select source_type, destination_type, source_id, destination_id, step from inputs \
                       where (source_type = 'RUN_INPUT' or source_type = 'RUN_OUTPUT') and source_id = $1";
            for row in self.foreign.rows(sql, params![run]).await? {
                let link =
                    Link { model: row.text("destination_id")?, step: row.opt_int("step")?.unwrap_or(0) };
                if row.text("source_type")? == "RUN_OUTPUT" { made.push(link) } else { read.push(link) }
            }
        }
        Ok((datasets, read, made))
    }

    pub(super) fn points<'a>(&'a self, run: &'a Run) -> BoxStream<'a, Result<Points>> {
        if run.metrics.is_empty() {
            return stream::empty().boxed();
        }
        let sql = "select key, value, timestamp, step, is_nan from metrics where run_uuid = $1";
        let rows = self.foreign.stream(sql, params![&run.id]).map(|row| {
            let row = row.context("the metrics cannot be read")?;
            let is_nan = row.opt_int("is_nan")?.unwrap_or(0) != 0;
            let value = if is_nan { f64::NAN } else { row.real("value")? };
            Ok((row.text("key")?, row.opt_int("step")?.unwrap_or(0), row.int("timestamp")?, value))
        });
        Gathering::of(rows.boxed()).boxed()
    }

    pub(super) async fn logged_models(
        &self,
        experiment: &Experiment,
        after: Option<&str>,
    ) -> Result<Page<LoggedModel>> {
        if !self.has.logged_models {
            return Ok((Vec::new(), None));
        }
        let sql = "select model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, \
                   status, model_type, source_run_id, status_message from logged_models \
                   where experiment_id = $1 and lifecycle_stage <> 'deleted' and model_id > $2 \
                   order by model_id limit $3";
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let rows = self.foreign.rows(sql, params![number(experiment)?, after.unwrap_or(""), limit]).await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.text("model_id")?;
            models.push(LoggedModel {
                name: row.text("name")?,
                model_type: row.opt_text("model_type")?,
                source_run: row.opt_text("source_run_id")?,
                status: logged_status(row.opt_int("status")?.unwrap_or(2)).into(),
                status_message: row.opt_text("status_message")?,
                artifact_uri: row.opt_text("artifact_location")?.unwrap_or_default(),
                created_ms: row.int("creation_timestamp_ms")?,
                updated_ms: row.int("last_updated_timestamp_ms")?,
                params: self
                    .flat(
                        "select param_key as key, param_value as value from logged_model_params where model_id = $1",
                        &id,
                    )
                    .await?,
                tags: self
                    .flat(
                        "select tag_key as key, tag_value as value from logged_model_tags where model_id = $1",
                        &id,
                    )
                    .await?,
                metrics: self.model_points(&id).await?,
                id,
            });
        }
        let next = (rows.len() == PAGE).then(|| models.last().map(|model| model.id.clone())).flatten();
        Ok((models, next))
    }

    async fn model_points(&self, model: &str) -> Result<Vec<ModelPoint>> {
        let sql = "select metric_name, metric_timestamp_ms, metric_step, metric_value, run_id, dataset_name, \
                   dataset_digest from logged_model_metrics where model_id = $1";
        let rows = self.foreign.rows(sql, params![model]).await?;
        rows.iter()
            .map(|row| {
                Ok(ModelPoint {
                    run: row.text("run_id")?,
                    key: row.text("metric_name")?,
                    value: real(row.opt_real("metric_value")?.unwrap_or(f64::NAN)),
                    time_ms: row.int("metric_timestamp_ms")?,
                    step: row.int("metric_step")?,
                    dataset_name: row.opt_text("dataset_name")?.unwrap_or_default(),
                    dataset_digest: row.opt_text("dataset_digest")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    pub(super) async fn registered(&self, after: Option<&str>) -> Result<Page<Registered>> {
        if !self.foreign.has_table("registered_models").await? {
            return Ok((Vec::new(), None));
        }
        let sql = "select name, description, creation_time, last_updated_time from registered_models \
                   where name > $1 order by name limit $2";
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let rows = self.foreign.rows(sql, params![after.unwrap_or(""), limit]).await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            let name = row.text("name")?;
            let mut aliases = BTreeMap::new();
            if self.has.aliases {
                let sql = "select alias, version from registered_model_aliases where name = $1";
                for row in self.foreign.rows(sql, params![&name]).await? {
                    aliases.insert(row.text("alias")?, row.int("version")?);
                }
            }
            models.push(Registered {
                description: row.opt_text("description")?.unwrap_or_default(),
                created_ms: row.opt_int("creation_time")?.unwrap_or(0),
                updated_ms: row.opt_int("last_updated_time")?.unwrap_or(0),
                tags: self
                    .flat("select key, value from registered_model_tags where name = $1", &name)
                    .await?,
                aliases,
                versions: self.versions(&name).await?,
                name,
            });
        }
        let next = (rows.len() == PAGE).then(|| models.last().map(|model| model.name.clone())).flatten();
        Ok((models, next))
    }

    async fn versions(&self, model: &str) -> Result<Vec<Version>> {
        let sql = if self.has.storage_location {
            "select version, description, source, storage_location, run_id, run_link, current_stage, status, \
             status_message, creation_time, last_updated_time from model_versions \
             where name = $1 and current_stage <> 'Deleted_Internal' order by version"
        } else {
            "select version, description, source, null as storage_location, run_id, run_link, current_stage, status, \
             status_message, creation_time, last_updated_time from model_versions \
             where name = $1 and current_stage <> 'Deleted_Internal' order by version"
        };
        let mut tags: BTreeMap<String, Pairs> = self
            .pairs(
                "select version as owner, key, value from model_version_tags where name = $1",
                params![model],
            )
            .await?;
        let rows = self.foreign.rows(sql, params![model]).await?;
        rows.iter()
            .map(|row| {
                let number = row.int("version")?;
                let source = row.opt_text("source")?.unwrap_or_default();
                Ok(Version {
                    number,
                    description: row.opt_text("description")?.unwrap_or_default(),
                    storage_location: row.opt_text("storage_location")?,
                    source_run: row.opt_text("run_id")?,
                    run_link: row.opt_text("run_link")?,
                    logged_model: source
                        .strip_prefix("models:/")
                        .filter(|id| id.starts_with("m-"))
                        .map(Into::into),
                    source,
                    stage: row.opt_text("current_stage")?.unwrap_or_else(|| "None".into()),
                    status: row.opt_text("status")?.unwrap_or_else(|| "READY".into()),
                    status_message: row.opt_text("status_message")?.unwrap_or_default(),
                    created_ms: row.opt_int("creation_time")?.unwrap_or(0),
                    updated_ms: row.opt_int("last_updated_time")?.unwrap_or(0),
                    tags: tags.remove(&number.to_string()).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// What is there beyond what an import carries: how many rows of what.
    pub(super) async fn others(&self) -> Result<Vec<(&'static str, i64)>> {
        let tables = [
            ("trace_info", "traces", "select count(*) as count from trace_info"),
            ("webhooks", "webhooks", "select count(*) as count from webhooks"),
            (
                "evaluation_datasets",
                "evaluation datasets",
                "select count(*) as count from evaluation_datasets",
            ),
            ("scorers", "scorers", "select count(*) as count from scorers"),
        ];
        let mut found = Vec::new();
        for (table, words, sql) in tables {
            if self.foreign.has_table(table).await? {
                let rows = self.foreign.rows(sql, Vec::new()).await?;
                let count = rows.first().map(|row| row.int("count")).transpose()?.unwrap_or(0);
                if count > 0 {
                    found.push((words, count));
                }
            }
        }
        Ok(found)
    }

    async fn flat(&self, sql: &'static str, owner: &str) -> Result<Pairs> {
        let rows = self.foreign.rows(sql, params![owner]).await?;
        rows.iter().map(|row| Ok((row.text("key")?, row.opt_text("value")?.unwrap_or_default()))).collect()
    }

    async fn pairs(&self, sql: &'static str, values: Vec<db::Value>) -> Result<BTreeMap<String, Pairs>> {
        let mut found: BTreeMap<String, Pairs> = BTreeMap::new();
        for row in self.foreign.rows(sql, values).await? {
            let pair = (row.text("key")?, row.opt_text("value")?.unwrap_or_default());
            found.entry(row.int("owner")?.to_string()).or_default().extend([pair]);
        }
        Ok(found)
    }
}

fn number(experiment: &Experiment) -> Result<i64> {
    experiment.id.parse().with_context(|| format!("experiment id `{}` is no number", experiment.id))
}

/// The word for a logged model's status; the number is that of MLflow's protocol.
pub(super) fn logged_status(number: i64) -> &'static str {
    match number {
        1 => "LOGGED_MODEL_PENDING",
        3 => "LOGGED_MODEL_UPLOAD_FAILED",
        _ => "LOGGED_MODEL_READY",
    }
}

mod async_points {
    //! Rows of many metrics, gathered into pieces of one metric each.

    use std::collections::HashMap;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use anyhow::Result;
    use futures::stream::{BoxStream, Stream};

    use super::Points;

    /// Points of one metric in a piece.
    const PIECE: usize = 2_000;
    /// Points that are held before the largest pieces go.
    const HELD: usize = 20_000;

    /// A point with the name of its metric: key, step, time in milliseconds, value.
    type Row = (String, i64, i64, f64);

    pub(super) struct Gathering<'a> {
        rows: BoxStream<'a, Result<Row>>,
        held: HashMap<String, Points>,
        count: usize,
        ended: bool,
    }

    impl<'a> Gathering<'a> {
        pub(super) fn of(rows: BoxStream<'a, Result<Row>>) -> Self {
            Self { rows, held: HashMap::new(), count: 0, ended: false }
        }

        fn take(&mut self, key: &str) -> Option<Points> {
            let points = self.held.remove(key)?;
            self.count -= points.len();
            Some(points)
        }

        fn take_largest(&mut self) -> Option<Points> {
            let key = self.held.values().max_by_key(|points| points.len())?.key.clone();
            self.take(&key)
        }
    }

    impl Stream for Gathering<'_> {
        type Item = Result<Points>;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let this = self.get_mut();
            loop {
                if this.ended {
                    return Poll::Ready(this.take_largest().map(Ok));
                }
                match this.rows.as_mut().poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => this.ended = true,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Some(Ok((key, step, time_ms, value)))) => {
                        let points = this.held.entry(key.clone()).or_insert_with(|| Points::of(&key));
                        points.push(step, time_ms, value);
                        let full = points.len() >= PIECE;
                        this.count += 1;
                        if full {
                            return Poll::Ready(this.take(&key).map(Ok));
                        }
                        if this.count >= HELD {
                            return Poll::Ready(this.take_largest().map(Ok));
                        }
                    }
                }
            }
        }
    }
}
