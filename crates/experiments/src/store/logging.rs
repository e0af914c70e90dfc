//! What a run logs: metrics, params and tags, many at once.

use std::collections::BTreeMap;

use db::{Sql, SqlText, Tx, params};

use super::active_run;
use super::run::NAME_TAG;
use super::tail::append;
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
    let written = !batch.metrics.is_empty() && append(tx, run, &batch.metrics).await?;
    if written && fresh.is_empty() && batch.tags.is_empty() {
        return Ok(());
    }
    let head = active_run(tx, run).await?;
    put_params(tx, run, head.number, fresh).await?;
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
    write_tags(tx, number, &tags).await?;
    if let Some(name) = tags.get(NAME_TAG).filter(|name| !name.is_empty()) {
        tx.execute("update runs set name = $1 where number = $2", params![name, number]).await?;
    }
    Ok(())
}

/// Writes tags of a run whose name is as they say.
pub(super) async fn write_tags(
    tx: &mut Tx,
    number: i64,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let rows: Vec<_> = tags.iter().map(|(key, value)| (key, cut(value, TAG_CHARS))).collect();
    for rows in rows.chunks(CHUNK) {
        let mut text = SqlText::new("insert into run_tags (run, key, value) values ");
        for (index, (key, value)) in rows.iter().enumerate() {
            text = opened(text, index).bind(number).push(", ").bind(*key).push(", ").bind(&**value).push(")");
        }
        tx.execute_text(text.push(" on conflict (run, key) do update set value = excluded.value")).await?;
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

fn opened(text: SqlText, index: usize) -> SqlText {
    text.push(if index == 0 { "(" } else { ", (" })
}
