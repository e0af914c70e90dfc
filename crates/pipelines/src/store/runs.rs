//! Pipeline runs, their steps, and the cache that steps are.

use base::{Actor, Digest, NewEvent, ObjectRef, Page, PageRequest, Timestamp, id::new_hex_id};
use db::{Row, Sql, SqlText, Tx, params};
use serde_json::{Value, json};

use crate::{
    CachedStep, Error, Explanation, NewRun, PipelineRun, RunState, Step, StepEnd, StepParts, changes,
};

const RUN: &str =
    "select id, model, job, cause, actor, state, message, started_at, finished_at from pipeline_runs";
const STEP: &str = "select run, name, state, cached, reused_from, key, parts, outputs, message, experiment_run, \
     started_at, finished_at from pipeline_steps";

/// Begins a run.
pub async fn start_run(tx: &mut Tx, new: &NewRun, now: Timestamp) -> Result<PipelineRun, Error> {
    let id = new_hex_id();
    tx.execute(
        "insert into pipeline_runs (id, model, job, cause, actor, state, started_at) \
         values ($1, $2, $3, $4, $5, 'running', $6)",
        params![&id, &new.model, new.job.clone(), &new.cause, new.actor.as_str(), now],
    )
    .await?;
    let run = head(tx, &id).await?;
    let summary = format!("began the pipeline of model `{}`: {}", run.model, run.cause);
    note(tx, &run, "pipeline_run.started", summary, json!({"job": run.job})).await?;
    Ok(run)
}

/// Ends a run. Steps that are still under way end with it.
pub async fn finish_run(
    tx: &mut Tx,
    run: &str,
    state: RunState,
    message: Option<&str>,
    now: Timestamp,
) -> Result<PipelineRun, Error> {
    let ended = tx
        .execute(
            "update pipeline_runs set state = $2, message = $3, finished_at = $4 where id = $1 and state = 'running'",
            params![run, state.as_str(), message.map(str::to_owned), now],
        )
        .await?;
    let head = head(tx, run).await?;
    if ended == 0 {
        return Err(Error::RunOver { run: run.to_owned() });
    }
    tx.execute(
        "update pipeline_steps set state = $2, message = 'the run ended before the step did', finished_at = $3 \
         where run = $1 and state = 'running'",
        params![run, if state == RunState::Cancelled { "cancelled" } else { "failed" }, now],
    )
    .await?;
    let because = message.map_or_else(String::new, |message| format!(": {message}"));
    let summary = format!("the pipeline of model `{}` {}{because}", head.model, head.state.as_str());
    note(tx, &head, "pipeline_run.finished", summary, json!({"message": message})).await?;
    Ok(head)
}

/// Begins a step.
pub async fn start_step(
    tx: &mut Tx,
    run: &str,
    name: &str,
    parts: &StepParts,
    now: Timestamp,
) -> Result<Step, Error> {
    let of = running(tx, run).await?;
    insert_step(tx, &of, name, parts, None, now).await?;
    let step = step(tx, run, name).await?;
    note_step(tx, &of, &step, "step.started", format!("began step `{name}`")).await?;
    Ok(step)
}

/// Ends a step that is under way. Only steps that succeeded serve as cache.
pub async fn finish_step(
    tx: &mut Tx,
    run: &str,
    name: &str,
    end: &StepEnd,
    now: Timestamp,
) -> Result<Step, Error> {
    let of = head(tx, run).await?;
    let ended = tx
        .execute(
            "update pipeline_steps set state = $3, outputs = $4, message = $5, experiment_run = $6, finished_at = $7, \
             reusable = $8 where run = $1 and name = $2 and state = 'running'",
            params![
                run,
                name,
                end.state.as_str(),
                &end.outputs,
                end.message.clone(),
                end.run_id.clone(),
                now,
                end.state == RunState::Succeeded,
            ],
        )
        .await?;
    if ended == 0 {
        return Err(Error::StepNotRunning { run: run.to_owned(), step: name.to_owned() });
    }
    let step = step(tx, run, name).await?;
    let because = step.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    let kind = match step.state {
        RunState::Succeeded => "step.succeeded",
        RunState::Cancelled => "step.cancelled",
        RunState::Failed | RunState::Running => "step.failed",
    };
    note_step(tx, &of, &step, kind, format!("step `{name}` {}{because}", step.state.as_str())).await?;
    Ok(step)
}

