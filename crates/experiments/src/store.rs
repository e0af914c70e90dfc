//! The tables of this room; nothing else knows them.

mod bests;
#[cfg(test)]
mod bests_tests;
mod bring_over;
mod capture;
#[cfg(test)]
mod capture_tests;
mod carried;
mod detail;
mod experiment;
mod history;
mod input;
mod latest;
mod logged_model;
mod logging;
mod project;
mod purge;
mod run;
mod run_search;
mod search;
#[cfg(test)]
mod search_tests;
mod settle;
#[cfg(test)]
mod settle_tests;
mod steps;
#[cfg(test)]
mod steps_tests;
mod tail;
#[cfg(test)]
mod tests;

use db::{Page, Row, Sql, SqlText, Tx, params};

use crate::{Error, Lifecycle};

pub use bring_over::bring_over_points;
pub use capture::{
    Capture, MOST_CAPTURE_BYTES, any_abandoned, end_abandoned, find_capture, keep_alive, put_capture,
};
pub use carried::{CarriedModel, carry_logged_model, date_experiment, place_run};
pub use experiment::{
    ExperimentQuery, NewExperiment, create_experiment, delete_experiment, delete_experiment_tag,
    find_experiment, find_experiment_in, get_experiment, rename_experiment, restore_experiment,
    search_experiments, set_experiment_tag,
};
pub use history::{PointsAfter, metric_points, metric_series};
pub use input::{DatasetSummary, log_inputs, log_outputs, search_datasets};
pub use logged_model::{
    LoggedModel, LoggedModelMetric, LoggedModelQuery, LoggedModelStatus, NewLoggedModel, create_logged_model,
    delete_logged_model, delete_logged_model_tag, finish_logged_model, get_logged_model,
    log_logged_model_metrics, log_logged_model_params, search_logged_models, set_logged_model_tags,
};
pub use logging::{Batch, log_batch};
pub use project::{
    count_experiments, delete_experiments_of, move_experiments, project_of_experiment,
    project_of_logged_model, project_of_run,
};
pub use purge::{BinnedKind, BinnedThing, binned, binned_experiments, purge_binned, purge_experiments};
pub use run::{
    NewRun, RunChange, create_run, delete_run, delete_run_tag, get_run, restore_run, set_run_tag, update_run,
};
pub use run_search::{RunQuery, search_runs};
pub use search::DatasetOf;
pub use settle::{settle, settle_experiments};

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

/// The rows of a page in order, and the token of the next page.
async fn rows_of_page(
    sql: &mut impl Sql,
    inner: SqlText,
    page: &Page<'_>,
) -> Result<(Vec<Row>, Option<String>), Error> {
    let bad = || Error::BadPageToken { token: page.token.unwrap_or_default().to_owned() };
    let mut rows = sql.fetch_all_text(db::in_order(inner, page).ok_or_else(bad)?).await?;
    let next = db::ended_at(&mut rows, page)?;
    Ok((rows, next))
}
