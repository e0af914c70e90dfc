//! Settling: what came in small pieces goes where reading is cheap.
//!
//! A run's tail becomes a generation of packed segments; its newest, least and greatest values go where search finds
//! them. Sixteen generations of one level are merged into one of the next, and when a run ends all of them, so that a
//! history is read from few rows however it was logged. Reading never depends on settling having happened: readers
//! add what is in the tail. Only searches that compare metrics settle first.

use std::collections::BTreeMap;

use db::{Db, Read, Row, Sql, SqlText, Tx, params};

use super::bests::{Ranked, keep_bests};
use super::latest::{load_latest, newer};
use super::next_number;
use super::steps::{Indexed, keep_steps};
use super::tail::{Named, add, next_seq};
use crate::Error;
use crate::points::{Column, Point, pack, settle_order, unpack};

/// Runs that one look finds.
const RUNS_PER_LOOK: i64 = 1_000;
/// The most rows of a tail that one transaction settles.
const ROWS_AT_ONCE: i64 = 4_000;
/// The most bytes of a tail that one transaction settles; more only if a single row has more.
const BYTES_AT_ONCE: i64 = 4 * 1_024 * 1_024;
/// Points of one segment.
const SEGMENT_POINTS: usize = 4_096;
/// Generations of one level that become one of the next.
const MERGED_GENERATIONS: i64 = 16;
/// Generations with more points than this together stay apart.
const MOST_MERGED_POINTS: i64 = 1_000_000;
/// Rows per statement.
const CHUNK: usize = 250;

/// Settles what runs of these experiments have logged, so that search compares it.
pub async fn settle_experiments(db: &Db, experiments: &[i64]) -> Result<(), Error> {
    if experiments.is_empty() {
        return Ok(());
    }
    let rows = db.read().await?.fetch_all_text(with_tails(experiments)).await?;
    settle_all(db, &rows).await
}

/// Reads which runs of the experiments have something to settle. Few have, and an experiment may have many runs: SQLite
/// walks a cross join as it is written.
pub(super) fn with_tails(experiments: &[i64]) -> SqlText {
    SqlText::new(
        "select distinct t.run from metric_tail t cross join runs r where r.number = t.run and r.experiment_id in (",
    )
    .bind_list(experiments.iter().copied())
    .push(")")
}

/// Settles what all runs have logged. Answers how many runs there were to settle, at most a thousand.
pub async fn settle(db: &Db) -> Result<usize, Error> {
    let mut read: Read = db.read().await?;
    let rows =
        read.fetch_all("select distinct run from metric_tail limit $1", params![RUNS_PER_LOOK]).await?;
    drop(read);
    settle_all(db, &rows).await?;
    Ok(rows.len())
}

async fn settle_all(db: &Db, rows: &[Row]) -> Result<(), Error> {
    for row in rows {
        let run = row.int("run")?;
        while db.write(move |tx| Box::pin(async move { settle_part(tx, run).await })).await? {}
    }
    Ok(())
}

/// Settles all of a run that has ended, and merges its segments.
pub(super) async fn settle_ended(tx: &mut Tx, run: i64) -> Result<(), Error> {
    while settle_part(tx, run).await? {}
    merge(tx, run, None).await
}

/// Settles a part of a run's tail. Answers whether there is more.
async fn settle_part(tx: &mut Tx, run: i64) -> Result<bool, Error> {
    let Some((until, more)) = part(tx, run).await? else { return Ok(false) };
    // Who deletes a row settles it: a second server waits here, and then finds nothing.
    let rows = tx
        .fetch_all("delete from metric_tail where run = $1 and seq <= $2 returning data", params![run, until])
        .await?;
    let mut named = Named::new();
    for row in &rows {
        add(&mut named, row)?;
    }
    if named.is_empty() {
        return Ok(more);
    }
    let (columns, indexed) = numbered(tx, run, named).await?;
    index(tx, run, &columns).await?;
    keep_steps(tx, run, &columns, &indexed.steps).await?;
    keep_bests(tx, run, &indexed.ranked).await?;
    put_generation(tx, run, 0, &columns).await?;
    for level in 0.. {
        if generations(tx, run, level).await? < MERGED_GENERATIONS {
            break;
        }
        merge(tx, run, Some(level)).await?;
    }
    Ok(more)
}

