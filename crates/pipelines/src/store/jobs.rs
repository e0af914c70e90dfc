//! The queue of jobs. Two workers never hold the same job: taking, renewing and ending are single
//! statements that ask for the state they expect.

use base::{Actor, NewEvent, ObjectRef, Page, PageRequest, Period, Timestamp, id::new_hex_id};
use db::{Row, Sql, SqlText, Tx, params};
use serde_json::{Value, json};

use crate::{Backoff, Beat, Enqueued, Error, Job, JobFilter, JobState, Lease, NewJob, Retry};

const COLUMNS: &str = "select id, kind, model, payload, cause, actor, dedup_key, state, attempts, most_attempts, \
     not_before, progress, message, error, result, worker, lease_until, cancel_reason, created_at, started_at, \
     finished_at from jobs";

/// How many due jobs a worker looks at; others may be faster with all of them.
const CANDIDATES: i64 = 8;

/// Queues a job, unless one with the same dedup key is queued or running.
pub async fn enqueue(tx: &mut Tx, new: &NewJob, now: Timestamp) -> Result<Enqueued, Error> {
    let id = new_hex_id();
    let added = tx
        .execute(
            "insert into jobs (id, kind, model, payload, cause, actor, dedup_key, state, attempts, most_attempts, \
             not_before, progress, created_at) values ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8, $9, 0.0, $10) \
             on conflict (dedup_key) where state in ('queued', 'running') do nothing",
            params![
                &id,
                &new.kind,
                new.model.clone(),
                &new.payload,
                &new.cause,
                new.actor.as_str(),
                new.dedup_key.clone(),
                i64::from(new.most_attempts.max(1)),
                new.not_before.unwrap_or(now),
                now,
            ],
        )
        .await?;
    if added == 0 {
        let active = tx
            .fetch_optional(
                "select id from jobs where dedup_key = $1 and state in ('queued', 'running')",
                params![new.dedup_key.clone()],
            )
            .await?;
        // On PostgreSQL the one in the way may end between the two statements; then ask again.
        return match active {
            Some(row) => Ok(Enqueued::Already(get(tx, &row.text("id")?).await?)),
            None => Err(db::Error::Busy.into()),
        };
    }
    let job = get(tx, &id).await?;
    let summary = format!("queued {}: {}", what(&job), job.cause);
    note(tx, &job, "job.queued", &new.actor, summary, Value::Null).await?;
    Ok(Enqueued::New(job))
}

/// Takes the job that has waited longest among those of `kinds` (any, if empty) that are due, and
/// holds it for `lease`.
pub async fn lease_next(
    tx: &mut Tx,
    kinds: &[&str],
    worker: &str,
    lease: Period,
    now: Timestamp,
) -> Result<Option<(Lease, Job)>, Error> {
    let mut due =
        SqlText::new("select id, attempts from jobs where state = 'queued' and not_before <= ").bind(now);
    if !kinds.is_empty() {
        due = due.push(" and kind in (").bind_list(kinds.iter().copied()).push(")");
    }
    let due = due.push(" order by not_before, id limit ").bind(CANDIDATES);
    for row in tx.fetch_all_text(due).await? {
        let (id, attempts) = (row.text("id")?, row.int("attempts")?);
        let taken = tx
            .execute(
                "update jobs set state = 'running', attempts = $2 + 1, worker = $3, lease_until = $4, \
                 started_at = $5, progress = 0.0, message = null \
                 where id = $1 and state = 'queued' and attempts = $2",
                params![&id, attempts, worker, now.plus(lease), now],
            )
            .await?;
        if taken == 1 {
            let job = get(tx, &id).await?;
            let summary = format!("began {} (attempt {} of {})", what(&job), job.attempts, job.most_attempts);
            note(tx, &job, "job.started", &worker_actor(worker), summary, json!({"attempt": job.attempts}))
                .await?;
            return Ok(Some((Lease { job: id, worker: worker.to_owned(), attempt: job.attempts }, job)));
        }
    }
    Ok(None)
}

