//! Model cards and datasheets: made from what is recorded and from what people wrote, as Markdown, as a page of HTML, and
//! with the metadata that Hugging Face's tools read. Every number is a link to where it comes from.

mod card;
mod datasheet;
mod html;
mod huggingface;
mod markdown;

use std::collections::BTreeMap;

use base::Actor;
use governance::documents::{Document, write_fields};
use serde::Serialize;
use serde_json::Value;

use crate::{Error, Platform};

/// A card or a datasheet, before it is written in one form or another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sheet {
    /// Its title.
    pub title: String,
    /// In a sentence or two.
    pub lead: String,
    /// What people wrote, by field.
    pub fields: BTreeMap<String, String>,
    /// The fields that a policy asks for and nobody has filled.
    pub blank: Vec<String>,
    /// What is recorded.
    pub tables: Vec<SheetTable>,
    /// The metadata that Hugging Face's tools read.
    pub metadata: Value,
}

/// A part of what is recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SheetTable {
    /// Its title.
    pub title: String,
    /// The heads of its columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A value with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The value in words.
    pub text: String,
    /// The page that shows it; numbers always have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Cell {
    fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), link: None }
    }

    fn seen(text: impl Into<String>, link: impl Into<String>) -> Self {
        Self { text: text.into(), link: Some(link.into()) }
    }
}

/// A form that a sheet is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetForm {
    /// Markdown.
    Markdown,
    /// One page of HTML that needs nothing else.
    Html,
    /// Markdown under the metadata of a `README.md` on Hugging Face.
    HuggingFace,
}

impl Sheet {
    /// The sheet in a form. `base` is put before the links, such as `https://gingham.example.org`.
    #[must_use]
    pub fn written(&self, form: SheetForm, base: &str) -> String {
        match form {
            SheetForm::Markdown => markdown::write(self, base),
            SheetForm::Html => html::write(self, base),
            SheetForm::HuggingFace => huggingface::write(self, base),
        }
    }
}

impl Platform {
    /// Writes fields of a version's card; an empty text makes a field blank.
    ///
    /// # Errors
    /// When there is no such version, or a field cannot be written so.
    pub async fn write_card(
        &self,
        model: &str,
        version: i64,
        fields: BTreeMap<String, String>,
        actor: &Actor,
    ) -> Result<(), Error> {
        registry::get_version(&mut self.db.read().await?, model, version).await?;
        self.write_document(Document::Card { model: model.to_owned(), version }, fields, actor).await
    }

    /// Writes fields of a dataset's datasheet; an empty text makes a field blank.
    ///
    /// # Errors
    /// When there is no such dataset, or a field cannot be written so.
    pub async fn write_datasheet(
        &self,
        dataset: &str,
        fields: BTreeMap<String, String>,
        actor: &Actor,
    ) -> Result<(), Error> {
        datasets::get_dataset(&mut self.db.read().await?, dataset).await?;
        self.write_document(Document::Datasheet { dataset: dataset.to_owned() }, fields, actor).await
    }

    async fn write_document(
        &self,
        document: Document,
        fields: BTreeMap<String, String>,
        actor: &Actor,
    ) -> Result<(), Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let written: Result<(), governance::Error> = self
            .db
            .write(move |tx| Box::pin(async move { write_fields(tx, &document, &fields, &actor, now).await }))
            .await;
        Ok(written?)
    }
}

/// A whole number with its thousands set apart.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a field as a heading: `out_of_scope` is `Out of scope`.
fn heading(field: &str) -> String {
    let words = field.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn sheet() -> Sheet {
        Sheet {
            title: "traffic, version 2".into(),
            lead: "Hourly <traffic>".into(),
            fields: BTreeMap::from([("out_of_scope".to_owned(), "Roads | others\n- than this".to_owned())]),
            blank: vec!["purpose".into()],
            tables: vec![SheetTable {
                title: "Performance".into(),
                columns: vec!["metric".into(), "value".into()],
                rows: vec![vec![Cell::words("m|ae"), Cell::seen("262.1", "/runs/1")]],
            }],
            metadata: serde_json::json!({ "tags": ["gingham"], "license": "mit" }),
        }
    }

    #[test]
    fn markdown_tells_fields_blanks_and_tables() {
        let text = sheet().written(SheetForm::Markdown, "https://g");
        for part in [
            "# traffic, version 2\n",
            "## Out of scope\n\nRoads | others\n- than this\n",
            "## Purpose\n\n*blank*\n",
            "| m\\|ae | [262.1](https://g/runs/1) |\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn html_lets_no_text_become_markup() {
        let mut sheet = sheet();
        sheet.fields.insert("notes".into(), "<script>alert(1)</script> & \"more\"".into());
        let text = sheet.written(SheetForm::Html, "");
        assert!(!text.contains("<script") && !text.contains("<traffic>"), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"), "{text}");
        assert!(text.contains("<a href=\"/runs/1\">262.1</a>"), "{text}");
    }

    #[test]
    fn metadata_stands_between_two_lines_above() {
        let text = sheet().written(SheetForm::HuggingFace, "");
        let (front, rest) = text.strip_prefix("---\n").unwrap().split_once("---\n").unwrap();
        let read: Value = serde_yaml_ng::from_str(front).unwrap();
        assert_eq!(read, sheet().metadata);
        assert!(rest.contains("# traffic, version 2"), "{rest}");
    }

    #[test]
    fn numbers_and_headings_read_well() {
        assert_eq!((count(7).as_str(), count(1_234_567).as_str()), ("7", "1,234,567"));
        assert_eq!(heading("out_of_scope"), "Out of scope");
    }
}
