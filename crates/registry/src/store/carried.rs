//! Models and versions that were registered elsewhere and keep their numbers and times.

use base::{Actor, Timestamp};
use db::{Sql, Tx, params};

use super::{create_version, get_version, model_number};
use crate::{Error, NewVersion, Stage};

/// A version that was registered elsewhere.
#[derive(Debug, Clone)]
pub struct CarriedVersion {
    /// What it is.
    pub version: NewVersion,
    /// Its number, from 1.
    pub number: i64,
    /// MLflow's stage.
    pub stage: Stage,
    /// `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
    pub status: String,
    /// A word on the status.
    pub status_message: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Brings in a version under its own number. One that is there already gets description, stage, status and tags anew;
/// what a version is made of never changes. Answers whether it is new here.
pub async fn carry_version(tx: &mut Tx, carried: CarriedVersion, actor: &Actor) -> Result<bool, Error> {
    let CarriedVersion { version, number, stage, status, status_message, created_at, updated_at } = carried;
    if number < 1 {
        return Err(Error::invalid(format!("version number {number}"), "is less than 1"));
    }
    let (model, description, tags) =
        (version.model.clone(), version.description.clone(), version.tags.clone());
    let home = model_number(tx, &model).await?;
    let there = tx
        .fetch_optional(
            "select deleted_at from registry_versions where model = $1 and number = $2",
            params![home, number],
        )
        .await?;
    let fresh = there.is_none();
    match there {
        Some(row) if row.opt_time("deleted_at")?.is_some() => return Ok(false),
        Some(_) => {
            for (key, value) in &tags {
                super::set_version_tag(tx, &model, number, key, value, actor, updated_at).await?;
            }
        }
        None => {
            let last = last_version(tx, home).await?;
            set_last_version(tx, home, number - 1).await?;
            create_version(tx, version, actor, created_at).await?;
            set_last_version(tx, home, last.max(number)).await?;
        }
    }
    tx.execute(
        "update registry_versions set description = $1, stage = $2, status = $3, status_message = $4, updated_at = $5 \
         where model = $6 and number = $7",
        params![description, stage.word(), status, status_message, updated_at, home, number],
    )
    .await?;
    get_version(tx, &model, number).await?;
    Ok(fresh)
}

/// Gives a model the times that it had elsewhere.
pub async fn date_model(
    tx: &mut Tx,
    model: &str,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> Result<(), Error> {
    let home = model_number(tx, model).await?;
    tx.execute(
        "update registry_models set created_at = $1, updated_at = $2 where number = $3",
        params![created_at, updated_at, home],
    )
    .await?;
    Ok(())
}

async fn last_version(tx: &mut Tx, home: i64) -> Result<i64, Error> {
    let row = tx
        .fetch_optional("select last_version from registry_models where number = $1", params![home])
        .await?;
    Ok(row.map(|row| row.int("last_version")).transpose()?.unwrap_or(0))
}

async fn set_last_version(tx: &mut Tx, home: i64, number: i64) -> Result<(), Error> {
    tx.execute("update registry_models set last_version = $1 where number = $2", params![number, home])
        .await?;
    Ok(())
}
