//! What was deleted, and how it comes back into use.

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Sql, Tx, params};
use serde::Serialize;

use super::model::{event, find_model, get_model};
use super::version::get_version;
use super::{model_number, touch_model};
use crate::{Error, Model, Version, in_project, project_and_name};

/// A model that was deleted and is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binned {
    /// Its name.
    pub name: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// How many versions went with it.
    pub versions: i64,
}

/// Models that were deleted, newest first, at most `limit`.
pub async fn deleted_models(sql: &mut impl Sql, limit: usize) -> Result<Vec<Binned>, Error> {
    let rows = sql
        .fetch_all(
            "select m.project, m.name, m.deleted_at, (select count(*) from registry_versions v \
             where v.model = m.number and v.deleted_at = m.deleted_at) as versions \
             from registry_models m where m.deleted_at is not null order by m.deleted_at desc, m.number desc limit $1",
            params![i64::try_from(limit).unwrap_or(i64::MAX)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Binned {
                name: in_project(&row.text("project")?, &row.text("name")?),
                deleted_at: row.time("deleted_at")?,
                versions: row.int("versions")?,
            })
        })
        .collect()
}

/// Puts the model of that name that was deleted last back into use, with the versions that went with it. Its aliases
/// stay gone: what they pointed at may no longer be what should be served. Fails with [`Error::ModelExists`] when
/// another model has the name by now.
pub async fn restore_model(tx: &mut Tx, name: &str, actor: &Actor, now: Timestamp) -> Result<Model, Error> {
    if find_model(tx, name).await?.is_some() {
        return Err(Error::ModelExists { model: name.to_owned() });
    }
    let (project, plain) = project_and_name(name);
    let row = tx
        .fetch_optional(
            "select number, deleted_at from registry_models where project = $1 and name = $2 \
             and deleted_at is not null order by deleted_at desc, number desc limit 1",
            params![project, plain],
        )
        .await?
        .ok_or_else(|| Error::ModelNotFound { model: name.to_owned() })?;
    let (number, deleted_at) = (row.int("number")?, row.time("deleted_at")?);
    tx.execute(
        "update registry_models set deleted_at = null, updated_at = $1 where number = $2",
        params![now, number],
    )
    .await?;
    tx.execute(
        "update registry_versions set deleted_at = null where model = $1 and deleted_at = $2",
        params![number, deleted_at],
    )
    .await?;
    tx.append_event(event("model.restored", actor, name, format!("model `{name}` restored"))).await?;
    get_model(tx, name).await
}

/// Puts a version that was deleted by itself back into use, without its aliases. A version that is in use stays so.
pub async fn restore_version(
    tx: &mut Tx,
    model: &str,
    number: i64,
    actor: &Actor,
    now: Timestamp,
) -> Result<Version, Error> {
    let home = model_number(tx, model).await?;
    let back = tx
        .execute(
            "update registry_versions set deleted_at = null, updated_at = $1 \
             where model = $2 and number = $3 and deleted_at is not null",
            params![now, home, number],
        )
        .await?;
    let version = get_version(tx, model, number).await?;
    if back > 0 {
        touch_model(tx, home, now).await?;
        let object = ObjectRef::new("version", format!("{model}@{number}"));
        let summary = format!("version {number} of model `{model}` restored");
        tx.append_event(NewEvent::new("version.restored", actor, object, summary)).await?;
    }
    Ok(version)
}
