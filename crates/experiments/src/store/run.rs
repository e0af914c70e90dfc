//! Runs: their life, their tags and their search.

use std::collections::BTreeMap;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Sql, SqlText, Tx, params};

use super::detail::{COLUMNS, runs_of};
use super::logging::{check_tag, put_tags, write_tags};
use super::settle::settle_ended;
use super::{active_run, get_experiment, next_number, run_head};
use crate::limits::{check_chars, check_run_id, check_text};
use crate::{Error, Lifecycle, Run, RunStatus, run_name};

/// The tag that always holds the run's name.
pub(super) const NAME_TAG: &str = "mlflow.runName";

/// A run that is about to begin.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// Its id, if the client chose one; else 32 hexadecimal digits are made.
    pub id: Option<String>,
    /// Its experiment, which must be in use.
    pub experiment_id: i64,
    /// Its name; one is made up when neither this nor the tag `mlflow.runName` is given.
    pub name: Option<String>,
    /// Who started it.
    pub user: String,
    /// When it began.
    pub start_time: Timestamp,
    /// Its first tags.
    pub tags: BTreeMap<String, String>,
}

/// What changes in a run; nothing else does.
#[derive(Debug, Clone, Default)]
pub struct RunChange {
    /// How it is doing now.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// Its new name; the tag `mlflow.runName` follows.
    pub name: Option<String>,
}

