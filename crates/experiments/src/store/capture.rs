//! What was captured of a run by whoever started it, and runs whose starter has gone silent.

use base::{Actor, Timestamp};
use db::{Sql, Tx, params};
use serde_json::Value;

use super::run::{RunChange, get_run, set_run_tag, update_run};
use crate::{Error, RunStatus};

/// The longest record, in bytes of JSON.
pub const MOST_CAPTURE_BYTES: usize = 8 << 20;
/// The most silent runs that are ended at once.
const MOST_ENDED: i64 = 200;

/// What was captured of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// The record, in the words of who captured it.
    pub record: Value,
    /// Until when the run is taken for alive; absent once it is over.
    pub alive_until: Option<Timestamp>,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Writes what was captured, in place of what was written before. `alive_until` is absent for a run that is over.
///
/// # Errors
/// When there is no such run, or the record is longer than [`MOST_CAPTURE_BYTES`].
pub async fn put_capture(
    tx: &mut Tx,
    run: &str,
    record: &Value,
    alive_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    let text = record.to_string();
    if text.len() > MOST_CAPTURE_BYTES {
        return Err(Error::invalid("record of a run".to_owned(), "is longer than 8 MiB"));
    }
    let run = get_run(tx, run).await?;
    tx.execute(
        "insert into run_captures (run, record, alive_until, updated_at) values ($1, $2, $3, $4) \
         on conflict (run) do update set record = excluded.record, alive_until = excluded.alive_until, \
         updated_at = excluded.updated_at",
        params![run.number, text, alive_until, now],
    )
    .await?;
    Ok(())
}

/// What was captured of a run, if anything was.
///
/// # Errors
/// When there is no such run.
pub async fn find_capture(sql: &mut impl Sql, run: &str) -> Result<Option<Capture>, Error> {
    let run = get_run(sql, run).await?;
    let row = sql
        .fetch_optional(
            "select record, alive_until, updated_at from run_captures where run = $1",
            params![run.number],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Capture {
        record: row.json("record")?,
        alive_until: row.opt_time("alive_until")?,
        updated_at: row.time("updated_at")?,
    }))
}

/// Moves the moment on until which a run is taken for alive. Answers whether it still was.
///
/// # Errors
/// When the database fails.
pub async fn keep_alive(tx: &mut Tx, run: &str, alive_until: Timestamp) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "update run_captures set alive_until = $1 \
             where run = (select number from runs where id = $2) and alive_until is not null",
            params![alive_until, run],
        )
        .await?;
    Ok(touched > 0)
}

/// Whether some run has been silent for too long.
///
/// # Errors
/// When the database fails.
pub async fn any_abandoned(sql: &mut impl Sql, now: Timestamp) -> Result<bool, Error> {
    let row = sql
        .fetch_optional("select run from run_captures where alive_until < $1 limit 1", params![now])
        .await?;
    Ok(row.is_some())
}

/// Marks runs as killed whose starter has been silent for too long; answers their ids.
///
/// # Errors
/// When the database fails.
pub async fn end_abandoned(tx: &mut Tx, now: Timestamp) -> Result<Vec<String>, Error> {
    let rows = tx
        .fetch_all(
            "select r.id as id, r.number as number, r.status as status, c.alive_until as alive_until \
             from run_captures c join runs r on r.number = c.run where c.alive_until < $1 limit $2",
            params![now, MOST_ENDED],
        )
        .await?;
    let mut ended = Vec::new();
    for row in rows {
        let id = row.text("id")?;
        tx.execute("update run_captures set alive_until = null where run = $1", params![row.int("number")?])
            .await?;
        if row.text("status")?.parse::<RunStatus>()?.is_over() {
            continue;
        }
        let change = RunChange {
            status: Some(RunStatus::Killed),
            end_time: row.opt_time("alive_until")?,
            ..RunChange::default()
        };
        let why = "whoever started it has not been heard of since";
        // What is in the bin refuses writes; it stays as it is.
        if update_run(tx, &id, change, &Actor::platform("runs")).await.is_ok() {
            set_run_tag(tx, &id, "gingham.ended", why).await?;
            ended.push(id);
        }
    }
    Ok(ended)
}
