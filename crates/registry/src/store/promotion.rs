//! Decisions on who takes an alias: kept for those who ask later why.

use base::{Actor, Timestamp};
use db::{Row, Sql, Tx, params};

use super::{cut_page, model_number, next_number, offset_of, one_more, version_home};
use crate::{Error, Found, NewPromotion, Promotion};

/// Notes a decision. Moving the alias is done apart, in the same transaction.
pub async fn record_promotion(
    tx: &mut Tx,
    new: NewPromotion,
    actor: &Actor,
    now: Timestamp,
) -> Result<Promotion, Error> {
    let home = version_home(tx, &new.model, new.version).await?;
    let number = next_number(tx, "promotion").await?;
    tx.execute(
        "insert into registry_promotions \
         (number, model, version, previous, alias, promoted, decision, reason, rules_json, actor, at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            number,
            home,
            new.version,
            new.previous,
            &new.alias,
            new.promoted,
            &new.decision,
            &new.reason,
            &new.rules,
            actor.as_str(),
            now
        ],
    )
    .await?;
    let NewPromotion { model, version, previous, alias, promoted, decision, reason, rules } = new;
    let actor = actor.as_str().to_owned();
    Ok(Promotion {
        number,
        model,
        version,
        previous,
        alias,
        promoted,
        decision,
        reason,
        rules,
        actor,
        at: now,
    })
}

/// The decisions about a model, newest first. `token` is where the page before ended.
pub async fn list_promotions(
    sql: &mut impl Sql,
    model: &str,
    limit: usize,
    token: Option<&str>,
) -> Result<Found<Promotion>, Error> {
    let home = model_number(sql, model).await?;
    let offset = offset_of(token)?;
    let rows = sql
        .fetch_all(
            "select number, version, previous, alias, promoted, decision, reason, rules_json, actor, at \
             from registry_promotions where model = $1 order by number desc limit $2 offset $3",
            params![home, one_more(limit), offset],
        )
        .await?;
    let page = cut_page(rows, limit, offset);
    let items = page.items.iter().map(|row| promotion(model, row)).collect::<Result<_, _>>()?;
    Ok(Found { items, next_token: page.next_token })
}

/// The newest decision about a version, if there is one.
pub async fn promotion_of(sql: &mut impl Sql, model: &str, version: i64) -> Result<Option<Promotion>, Error> {
    let home = model_number(sql, model).await?;
    let row = sql
        .fetch_optional(
            "select number, version, previous, alias, promoted, decision, reason, rules_json, actor, at \
             from registry_promotions where model = $1 and version = $2 order by number desc limit 1",
            params![home, version],
        )
        .await?;
    row.map(|row| promotion(model, &row)).transpose()
}

fn promotion(model: &str, row: &Row) -> Result<Promotion, Error> {
    Ok(Promotion {
        number: row.int("number")?,
        model: model.to_owned(),
        version: row.int("version")?,
        previous: row.opt_int("previous")?,
        alias: row.text("alias")?,
        promoted: row.bool("promoted")?,
        decision: row.text("decision")?,
        reason: row.text("reason")?,
        rules: row.json("rules_json")?,
        actor: row.text("actor")?,
        at: row.time("at")?,
    })
}
