//! The datasheet of a dataset.

use base::{ObjectRef, PageRequest};
use serde_json::{Map, Value, json};

use super::{Cell, Sheet, SheetTable, count};
use crate::reviews::datasheet_of;
use crate::{Error, Platform, specs};

/// How many versions are told.
const MOST_VERSIONS: usize = 20;

impl Platform {
    /// The datasheet of a dataset.
    ///
    /// # Errors
    /// When there is no such dataset.
    pub async fn datasheet(&self, name: &str) -> Result<Sheet, Error> {
        let mut read = self.db.read().await?;
        let dataset = datasets::get_dataset(&mut read, name).await?;
        let mut fields = std::collections::BTreeMap::new();
        let mut blank: Vec<String> = Vec::new();
        let users = specs::of_dataset(&mut read, name).await?;
        for applied in &users {
            fields.extend(datasheet_of(&mut read, &applied.spec, name).await?);
            blank.extend(applied.spec.policy.iter().flat_map(|policy| policy.datasheet.clone()));
        }
        if users.is_empty() {
            let document = governance::documents::Document::Datasheet { dataset: name.to_owned() };
            let own = governance::documents::fields_of(&mut read, &document).await?;
            fields.extend(own.into_iter().map(|(field, written)| (field, written.text)));
        }
        blank.retain(|field| !fields.contains_key(field));
        blank.sort();
        blank.dedup();
        let link = format!("/data/{name}");
        let versions =
            datasets::list_versions(&mut read, name, &PageRequest::first(MOST_VERSIONS)).await?.items;
        let mut rows = Vec::with_capacity(versions.len());
        for version in &versions {
            let object = ObjectRef::new("dataset", format!("{name}@{}", version.number));
            let verdict = checks::store::latest_verdict(&mut read, &object).await?;
            rows.push(vec![
                Cell::seen(version.number.to_string(), link.clone()),
                Cell::seen(count(version.rows), link.clone()),
                Cell::words(version.from.map(|from| from.to_string()).unwrap_or_default()),
                Cell::words(version.to.map(|to| to.to_string()).unwrap_or_default()),
                verdict.map_or_else(
                    || Cell::words("not checked"),
                    |kept| Cell::seen(kept.verdict.in_words(), format!("/api/v1/verdicts/{}", kept.id)),
                ),
            ]);
        }
        let column = |column: &tables::Column| {
            vec![Cell::words(&column.name), Cell::words(json!(column.kind).as_str().unwrap_or_default())]
        };
        let columns: Vec<_> = versions
            .first()
            .map(|newest| newest.schema.columns.iter().map(column).collect())
            .unwrap_or_default();
        let heads = |heads: &[&str]| heads.iter().map(|head| (*head).to_owned()).collect();
        let models: Vec<_> = users
            .iter()
            .map(|applied| {
                let model = &applied.spec.model;
                vec![Cell::seen(model, format!("/models/{model}")), Cell::words(&applied.spec.description)]
            })
            .collect();
        Ok(Sheet {
            title: dataset.name.clone(),
            lead: dataset.description.clone(),
            metadata: metadata(&dataset, &fields),
            fields,
            blank,
            tables: vec![
                SheetTable {
                    title: "Versions".to_owned(),
                    columns: heads(&["version", "rows", "from", "to", "checks"]),
                    rows,
                },
                SheetTable {
                    title: "Columns".to_owned(),
                    columns: heads(&["column", "type"]),
                    rows: columns,
                },
                SheetTable {
                    title: "Models".to_owned(),
                    columns: heads(&["model", "what for"]),
                    rows: models,
                },
            ],
        })
    }
}

/// Metadata in the words of Hugging Face's dataset cards.
fn metadata(dataset: &datasets::Dataset, fields: &std::collections::BTreeMap<String, String>) -> Value {
    let mut metadata = Map::new();
    metadata.insert("pretty_name".to_owned(), json!(dataset.name));
    if let Some(license) = fields.get("license") {
        metadata.insert("license".to_owned(), json!(license.trim().to_lowercase()));
    }
    if let Some(language) = fields.get("language") {
        let words: Vec<&str> = language.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        metadata.insert("language".to_owned(), json!(words));
    }
    metadata.insert("tags".to_owned(), json!(["gingham", "tabular"]));
    metadata.insert("size_categories".to_owned(), json!([size(dataset.rows)]));
    Value::Object(metadata)
}

/// The class of size that Hugging Face gives so many rows.
fn size(rows: u64) -> &'static str {
    match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        1_000_000..10_000_000 => "1M<n<10M",
        10_000_000..100_000_000 => "10M<n<100M",
        100_000_000..1_000_000_000 => "100M<n<1B",
        _ => "n>1B",
    }
}