/// Holds the job for `extend` from now on, and notes how far it is. Fails with
/// [`Error::LeaseLost`] when the job is somebody else's by now. Leaves no event: it is no change
/// of state.
pub async fn heartbeat(
    tx: &mut Tx,
    lease: &Lease,
    progress: Option<f64>,
    message: Option<&str>,
    extend: Period,
    now: Timestamp,
) -> Result<Beat, Error> {
    let lease_until = now.plus(extend);
    let held = tx
        .fetch_optional(
            "update jobs set lease_until = $4, progress = coalesce($5, progress), message = coalesce($6, message) \
             where id = $1 and worker = $2 and attempts = $3 and state = 'running' returning cancel_reason",
            params![
                &lease.job,
                &lease.worker,
                lease.attempt,
                lease_until,
                progress.map(|share| share.clamp(0.0, 1.0)),
                message.map(str::to_owned),
            ],
        )
        .await?;
    match held {
        Some(row) => Ok(Beat { lease_until, cancel_reason: row.opt_text("cancel_reason")? }),
        None => Err(lost(lease)),
    }
}

/// Ends the job well.
pub async fn complete(tx: &mut Tx, lease: &Lease, result: &Value, now: Timestamp) -> Result<Job, Error> {
    let ended = tx
        .execute(
            "update jobs set state = 'succeeded', progress = 1.0, result = $4, error = null, lease_until = null, \
             finished_at = $5 where id = $1 and worker = $2 and attempts = $3 and state = 'running'",
            params![&lease.job, &lease.worker, lease.attempt, result, now],
        )
        .await?;
    let job = held(tx, lease, ended).await?;
    let summary = format!("finished {}", what(&job));
    note(tx, &job, "job.succeeded", &worker_actor(&lease.worker), summary, json!({"result": result})).await?;
    Ok(job)
}

/// Ends the attempt badly: the job is queued again after a wait, or given up.
pub async fn fail(
    tx: &mut Tx,
    lease: &Lease,
    error: &str,
    retry: Retry,
    now: Timestamp,
) -> Result<Job, Error> {
    let job = get(tx, &lease.job).await?;
    if !is_held(&job, lease) {
        return Err(lost(lease));
    }
    end_attempt(tx, &job, &worker_actor(&lease.worker), error, retry, None, now).await
}

