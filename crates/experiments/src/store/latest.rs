//! The newest point of each metric of a run: settled ones in one packed row, and what the tail adds.

use std::collections::BTreeMap;

use db::{Sql, SqlText, params};

use super::tail::tails;
use crate::points::{Point, unpack};
use crate::{Error, Metric, Run};

/// Names per statement.
const CHUNK: usize = 500;

/// The newest points of a run by the number of their metric, as far as they are settled.
pub(super) async fn load_latest(sql: &mut impl Sql, run: i64) -> Result<BTreeMap<i64, Point>, Error> {
    let row = sql.fetch_optional("select data from run_latest where run = $1", params![run]).await?;
    match row {
        Some(row) => Ok(firsts(row.bytes("data")?)?.collect()),
        None => Ok(BTreeMap::new()),
    }
}

fn firsts(bytes: &[u8]) -> Result<impl Iterator<Item = (i64, Point)>, Error> {
    Ok(unpack(bytes)?.into_iter().filter_map(|(key, points)| Some((key, points.into_iter().next()?))))
}

/// The newer of two points: greatest step, then time, then value.
pub(super) fn newer(left: Point, right: Point) -> Point {
    if right.cmp(&left).is_gt() { right } else { left }
}

/// Gives these runs their newest metrics, by name; `numbers` is one statement's worth, `at` says where each run is.
pub(super) async fn add_metrics(
    sql: &mut impl Sql,
    runs: &mut [Run],
    numbers: &[i64],
    at: &BTreeMap<i64, usize>,
) -> Result<(), Error> {
    // The tail first: what is settled in between is then seen twice, and never missed.
    let mut tails = tails(sql, numbers).await?;
    let text = SqlText::new("select run, data from run_latest where run in (")
        .bind_list(numbers.iter().copied())
        .push(")");
    let mut settled = Vec::new();
    for row in sql.fetch_all_text(text).await? {
        settled.push((row.int("run")?, firsts(row.bytes("data")?)?.collect::<Vec<_>>()));
    }
    let names = names_of(sql, &settled).await?;
    for (number, points) in settled {
        let Some(run) = at.get(&number).and_then(|at| runs.get_mut(*at)) else { continue };
        run.metrics.reserve(points.len());
        for (key, point) in points {
            let Some(name) = names.get(&key) else { continue };
            run.metrics.push(point.named(name.clone()));
        }
        run.metrics.sort_unstable_by(|left, right| left.key.cmp(&right.key));
    }
    for (number, named) in &mut tails {
        let Some(run) = at.get(number).and_then(|at| runs.get_mut(*at)) else { continue };
        for (name, points) in named {
            let Some(last) = points.iter().copied().reduce(newer) else { continue };
            match run.metrics.binary_search_by(|metric| metric.key.as_str().cmp(name)) {
                Ok(there) => {
                    if let Some(metric) = run.metrics.get_mut(there) {
                        *metric = newer(Point::of(metric), last).named(std::mem::take(&mut metric.key));
                    }
                }
                Err(place) => run.metrics.insert(place, last.named(name.clone())),
            }
        }
    }
    Ok(())
}

async fn names_of(
    sql: &mut impl Sql,
    settled: &[(i64, Vec<(i64, Point)>)],
) -> Result<BTreeMap<i64, String>, Error> {
    let mut keys: Vec<i64> =
        settled.iter().flat_map(|(_, points)| points.iter().map(|(key, _)| *key)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut names = BTreeMap::new();
    for keys in keys.chunks(CHUNK) {
        let text = SqlText::new("select id, name from metric_keys where id in (")
            .bind_list(keys.iter().copied())
            .push(")");
        for row in sql.fetch_all_text(text).await? {
            names.insert(row.int("id")?, row.text("name")?);
        }
    }
    Ok(names)
}

/// A point of a metric from a row with `key, step, time, value, is_nan`.
pub(super) fn metric_of(row: &db::Row) -> Result<Metric, Error> {
    let value = if row.bool("is_nan")? { f64::NAN } else { row.real("value")? };
    Ok(Metric { key: row.text("key")?, value, time: row.time("time")?, step: row.int("step")? })
}
