//! Reviews and opinions in the database.

use base::{Actor, NewEvent, ObjectRef, Page, PageRequest, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde_json::json;

use super::types::{Ended, NewReview, OpinionGiven, Review, ReviewFilter, ReviewState, Subject};
use crate::error::Error;
use crate::policy::Opinion;

/// The most characters of a reason, a comment on an opinion, or an outcome.
const MOST_CHARS: usize = 20_000;

const COLUMNS: &str = "select number, model, alias, version, previous, digest, policy, tier, reason, requester, \
    at_once, state, created_at, updated_at, ended_at, ended_by, outcome, verdict_json from reviews";

/// The next number of a kind of thing.
pub(super) async fn next_number(tx: &mut Tx, counter: &'static str) -> Result<i64, Error> {
    let row = tx
        .fetch_optional(
            "update review_counters set last = last + 1 where name = $1 returning last",
            params![counter],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("last")?),
        None => Err(db::Error::Column { column: counter.to_owned(), expected: "a counter" }.into()),
    }
}

pub(super) fn event(kind: &str, actor: &Actor, number: i64, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("review", number.to_string()), summary)
}

pub(super) fn check_text(what: &str, text: &str) -> Result<(), Error> {
    let chars = text.chars().count();
    if chars <= MOST_CHARS {
        return Ok(());
    }
    Err(Error::Comment { rule: format!("({what}) has {chars} characters, at most {MOST_CHARS} are taken") })
}

/// Opens a review. Fails with [`Error::ReviewExists`] when the same move is under review.
pub async fn open_review(
    tx: &mut Tx,
    new: &NewReview,
    actor: &Actor,
    now: Timestamp,
) -> Result<Review, Error> {
    check_text("reason", &new.reason)?;
    let NewReview { model, alias, subject, reason, at_once } = new;
    // Locks the counter's row: of two who open the same review at the same time, the second sees the first.
    let number = next_number(tx, "review").await?;
    if let Some(other) = find_open(tx, model, alias, subject.version).await? {
        return Err(Error::ReviewExists { number: other.number });
    }
    tx.execute(
        "insert into reviews (number, model, alias, version, previous, digest, policy, tier, reason, requester, \
         at_once, state, created_at, updated_at, outcome) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12, $12, '')",
        params![
            number,
            model,
            alias,
            subject.version,
            subject.previous,
            subject.digest,
            &subject.policy,
            &subject.tier,
            reason,
            actor.as_str(),
            *at_once,
            now
        ],
    )
    .await?;
    let summary = format!(
        "review {number}: `{alias}` of `{model}` to version {} asked for under policy `{}`",
        subject.version, subject.policy
    );
    let facts = json!({
        "model": model, "alias": alias, "version": subject.version, "previous": subject.previous,
        "digest": subject.digest, "policy": subject.policy, "tier": subject.tier, "reason": reason,
    });
    tx.append_event(event("review.opened", actor, number, summary).with(facts)).await?;
    get_review(tx, number).await
}

/// The review with that number. Fails with [`Error::ReviewNotFound`].
pub async fn get_review(sql: &mut impl Sql, number: i64) -> Result<Review, Error> {
    let rows = sql.fetch_all_text(SqlText::new(COLUMNS).push(" where number = ").bind(number)).await?;
    rows.first().map(read).transpose()?.ok_or(Error::ReviewNotFound { number })
}

/// The open review of a move, if there is one.
pub async fn find_open(
    sql: &mut impl Sql,
    model: &str,
    alias: &str,
    version: i64,
) -> Result<Option<Review>, Error> {
    let text = SqlText::new(COLUMNS)
        .push(" where state = 'open' and model = ")
        .bind(model)
        .push(" and alias = ")
        .bind(alias)
        .push(" and version = ")
        .bind(version);
    sql.fetch_all_text(text).await?.first().map(read).transpose()
}

/// Reviews, newest first.
pub async fn list_reviews(
    sql: &mut impl Sql,
    filter: &ReviewFilter,
    page: &PageRequest,
) -> Result<Page<Review>, Error> {
    let mut text = SqlText::new(COLUMNS).push(" where 1 = 1");
    if let Some(state) = filter.state {
        text = text.push(" and state = ").bind(state.as_str());
    }
    if let Some(model) = &filter.model {
        text = text.push(" and model = ").bind(model);
    }
    if let Some(requester) = &filter.requester {
        text = text.push(" and requester = ").bind(requester);
    }
    if let Some(cursor) = &page.cursor {
        let before: i64 = cursor.parse().map_err(|_| Error::BadCursor { cursor: cursor.clone() })?;
        text = text.push(" and number < ").bind(before);
    }
    let most = i64::try_from(page.limit).unwrap_or(i64::MAX - 1) + 1;
    let rows = sql.fetch_all_text(text.push(" order by number desc limit ").bind(most)).await?;
    let reviews = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_overfetched(reviews, page.limit, |review| review.number.to_string()))
}

/// The review, held until the transaction ends, so that those who act on it wait for each other.
///
/// # Errors
/// [`Error::ReviewEnded`] when it is not open any more.
pub async fn hold_review(tx: &mut Tx, number: i64, now: Timestamp) -> Result<Review, Error> {
    tx.execute(
        "update reviews set updated_at = $1 where number = $2 and state = 'open'",
        params![now, number],
    )
    .await?;
    let review = get_review(tx, number).await?;
    match review.state {
        ReviewState::Open => Ok(review),
        state => Err(Error::ReviewEnded { number, state: state.words() }),
    }
}

