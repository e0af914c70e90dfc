//! What each record does, inside one transaction.

use base::{Actor, Failure, Kind, Timestamp};
use db::{Sql, Tx, params};
use experiments::{
    Batch, CarriedModel, DatasetInput, Lifecycle, LoggedModelMetric, Metric, ModelLink, NewExperiment,
    NewRun, RunChange,
};
use registry::{AliasChange, CarriedVersion, Expected, NewModel, NewVersion};

use super::record::{Dataset, Link, Pairs, Real, Record};
use super::{MOST_POINTS, Origin};
use crate::Error;

/// Notes something as brought in; answers whether it was not noted in this state before.
pub(super) async fn note(
    tx: &mut Tx,
    source: &str,
    kind: &str,
    id: &str,
    fingerprint: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "insert into carried (source, kind, id, fingerprint, at) values ($1, $2, $3, $4, $5) \
             on conflict (source, kind, id) do update set fingerprint = excluded.fingerprint, at = excluded.at \
             where carried.fingerprint <> excluded.fingerprint",
            params![source, kind, id, fingerprint, now],
        )
        .await?;
    Ok(touched > 0)
}

/// Applies records in order. What one run logs in neighbouring records is logged in one go.
pub(super) async fn apply(
    tx: &mut Tx,
    origin: &Origin,
    records: Vec<Record>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut pending: Option<(String, Batch)> = None;
    for record in records {
        match logged(record)? {
            Logged::Batch(run, more) => {
                if pending.as_ref().is_some_and(|(at, _)| *at != run) {
                    flush(tx, pending.take()).await?;
                }
                let (_, batch) = pending.get_or_insert_with(|| (run, Batch::default()));
                batch.metrics.extend(more.metrics);
                batch.params.extend(more.params);
                batch.tags.extend(more.tags);
            }
            Logged::Other(record) => {
                flush(tx, pending.take()).await?;
                one(tx, origin, *record, now).await?;
            }
        }
    }
    flush(tx, pending).await
}

async fn flush(tx: &mut Tx, pending: Option<(String, Batch)>) -> Result<(), Error> {
    match pending {
        Some((run, batch)) => Ok(experiments::log_batch(tx, &run, batch).await?),
        None => Ok(()),
    }
}

enum Logged {
    Batch(String, Batch),
    Other(Box<Record>),
}

/// What a record logs to a run, or the record as it is.
fn logged(record: Record) -> Result<Logged, Error> {
    let list = |pairs: Pairs| pairs.into_iter().collect::<Vec<_>>();
    Ok(match record {
        Record::Params { run, params } => {
            Logged::Batch(run, Batch { params: list(params), ..Batch::default() })
        }
        Record::Tags { run, tags } => Logged::Batch(run, Batch { tags: list(tags), ..Batch::default() }),
        Record::Metric { run, key, steps, times_ms, values } => Logged::Batch(
            run,
            Batch { metrics: points(&key, &steps, &times_ms, &values)?, ..Batch::default() },
        ),
        other => Logged::Other(Box::new(other)),
    })
}

fn points(key: &str, steps: &[i64], times_ms: &[i64], values: &[Real]) -> Result<Vec<Metric>, Error> {
    if steps.len() != values.len() || times_ms.len() != values.len() || values.len() > MOST_POINTS {
        return Err(experiments::Error::Invalid {
            what: format!("metric `{key}`"),
            rule: format!(
                "has {} steps, {} times and {} values: as many of each are needed, at most {MOST_POINTS}",
                steps.len(),
                times_ms.len(),
                values.len()
            ),
        }
        .into());
    }
    let triples = steps.iter().zip(times_ms).zip(values);
    Ok(triples
        .map(|((step, time), Real(value))| Metric {
            key: key.to_owned(),
            value: *value,
            time: Timestamp::from_millis(*time),
            step: *step,
        })
        .collect())
}

