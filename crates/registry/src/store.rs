//! The tables of this room; nothing else knows them.

mod alias;
mod carried;
mod files;
mod model;
mod project;
mod promotion;
mod purge;
mod restore;
mod version;
mod webhook;

use base::Timestamp;
use db::{Page, Row, Sql, SqlText, Tx, params};

use crate::{Error, Found, project_and_name};

#[cfg(test)]
mod tests;

pub use alias::{AliasChange, delete_alias, resolve, set_alias};
pub use carried::{CarriedVersion, carry_version, date_model};
pub use files::{put_version_file, version_file};
pub use model::{
    ModelChange, ModelQuery, create_model, delete_model, delete_model_tag, find_model, get_model,
    search_models, set_model_tag, update_model,
};
pub use project::{count_models, delete_models_of, move_models};
pub use promotion::{list_promotions, promotion_of, record_promotion};
pub use purge::{PurgedModels, binned_models, is_source, purge_models};
pub use restore::{Binned, deleted_models, restore_model, restore_version};
pub use version::{
    Others, VersionChange, VersionQuery, create_version, delete_version, delete_version_tag, get_version,
    latest_of_stages, list_versions, search_versions, set_version_tag, transition_stage, update_version,
};
pub use webhook::{
    Tried, active_webhooks, claim_webhook, count_webhooks, create_webhook, delete_webhook,
    delete_webhooks_of, get_webhook, list_webhooks, move_webhooks, next_webhook_due, settle_webhook,
    update_webhook,
};

/// The next number of a kind of thing.
async fn next_number(tx: &mut Tx, counter: &'static str) -> Result<i64, Error> {
    let row = tx
        .fetch_optional(
            "update registry_counters set last = last + 1 where name = $1 returning last",
            params![counter],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("last")?),
        None => Err(Error::invalid(format!("counter `{counter}`"), "is missing from the database")),
    }
}

/// The short number of a model in use.
async fn model_number(sql: &mut impl Sql, model: &str) -> Result<i64, Error> {
    let (project, name) = project_and_name(model);
    let row = sql
        .fetch_optional(
            "select number from registry_models where project = $1 and name = $2 and deleted_at is null",
            params![project, name],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("number")?),
        None => Err(Error::ModelNotFound { model: model.to_owned() }),
    }
}

/// The short number of a model in use that has this version.
async fn version_home(sql: &mut impl Sql, model: &str, version: i64) -> Result<i64, Error> {
    let number = model_number(sql, model).await?;
    let row = sql
        .fetch_optional(
            "select number from registry_versions where model = $1 and number = $2 and deleted_at is null",
            params![number, version],
        )
        .await?;
    match row {
        Some(_) => Ok(number),
        None => Err(Error::VersionNotFound { model: model.to_owned(), version: version.to_string() }),
    }
}

/// Notes that a model changed.
async fn touch_model(tx: &mut Tx, number: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute("update registry_models set updated_at = $1 where number = $2", params![now, number]).await?;
    Ok(())
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

/// Cuts rows that were asked for with one more than the page holds.
fn cut_page(mut rows: Vec<Row>, limit: usize, offset: i64) -> Found<Row> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    Found { items: rows, next_token: more.then(|| format!("p1-{next}")) }
}

/// A page's size as the database wants it, with one more to see whether there is a next page.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1).saturating_add(1)
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