/// Lets a review speak of something else: another version, or another state of the same one. Approvals that were given
/// for another digest do not count from then on.
pub async fn revise(
    tx: &mut Tx,
    review: &Review,
    subject: &Subject,
    why: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Review, Error> {
    let number = review.number;
    if subject.version != review.version
        && let Some(other) = find_open(tx, &review.model, &review.alias, subject.version).await?
    {
        return Err(Error::ReviewExists { number: other.number });
    }
    tx.execute(
        "update reviews set version = $1, previous = $2, digest = $3, policy = $4, tier = $5, updated_at = $6 \
         where number = $7",
        params![
            subject.version,
            subject.previous,
            subject.digest,
            &subject.policy,
            &subject.tier,
            now,
            number
        ],
    )
    .await?;
    let summary = format!("review {number} is about {} now: {why}", subject.digest.short());
    let facts = json!({
        "version": subject.version, "previous": subject.previous, "digest": subject.digest,
        "digest_before": review.digest, "why": why,
    });
    tx.append_event(event("review.revised", actor, number, summary).with(facts)).await?;
    get_review(tx, number).await
}

/// Ends a review that is open. Fails with [`Error::ReviewEnded`] when somebody was faster.
pub async fn end_review(
    tx: &mut Tx,
    number: i64,
    ended: &Ended,
    actor: &Actor,
    now: Timestamp,
) -> Result<Review, Error> {
    check_text("outcome", &ended.outcome)?;
    let verdict = ended.verdict.as_ref().map(|verdict| json!(verdict));
    let touched = tx
        .execute(
            "update reviews set state = $1, outcome = $2, verdict_json = $3, ended_at = $4, ended_by = $5, \
             updated_at = $4 where number = $6 and state = 'open'",
            params![ended.state.as_str(), &ended.outcome, verdict, now, actor.as_str(), number],
        )
        .await?;
    let review = get_review(tx, number).await?;
    if touched == 0 {
        return Err(Error::ReviewEnded { number, state: review.state.words() });
    }
    let kind = if ended.state == ReviewState::CarriedOut { "review.carried_out" } else { "review.closed" };
    let summary = format!("review {number}: {}", ended.outcome);
    let standing = ended.verdict.as_ref().map(|verdict| verdict.standing);
    let facts = json!({ "digest": review.digest, "standing": standing });
    tx.append_event(event(kind, actor, number, summary).with(facts)).await?;
    Ok(review)
}

/// Keeps what somebody thinks of a review, in the place of what they thought before. The review must be held.
pub async fn opine(
    tx: &mut Tx,
    review: &Review,
    opinion: Opinion,
    comment: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    check_text("comment", comment)?;
    tx.execute(
        "insert into review_opinions (review, author, opinion, digest, comment, at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (review, author) do update set opinion = excluded.opinion, digest = excluded.digest, \
         comment = excluded.comment, at = excluded.at",
        params![review.number, actor.as_str(), opinion.as_str(), review.digest, comment, now],
    )
    .await?;
    let (kind, verb) = match opinion {
        Opinion::Approve => ("review.approved", "approved"),
        Opinion::RequestChanges => ("review.changes_requested", "asked for changes"),
    };
    let summary = format!("review {}: `{}` {verb}", review.number, actor.as_str());
    let facts = json!({ "digest": review.digest, "comment": comment });
    tx.append_event(event(kind, actor, review.number, summary).with(facts)).await?;
    Ok(())
}

/// What everyone thinks of a review now, oldest first.
pub async fn opinions(sql: &mut impl Sql, number: i64) -> Result<Vec<OpinionGiven>, Error> {
    let rows = sql
        .fetch_all(
            "select author, opinion, digest, comment, at from review_opinions where review = $1 order by at, author",
            params![number],
        )
        .await?;
    let read = |row: &Row| {
        let opinion = match row.text("opinion")?.as_str() {
            "approve" => Opinion::Approve,
            _ => Opinion::RequestChanges,
        };
        Ok(OpinionGiven {
            author: row.text("author")?,
            opinion,
            digest: row.digest("digest")?,
            comment: row.text("comment")?,
            at: row.time("at")?,
        })
    };
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Review, Error> {
    let state = ReviewState::parse(&row.text("state")?)
        .ok_or(db::Error::Column { column: "state".to_owned(), expected: "the state of a review" })?;
    Ok(Review {
        number: row.int("number")?,
        model: row.text("model")?,
        alias: row.text("alias")?,
        version: row.int("version")?,
        previous: row.opt_int("previous")?,
        digest: row.digest("digest")?,
        policy: row.text("policy")?,
        tier: row.text("tier")?,
        reason: row.text("reason")?,
        requester: row.text("requester")?,
        at_once: row.bool("at_once")?,
        state,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        ended_at: row.opt_time("ended_at")?,
        ended_by: row.opt_text("ended_by")?,
        outcome: row.text("outcome")?,
        verdict: row.opt_json("verdict_json")?,
    })
}
