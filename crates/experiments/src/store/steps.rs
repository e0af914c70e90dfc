//! Values of metrics at a step, for search.
//!
//! An index over all steps of all metrics would be as large as the histories themselves, so one is made for a step of a
//! metric when a search first asks for it, and kept from then on: settling adds what comes later. Both put the newest
//! point of the step, whichever comes first, so that they may overlap. A build that is cut off goes on where it stopped.

use std::collections::BTreeMap;

use base::{Clock, SystemClock, Timestamp};
use db::{Db, Engine, Sql, SqlText, Tx, params};

use super::latest::newer;
use super::search::MetricKeys;
use crate::Error;
use crate::points::{Column, Point, unpack_key};

/// Indexed steps of all metrics of one experiment, at most.
const MOST_STEPS: i64 = 100;
/// Steps that one search may ask for.
const MOST_ASKED: usize = 20;
/// Runs that are read and written at a time while an index is made.
const RUNS_AT_ONCE: i64 = 500;
/// Rows per statement.
const CHUNK: usize = 150;
/// An index that was used within this time is not dropped for another.
const KEPT_MICROS: i64 = 3_600_000_000;
/// How exactly it is known when an index was used last.
const NOTED_MICROS: i64 = 300_000_000;

/// The steps that are indexed, by the number of the metric.
pub(super) type Indexed = BTreeMap<i64, Vec<i64>>;

/// Sees to it that these steps of metrics can be searched; what is settled when this is called is in them afterwards.
pub(super) async fn prepare_steps(
    db: &Db,
    experiments: &[i64],
    keys: &MetricKeys,
    asked: &[(&str, i64)],
) -> Result<(), Error> {
    if asked.len() > MOST_ASKED {
        let rule = format!("asks for the values at {} steps, at most {MOST_ASKED} are allowed", asked.len());
        return Err(Error::invalid("the search", rule));
    }
    for (name, step) in asked {
        for key in keys.get(*name).into_iter().flatten() {
            let now = SystemClock.now();
            match state(db, *key, *step).await? {
                Some(state) if state.complete => {
                    if now.as_micros() - state.used_at.as_micros() > NOTED_MICROS {
                        note_use(db, *key, *step, now).await?;
                    }
                }
                found => {
                    begin(db, name, *key, *step, now).await?;
                    // Who settled before the index was there has committed by now, or is waited for here.
                    super::settle::settle_experiments(db, experiments).await?;
                    build(db, *key, *step, found.map_or(0, |state| state.built_until)).await?;
                }
            }
        }
    }
    Ok(())
}

struct State {
    built_until: i64,
    complete: bool,
    used_at: Timestamp,
}

async fn state(db: &Db, key: i64, step: i64) -> Result<Option<State>, Error> {
    let find = "select built_until, complete, used_at from metric_step_indexes where key = $1 and step = $2";
    let row = db.read().await?.fetch_optional(find, params![key, step]).await?;
    row.map(|row| {
        Ok(State {
            built_until: row.int("built_until")?,
            complete: row.bool("complete")?,
            used_at: row.time("used_at")?,
        })
    })
    .transpose()
}

async fn note_use(db: &Db, key: i64, step: i64, now: Timestamp) -> Result<(), Error> {
    let note = "update metric_step_indexes set used_at = $1 where key = $2 and step = $3";
    db.write(move |tx| {
        Box::pin(async move { tx.execute(note, params![now, key, step]).await.map_err(Error::from) })
    })
    .await?;
    Ok(())
}

/// Says that the step is to be indexed, so that whoever settles from now on adds to it. The index that was not used
/// for the longest time makes room.
async fn begin(db: &Db, name: &str, key: i64, step: i64, now: Timestamp) -> Result<(), Error> {
    let (name, waits) = (name.to_owned(), db.engine() == Engine::Postgres);
    db.write(move |tx| {
        Box::pin(async move {
            if waits {
                // Transactions that have settled without knowing of the index end first. SQLite has one writer anyway.
                tx.execute("lock table metric_tail in share mode", params![]).await?;
            }
            let put = "insert into metric_step_indexes (key, step, built_until, complete, used_at) \
                       values ($1, $2, 0, 0, $3) on conflict (key, step) do update set used_at = excluded.used_at";
            tx.execute(put, params![key, step, now]).await?;
            make_room(tx, &name, key, now).await
        })
    })
    .await
}