/// The last row of the tail that is settled at once, and whether others follow.
async fn part(tx: &mut Tx, run: i64) -> Result<Option<(i64, bool)>, Error> {
    let rows = tx
        .fetch_all(
            "select seq, length(data) as bytes from metric_tail where run = $1 order by seq limit $2",
            params![run, ROWS_AT_ONCE],
        )
        .await?;
    let (mut bytes, mut until) = (0, None);
    for (index, row) in rows.iter().enumerate() {
        bytes += row.int("bytes")?;
        if index > 0 && bytes > BYTES_AT_ONCE {
            return Ok(until.map(|until| (until, true)));
        }
        until = Some(row.int("seq")?);
    }
    let more = i64::try_from(rows.len()).is_ok_and(|count| count == ROWS_AT_ONCE);
    Ok(until.map(|until| (until, more)))
}

/// What is indexed of the metrics of a tail, beside their newest values.
#[derive(Default)]
struct AlsoIndexed {
    steps: Indexed,
    ranked: Ranked,
}

/// Columns in the order of their keys' numbers, each in order and without doubles; new names are given numbers. Beside
/// them what else is indexed of these metrics.
async fn numbered(tx: &mut Tx, run: i64, named: Named) -> Result<(Vec<Column>, AlsoIndexed), Error> {
    let row = tx
        .fetch_optional("select experiment_id from runs where number = $1", params![run])
        .await?
        .ok_or_else(|| Error::RunNotFound { run: run.to_string() })?;
    let experiment = row.int("experiment_id")?;
    let mut numbers: BTreeMap<String, i64> = BTreeMap::new();
    let mut indexed = AlsoIndexed::default();
    let names: Vec<&String> = named.keys().collect();
    for names in names.chunks(CHUNK) {
        find_keys(tx, experiment, names, &mut numbers, &mut indexed).await?;
        let missing: Vec<&String> =
            names.iter().copied().filter(|name| !numbers.contains_key(*name)).collect();
        if missing.is_empty() {
            continue;
        }
        for name in &missing {
            let id = next_number(tx, "metric_key").await?;
            let put = "insert into metric_keys (id, experiment_id, name) values ($1, $2, $3) \
                       on conflict (experiment_id, name) do nothing";
            tx.execute(put, params![id, experiment, *name]).await?;
        }
        find_keys(tx, experiment, &missing, &mut numbers, &mut indexed).await?;
    }
    let mut columns: Vec<Column> = named
        .into_iter()
        .filter_map(|(name, mut points)| {
            settle_order(&mut points);
            Some((*numbers.get(&name)?, points))
        })
        .collect();
    columns.sort_unstable_by_key(|(key, _)| *key);
    Ok((columns, indexed))
}

async fn find_keys(
    tx: &mut Tx,
    experiment: i64,
    names: &[&String],
    numbers: &mut BTreeMap<String, i64>,
    indexed: &mut AlsoIndexed,
) -> Result<(), Error> {
    let text = SqlText::new(
        "select k.id, k.name, s.step, b.key as ranked from metric_keys k \
         left join metric_step_indexes s on s.key = k.id left join metric_best_indexes b on b.key = k.id \
         where k.experiment_id = ",
    )
    .bind(experiment)
    .push(" and k.name in (")
    .bind_list(names.iter().copied())
    .push(")");
    for row in tx.fetch_all_text(text).await? {
        let key = row.int("id")?;
        numbers.insert(row.text("name")?, key);
        if let Some(step) = row.opt_int("step")? {
            indexed.steps.entry(key).or_default().push(step);
        }
        if row.opt_int("ranked")?.is_some() {
            indexed.ranked.insert(key);
        }
    }
    Ok(())
}

