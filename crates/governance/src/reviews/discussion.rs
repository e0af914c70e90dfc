//! The discussion of a review: comments that answer each other, and who is named in them.

use std::collections::BTreeSet;

use base::{Actor, Timestamp};
use db::{Row, Sql, Tx, params};
use serde_json::json;

use super::store::{check_text, event, next_number};
use super::types::Comment;
use crate::error::Error;

/// The most comments of one review.
const MOST_COMMENTS: i64 = 2_000;
/// The most people that one comment names.
const MOST_MENTIONS: usize = 20;

/// The people whom a text names as `@name`, whether there are such people or not.
#[must_use]
pub fn mentioned_in(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut names = BTreeSet::new();
    for (start, _) in text.match_indices('@') {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        // `ada@example.org` is an address, and `` `model@3` `` a version.
        if before.is_some_and(|letter| is_part(letter) || letter == '@' || letter == '/') {
            continue;
        }
        let rest = text.get(start + 1..).unwrap_or_default();
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().trim_end_matches(['.', '-', '_']);
        if !name.is_empty() {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Adds a comment to a review, also to one that has ended. Those whom it names and who exist find it in their inbox.
///
/// # Errors
/// [`Error::Comment`] when it is empty or too long, or answers a comment of another review.
pub async fn comment(
    tx: &mut Tx,
    review: i64,
    parent: Option<i64>,
    text: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Comment, Error> {
    super::get_review(tx, review).await?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Comment { rule: "says nothing".to_owned() });
    }
    check_text("text", text)?;
    let number = next_number(tx, "comment").await?;
    let there = comments(tx, review).await?;
    if there.len() as i64 >= MOST_COMMENTS {
        return Err(Error::Comment { rule: format!("would be more than the {MOST_COMMENTS} of a review") });
    }
    if let Some(parent) = parent
        && !there.iter().any(|comment| comment.number == parent)
    {
        return Err(Error::Comment { rule: format!("answers {parent}, which is no comment of this review") });
    }
    tx.execute(
        "insert into review_comments (number, review, parent, author, text, at) values ($1, $2, $3, $4, $5, $6)",
        params![number, review, parent, actor.as_str(), text, now],
    )
    .await?;
    tx.execute("update reviews set updated_at = $1 where number = $2", params![now, review]).await?;
    let mut named = Vec::new();
    for person in mentioned_in(text).into_iter().take(MOST_MENTIONS) {
        if person == actor.as_str() || crate::find_member(tx, &person).await?.is_none() {
            continue;
        }
        tx.execute(
            "insert into review_mentions (person, comment, review) values ($1, $2, $3)",
            params![&person, number, review],
        )
        .await?;
        named.push(person);
    }
    let summary = format!("`{}` wrote on review {review}", actor.as_str());
    let facts = json!({ "comment": number, "parent": parent, "mentions": named });
    tx.append_event(event("review.commented", actor, review, summary).with(facts)).await?;
    Ok(Comment { number, parent, author: actor.as_str().to_owned(), text: text.to_owned(), at: now })
}

/// The comments of a review, oldest first.
pub async fn comments(sql: &mut impl Sql, review: i64) -> Result<Vec<Comment>, Error> {
    let rows = sql
        .fetch_all(
            "select number, parent, author, text, at from review_comments where review = $1 order by number",
            params![review],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// The comments that name a person and that they have not seen, oldest first, with the review of each.
pub async fn mentions_of(sql: &mut impl Sql, person: &str) -> Result<Vec<(i64, Comment)>, Error> {
    let rows = sql
        .fetch_all(
            "select c.review, c.number, c.parent, c.author, c.text, c.at from review_mentions m \
             join review_comments c on c.number = m.comment \
             where m.person = $1 and m.seen_at is null order by c.number limit 200",
            params![person],
        )
        .await?;
    rows.iter().map(|row| Ok((row.int("review")?, read(row)?))).collect()
}

/// Notes that a person has looked at the discussion of a review.
pub async fn mark_seen(tx: &mut Tx, person: &str, review: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "update review_mentions set seen_at = $1 where person = $2 and review = $3 and seen_at is null",
        params![now, person, review],
    )
    .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Comment, Error> {
    Ok(Comment {
        number: row.int("number")?,
        parent: row.opt_int("parent")?,
        author: row.text("author")?,
        text: row.text("text")?,
        at: row.time("at")?,
    })
}