async fn make_room(tx: &mut Tx, name: &str, key: i64, now: Timestamp) -> Result<(), Error> {
    let all = "select s.key, s.step, s.used_at from metric_step_indexes s join metric_keys k on k.id = s.key \
               where k.experiment_id = (select o.experiment_id from metric_keys o where o.id = $1) \
               order by s.used_at, s.key, s.step limit $2";
    let rows = tx.fetch_all(all, params![key, MOST_STEPS + 1]).await?;
    if i64::try_from(rows.len()).is_ok_and(|count| count <= MOST_STEPS) {
        return Ok(());
    }
    let unused = now.as_micros() - KEPT_MICROS;
    let oldest = rows.first().filter(|row| row.int("used_at").is_ok_and(|used_at| used_at < unused));
    let Some(oldest) = oldest else {
        return Err(Error::invalid(
            format!("metric `{name}`"),
            format!(
                "cannot be searched at one more step: {MOST_STEPS} steps of metrics of this experiment were asked for \
                 within the last hour; ask for one of those again, or later"
            ),
        ));
    };
    let (key, step) = (oldest.int("key")?, oldest.int("step")?);
    tx.execute("delete from metric_steps where key = $1 and step = $2", params![key, step]).await?;
    tx.execute("delete from metric_step_indexes where key = $1 and step = $2", params![key, step]).await?;
    Ok(())
}

/// Reads the settled points of all runs after `from`, and writes those of the step.
async fn build(db: &Db, key: i64, step: i64, from: i64) -> Result<(), Error> {
    let mut after = from;
    loop {
        let mut read = db.read().await?;
        let runs = "select run from metric_values where key = $1 and run > $2 order by run limit $3";
        let rows = read.fetch_all(runs, params![key, after, RUNS_AT_ONCE]).await?;
        let runs: Vec<i64> = rows.iter().map(|row| row.int("run")).collect::<Result<_, _>>()?;
        let Some(last) = runs.last().copied() else { break };
        let text = SqlText::new("select run, data from metric_segments where run in (")
            .bind_list(runs)
            .push(") and first_key <= ")
            .bind(key)
            .push(" and last_key >= ")
            .bind(key);
        let mut found: BTreeMap<i64, Point> = BTreeMap::new();
        for row in read.fetch_all_text(text).await? {
            let points = unpack_key(row.bytes("data")?, key)?;
            if let Some(point) = newest_at(&points, step) {
                let there = found.entry(row.int("run")?).or_insert(point);
                *there = newer(*there, point);
            }
        }
        drop(read);
        db.write(move |tx| {
            Box::pin(async move {
                put(tx, key, step, &found).await?;
                let note = "update metric_step_indexes set built_until = $1 \
                            where key = $2 and step = $3 and built_until < $1";
                tx.execute(note, params![last, key, step]).await.map_err(Error::from)
            })
        })
        .await?;
        after = last;
    }
    let done = "update metric_step_indexes set complete = 1 where key = $1 and step = $2";
    db.write(move |tx| {
        Box::pin(async move { tx.execute(done, params![key, step]).await.map_err(Error::from) })
    })
    .await?;
    Ok(())
}

/// Adds what was just settled of a run to the indexes that there are.
pub(super) async fn keep_steps(
    tx: &mut Tx,
    run: i64,
    columns: &[Column],
    indexed: &Indexed,
) -> Result<(), Error> {
    for (key, steps) in indexed {
        // Columns are in the order of their keys.
        let there = columns.binary_search_by_key(key, |(there, _)| *there).ok();
        let Some((_, points)) = there.and_then(|at| columns.get(at)) else { continue };
        for step in steps {
            if let Some(point) = newest_at(points, *step) {
                put(tx, *key, *step, &BTreeMap::from([(run, point)])).await?;
            }
        }
    }
    Ok(())
}

/// The newest of the points at a step; points are in order.
fn newest_at(points: &[Point], step: i64) -> Option<Point> {
    let behind = points.partition_point(|point| point.step <= step);
    points.get(behind.checked_sub(1)?).copied().filter(|point| point.step == step)
}

/// Writes points by run; one that is there stays if it is newer.
async fn put(tx: &mut Tx, key: i64, step: i64, points: &BTreeMap<i64, Point>) -> Result<(), Error> {
    let rows: Vec<(&i64, &Point)> = points.iter().collect();
    for rows in rows.chunks(CHUNK) {
        let mut text = SqlText::new("insert into metric_steps (key, step, run, time, value) values ");
        for (index, (run, point)) in rows.iter().enumerate() {
            text = text
                .push(if index == 0 { "(" } else { ", (" })
                .bind(key)
                .push(", ")
                .bind(step)
                .push(", ")
                .bind(**run)
                .push(", ")
                .bind(point.time)
                .push(", ")
                .bind(Some(point.value).filter(|value| !value.is_nan()))
                .push(")");
        }
        // At the same time the greater value is the newer; what is no number counts as 0 and comes before a number that is 0.
        tx.execute_text(text.push(
            " on conflict (key, step, run) do update set time = excluded.time, value = excluded.value \
             where excluded.time > metric_steps.time or (excluded.time = metric_steps.time and \
             (coalesce(excluded.value, 0) > coalesce(metric_steps.value, 0) or (metric_steps.value is null \
             and excluded.value is not null and excluded.value = 0)))",
        ))
        .await?;
    }
    Ok(())
}