/// Brings the newest points and the values that search compares up to date.
async fn index(tx: &mut Tx, run: i64, columns: &[Column]) -> Result<(), Error> {
    let mut latest = load_latest(tx, run).await?;
    for (key, points) in columns {
        let Some(last) = points.last() else { continue };
        let there = latest.entry(*key).or_insert(*last);
        *there = newer(*there, *last);
    }
    for columns in columns.chunks(CHUNK) {
        let mut text = SqlText::new("insert into metric_values (key, run, value, low, high) values ");
        for (index, (key, points)) in columns.iter().enumerate() {
            let numbers = || points.iter().map(|point| point.value).filter(|value| !value.is_nan());
            let value = latest.get(key).map(|point| point.value).filter(|value| !value.is_nan());
            text = text
                .push(if index == 0 { "(" } else { ", (" })
                .bind(*key)
                .push(", ")
                .bind(run)
                .push(", ")
                .bind(value)
                .push(", ")
                .bind(numbers().min_by(f64::total_cmp))
                .push(", ")
                .bind(numbers().max_by(f64::total_cmp))
                .push(")");
        }
        tx.execute_text(text.push(
            " on conflict (key, run) do update set value = excluded.value, \
             low = case when metric_values.low is null or excluded.low < metric_values.low \
             then excluded.low else metric_values.low end, \
             high = case when metric_values.high is null or excluded.high > metric_values.high \
             then excluded.high else metric_values.high end",
        ))
        .await?;
    }
    let packed = pack(latest.iter().map(|(key, point)| (*key, std::slice::from_ref(point))));
    let put = "insert into run_latest (run, data) values ($1, $2) \
               on conflict (run) do update set data = excluded.data";
    tx.execute(put, params![run, packed]).await?;
    Ok(())
}

/// Writes columns as a new generation of a level, cut into segments of a few thousand points.
async fn put_generation(tx: &mut Tx, run: i64, level: i64, columns: &[Column]) -> Result<(), Error> {
    let seq = next_seq();
    for (part, segment) in (0_i64..).zip(segments(columns)) {
        let (Some((first, _)), Some((last, _))) = (segment.first(), segment.last()) else { continue };
        let points: usize = segment.iter().map(|(_, points)| points.len()).sum();
        let put = "insert into metric_segments (run, level, seq, part, first_key, last_key, points, data) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8)";
        let points = i64::try_from(points).unwrap_or(i64::MAX);
        let packed = pack(segment.iter().copied());
        tx.execute(put, params![run, level, seq, part, *first, *last, points, packed]).await?;
    }
    Ok(())
}

fn segments(columns: &[Column]) -> Vec<Vec<(i64, &[Point])>> {
    let mut segments = Vec::new();
    let (mut segment, mut room) = (Vec::new(), SEGMENT_POINTS);
    for (key, points) in columns {
        let mut rest = points.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(room));
            segment.push((*key, now));
            room -= now.len();
            rest = later;
            if room == 0 {
                segments.push(std::mem::take(&mut segment));
                room = SEGMENT_POINTS;
            }
        }
    }
    if !segment.is_empty() {
        segments.push(segment);
    }
    segments
}

async fn generations(tx: &mut Tx, run: i64, level: i64) -> Result<i64, Error> {
    let count =
        "select count(distinct seq) as generations from metric_segments where run = $1 and level = $2";
    let row = tx.fetch_optional(count, params![run, level]).await?;
    Ok(row.map(|row| row.int("generations")).transpose()?.unwrap_or(0))
}

/// Merges the generations of a level, or all there are, into one of the next. Too many points stay as they are.
async fn merge(tx: &mut Tx, run: i64, level: Option<i64>) -> Result<(), Error> {
    let (lowest, highest) = level.map_or((0, i64::MAX), |level| (level, level));
    let sum = "select count(distinct seq) as generations, cast(coalesce(sum(points), 0) as bigint) as points, \
               coalesce(max(level), 0) as level from metric_segments where run = $1 and level >= $2 and level <= $3";
    let Some(row) = tx.fetch_optional(sum, params![run, lowest, highest]).await? else { return Ok(()) };
    if row.int("generations")? < 2 || row.int("points")? > MOST_MERGED_POINTS {
        return Ok(());
    }
    let next = row.int("level")? + 1;
    let rows = tx
        .fetch_all(
            "delete from metric_segments where run = $1 and level >= $2 and level <= $3 returning data",
            params![run, lowest, highest],
        )
        .await?;
    let mut merged: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
    for row in &rows {
        for (key, points) in unpack(row.bytes("data")?)? {
            merged.entry(key).or_default().extend(points);
        }
    }
    let columns: Vec<Column> = merged
        .into_iter()
        .map(|(key, mut points)| {
            settle_order(&mut points);
            (key, points)
        })
        .collect();
    put_generation(tx, run, next, &columns).await
}
