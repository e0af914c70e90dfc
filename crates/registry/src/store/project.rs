//! Models of a project as a whole.

use base::{Actor, Timestamp};
use db::{Sql, Tx, params};

use super::model::{delete_model, event};
use crate::{Error, in_project};

/// How many models in use a project has.
pub async fn count_models(sql: &mut impl Sql, project: &str) -> Result<i64, Error> {
    let row = sql
        .fetch_optional(
            "select count(*) as found from registry_models where project = $1 and deleted_at is null",
            params![project],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(row.int("found")?))
}

/// Moves the models of one project into another. Fails with [`Error::ModelExists`] when a name is taken there.
pub async fn move_models(tx: &mut Tx, from: &str, to: &str, actor: &Actor) -> Result<(), Error> {
    let taken = tx
        .fetch_optional(
            "select m.name from registry_models m join registry_models o on o.name = m.name \
             where m.project = $1 and m.deleted_at is null and o.project = $2 and o.deleted_at is null limit 1",
            params![from, to],
        )
        .await?;
    if let Some(row) = taken {
        return Err(Error::ModelExists { model: in_project(to, &row.text("name")?) });
    }
    for name in names_of(tx, from).await? {
        let (before, after) = (in_project(from, &name), in_project(to, &name));
        let facts = serde_json::json!({"previous_name": before});
        let summary = format!("model `{before}` moved to `{after}`");
        tx.append_event(event("model.renamed", actor, &after, summary).with(facts)).await?;
    }
    tx.execute("update registry_models set project = $1 where project = $2", params![to, from]).await?;
    Ok(())
}

/// Puts every model of a project out of use.
pub async fn delete_models_of(
    tx: &mut Tx,
    project: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    for name in names_of(tx, project).await? {
        delete_model(tx, &in_project(project, &name), actor, now).await?;
    }
    Ok(())
}

async fn names_of(tx: &mut Tx, project: &str) -> Result<Vec<String>, Error> {
    let rows = tx
        .fetch_all(
            "select name from registry_models where project = $1 and deleted_at is null order by name",
            params![project],
        )
        .await?;
    rows.iter().map(|row| Ok(row.text("name")?)).collect()
}
