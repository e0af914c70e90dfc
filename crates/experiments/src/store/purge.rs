//! What has lain in the bin for long enough, removed for good: runs, logged models and experiments, each with everything
//! that hangs on it.

use base::Timestamp;
use db::{Sql, SqlText, Tx, params};

use super::latest::load_latest;
use super::settle::settle_ended;
use crate::Error;

/// Keys per statement.
const CHUNK: usize = 250;

/// What lies in the bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinnedKind {
    /// A run.
    Run,
    /// A logged model: deleted itself, or in an experiment that is.
    LoggedModel,
}

/// A run or a logged model in the bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinnedThing {
    /// Which of both it is.
    pub kind: BinnedKind,
    /// Its id.
    pub id: String,
    /// Where its files are.
    pub artifact_uri: String,
}

const RUNS: &str = "select r.id, r.artifact_uri from runs r \
                    where r.lifecycle = 'deleted' and r.deleted_at < $1 and r.id > $2 order by r.id limit $3";
const MODELS: &str = "select m.id, m.artifact_uri from logged_models m join experiments e on e.id = m.experiment_id \
                      where (m.lifecycle = 'deleted' and m.updated_at < $1 or e.lifecycle = 'deleted' and e.updated_at < $1) \
                      and m.id > $2 order by m.id limit $3";

/// Runs or logged models that went into the bin before a moment, in the order of their ids, those after `after`.
pub async fn binned(
    sql: &mut impl Sql,
    kind: BinnedKind,
    before: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<BinnedThing>, Error> {
    let find = match kind {
        BinnedKind::Run => RUNS,
        BinnedKind::LoggedModel => MODELS,
    };
    let rows = sql.fetch_all(find, params![before, after, limit]).await?;
    rows.iter()
        .map(|row| Ok(BinnedThing { kind, id: row.text("id")?, artifact_uri: row.text("artifact_uri")? }))
        .collect()
}

/// Removes a run or a logged model for good, if it still is in the bin since before that moment. Answers whether it was.
pub async fn purge_binned(tx: &mut Tx, kind: BinnedKind, id: &str, before: Timestamp) -> Result<bool, Error> {
    match kind {
        BinnedKind::Run => purge_run(tx, id, before).await,
        BinnedKind::LoggedModel => purge_logged_model(tx, id, before).await,
    }
}

async fn purge_run(tx: &mut Tx, id: &str, before: Timestamp) -> Result<bool, Error> {
    let find = "select number from runs where id = $1 and lifecycle = 'deleted' and deleted_at < $2";
    let Some(row) = tx.fetch_optional(find, params![id, before]).await? else { return Ok(false) };
    let number = row.int("number")?;
    // The tables that search reads are in the order of metrics; which metrics the run has is known when all is settled.
    settle_ended(tx, number).await?;
    let keys: Vec<i64> = load_latest(tx, number).await?.into_keys().collect();
    for keys in keys.chunks(CHUNK) {
        for (delete, rest) in [
            ("delete from metric_values where run = ", ""),
            ("delete from metric_bests where run = ", ""),
            ("delete from metric_steps where run = ", STEPS_ASKED),
        ] {
            let text = SqlText::new(delete).bind(number).push(" and key in (");
            tx.execute_text(text.bind_list(keys.iter().copied()).push(")").push(rest)).await?;
        }
    }
    for delete in [
        "delete from metric_tail where run = $1",
        "delete from metric_segments where run = $1",
        "delete from run_latest where run = $1",
        "delete from metric_points where run = $1",
        "delete from latest_metrics where run = $1",
        "delete from run_captures where run = $1",
        "delete from run_inputs where run = $1",
        "delete from run_models where run = $1",
        "delete from run_params where run = $1",
        "delete from run_tags where run = $1",
        "delete from runs where number = $1",
    ] {
        tx.execute(delete, params![number]).await?;
    }
    Ok(true)
}

/// Leads to rows of `metric_steps` by their whole key.
const STEPS_ASKED: &str =
    " and step in (select s.step from metric_step_indexes s where s.key = metric_steps.key)";

async fn purge_logged_model(tx: &mut Tx, id: &str, before: Timestamp) -> Result<bool, Error> {
    let find = "select m.id from logged_models m join experiments e on e.id = m.experiment_id where m.id = $1 \
                and (m.lifecycle = 'deleted' and m.updated_at < $2 or e.lifecycle = 'deleted' and e.updated_at < $2)";
    if tx.fetch_optional(find, params![id, before]).await?.is_none() {
        return Ok(false);
    }
    for delete in [
        "delete from logged_model_metrics where model_id = $1",
        "delete from logged_model_params where model_id = $1",
        "delete from logged_model_tags where model_id = $1",
        "delete from run_models where model_id = $1",
        "delete from logged_models where id = $1",
    ] {
        tx.execute(delete, params![id]).await?;
    }
    Ok(true)
}

const EMPTY: &str = "select e.id from experiments e where e.lifecycle = 'deleted' and e.updated_at < $1 \
                     and not exists (select 1 from runs r where r.experiment_id = e.id) \
                     and not exists (select 1 from logged_models m where m.experiment_id = e.id) order by e.id";

/// Removes the experiments that went into the bin before a moment and hold nothing any more; their names are free then.
/// Answers how many there were.
pub async fn purge_experiments(tx: &mut Tx, before: Timestamp) -> Result<usize, Error> {
    let rows = tx.fetch_all(EMPTY, params![before]).await?;
    for row in &rows {
        let id = row.int("id")?;
        for delete in [
            "delete from metric_step_indexes where key in (select k.id from metric_keys k where k.experiment_id = $1)",
            "delete from metric_best_indexes where key in (select k.id from metric_keys k where k.experiment_id = $1)",
            "delete from metric_keys where experiment_id = $1",
            "delete from input_datasets where experiment_id = $1",
            "delete from experiment_tags where experiment_id = $1",
            "delete from experiments where id = $1",
        ] {
            tx.execute(delete, params![id]).await?;
        }
    }
    Ok(rows.len())
}

/// How many experiments went into the bin before a moment.
pub async fn binned_experiments(sql: &mut impl Sql, before: Timestamp) -> Result<usize, Error> {
    let count = "select count(*) as found from experiments where lifecycle = 'deleted' and updated_at < $1";
    let row = sql.fetch_optional(count, params![before]).await?;
    let found = row.map_or(Ok(0), |row| row.int("found"))?;
    Ok(usize::try_from(found).unwrap_or(0))
}