/// Puts an earlier step's outputs into the run instead of running the step again.
pub async fn reuse_step(
    tx: &mut Tx,
    run: &str,
    name: &str,
    parts: &StepParts,
    cached: &CachedStep,
    now: Timestamp,
) -> Result<Step, Error> {
    let of = running(tx, run).await?;
    insert_step(tx, &of, name, parts, Some(cached), now).await?;
    let step = step(tx, run, name).await?;
    note_step(tx, &of, &step, "step.cached", format!("step `{name}` was taken from an earlier run")).await?;
    Ok(step)
}

/// The newest step with that key that really ran and succeeded. Whether its outputs are still
/// there is for the caller to see; if not, see [`forget_cached`].
pub async fn find_cached(sql: &mut impl Sql, key: Digest) -> Result<Option<CachedStep>, Error> {
    let row = sql
        .fetch_optional(
            "select run, name, outputs, experiment_run, finished_at from pipeline_steps \
             where key = $1 and reusable = 1 order by run desc limit 1",
            params![key],
        )
        .await?;
    row.map(|row| {
        Ok(CachedStep {
            run: row.text("run")?,
            step: row.text("name")?,
            outputs: row.json("outputs")?,
            run_id: row.opt_text("experiment_run")?,
            finished_at: row.opt_time("finished_at")?,
        })
    })
    .transpose()
}

/// No step with that key serves as cache any more, because its outputs are gone. Answers how many
/// did.
pub async fn forget_cached(tx: &mut Tx, key: Digest) -> Result<u64, Error> {
    let forgotten = tx
        .execute("update pipeline_steps set reusable = 0 where key = $1 and reusable = 1", params![key])
        .await?;
    if forgotten > 0 {
        let object = ObjectRef::new("step_key", key.to_string());
        let summary = format!("forgot the cached step {}: its outputs are gone", key.short());
        let event = NewEvent::new("step.forgotten", &Actor::platform("pipelines"), object, summary);
        tx.append_event(event).await?;
    }
    Ok(forgotten)
}

/// Whether a step with these parts would be taken from the cache, and what changed since the step
/// of this name last succeeded.
pub async fn explain(
    sql: &mut impl Sql,
    model: &str,
    name: &str,
    parts: &StepParts,
) -> Result<Explanation, Error> {
    let cached = find_cached(sql, parts.key()).await?.is_some();
    let previous = sql
        .fetch_optional(
            "select run, parts from pipeline_steps where model = $1 and name = $2 and state = 'succeeded' \
             order by run desc limit 1",
            params![model, name],
        )
        .await?;
    match previous {
        None => Ok(Explanation { cached, previous_run: None, changes: Vec::new() }),
        Some(row) => Ok(Explanation {
            cached,
            previous_run: Some(row.text("run")?),
            changes: changes(&row.json("parts")?, parts),
        }),
    }
}

/// Ends the runs that nobody works on: those under way whose job is not running, or that have no
/// job and began before `started_before`. Meant for the start of a server. Answers them.
pub async fn end_abandoned(
    tx: &mut Tx,
    started_before: Timestamp,
    now: Timestamp,
) -> Result<Vec<PipelineRun>, Error> {
    let rows = tx
        .fetch_all(
            "select r.id from pipeline_runs r left join jobs j on j.id = r.job where r.state = 'running' \
             and ((r.job is null and r.started_at < $1) or (r.job is not null and coalesce(j.state, '') <> 'running')) \
             order by r.id",
            params![started_before],
        )
        .await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows {
        let message = "the server or worker stopped while it ran";
        runs.push(finish_run(tx, &row.text("id")?, RunState::Failed, Some(message), now).await?);
    }
    Ok(runs)
}

/// The run with that id and its steps.
pub async fn get(sql: &mut impl Sql, id: &str) -> Result<PipelineRun, Error> {
    let mut run = head(sql, id).await?;
    let text = SqlText::new(STEP).push(" where run = ").bind(id).push(" order by position");
    run.steps = sql.fetch_all_text(text).await?.iter().map(step_of).collect::<Result<_, _>>()?;
    Ok(run)
}

/// A page of runs without their steps, the newest first; of one model, if one is named.
pub async fn list(
    sql: &mut impl Sql,
    model: Option<&str>,
    page: &PageRequest,
) -> Result<Page<PipelineRun>, Error> {
    let mut text = SqlText::new(RUN).push(" where id < ").bind(super::cursor(page));
    if let Some(model) = model {
        text = text.push(" and model = ").bind(model);
    }
    let most = i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = sql.fetch_all_text(text.push(" order by id desc limit ").bind(most)).await?;
    let runs = rows.iter().map(run_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_overfetched(runs, page.limit, |run| run.id.clone()))
}

