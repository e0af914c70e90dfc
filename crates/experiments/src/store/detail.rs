//! What hangs on runs (params, newest metrics, tags, inputs), read for a whole page of runs at once.

use std::collections::BTreeMap;

use db::{Row, Sql, SqlText};

use super::latest::add_metrics;
use crate::{DatasetInput, Error, Lifecycle, ModelLink, Run};

/// The columns of runs that [`runs_of`] reads.
pub(super) const COLUMNS: &str = "select r.number, r.id, r.experiment_id, r.name, r.status, r.user_id, r.artifact_uri, \
                                  r.start_time, r.end_time, r.lifecycle";

/// Runs per statement when their details are read.
const CHUNK: usize = 500;

/// Turns rows into runs, details included.
pub(super) async fn runs_of(sql: &mut impl Sql, rows: &[Row]) -> Result<Vec<Run>, Error> {
    let mut runs = rows.iter().map(head).collect::<Result<Vec<_>, _>>()?;
    let at: BTreeMap<i64, usize> = runs.iter().enumerate().map(|(at, run)| (run.number, at)).collect();
    let numbers: Vec<i64> = runs.iter().map(|run| run.number).collect();
    let mut each = |row: &Row, put: &mut dyn FnMut(&mut Run) -> Result<(), Error>| -> Result<(), Error> {
        match at.get(&row.int("run")?).and_then(|at| runs.get_mut(*at)) {
            Some(run) => put(run),
            None => Ok(()),
        }
    };
    for chunk in numbers.chunks(CHUNK) {
        for row in all(sql, "select run, key, value from run_params where run in (", chunk, ")").await? {
            let (key, value) = (row.text("key")?, row.text("value")?);
            each(&row, &mut |run| {
                run.params.insert(key.clone(), value.clone());
                Ok(())
            })?;
        }
        for row in all(sql, "select run, key, value from run_tags where run in (", chunk, ")").await? {
            let (key, value) = (row.text("key")?, row.text("value")?);
            each(&row, &mut |run| {
                run.tags.insert(key.clone(), value.clone());
                Ok(())
            })?;
        }
        let inputs = "select i.run, i.tags, d.name, d.digest, d.source_type, d.source, d.schema_text, d.profile_text \
                      from run_inputs i join input_datasets d on d.number = i.dataset where i.run in (";
        for row in all(sql, inputs, chunk, ") order by i.run, d.number").await? {
            let input = DatasetInput {
                name: row.text("name")?,
                digest: row.text("digest")?,
                source_type: row.text("source_type")?,
                source: row.text("source")?,
                schema: row.opt_text("schema_text")?,
                profile: row.opt_text("profile_text")?,
                tags: row.json("tags")?,
            };
            each(&row, &mut |run| {
                run.inputs.push(input.clone());
                Ok(())
            })?;
        }
        let models = "select run, direction, model_id, step from run_models where run in (";
        for row in all(sql, models, chunk, ") order by run, step, model_id").await? {
            let link = ModelLink { model_id: row.text("model_id")?, step: row.int("step")? };
            let input = row.text("direction")? == "input";
            each(&row, &mut |run| {
                if input {
                    run.model_inputs.push(link.clone());
                } else {
                    run.model_outputs.push(link.clone());
                }
                Ok(())
            })?;
        }
    }
    for chunk in numbers.chunks(CHUNK) {
        add_metrics(sql, &mut runs, chunk, &at).await?;
    }
    Ok(runs)
}

async fn all(
    sql: &mut impl Sql,
    begin: &'static str,
    numbers: &[i64],
    end: &'static str,
) -> Result<Vec<Row>, Error> {
    Ok(sql.fetch_all_text(SqlText::new(begin).bind_list(numbers.iter().copied()).push(end)).await?)
}

fn head(row: &Row) -> Result<Run, Error> {
    Ok(Run {
        id: row.text("id")?,
        number: row.int("number")?,
        experiment_id: row.int("experiment_id")?,
        name: row.text("name")?,
        status: row.text("status")?.parse()?,
        user: row.text("user_id")?,
        artifact_uri: row.text("artifact_uri")?,
        start_time: row.time("start_time")?,
        end_time: row.opt_time("end_time")?,
        lifecycle: Lifecycle::of(&row.text("lifecycle")?),
        params: BTreeMap::new(),
        metrics: Vec::new(),
        tags: BTreeMap::new(),
        inputs: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    })
}
