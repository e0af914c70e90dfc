//! The least and the greatest values of metrics, for search.
//!
//! `metric_values` has them for every metric of every run, and they are right there as soon as points are settled. Two
//! indexes over all of them would treble what settling writes to indexes, for metrics that nobody asks for. So a metric
//! is indexed when a search first asks for its least or greatest value, from what is there, and kept from then on:
//! settling copies what it has changed. Both keep the lesser least and the greater greatest value, so that they may
//! overlap. A build that is cut off goes on where it stopped. A search never fails for want of an index: without one
//! it reads the values of all runs.

use std::collections::BTreeSet;

use base::{Clock, SystemClock, Timestamp};
use db::{Db, Engine, Sql, SqlText, Tx, params};

use super::search::{MetricKeys, push_numbers};
use crate::Error;

/// Indexed metrics of one experiment, at most.
const MOST_METRICS: i64 = 100;
/// Metrics that one search has indexed; it reads those of others as they lie.
const MOST_ASKED: usize = 20;
/// Runs that are copied in one transaction while an index is made.
const RUNS_AT_ONCE: i64 = 5_000;
/// An index that was used within this time is not dropped for another.
const KEPT_MICROS: i64 = 3_600_000_000;
/// How exactly it is known when an index was used last.
const NOTED_MICROS: i64 = 300_000_000;

/// The numbers of metrics whose least and greatest values are indexed.
pub(super) type Ranked = BTreeSet<i64>;

/// Sees to it that the least and greatest values of these metrics are indexed; what was settled when this was called is
/// in the index afterwards. Answers the metrics for which that is so: not those for which there was no room.
pub(super) async fn prepare_bests(db: &Db, keys: &MetricKeys, asked: &[&str]) -> Result<Ranked, Error> {
    let mut ranked = Ranked::new();
    let numbers: Vec<i64> =
        asked.iter().take(MOST_ASKED).filter_map(|name| keys.get(*name)).flatten().copied().collect();
    for key in numbers {
        let now = SystemClock.now();
        let found = state(db, key).await?;
        match found {
            Some(State { complete: true, used_at, .. }) => {
                if now.as_micros() - used_at.as_micros() > NOTED_MICROS {
                    note_use(db, key, now).await?;
                }
            }
            found => {
                if !begin(db, key, now).await? {
                    continue;
                }
                build(db, key, found.map_or(0, |state| state.built_until)).await?;
            }
        }
        ranked.insert(key);
    }
    Ok(ranked)
}

struct State {
    built_until: i64,
    complete: bool,
    used_at: Timestamp,
}

async fn state(db: &Db, key: i64) -> Result<Option<State>, Error> {
    let find = "select built_until, complete, used_at from metric_best_indexes where key = $1";
    let row = db.read().await?.fetch_optional(find, params![key]).await?;
    row.map(|row| {
        Ok(State {
            built_until: row.int("built_until")?,
            complete: row.bool("complete")?,
            used_at: row.time("used_at")?,
        })
    })
    .transpose()
}

async fn note_use(db: &Db, key: i64, now: Timestamp) -> Result<(), Error> {
    let note = "update metric_best_indexes set used_at = $1 where key = $2";
    db.write(move |tx| {
        Box::pin(async move { tx.execute(note, params![now, key]).await.map_err(Error::from) })
    })
    .await?;
    Ok(())
}

/// Says that the metric is to be indexed, so that whoever settles from now on adds to it. Answers whether there is
/// room; the index that was not used for the longest time makes room if nobody asked for it within the hour.
async fn begin(db: &Db, key: i64, now: Timestamp) -> Result<bool, Error> {
    let waits = db.engine() == Engine::Postgres;
    db.write(move |tx| {
        Box::pin(async move {
            if waits {
                // Transactions that have settled without knowing of the index end first. SQLite has one writer anyway.
                tx.execute("lock table metric_tail in share mode", params![]).await?;
            }
            if !has_room(tx, key, now).await? {
                return Ok(false);
            }
            let put = "insert into metric_best_indexes (key, built_until, complete, used_at) \
                       values ($1, 0, 0, $2) on conflict (key) do update set used_at = excluded.used_at";
            tx.execute(put, params![key, now]).await?;
            Ok(true)
        })
    })
    .await
}

async fn has_room(tx: &mut Tx, key: i64, now: Timestamp) -> Result<bool, Error> {
    let others = "select b.key, b.used_at from metric_best_indexes b join metric_keys k on k.id = b.key \
                  where b.key <> $1 and k.experiment_id = (select o.experiment_id from metric_keys o where o.id = $1) \
                  order by b.used_at, b.key limit $2";
    let rows = tx.fetch_all(others, params![key, MOST_METRICS]).await?;
    if i64::try_from(rows.len()).is_ok_and(|count| count < MOST_METRICS) {
        return Ok(true);
    }
    let Some(oldest) = rows.first() else { return Ok(true) };
    if oldest.int("used_at")? >= now.as_micros() - KEPT_MICROS {
        return Ok(false);
    }
    let oldest = oldest.int("key")?;
    tx.execute("delete from metric_bests where key = $1", params![oldest]).await?;
    tx.execute("delete from metric_best_indexes where key = $1", params![oldest]).await?;
    Ok(true)
}

/// Copies the values of all runs after `from`, some runs a transaction, so that others can write meanwhile.
async fn build(db: &Db, key: i64, from: i64) -> Result<(), Error> {
    let mut after = from;
    loop {
        let last = "select max(q.run) as last from (select run from metric_values where key = $1 and run > $2 \
                    order by run limit $3) q";
        let row = db.read().await?.fetch_optional(last, params![key, after, RUNS_AT_ONCE]).await?;
        let Some(last) = row.map(|row| row.opt_int("last")).transpose()?.flatten() else { break };
        db.write(move |tx| {
            Box::pin(async move {
                let text = SqlText::new(COPY).push("key = ").bind(key).push(" and run > ").bind(after);
                tx.execute_text(text.push(" and run <= ").bind(last).push(KEEP_BEST)).await?;
                let note =
                    "update metric_best_indexes set built_until = $1 where key = $2 and built_until < $1";
                tx.execute(note, params![last, key]).await.map_err(Error::from)
            })
        })
        .await?;
        after = last;
    }
    let done = "update metric_best_indexes set complete = 1 where key = $1";
    db.write(move |tx| Box::pin(async move { tx.execute(done, params![key]).await.map_err(Error::from) }))
        .await?;
    Ok(())
}

const COPY: &str =
    "insert into metric_bests (key, run, low, high) select key, run, low, high from metric_values where ";
const KEEP_BEST: &str = " on conflict (key, run) do update set \
     low = case when metric_bests.low is null or excluded.low < metric_bests.low \
     then excluded.low else metric_bests.low end, \
     high = case when metric_bests.high is null or excluded.high > metric_bests.high \
     then excluded.high else metric_bests.high end";

/// Brings the indexes up to date with what was just settled of a run.
pub(super) async fn keep_bests(tx: &mut Tx, run: i64, ranked: &Ranked) -> Result<(), Error> {
    if ranked.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = ranked.iter().copied().collect();
    let text = push_numbers(SqlText::new(COPY).push("run = ").bind(run).push(" and "), "key", &numbers);
    tx.execute_text(text.push(KEEP_BEST)).await?;
    Ok(())
}
