//! Aliases: moved by compare-and-swap, each move with its reason and an event.

use base::{Actor, Timestamp};
use db::{Sql, Tx, params};

use super::model::{event, is_prompt};
use super::{model_number, touch_model, version_home};
use crate::{AliasMove, Error, Expected, Pointer, Version, check_alias};

/// Where an alias is to point.
#[derive(Debug, Clone)]
pub struct AliasChange {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version that it shall point at.
    pub version: i64,
    /// Where it is thought to point now.
    pub expected: Expected,
    /// Why.
    pub reason: String,
}

/// Points an alias at a version. Fails with [`Error::AliasMoved`] when it does not point where `expected` says.
pub async fn set_alias(
    tx: &mut Tx,
    change: &AliasChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<AliasMove, Error> {
    let AliasChange { model, alias, version, expected, reason } = change;
    let (version, expected) = (*version, *expected);
    check_alias(alias)?;
    let home = version_home(tx, model, version).await?;
    // Locks the model's row, so that two who move its aliases at the same time wait for each other.
    touch_model(tx, home, now).await?;
    let previous = points_at(tx, home, alias).await?;
    let fits = match expected {
        Expected::Anything => true,
        Expected::Nothing => previous.is_none(),
        Expected::Version(number) => previous == Some(number),
    };
    if !fits {
        let words = |version: Option<i64>| {
            version.map_or("nothing".to_owned(), |version| format!("version {version}"))
        };
        return Err(Error::AliasMoved {
            model: model.to_owned(),
            alias: alias.to_owned(),
            expected: words(if let Expected::Version(number) = expected { Some(number) } else { None }),
            found: words(previous),
        });
    }
    let moved = AliasMove { model: model.to_owned(), alias: alias.to_owned(), version, previous };
    if previous == Some(version) {
        return Ok(moved);
    }
    tx.execute(
        "insert into registry_aliases (model, alias, version, since, actor, reason) values ($1, $2, $3, $4, $5, $6) \
         on conflict (model, alias) do update set version = excluded.version, since = excluded.since, \
         actor = excluded.actor, reason = excluded.reason",
        params![home, alias, version, now, actor.as_str(), reason],
    )
    .await?;
    let facts = serde_json::json!({
        "alias": alias, "version": version, "previous": previous, "reason": reason,
        "prompt": is_prompt(tx, home).await?,
    });
    let summary = match previous {
        Some(previous) => format!("`{alias}` of model `{model}` moved from version {previous} to {version}"),
        None => format!("`{alias}` of model `{model}` set to version {version}"),
    };
    tx.append_event(event("alias.moved", actor, model, summary).with(facts)).await?;
    Ok(moved)
}

/// Takes an alias away. An alias that is not there is no failure.
pub async fn delete_alias(
    tx: &mut Tx,
    model: &str,
    alias: &str,
    reason: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let home = model_number(tx, model).await?;
    touch_model(tx, home, now).await?;
    if let Some(previous) = points_at(tx, home, alias).await? {
        tx.execute("delete from registry_aliases where model = $1 and alias = $2", params![home, alias])
            .await?;
        let facts = serde_json::json!({
            "alias": alias, "previous": previous, "reason": reason, "prompt": is_prompt(tx, home).await?,
        });
        let summary = format!("`{alias}` of model `{model}` taken from version {previous}");
        tx.append_event(event("alias.removed", actor, model, summary).with(facts)).await?;
    }
    Ok(())
}

/// The version that a number, an alias or `latest` stands for.
pub async fn resolve(sql: &mut impl Sql, model: &str, pointer: &Pointer) -> Result<Version, Error> {
    let number = match pointer {
        Pointer::Number(number) => *number,
        Pointer::Alias(alias) => {
            let home = model_number(sql, model).await?;
            points_at(sql, home, alias)
                .await?
                .ok_or_else(|| Error::AliasNotFound { model: model.to_owned(), alias: alias.clone() })?
        }
        Pointer::Latest => super::get_model(sql, model).await?.latest_version.ok_or_else(|| {
            Error::VersionNotFound { model: model.to_owned(), version: "latest".to_owned() }
        })?,
    };
    super::get_version(sql, model, number).await
}

async fn points_at(sql: &mut impl Sql, home: i64, alias: &str) -> Result<Option<i64>, Error> {
    let row = sql
        .fetch_optional(
            "select version from registry_aliases where model = $1 and alias = $2",
            params![home, alias],
        )
        .await?;
    Ok(row.map(|row| row.int("version")).transpose()?)
}
