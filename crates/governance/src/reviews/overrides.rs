//! Broken glass: a move that somebody answers for although a rule does not hold.
//!
//! An exception allows one move, of one digest, until it expires. It is over earlier when the rules hold after all.
//! One that expired before that is overdue, and stays listed so.

use base::{Actor, Digest, Period, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde::Serialize;
use serde_json::json;

use super::store::{check_text, event, next_number};
use super::types::Review;
use crate::error::Error;

/// The fewest characters of a reason.
const LEAST_REASON_CHARS: usize = 10;
/// The most exceptions that a list holds.
const MOST_LISTED: i64 = 500;

const COLUMNS: &str = "select number, review, model, alias, version, digest, actor, reason, ticket, at, expires_at, \
    ended_at, ended_why from review_overrides";

/// An exception that is about to be made.
#[derive(Debug, Clone)]
pub struct NewException {
    /// Why.
    pub reason: String,
    /// The ticket or incident that it belongs to; may be empty.
    pub ticket: String,
    /// How long it stands.
    pub lasts: Period,
}

/// A broken glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// 1, 2, 3 …
    pub number: i64,
    /// The review whose rules it stands in for.
    pub review: i64,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: i64,
    /// What it was made for.
    pub digest: Digest,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The ticket or incident.
    pub ticket: String,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it stands.
    pub expires_at: Timestamp,
    /// When it was over because it was not needed any more.
    pub ended_at: Option<Timestamp>,
    /// Why it was over; `expired` when it expired.
    pub ended_why: String,
}

impl Exception {
    /// `standing`, `expired` (and overdue) or `over`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.ended_at {
            Some(_) if self.ended_why != "expired" => "over",
            _ if self.expires_at <= now => "expired",
            _ => "standing",
        }
    }
}

/// Breaks the glass for what a review asks for now. The review must be held.
///
/// # Errors
/// [`Error::Override`] without a reason, or for longer than `longest`.
pub async fn break_glass(
    tx: &mut Tx,
    review: &Review,
    new: &NewException,
    longest: Period,
    actor: &Actor,
    now: Timestamp,
) -> Result<Exception, Error> {
    let refuse = |rule: String| Err(Error::Override { rule });
    check_text("reason", &new.reason)?;
    check_text("ticket", &new.ticket)?;
    let reason = new.reason.trim();
    if reason.chars().count() < LEAST_REASON_CHARS {
        return refuse(format!("it needs a reason of {LEAST_REASON_CHARS} characters at least"));
    }
    if new.lasts.as_micros() <= 0 || new.lasts > longest {
        return refuse(format!("the policy lets it stand for at most {}", longest.in_words()));
    }
    let number = next_number(tx, "override").await?;
    let expires_at = now.plus(new.lasts);
    tx.execute(
        "insert into review_overrides (number, review, model, alias, version, digest, actor, reason, ticket, at, \
         expires_at, ended_why) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '')",
        params![
            number,
            review.number,
            &review.model,
            &review.alias,
            review.version,
            review.digest,
            actor.as_str(),
            reason,
            new.ticket.trim(),
            now,
            expires_at
        ],
    )
    .await?;
    let summary = format!(
        "review {}: `{}` broke the glass until {expires_at}: {reason}",
        review.number,
        actor.as_str()
    );
    let facts = json!({
        "override": number, "digest": review.digest, "reason": reason, "ticket": new.ticket.trim(),
        "expires_at": expires_at,
    });
    tx.append_event(event("review.glass_broken", actor, review.number, summary).with(facts)).await?;
    let rows = tx.fetch_all_text(SqlText::new(COLUMNS).push(" where number = ").bind(number)).await?;
    rows.first().map(read).transpose()?.ok_or(Error::ReviewNotFound { number: review.number })
}

/// The exception that stands for exactly this digest of a review, if there is one.
pub async fn standing_exception(
    sql: &mut impl Sql,
    review: i64,
    digest: Digest,
    now: Timestamp,
) -> Result<Option<Exception>, Error> {
    let text = SqlText::new(COLUMNS)
        .push(" where review = ")
        .bind(review)
        .push(" and digest = ")
        .bind(digest)
        .push(" and ended_at is null and expires_at > ")
        .bind(now)
        .push(" order by number desc limit 1");
    sql.fetch_all_text(text).await?.first().map(read).transpose()
}

/// Exceptions, newest first: all of them, or those that are not over.
pub async fn exceptions(
    sql: &mut impl Sql,
    model: Option<&str>,
    only_open: bool,
) -> Result<Vec<Exception>, Error> {
    let mut text = SqlText::new(COLUMNS).push(" where 1 = 1");
    if let Some(model) = model {
        text = text.push(" and model = ").bind(model);
    }
    if only_open {
        text = text.push(" and (ended_at is null or ended_why = 'expired')");
    }
    let rows = sql.fetch_all_text(text.push(" order by number desc limit ").bind(MOST_LISTED)).await?;
    rows.iter().map(read).collect()
}

/// Ends the exceptions of a move that are not needed any more, also those that expired.
pub async fn end_exceptions(
    tx: &mut Tx,
    model: &str,
    alias: &str,
    why: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    for exception in exceptions(tx, Some(model), true).await?.iter().filter(|each| each.alias == alias) {
        tx.execute(
            "update review_overrides set ended_at = $1, ended_why = $2 where number = $3",
            params![now, why, exception.number],
        )
        .await?;
        let summary = format!("review {}: the override is over, {why}", exception.review);
        let over = event("review.override_over", actor, exception.review, summary);
        tx.append_event(over.with(json!({ "override": exception.number }))).await?;
    }
    Ok(())
}

/// Notes which exceptions have expired, with an event for each. Answers them.
pub async fn expire_exceptions(tx: &mut Tx, now: Timestamp) -> Result<Vec<Exception>, Error> {
    let text = SqlText::new(COLUMNS)
        .push(" where ended_at is null and expires_at <= ")
        .bind(now)
        .push(" order by number limit ")
        .bind(MOST_LISTED);
    let rows = tx.fetch_all_text(text).await?;
    let expired = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for exception in &expired {
        tx.execute(
            "update review_overrides set ended_at = $1, ended_why = 'expired' where number = $2",
            params![now, exception.number],
        )
        .await?;
        let summary = format!(
            "the override of `{}` for `{}` of `{}` has expired and was not replaced by an approval",
            exception.by, exception.alias, exception.model
        );
        let actor = Actor::platform("reviews");
        let over = event("review.override_expired", &actor, exception.review, summary);
        tx.append_event(over.with(json!({ "override": exception.number }))).await?;
    }
    Ok(expired)
}

fn read(row: &Row) -> Result<Exception, Error> {
    Ok(Exception {
        number: row.int("number")?,
        review: row.int("review")?,
        model: row.text("model")?,
        alias: row.text("alias")?,
        version: row.int("version")?,
        digest: row.digest("digest")?,
        by: row.text("actor")?,
        reason: row.text("reason")?,
        ticket: row.text("ticket")?,
        at: row.time("at")?,
        expires_at: row.time("expires_at")?,
        ended_at: row.opt_time("ended_at")?,
        ended_why: row.text("ended_why")?,
    })
}