async fn one(tx: &mut Tx, origin: &Origin, record: Record, now: Timestamp) -> Result<(), Error> {
    let actor = &origin.actor;
    match record {
        Record::Experiment { name, artifact_location, created_ms, updated_ms, tags, restore } => {
            if restore {
                restored(tx, &name, actor, now).await?;
            }
            let made = now.min(created_ms.map_or(now, Timestamp::from_millis));
            let changed = updated_ms.map_or(made, Timestamp::from_millis);
            let new = NewExperiment { name, artifact_location, tags, project: None, artifact_root: None };
            experiment(tx, new, made, changed, actor).await
        }
        Record::ExperimentDeleted { name } => {
            let found = experiment_named(tx, &name).await?;
            if found.lifecycle == Lifecycle::Active {
                experiments::delete_experiment(tx, found.id, actor, now).await?;
            }
            Ok(())
        }
        Record::Run { id, experiment, name, user, start_ms, artifact_uri, tags } => {
            let experiment_id = experiment_named(tx, &experiment).await?.id;
            let start_time = Timestamp::from_millis(start_ms);
            let new = NewRun { id: Some(id), experiment_id, name, user, start_time, tags };
            run(tx, new, artifact_uri, actor).await
        }
        Record::Inputs { run, datasets, models } => {
            let datasets: Vec<DatasetInput> = datasets.into_iter().map(input).collect();
            Ok(experiments::log_inputs(tx, &run, &datasets, &links(models)).await?)
        }
        Record::Outputs { run, models } => Ok(experiments::log_outputs(tx, &run, &links(models)).await?),
        Record::RunState { run, status, end_ms, deleted } => {
            let there = experiments::get_run(tx, &run).await?;
            let status = status.parse()?;
            let change = RunChange {
                status: (there.status != status).then_some(status),
                end_time: end_ms.map(Timestamp::from_millis),
                name: None,
            };
            experiments::update_run(tx, &run, change, actor).await?;
            if deleted {
                experiments::delete_run(tx, &run, actor, now).await?;
            }
            Ok(())
        }
        Record::LoggedModel {
            id,
            experiment,
            name,
            model_type,
            source_run,
            status,
            status_message,
            artifact_uri,
            created_ms,
            updated_ms,
            params,
            tags,
        } => {
            let model = CarriedModel {
                id,
                experiment_id: experiment_named(tx, &experiment).await?.id,
                name,
                model_type,
                source_run_id: source_run,
                status: status.parse()?,
                status_message,
                artifact_uri,
                created_at: Timestamp::from_millis(created_ms),
                updated_at: Timestamp::from_millis(updated_ms),
                params: params.into_iter().collect(),
                tags: tags.into_iter().collect(),
            };
            experiments::carry_logged_model(tx, &model).await?;
            Ok(())
        }
        Record::LoggedModelMetrics { run, points } => {
            let points: Vec<(String, LoggedModelMetric)> = points
                .into_iter()
                .map(|point| {
                    let metric = Metric {
                        key: point.key,
                        value: point.value.0,
                        time: Timestamp::from_millis(point.time_ms),
                        step: point.step,
                    };
                    let (dataset_name, dataset_digest) = (point.dataset_name, point.dataset_digest);
                    let run_id = run.clone();
                    (point.model, LoggedModelMetric { metric, run_id, dataset_name, dataset_digest })
                })
                .collect();
            Ok(experiments::log_logged_model_metrics(tx, &run, &points).await?)
        }
        Record::Whole { what, id, fingerprint } => {
            note(tx, &origin.source, &what, &id, &fingerprint, now).await.map(drop)
        }
        registered => register(tx, origin, registered, now).await,
    }
}

