//! Which project things belong to, and the experiments of a project as a whole.

use base::{Actor, Timestamp};
use db::{Sql, Tx, params};

use super::experiment::delete_experiment;
use crate::Error;

/// The project of an experiment, if there is such an experiment.
pub async fn project_of_experiment(sql: &mut impl Sql, id: i64) -> Result<Option<String>, Error> {
    let row = sql.fetch_optional("select project from experiments where id = $1", params![id]).await?;
    Ok(row.map(|row| row.text("project")).transpose()?)
}

/// The project of a run, which is that of its experiment, if there is such a run.
pub async fn project_of_run(sql: &mut impl Sql, id: &str) -> Result<Option<String>, Error> {
    let row = sql
        .fetch_optional(
            "select e.project from runs r join experiments e on e.id = r.experiment_id where r.id = $1",
            params![id],
        )
        .await?;
    Ok(row.map(|row| row.text("project")).transpose()?)
}

/// The project of a logged model, which is that of its experiment, if there is such a model.
pub async fn project_of_logged_model(sql: &mut impl Sql, id: &str) -> Result<Option<String>, Error> {
    let row = sql
        .fetch_optional(
            "select e.project from logged_models m join experiments e on e.id = m.experiment_id where m.id = $1",
            params![id],
        )
        .await?;
    Ok(row.map(|row| row.text("project")).transpose()?)
}

/// How many experiments in use a project has.
pub async fn count_experiments(sql: &mut impl Sql, project: &str) -> Result<i64, Error> {
    let row = sql
        .fetch_optional(
            "select count(*) as found from experiments where project = $1 and lifecycle = 'active'",
            params![project],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(row.int("found")?))
}

/// Moves the experiments of one project into another, with their runs. Fails with [`Error::ExperimentExists`] when a
/// name is taken there.
pub async fn move_experiments(tx: &mut Tx, from: &str, to: &str) -> Result<(), Error> {
    let taken = tx
        .fetch_optional(
            "select e.name, o.lifecycle from experiments e join experiments o on o.name = e.name \
             where e.project = $1 and o.project = $2 limit 1",
            params![from, to],
        )
        .await?;
    if let Some(row) = taken {
        let deleted = row.text("lifecycle")? == "deleted";
        return Err(Error::ExperimentExists { name: row.text("name")?, deleted });
    }
    tx.execute("update experiments set project = $1 where project = $2", params![to, from]).await?;
    Ok(())
}

/// Puts the experiments of a project and their runs into the bin.
pub async fn delete_experiments_of(
    tx: &mut Tx,
    project: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = tx
        .fetch_all(
            "select id from experiments where project = $1 and lifecycle = 'active' order by id",
            params![project],
        )
        .await?;
    for row in &rows {
        delete_experiment(tx, row.int("id")?, actor, now).await?;
    }
    Ok(())
}