/// Ends a job that was asked to stop, by the worker that held it.
pub async fn stopped(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<Job, Error> {
    let ended = tx
        .execute(
            "update jobs set state = 'cancelled', lease_until = null, finished_at = $4 \
             where id = $1 and worker = $2 and attempts = $3 and state = 'running'",
            params![&lease.job, &lease.worker, lease.attempt, now],
        )
        .await?;
    let job = held(tx, lease, ended).await?;
    note_cancelled(tx, &job, &worker_actor(&lease.worker)).await?;
    Ok(job)
}

/// Stops a job: one that waits is cancelled at once, one that runs is asked to stop and its worker
/// hears of it with the next heartbeat.
pub async fn cancel(
    tx: &mut Tx,
    id: &str,
    actor: &Actor,
    reason: &str,
    now: Timestamp,
) -> Result<Job, Error> {
    let stopped = tx
        .execute(
            "update jobs set state = 'cancelled', cancel_reason = $2, finished_at = $3 \
             where id = $1 and state = 'queued'",
            params![id, reason, now],
        )
        .await?;
    if stopped == 1 {
        let job = get(tx, id).await?;
        note_cancelled(tx, &job, actor).await?;
        return Ok(job);
    }
    let asked = tx
        .execute(
            "update jobs set cancel_reason = $2 where id = $1 and state = 'running' and cancel_reason is null",
            params![id, reason],
        )
        .await?;
    let job = get(tx, id).await?;
    if asked == 1 {
        let summary = format!("asked {} to stop: {reason}", what(&job));
        note(tx, &job, "job.cancel_requested", actor, summary, Value::Null).await?;
    } else if job.state.is_over() {
        return Err(Error::JobOver { job: id.to_owned(), state: job.state.as_str() });
    }
    Ok(job)
}

/// Takes back the jobs whose leases have run out: their workers are taken for dead. Jobs with
/// attempts left are queued again, others are given up. Answers the jobs it changed.
pub async fn expire(tx: &mut Tx, now: Timestamp) -> Result<Vec<Job>, Error> {
    let rows = tx
        .fetch_all(
            "select id from jobs where state = 'running' and lease_until < $1 order by id",
            params![now],
        )
        .await?;
    take_back(tx, &rows, "its worker has not been heard of", now).await
}

/// Takes back all jobs of one worker, which is known to be dead: a server that starts again knows
/// that of itself.
pub async fn take_back_from(tx: &mut Tx, worker: &str, now: Timestamp) -> Result<Vec<Job>, Error> {
    let rows = tx
        .fetch_all("select id from jobs where state = 'running' and worker = $1 order by id", params![worker])
        .await?;
    take_back(tx, &rows, "the server stopped while it ran", now).await
}

/// The job with that id.
pub async fn get(sql: &mut impl Sql, id: &str) -> Result<Job, Error> {
    let text = SqlText::new(COLUMNS).push(" where id = ").bind(id);
    match sql.fetch_all_text(text).await?.first() {
        Some(row) => job_of(row),
        None => Err(Error::JobNotFound { job: id.to_owned() }),
    }
}

/// A page of jobs, the newest first.
pub async fn list(sql: &mut impl Sql, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>, Error> {
    let mut text = SqlText::new(COLUMNS).push(" where id < ").bind(super::cursor(page));
    if let Some(model) = &filter.model {
        text = text.push(" and model = ").bind(model);
    }
    if let Some(kind) = &filter.kind {
        text = text.push(" and kind = ").bind(kind);
    }
    if let Some(state) = filter.state {
        text = text.push(" and state = ").bind(state.as_str());
    }
    let most = i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = sql.fetch_all_text(text.push(" order by id desc limit ").bind(most)).await?;
    let jobs = rows.iter().map(job_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_overfetched(jobs, page.limit, |job| job.id.clone()))
}

/// How many jobs are queued or running.
pub async fn count_active(sql: &mut impl Sql) -> Result<i64, Error> {
    let row = sql
        .fetch_optional("select count(*) as n from jobs where state in ('queued', 'running')", params![])
        .await?;
    row.map_or(Ok(0), |row| Ok(row.int("n")?))
}

async fn take_back(tx: &mut Tx, rows: &[Row], reason: &str, now: Timestamp) -> Result<Vec<Job>, Error> {
    let actor = Actor::platform("jobs");
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let job = get(tx, &row.text("id")?).await?;
        if job.cancel_reason.is_some() {
            tx.execute(
                "update jobs set state = 'cancelled', lease_until = null, finished_at = $3 \
                 where id = $1 and attempts = $2 and state = 'running'",
                params![&job.id, job.attempts, now],
            )
            .await?;
            let job = get(tx, &job.id).await?;
            note_cancelled(tx, &job, &actor).await?;
            jobs.push(job);
            continue;
        }
        let retry = Retry::Later(Backoff::default());
        match end_attempt(tx, &job, &actor, reason, retry, job.lease_until, now).await {
            Ok(job) => jobs.push(job),
            // Its worker was heard of or ended it in this very moment.
            Err(Error::LeaseLost { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(jobs)
}

/// Ends an attempt; if `lease_until` is given, only while the lease still ends then.
async fn end_attempt(
    tx: &mut Tx,
    job: &Job,
    actor: &Actor,
    error: &str,
    retry: Retry,
    lease_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Job, Error> {
    let again = match retry {
        Retry::Later(backoff) if job.attempts < job.most_attempts && job.cancel_reason.is_none() => {
            Some(now.plus(backoff.after(job.attempts)))
        }
        _ => None,
    };
    let state = if again.is_some() { JobState::Queued } else { JobState::Failed };
    let ended = tx
        .execute(
            "update jobs set state = $3, error = $4, lease_until = null, not_before = coalesce($5, not_before), \
             finished_at = $6 where id = $1 and attempts = $2 and state = 'running' \
             and ($7 is null or lease_until = $7)",
            params![
                &job.id,
                job.attempts,
                state.as_str(),
                error,
                again,
                if again.is_some() { None } else { Some(now) },
                lease_until,
            ],
        )
        .await?;
    if ended == 0 {
        let worker = job.worker.clone().unwrap_or_default();
        return Err(Error::LeaseLost { job: job.id.clone(), worker });
    }
    let job = get(tx, &job.id).await?;
    let facts = json!({"attempt": job.attempts, "error": error, "not_before": again});
    match again {
        Some(_) => {
            let left = job.most_attempts - job.attempts;
            let summary = format!("{} failed and will be tried again ({left} left): {error}", what(&job));
            note(tx, &job, "job.retried", actor, summary, facts).await?;
        }
        None => {
            let summary = format!("{} failed: {error}", what(&job));
            note(tx, &job, "job.failed", actor, summary, facts).await?;
        }
    }
    Ok(job)
}

async fn note_cancelled(tx: &mut Tx, job: &Job, actor: &Actor) -> Result<(), Error> {
    let reason = job.cancel_reason.as_deref().unwrap_or("stopped by its worker");
    let summary = format!("cancelled {}: {reason}", what(job));
    note(tx, job, "job.cancelled", actor, summary, Value::Null).await
}

async fn note(
    tx: &mut Tx,
    job: &Job,
    kind: &str,
    actor: &Actor,
    summary: String,
    mut facts: Value,
) -> Result<(), Error> {
    let about = json!({"kind": job.kind, "model": job.model, "state": job.state});
    match (&mut facts, about) {
        (Value::Object(facts), Value::Object(about)) => facts.extend(about),
        (facts, about) => *facts = about,
    }
    let event = NewEvent::new(kind, actor, ObjectRef::new("job", &job.id), summary).with(facts);
    tx.append_event(event).await?;
    Ok(())
}

fn what(job: &Job) -> String {
    match &job.model {
        Some(model) => format!("job `{}` of model `{model}`", job.kind),
        None => format!("job `{}`", job.kind),
    }
}

fn worker_actor(worker: &str) -> Actor {
    Actor::platform(worker)
}

fn is_held(job: &Job, lease: &Lease) -> bool {
    job.state == JobState::Running
        && job.attempts == lease.attempt
        && job.worker.as_deref() == Some(lease.worker.as_str())
}

async fn held(tx: &mut Tx, lease: &Lease, changed: u64) -> Result<Job, Error> {
    if changed == 1 { get(tx, &lease.job).await } else { Err(lost(lease)) }
}

fn lost(lease: &Lease) -> Error {
    Error::LeaseLost { job: lease.job.clone(), worker: lease.worker.clone() }
}

fn job_of(row: &Row) -> Result<Job, Error> {
    Ok(Job {
        id: row.text("id")?,
        kind: row.text("kind")?,
        model: row.opt_text("model")?,
        payload: row.json("payload")?,
        cause: row.text("cause")?,
        actor: Actor::named(row.text("actor")?),
        dedup_key: row.opt_text("dedup_key")?,
        state: JobState::parse(&row.text("state")?)?,
        attempts: row.int("attempts")?,
        most_attempts: row.int("most_attempts")?,
        not_before: row.time("not_before")?,
        progress: row.real("progress")?,
        message: row.opt_text("message")?,
        error: row.opt_text("error")?,
        result: row.opt_json("result")?,
        worker: row.opt_text("worker")?,
        lease_until: row.opt_time("lease_until")?,
        cancel_reason: row.opt_text("cancel_reason")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}
