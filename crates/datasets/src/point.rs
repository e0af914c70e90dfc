//! Ways to name a version of a dataset: by number, by tag, by the time at which it was the newest.

use std::fmt;
use std::str::FromStr;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde::Serialize;

use crate::store::get_dataset;
use crate::{DatasetVersion, Error, get_version, latest};

/// The most tags of one dataset.
const MOST_TAGS: i64 = 1_000;

/// Which version is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// That one.
    Number(i64),
    /// The newest.
    Latest,
    /// The one that carries the tag.
    Tag(String),
    /// The one that was the newest then.
    AsOf(Timestamp),
}

impl FromStr for Pointer {
    type Err = Error;

    /// Reads `3`, `v3`, `latest`, a moment such as `2026-03-01T12:00:00Z` or `2026-03-01` (its beginning, UTC), or a tag.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if let Ok(number) = digits.parse() {
            return Ok(Self::Number(number));
        }
        if text.eq_ignore_ascii_case("latest") {
            return Ok(Self::Latest);
        }
        if let Ok(moment) = Timestamp::parse(text) {
            return Ok(Self::AsOf(moment));
        }
        check_tag(text)?;
        Ok(Self::Tag(text.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Latest => formatter.write_str("latest"),
            Self::Tag(tag) => formatter.write_str(tag),
            Self::AsOf(moment) => write!(formatter, "{moment}"),
        }
    }
}

/// A name that points at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// The tag.
    pub tag: String,
    /// Where it points.
    pub version: i64,
    /// Since when.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: String,
}

/// A tag is a name, and can be taken neither for a number nor for a moment.
fn check_tag(tag: &str) -> Result<(), Error> {
    base::names::check_name("tag", tag)?;
    let digits = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    if digits.parse::<i64>().is_ok() || tag.eq_ignore_ascii_case("latest") {
        return Err(Error::BadTag { tag: tag.to_owned() });
    }
    Ok(())
}

/// The version that a pointer leads to, with the profile of its columns.
///
/// # Errors
/// [`Error::VersionNotFound`], [`Error::PointerNotFound`].
pub async fn resolve(sql: &mut impl Sql, dataset: &str, pointer: &Pointer) -> Result<DatasetVersion, Error> {
    get_dataset(sql, dataset).await?;
    let missing = || Error::PointerNotFound { dataset: dataset.to_owned(), pointer: pointer.to_string() };
    let number = match pointer {
        Pointer::Number(number) => *number,
        Pointer::Latest => latest(sql, dataset).await?.ok_or_else(missing)?.number,
        Pointer::Tag(tag) => {
            let row = sql
                .fetch_optional(
                    "select version from dataset_tags where dataset = $1 and tag = $2",
                    params![dataset, tag],
                )
                .await?;
            row.ok_or_else(missing)?.int("version")?
        }
        Pointer::AsOf(moment) => {
            let text = SqlText::new("select max(number) as number from dataset_versions where dataset = ")
                .bind(dataset)
                .push(" and created_at <= ")
                .bind(*moment);
            let rows = sql.fetch_all_text(text).await?;
            rows.first().map(|row| row.opt_int("number")).transpose()?.flatten().ok_or_else(missing)?
        }
    };
    get_version(sql, dataset, number).await
}

/// The tags of a dataset, by name.
///
/// # Errors
/// When there is no such dataset.
pub async fn tags(sql: &mut impl Sql, dataset: &str) -> Result<Vec<Tag>, Error> {
    get_dataset(sql, dataset).await?;
    let rows = sql
        .fetch_all(
            "select tag, version, set_at, set_by from dataset_tags where dataset = $1 order by tag limit $2",
            params![dataset, MOST_TAGS],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Tag {
            tag: row.text("tag")?,
            version: row.int("version")?,
            set_at: row.time("set_at")?,
            set_by: row.text("set_by")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Points a tag at a version, wherever it pointed before.
///
/// # Errors
/// When there is no such version; when the name cannot be a tag; when there are too many.
pub async fn set_tag(
    tx: &mut Tx,
    dataset: &str,
    tag: &str,
    version: i64,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    check_tag(tag)?;
    if tag.parse::<Pointer>()? != Pointer::Tag(tag.to_owned()) {
        return Err(Error::BadTag { tag: tag.to_owned() });
    }
    get_version(tx, dataset, version).await?;
    let known = tags(tx, dataset).await?;
    let before = known.iter().find(|known| known.tag == tag).map(|known| known.version);
    if before == Some(version) {
        return Ok(());
    }
    if before.is_none() && known.len() as i64 >= MOST_TAGS {
        return Err(Error::TooManyTags { dataset: dataset.to_owned(), limit: MOST_TAGS });
    }
    tx.execute(
        "insert into dataset_tags (dataset, tag, version, set_at, set_by) values ($1, $2, $3, $4, $5) \
         on conflict (dataset, tag) do update set version = excluded.version, set_at = excluded.set_at, \
         set_by = excluded.set_by",
        params![dataset, tag, version, now, actor.as_str()],
    )
    .await?;
    let summary = match before {
        Some(before) => format!("`{tag}` of dataset `{dataset}` is version {version}, was {before}"),
        None => format!("`{tag}` of dataset `{dataset}` is version {version}"),
    };
    let event = NewEvent::new("dataset.tagged", actor, ObjectRef::new("dataset", dataset), summary);
    tx.append_event(event.with(serde_json::json!({"tag": tag, "version": version, "before": before})))
        .await?;
    Ok(())
}

/// Takes a tag away.
///
/// # Errors
/// [`Error::PointerNotFound`].
pub async fn remove_tag(tx: &mut Tx, dataset: &str, tag: &str, actor: &Actor) -> Result<(), Error> {
    get_dataset(tx, dataset).await?;
    let removed =
        tx.execute("delete from dataset_tags where dataset = $1 and tag = $2", params![dataset, tag]).await?;
    if removed == 0 {
        return Err(Error::PointerNotFound { dataset: dataset.to_owned(), pointer: tag.to_owned() });
    }
    let summary = format!("`{tag}` of dataset `{dataset}` is gone");
    let event = NewEvent::new("dataset.untagged", actor, ObjectRef::new("dataset", dataset), summary);
    tx.append_event(event.with(serde_json::json!({"tag": tag}))).await?;
    Ok(())
}
