//! The tables of this room; nothing else knows them.

mod detail;
mod experiment;
mod history;
mod input;
mod logged_model;
mod logging;
mod run;
mod search;
#[cfg(test)]
mod tests;

use db::{Sql, Tx, params};

use crate::{Error, Lifecycle};

pub use experiment::{
    ExperimentQuery, NewExperiment, create_experiment, delete_experiment, delete_experiment_tag,
    find_experiment, get_experiment, rename_experiment, restore_experiment, search_experiments,
    set_experiment_tag,
};
pub use history::{PointsAfter, metric_points, metric_series};
pub use input::{DatasetSummary, log_inputs, log_outputs, search_datasets};
pub use logged_model::{
    LoggedModel, LoggedModelMetric, LoggedModelQuery, LoggedModelStatus, NewLoggedModel, create_logged_model,
    delete_logged_model, delete_logged_model_tag, finish_logged_model, get_logged_model,
    log_logged_model_metrics, log_logged_model_params, search_logged_models, set_logged_model_tags,
};
pub use logging::{Batch, log_batch};
pub use run::{
    NewRun, RunChange, RunQuery, create_run, delete_run, delete_run_tag, get_run, restore_run, search_runs,
    set_run_tag, update_run,
};

/// The next number of a kind of thing.
async fn next_number(tx: &mut Tx, counter: &'static str) -> Result<i64, Error> {
    let row = tx
        .fetch_optional(
            "update tracking_counters set last = last + 1 where name = $1 returning last",
            params![counter],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("last")?),
        None => Err(Error::invalid(format!("counter `{counter}`"), "is missing from the database")),
    }
}

/// What writes need to know of a run.
struct RunHead {
    number: i64,
    experiment_id: i64,
    lifecycle: Lifecycle,
}

async fn run_head(sql: &mut impl Sql, run: &str) -> Result<RunHead, Error> {
    let row = sql
        .fetch_optional("select number, experiment_id, lifecycle from runs where id = $1", params![run])
        .await?
        .ok_or_else(|| Error::RunNotFound { run: run.to_owned() })?;
    Ok(RunHead {
        number: row.int("number")?,
        experiment_id: row.int("experiment_id")?,
        lifecycle: Lifecycle::of(&row.text("lifecycle")?),
    })
}

/// The head of a run that may be written to.
async fn active_run(tx: &mut Tx, run: &str) -> Result<RunHead, Error> {
    let head = run_head(tx, run).await?;
    match head.lifecycle {
        Lifecycle::Active => Ok(head),
        Lifecycle::Deleted => Err(Error::RunDeleted { run: run.to_owned() }),
    }
}

/// Where a page begins; tokens are opaque to clients.
fn offset_of(token: Option<&str>) -> Result<i64, Error> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(0) };
    token
        .strip_prefix("p1-")
        .and_then(|offset| offset.parse::<i64>().ok())
        .filter(|offset| *offset >= 0)
        .ok_or_else(|| Error::BadPageToken { token: token.to_owned() })
}

fn token_of(offset: i64) -> String {
    format!("p1-{offset}")
}

/// Cuts a list that was asked for with one item more than the page holds.
fn found<T>(mut items: Vec<T>, limit: usize, offset: i64) -> crate::Found<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    crate::Found { items, next_token: more.then(|| token_of(next)) }
}

/// A page's size as the database wants it, with one more to see whether there is a next page.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1).saturating_add(1)
}
