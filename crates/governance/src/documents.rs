//! What people write about a version (its card) and about a dataset (its datasheet), field by field.
//!
//! A field that is written again keeps who wrote it last and when; an empty text makes it blank. What was written
//! in which moment is in the log of events.

use std::collections::BTreeMap;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, Tx, params};
use serde::Serialize;

use crate::error::Error;

/// The most characters of a field's name.
const MOST_NAME_CHARS: usize = 60;
/// The most characters of a field's text.
const MOST_TEXT_CHARS: usize = 20_000;
/// The most fields of one document.
const MOST_FIELDS: i64 = 200;

/// What a document is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// The card of a version.
    Card {
        /// The model.
        model: String,
        /// The version.
        version: i64,
    },
    /// The datasheet of a dataset.
    Datasheet {
        /// The dataset.
        dataset: String,
    },
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The text.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Document {
    fn kind(&self) -> &'static str {
        match self {
            Document::Card { .. } => "card",
            Document::Datasheet { .. } => "datasheet",
        }
    }

    fn name(&self) -> String {
        match self {
            Document::Card { model, version } => format!("{model}@{version}"),
            Document::Datasheet { dataset } => dataset.clone(),
        }
    }
}

/// Whether a word can name a field: small letters, digits and `_`.
#[must_use]
pub fn is_field(word: &str) -> bool {
    (1..=MOST_NAME_CHARS).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Writes fields of a document; an empty text makes a field blank.
///
/// # Errors
/// [`Error::Field`] for a name or a text that cannot be; nothing is written then.
pub async fn write_fields(
    tx: &mut Tx,
    document: &Document,
    fields: &BTreeMap<String, String>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let (kind, name) = (document.kind(), document.name());
    for (field, text) in fields {
        check(field, text)?;
        tx.execute(
            "insert into document_fields (kind, name, field, text, actor, at) values ($1, $2, $3, $4, $5, $6) \
             on conflict (kind, name, field) do update set text = excluded.text, actor = excluded.actor, \
             at = excluded.at",
            params![kind, &name, field, text.trim(), actor.as_str(), now],
        )
        .await?;
    }
    let row = tx
        .fetch_optional(
            "select count(*) as fields from document_fields where kind = $1 and name = $2",
            params![kind, &name],
        )
        .await?;
    if row.map(|row| row.int("fields")).transpose()?.unwrap_or_default() > MOST_FIELDS {
        return Err(Error::Field { field: name, rule: format!("has more than {MOST_FIELDS} fields") });
    }
    let written: Vec<&str> = fields.keys().map(String::as_str).collect();
    let object = match document {
        Document::Card { .. } => ObjectRef::new("version", &name),
        Document::Datasheet { .. } => ObjectRef::new("dataset", &name),
    };
    let summary = format!("the {kind} of `{name}` was written: {}", written.join(", "));
    let event = NewEvent::new(&format!("{kind}.written"), actor, object, summary);
    tx.append_event(event.with(serde_json::json!({ "fields": fields }))).await?;
    Ok(())
}

/// The fields of a document that are filled, by name.
pub async fn fields_of(sql: &mut impl Sql, document: &Document) -> Result<BTreeMap<String, Field>, Error> {
    let rows = sql
        .fetch_all(
            "select field, text, actor, at from document_fields where kind = $1 and name = $2 and text <> ''",
            params![document.kind(), document.name()],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<(String, Field), Error> {
    Ok((row.text("field")?, Field { text: row.text("text")?, by: row.text("actor")?, at: row.time("at")? }))
}

/// Checks a field of a document.
///
/// # Errors
/// [`Error::Field`] for a name or a text that cannot be.
pub fn check(field: &str, text: &str) -> Result<(), Error> {
    let wrong = |rule: String| Err(Error::Field { field: field.to_owned(), rule });
    if !is_field(field) {
        return wrong("is named by other letters than small ones, digits and `_`".to_owned());
    }
    if text.chars().count() > MOST_TEXT_CHARS {
        return wrong(format!("has more than {MOST_TEXT_CHARS} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_field_is_written_over_and_made_blank() {
        for database in testing::databases().await {
            let seen = database
                .write::<_, Error, _>(|tx| {
                    Box::pin(async move {
                        let card = Document::Card { model: "traffic".into(), version: 1 };
                        let sheet = Document::Datasheet { dataset: "traffic@1".into() };
                        let one =
                            |field: &str, text: &str| BTreeMap::from([(field.to_owned(), text.to_owned())]);
                        let (ada, now) = (Actor::named("ada"), Timestamp::from_millis(1));
                        write_fields(tx, &card, &one("purpose", "first"), &ada, now).await?;
                        write_fields(tx, &card, &one("purpose", " second "), &ada, now).await?;
                        write_fields(tx, &card, &one("owner", "me"), &ada, now).await?;
                        write_fields(tx, &card, &one("owner", "  "), &ada, now).await?;
                        let wrong = write_fields(tx, &card, &one("Purpose", "x"), &ada, now).await;
                        assert!(matches!(wrong, Err(Error::Field { .. })));
                        let long = write_fields(tx, &card, &one("a", &"x".repeat(20_001)), &ada, now).await;
                        assert!(matches!(long, Err(Error::Field { .. })));
                        assert!(fields_of(tx, &sheet).await?.is_empty());
                        fields_of(tx, &card).await
                    })
                })
                .await
                .unwrap();
            let texts: Vec<_> =
                seen.iter().map(|(name, field)| (name.as_str(), field.text.as_str())).collect();
            assert_eq!(texts, [("purpose", "second")]);
        }
    }
}