async fn head(sql: &mut impl Sql, id: &str) -> Result<PipelineRun, Error> {
    let text = SqlText::new(RUN).push(" where id = ").bind(id);
    match sql.fetch_all_text(text).await?.first() {
        Some(row) => run_of(row),
        None => Err(Error::RunNotFound { run: id.to_owned() }),
    }
}

async fn running(sql: &mut impl Sql, id: &str) -> Result<PipelineRun, Error> {
    let run = head(sql, id).await?;
    if run.state == RunState::Running { Ok(run) } else { Err(Error::RunOver { run: run.id }) }
}

async fn step(sql: &mut impl Sql, run: &str, name: &str) -> Result<Step, Error> {
    let text = SqlText::new(STEP).push(" where run = ").bind(run).push(" and name = ").bind(name);
    match sql.fetch_all_text(text).await?.first() {
        Some(row) => step_of(row),
        None => Err(Error::StepNotRunning { run: run.to_owned(), step: name.to_owned() }),
    }
}

async fn insert_step(
    tx: &mut Tx,
    run: &PipelineRun,
    name: &str,
    parts: &StepParts,
    cached: Option<&CachedStep>,
    now: Timestamp,
) -> Result<(), Error> {
    let state = if cached.is_some() { RunState::Succeeded } else { RunState::Running };
    let parts_json =
        serde_json::to_string(parts).map_err(|error| db::Error::Failed { cause: error.to_string() })?;
    let added = tx
        .execute(
            "insert into pipeline_steps (run, name, position, model, state, cached, reusable, reused_from, key, parts, \
             outputs, experiment_run, started_at, finished_at) values ($1, $2, \
             (select count(*) from pipeline_steps where run = $1), $3, $4, $5, 0, $6, $7, $8, $9, $10, $11, $12) \
             on conflict (run, name) do nothing",
            params![
                &run.id,
                name,
                &run.model,
                state.as_str(),
                cached.is_some(),
                cached.map(|cached| cached.run.clone()),
                parts.key(),
                parts_json,
                cached.map_or(&Value::Null, |cached| &cached.outputs),
                cached.and_then(|cached| cached.run_id.clone()),
                now,
                cached.map(|_| now),
            ],
        )
        .await?;
    if added == 1 { Ok(()) } else { Err(Error::StepExists { run: run.id.clone(), step: name.to_owned() }) }
}

async fn note_step(
    tx: &mut Tx,
    run: &PipelineRun,
    step: &Step,
    kind: &str,
    summary: String,
) -> Result<(), Error> {
    let facts = json!({"step": step.name, "key": step.key, "cached": step.cached, "run_id": step.run_id,
        "reused_from": step.reused_from, "message": step.message});
    note(tx, run, kind, summary, facts).await
}

async fn note(
    tx: &mut Tx,
    run: &PipelineRun,
    kind: &str,
    summary: String,
    mut facts: Value,
) -> Result<(), Error> {
    if let Value::Object(facts) = &mut facts {
        facts.insert("model".to_owned(), json!(run.model));
        facts.insert("state".to_owned(), json!(run.state));
    }
    let object = ObjectRef::new("pipeline_run", &run.id);
    tx.append_event(NewEvent::new(kind, &run.actor, object, summary).with(facts)).await?;
    Ok(())
}

fn run_of(row: &Row) -> Result<PipelineRun, Error> {
    Ok(PipelineRun {
        id: row.text("id")?,
        model: row.text("model")?,
        job: row.opt_text("job")?,
        cause: row.text("cause")?,
        actor: Actor::named(row.text("actor")?),
        state: RunState::parse(&row.text("state")?)?,
        message: row.opt_text("message")?,
        started_at: row.time("started_at")?,
        finished_at: row.opt_time("finished_at")?,
        steps: Vec::new(),
    })
}

fn step_of(row: &Row) -> Result<Step, Error> {
    Ok(Step {
        name: row.text("name")?,
        state: RunState::parse(&row.text("state")?)?,
        cached: row.bool("cached")?,
        reused_from: row.opt_text("reused_from")?,
        key: row.digest("key")?,
        parts: row.json("parts")?,
        outputs: row.json("outputs")?,
        message: row.opt_text("message")?,
        run_id: row.opt_text("experiment_run")?,
        started_at: row.time("started_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}
