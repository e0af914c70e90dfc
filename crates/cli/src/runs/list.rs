//! `ls runs` and `search runs`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::args::ListArguments;
use crate::client::Client;
use crate::output::{self, at, text, text_at};

/// The tag of runs that are kept but no longer shown.
const ARCHIVED: &str = "gingham.archived";
/// Runs of one page.
const PAGE: usize = 500;
/// Metrics and params that are shown when nobody chose columns.
const MOST_SHOWN: usize = 4;

/// How runs are listed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Listing {
    /// Only runs of these experiments, ids or names separated by commas.
    #[arg(long, short = 'e')]
    pub(crate) experiment: Option<String>,
    /// The order of runs, such as `metrics.mae asc, start_time desc`.
    #[arg(long)]
    pub(crate) order: Option<String>,
    /// The columns of runs, such as `metrics.mae,params.trainer,tags.team`.
    #[arg(long)]
    pub(crate) columns: Option<String>,
    /// Runs in the bin.
    #[arg(long)]
    pub(crate) deleted: bool,
    /// Archived runs too.
    #[arg(long)]
    pub(crate) archived: bool,
    /// Go on after a page of runs, with the word that it ended with.
    #[arg(long)]
    pub(crate) after: Option<String>,
}

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Searched {
    /// Runs.
    Runs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SearchArguments {
    /// What to search.
    pub(crate) what: Searched,
    /// The filter, such as `(metrics.mae < 300 or tags.team = 'blue') and params.trainer like 'l%'`.
    #[arg(default_value = "")]
    pub(crate) filter: String,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// Lists runs.
pub(crate) async fn list(client: &Client, arguments: &ListArguments, json: bool) -> Result<()> {
    let mut listing = arguments.runs.clone();
    listing.experiment = listing.experiment.or_else(|| arguments.model.clone());
    print(client, arguments.filter.as_deref().unwrap_or_default(), &listing, arguments.limit, json).await
}

/// Finds runs.
pub(crate) async fn search(client: &Client, arguments: &SearchArguments, json: bool) -> Result<()> {
    print(client, &arguments.filter, &arguments.listing, arguments.limit, json).await
}

async fn print(client: &Client, filter: &str, listing: &Listing, limit: usize, json: bool) -> Result<()> {
    let (runs, next) = read(client, filter, listing, limit).await?;
    if json {
        output::json(&serde_json::json!({ "items": runs, "next_cursor": next }));
        return Ok(());
    }
    let columns = match &listing.columns {
        Some(columns) => columns.split(',').map(|column| column.trim().to_owned()).collect(),
        None => usual_columns(&runs),
    };
    if runs.is_empty() {
        output::line(&output::faint("no run fits"));
        return Ok(());
    }
    let titles: Vec<String> =
        ["run", "name", "status", "started"].into_iter().map(str::to_owned).chain(columns.clone()).collect();
    let rows: Vec<Vec<Value>> = runs
        .iter()
        .map(|run| {
            let fixed = ["id", "name", "status", "start_time"].map(|key| at(run, key));
            fixed.into_iter().chain(columns.iter().map(|column| cell(run, column))).collect()
        })
        .collect();
    output::grid(&titles, &rows);
    if let Some(next) = next {
        output::note(&output::faint(&format!("there are more: go on with --after {next}")));
    }
    Ok(())
}

/// Runs that fit, at most `limit`, and where to go on.
pub(super) async fn read(
    client: &Client,
    filter: &str,
    listing: &Listing,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>)> {
    let mut runs = Vec::new();
    let mut cursor = listing.after.clone();
    loop {
        let (page, next) = page(client, filter, listing, (limit - runs.len()).min(PAGE), cursor).await?;
        runs.extend(page);
        cursor = next;
        if cursor.is_none() || runs.len() >= limit {
            return Ok((runs, cursor));
        }
    }
}

/// A page of runs that fit.
pub(super) async fn page(
    client: &Client,
    filter: &str,
    listing: &Listing,
    limit: usize,
    cursor: Option<String>,
) -> Result<(Vec<Value>, Option<String>)> {
    let query = [
        ("experiment", listing.experiment.clone()),
        ("filter", Some(whole_filter(filter, listing))),
        ("order_by", listing.order.clone()),
        ("view", listing.deleted.then(|| "deleted".to_owned())),
        ("columns", listing.columns.clone()),
        ("limit", Some(limit.max(1).to_string())),
        ("cursor", cursor),
    ];
    let mut answer = client.get_with("/api/v1/runs", &query).await?;
    let next = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
    let items = match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    Ok((items, next))
}

/// The filter, and that archived runs are left out unless they are wanted.
fn whole_filter(filter: &str, listing: &Listing) -> String {
    let kept = format!("tags.`{ARCHIVED}` is null");
    match (filter.trim(), listing.archived || listing.deleted || filter.contains(ARCHIVED)) {
        (filter, true) => filter.to_owned(),
        ("", false) => kept,
        (filter, false) => format!("({filter}) and {kept}"),
    }
}

/// The value of a column such as `metrics.mae`; a column without a dot is a field of the run itself.
pub(super) fn cell(run: &Value, column: &str) -> Value {
    match column.split_once('.') {
        Some((area, key)) => {
            let area = if area.ends_with('s') { area.to_owned() } else { format!("{area}s") };
            let key = key.trim_matches('`');
            if area == "attributes" {
                return at(run, key);
            }
            run.get(&area).and_then(|values| values.get(key)).cloned().unwrap_or_default()
        }
        None => at(run, column),
    }
}

/// The metrics that most runs have, and the params that differ between them.
fn usual_columns(runs: &[Value]) -> Vec<String> {
    let mut metrics: BTreeMap<&str, usize> = BTreeMap::new();
    let mut params: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        for key in run.get("metrics").and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
            *metrics.entry(key).or_default() += 1;
        }
        for (key, value) in run.get("params").and_then(Value::as_object).into_iter().flatten() {
            params.entry(key).or_default().insert(text(value));
        }
    }
    let mut metrics: Vec<_> = metrics.into_iter().collect();
    metrics.sort_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    let differing =
        params.iter().filter(|(_, values)| values.len() > 1).map(|(key, _)| format!("params.{key}"));
    let metrics = metrics.into_iter().take(MOST_SHOWN).map(|(key, _)| format!("metrics.{key}"));
    metrics.chain(differing.take(MOST_SHOWN)).collect()
}

/// How a run is called, for people.
pub(super) fn called(run: &Value) -> String {
    let name = text_at(run, "name");
    if name.is_empty() { text_at(run, "id") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archived_runs_are_left_out_unless_they_are_wanted() {
        let usual = Listing::default();
        assert_eq!(whole_filter("", &usual), "tags.`gingham.archived` is null");
        assert_eq!(
            whole_filter("metrics.a > 1 or metrics.b > 1", &usual),
            "(metrics.a > 1 or metrics.b > 1) and tags.`gingham.archived` is null"
        );
        assert_eq!(
            whole_filter("metrics.a > 1", &Listing { archived: true, ..Listing::default() }),
            "metrics.a > 1"
        );
    }

    #[test]
    fn columns_are_cells_of_runs() {
        let run = serde_json::json!({"id": "a", "metrics": {"m.x": 1.5}, "params": {"p": "q"}});
        assert_eq!(cell(&run, "metrics.m.x"), serde_json::json!(1.5));
        assert_eq!(cell(&run, "param.p"), serde_json::json!("q"));
        assert_eq!(cell(&run, "attributes.id"), serde_json::json!("a"));
    }
}