async fn register(tx: &mut Tx, origin: &Origin, record: Record, now: Timestamp) -> Result<(), Error> {
    let actor = &origin.actor;
    match record {
        Record::Model { name, description, created_ms, updated_ms, tags } => {
            let (made, changed) = (Timestamp::from_millis(created_ms), Timestamp::from_millis(updated_ms));
            if registry::find_model(tx, &name).await?.is_some() {
                for (key, value) in &tags {
                    registry::set_model_tag(tx, &name, key, value, actor, changed).await?;
                }
                return Ok(());
            }
            let new = NewModel { name: name.clone(), description, owner: actor.as_str().to_owned(), tags };
            registry::create_model(tx, &new, actor, made).await?;
            Ok(registry::date_model(tx, &name, made, changed).await?)
        }
        Record::Version {
            model,
            number,
            description,
            source,
            storage_location,
            source_run,
            run_link,
            logged_model,
            stage,
            status,
            status_message,
            created_ms,
            updated_ms,
            tags,
            digest,
        } => {
            let version = NewVersion {
                model,
                digest,
                artifact: digest,
                source,
                storage_location,
                source_run,
                run_link,
                logged_model,
                description,
                flavor: "mlflow".to_owned(),
                tags,
                ..NewVersion::default()
            };
            let carried = CarriedVersion {
                version,
                number,
                stage: stage.parse()?,
                status,
                status_message,
                created_at: Timestamp::from_millis(created_ms),
                updated_at: Timestamp::from_millis(updated_ms),
            };
            registry::carry_version(tx, carried, actor).await?;
            Ok(())
        }
        Record::Alias { model, alias, version } => {
            let reason = format!("brought in from {}", origin.source);
            let change = AliasChange { model, alias, version, expected: Expected::Anything, reason };
            crate::reviews::let_by(tx, &change).await?;
            registry::set_alias(tx, &change, actor, now).await?;
            Ok(())
        }
        other => Err(experiments::Error::Invalid {
            what: other.subject(),
            rule: "is of a kind that cannot be applied here".to_owned(),
        }
        .into()),
    }
}

async fn experiment_named(tx: &mut Tx, name: &str) -> Result<experiments::Experiment, Error> {
    experiments::find_experiment(tx, name)
        .await?
        .ok_or_else(|| experiments::Error::ExperimentNotFound { experiment: name.to_owned() }.into())
}

async fn restored(tx: &mut Tx, name: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    match experiments::find_experiment(tx, name).await? {
        Some(there) if there.lifecycle == Lifecycle::Deleted => {
            Ok(experiments::restore_experiment(tx, there.id, actor, now).await?)
        }
        _ => Ok(()),
    }
}

async fn experiment(
    tx: &mut Tx,
    new: NewExperiment,
    made: Timestamp,
    changed: Timestamp,
    actor: &Actor,
) -> Result<(), Error> {
    match experiments::find_experiment(tx, &new.name).await? {
        Some(there) => {
            for (key, value) in &new.tags {
                experiments::set_experiment_tag(tx, there.id, key, value, changed).await?;
            }
            Ok(())
        }
        None => {
            let there = experiments::create_experiment(tx, &new, actor, made).await?;
            Ok(experiments::date_experiment(tx, there.id, made, changed).await?)
        }
    }
}

async fn run(tx: &mut Tx, new: NewRun, artifact_uri: Option<String>, actor: &Actor) -> Result<(), Error> {
    let id = new.id.clone().unwrap_or_default();
    match experiments::get_run(tx, &id).await {
        Ok(there) if there.experiment_id != new.experiment_id => {
            // A run never moves: one of the same id elsewhere is another run.
            return Err(experiments::Error::RunExists { run: id }.into());
        }
        Ok(there) => {
            if there.lifecycle == Lifecycle::Deleted {
                experiments::restore_run(tx, &id, actor).await?;
            }
            let name = new.name.filter(|name| !name.is_empty() && *name != there.name);
            if let Some(name) = name {
                let change = RunChange { name: Some(name), ..RunChange::default() };
                experiments::update_run(tx, &id, change, actor).await?;
            }
            if !new.tags.is_empty() {
                let batch = Batch { tags: new.tags.into_iter().collect(), ..Batch::default() };
                experiments::log_batch(tx, &id, batch).await?;
            }
        }
        Err(error) if error.kind() == Kind::NotFound => {
            experiments::create_run(tx, new, actor).await?;
        }
        Err(error) => return Err(error.into()),
    }
    match artifact_uri {
        Some(uri) => Ok(experiments::place_run(tx, &id, &uri).await?),
        None => Ok(()),
    }
}

fn input(dataset: Dataset) -> DatasetInput {
    DatasetInput {
        name: dataset.name,
        digest: dataset.digest,
        source_type: dataset.source_type,
        source: dataset.source,
        schema: dataset.schema,
        profile: dataset.profile,
        tags: dataset.tags,
    }
}

fn links(links: Vec<Link>) -> Vec<ModelLink> {
    links.into_iter().map(|link| ModelLink { model_id: link.model, step: link.step }).collect()
}
