//! What a run logs: metrics, params and tags, many at once.

use std::collections::BTreeMap;

use db::{Sql, SqlText, Tx, params};

use super::active_run;
use super::run::NAME_TAG;
use crate::limits::{PARAM_CHARS, TAG_CHARS, check_key, check_text, cut};
use crate::{Error, Metric};

/// Rows per statement.
const CHUNK: usize = 100;

/// What a run logs in one go.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Points of metrics; points that are there already are ignored.
    pub metrics: Vec<Metric>,
    /// Params; each keeps its first value for ever.
    pub params: Vec<(String, String)>,
    /// Tags; the last value of a key holds.
    pub tags: Vec<(String, String)>,
}

/// Logs a batch, all of it or nothing. Values of params and tags that are too long are cut.
pub async fn log_batch(tx: &mut Tx, run: &str, batch: Batch) -> Result<(), Error> {
    for metric in &batch.metrics {
        check_key("metric", &metric.key)?;
    }
    let mut fresh = BTreeMap::new();
    for (key, value) in &batch.params {
        check_key("param", key)?;
        check_text("param", key, value)?;
        let value = cut(value, PARAM_CHARS).into_owned();
        if let Some(old) = fresh.insert(key.clone(), value.clone()).filter(|old| *old != value) {
            return Err(Error::ParamChanged { run: run.to_owned(), key: key.clone(), old, new: value });
        }
    }
    for (key, value) in &batch.tags {
        check_tag(key, value)?;
    }
    let head = active_run(tx, run).await?;
    put_params(tx, run, head.number, fresh).await?;
    put_metrics(tx, head.number, &batch.metrics).await?;
    put_tags(tx, head.number, batch.tags).await
}

/// Checks a run's tag.
pub(super) fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    check_key("tag", key)?;
    check_text("tag", key, value)
}

/// Writes tags; a name among them renames the run.
pub(super) async fn put_tags(tx: &mut Tx, number: i64, tags: Vec<(String, String)>) -> Result<(), Error> {
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    let rows: Vec<_> = tags.iter().map(|(key, value)| (key, cut(value, TAG_CHARS))).collect();
    for rows in rows.chunks(CHUNK) {
        let mut text = SqlText::new("insert into run_tags (run, key, value) values ");
        for (index, (key, value)) in rows.iter().enumerate() {
            text = opened(text, index).bind(number).push(", ").bind(*key).push(", ").bind(&**value).push(")");
        }
        tx.execute_text(text.push(" on conflict (run, key) do update set value = excluded.value")).await?;
    }
    if let Some(name) = tags.get(NAME_TAG).filter(|name| !name.is_empty()) {
        tx.execute("update runs set name = $1 where number = $2", params![name, number]).await?;
    }
    Ok(())
}

async fn put_params(
    tx: &mut Tx,
    run: &str,
    number: i64,
    fresh: BTreeMap<String, String>,
) -> Result<(), Error> {
    let rows: Vec<_> = fresh.iter().collect();
    for rows in rows.chunks(CHUNK) {
        let mut text = SqlText::new("insert into run_params (run, key, value) values ");
        for (index, (key, value)) in rows.iter().enumerate() {
            text = opened(text, index).bind(number).push(", ").bind(*key).push(", ").bind(*value).push(")");
        }
        let written = tx.execute_text(text.push(" on conflict (run, key) do nothing")).await?;
        if usize::try_from(written).is_ok_and(|written| written == rows.len()) {
            continue;
        }
        let text = SqlText::new("select key, value from run_params where run = ")
            .bind(number)
            .push(" and key in (")
            .bind_list(rows.iter().map(|(key, _)| *key))
            .push(")");
        for row in tx.fetch_all_text(text).await? {
            let (key, old) = (row.text("key")?, row.text("value")?);
            if let Some(new) = fresh.get(&key).filter(|new| **new != old) {
                return Err(Error::ParamChanged { run: run.to_owned(), key, old, new: new.clone() });
            }
        }
    }
    Ok(())
}

/// A point as the tables hold it: not-a-number is 0 with a mark.
fn stored(metric: &Metric) -> (f64, bool) {
    if metric.value.is_nan() { (0.0, true) } else { (metric.value, false) }
}

async fn put_metrics(tx: &mut Tx, number: i64, metrics: &[Metric]) -> Result<(), Error> {
    for metrics in metrics.chunks(CHUNK) {
        let text = SqlText::new("insert into metric_points (run, key, step, time, value, is_nan) values ");
        let text = points(text, number, metrics.iter());
        tx.execute_text(text.push(" on conflict do nothing")).await?;
    }
    let mut latest: BTreeMap<&str, &Metric> = BTreeMap::new();
    for metric in metrics {
        let rank = |metric: &Metric| (metric.step, metric.time, stored(metric).0);
        match latest.get(metric.key.as_str()) {
            Some(there) if rank(there) >= rank(metric) => {}
            _ => {
                latest.insert(&metric.key, metric);
            }
        }
    }
    let latest: Vec<&Metric> = latest.into_values().collect();
    for metrics in latest.chunks(CHUNK) {
        let text = SqlText::new("insert into latest_metrics (run, key, step, time, value, is_nan) values ");
        let text = points(text, number, metrics.iter().copied());
        tx.execute_text(text.push(
            " on conflict (run, key) do update set step = excluded.step, time = excluded.time, \
             value = excluded.value, is_nan = excluded.is_nan \
             where (excluded.step, excluded.time, excluded.value) \
             > (latest_metrics.step, latest_metrics.time, latest_metrics.value)",
        ))
        .await?;
    }
    Ok(())
}

fn points<'a>(mut text: SqlText, number: i64, metrics: impl Iterator<Item = &'a Metric>) -> SqlText {
    for (index, metric) in metrics.enumerate() {
        let (value, is_nan) = stored(metric);
        text = opened(text, index)
            .bind(number)
            .push(", ")
            .bind(&metric.key)
            .push(", ")
            .bind(metric.step)
            .push(", ")
            .bind(metric.time)
            .push(", ")
            .bind(value)
            .push(", ")
            .bind(is_nan)
            .push(")");
    }
    text
}

fn opened(text: SqlText, index: usize) -> SqlText {
    text.push(if index == 0 { "(" } else { ", (" })
}