/// Begins a run.
pub async fn create_run(tx: &mut Tx, new: NewRun, actor: &Actor) -> Result<Run, Error> {
    let experiment = new.experiment_id;
    let home = home_of_runs(tx, experiment).await?;
    let id = match new.id {
        Some(id) => {
            check_run_id(&id)?;
            id
        }
        None => base::id::new_hex_id(),
    };
    let mut tags = new.tags;
    for (key, value) in &tags {
        check_tag(key, value)?;
    }
    let tagged = tags.get(NAME_TAG).filter(|name| !name.is_empty()).cloned();
    let name = match (new.name.filter(|name| !name.is_empty()), tagged) {
        (Some(name), Some(tagged)) if name != tagged => {
            return Err(Error::invalid(
                format!("both run name `{name}` and tag `{NAME_TAG}` `{tagged}`"),
                "were given, and they differ",
            ));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => run_name(&id),
    };
    check_name(&name)?;
    tags.insert(NAME_TAG.to_owned(), name.clone());
    let number = next_number(tx, "run").await?;
    let artifact_uri = format!("{home}/{id}/artifacts");
    let made = tx
        .execute(
            "insert into runs (number, id, experiment_id, name, status, user_id, artifact_uri, start_time, lifecycle) \
             values ($1, $2, $3, $4, 'RUNNING', $5, $6, $7, 'active') on conflict (id) do nothing",
            params![number, &id, experiment, &name, &new.user, &artifact_uri, new.start_time],
        )
        .await?;
    if made == 0 {
        return Err(Error::RunExists { run: id });
    }
    write_tags(tx, number, &tags).await?;
    let facts = serde_json::json!({"experiment_id": experiment});
    tx.append_event(event("run.started", actor, &id, format!("run `{name}` started")).with(facts)).await?;
    Ok(Run {
        id,
        number,
        experiment_id: experiment,
        name,
        status: RunStatus::Running,
        user: new.user,
        artifact_uri,
        start_time: new.start_time,
        end_time: None,
        lifecycle: Lifecycle::Active,
        params: BTreeMap::new(),
        metrics: Vec::new(),
        tags,
        inputs: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    })
}

/// Where the artifacts of an experiment's runs lie, if it is not deleted.
async fn home_of_runs(tx: &mut Tx, experiment: i64) -> Result<String, Error> {
    let row = tx
        .fetch_optional(
            "select artifact_location, lifecycle from experiments where id = $1",
            params![experiment],
        )
        .await?
        .ok_or_else(|| Error::ExperimentNotFound { experiment: experiment.to_string() })?;
    match Lifecycle::of(&row.text("lifecycle")?) {
        Lifecycle::Active => Ok(row.text("artifact_location")?),
        Lifecycle::Deleted => Err(Error::ExperimentDeleted { experiment }),
    }
}

/// The run with this id, deleted or not, with all that hangs on it.
pub async fn get_run(sql: &mut impl Sql, id: &str) -> Result<Run, Error> {
    let rows = sql.fetch_all_text(SqlText::new(COLUMNS).push(" from runs r where r.id = ").bind(id)).await?;
    runs_of(sql, &rows).await?.pop().ok_or_else(|| Error::RunNotFound { run: id.to_owned() })
}

/// Changes status, end or name of a run.
pub async fn update_run(tx: &mut Tx, id: &str, change: RunChange, actor: &Actor) -> Result<(), Error> {
    let head = active_run(tx, id).await?;
    if let Some(name) = change.name.filter(|name| !name.is_empty()) {
        check_name(&name)?;
        put_tags(tx, head.number, vec![(NAME_TAG.to_owned(), name)]).await?;
    }
    if let Some(status) = change.status {
        tx.execute("update runs set status = $1 where number = $2", params![status.word(), head.number])
            .await?;
        if status.is_over() {
            let kind = if status == RunStatus::Finished { "run.finished" } else { "run.failed" };
            let facts = serde_json::json!({"experiment_id": head.experiment_id, "status": status.word()});
            let summary = format!("run `{id}` ended as {}", status.word());
            tx.append_event(event(kind, actor, id, summary).with(facts)).await?;
            settle_ended(tx, head.number).await?;
        }
    }
    if let Some(end) = change.end_time {
        tx.execute("update runs set end_time = $1 where number = $2", params![end, head.number]).await?;
    }
    Ok(())
}

/// Puts a run into the bin; a run that is there stays there.
pub async fn delete_run(tx: &mut Tx, id: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let head = run_head(tx, id).await?;
    if head.lifecycle == Lifecycle::Active {
        tx.execute(
            "update runs set lifecycle = 'deleted', deleted_at = $1 where number = $2",
            params![now, head.number],
        )
        .await?;
        tx.append_event(event("run.deleted", actor, id, format!("run `{id}` deleted"))).await?;
    }
    Ok(())
}

/// Takes a run out of the bin; its experiment must be in use.
pub async fn restore_run(tx: &mut Tx, id: &str, actor: &Actor) -> Result<(), Error> {
    let head = run_head(tx, id).await?;
    if head.lifecycle == Lifecycle::Deleted {
        let experiment = get_experiment(tx, head.experiment_id).await?;
        if experiment.lifecycle == Lifecycle::Deleted {
            return Err(Error::ExperimentDeleted { experiment: experiment.id });
        }
        tx.execute(
            "update runs set lifecycle = 'active', deleted_at = null where number = $1",
            params![head.number],
        )
        .await?;
        tx.append_event(event("run.restored", actor, id, format!("run `{id}` restored"))).await?;
    }
    Ok(())
}

/// Sets a tag of a run; `mlflow.runName` renames it.
pub async fn set_run_tag(tx: &mut Tx, id: &str, key: &str, value: &str) -> Result<(), Error> {
    check_tag(key, value)?;
    let head = active_run(tx, id).await?;
    put_tags(tx, head.number, vec![(key.to_owned(), value.to_owned())]).await
}

/// Removes a tag of a run.
pub async fn delete_run_tag(tx: &mut Tx, id: &str, key: &str) -> Result<(), Error> {
    let head = active_run(tx, id).await?;
    let gone =
        tx.execute("delete from run_tags where run = $1 and key = $2", params![head.number, key]).await?;
    if gone == 0 {
        return Err(Error::TagNotFound { owner: format!("run {id}"), key: key.to_owned() });
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    check_text("run name", name, name)?;
    check_chars("run name", name, 8_000)
}

fn event(kind: &str, actor: &Actor, id: &str, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("run", id), summary)
}
