//! Rows of a dataset that are selected from other datasets, and versions of datasets as queries name them.

use std::time::Duration;

use base::Actor;
use datasets::{DatasetVersion, Pointer};
use serde_json::json;
use tables::{DeltaTable, Query, QueryLimits, Table};

use crate::{Error, Origin, Platform, Pushed};

/// How long a query may take that makes a version.
const LONGEST: Duration = Duration::from_secs(240);
/// The most rows and bytes that one version brings.
const MOST_ROWS: usize = 20_000_000;
const MOST_BYTES: usize = 2 << 30;
/// The most datasets that one query names.
const MOST_SOURCES: usize = 50;

impl Platform {
    /// Makes a version of a dataset of what a query selects from `datasets.NAME` and `datasets."NAME@VERSION"`, where a
    /// version is a number, a tag or a moment. The versions that were read are part of the origin, by number: the same
    /// query over them gives the same rows.
    ///
    /// # Errors
    /// SQL that cannot be run or reads no dataset; whatever [`Platform::push_rows`] refuses.
    pub async fn push_query(
        &self,
        dataset: &str,
        query: &str,
        replaces: bool,
        actor: &Actor,
    ) -> Result<Pushed, Error> {
        let sources = self.datasets_named(query).await?;
        let refused =
            |reason: &str| Error::RowsDoNotFit { dataset: dataset.to_owned(), reason: reason.to_owned() };
        if sources.is_empty() {
            return Err(refused(
                "the query reads no dataset; write `datasets.NAME` or `datasets.\"NAME@VERSION\"`",
            ));
        }
        if sources.len() > MOST_SOURCES {
            return Err(refused("the query reads more than 50 datasets"));
        }
        let limits = QueryLimits {
            max_rows: MOST_ROWS,
            max_bytes: MOST_BYTES,
            timeout: LONGEST,
            ..QueryLimits::default()
        };
        let mut tables = Query::new().limits(limits);
        let mut inputs = Vec::new();
        for (name, version) in &sources {
            let table = DeltaTable::open(&self.dataset_location(&version.name)).await?;
            tables = tables.delta(format!("datasets.{name}"), table, Some(version.delta_version));
            inputs.push(json!({
                "dataset": version.name, "number": version.number, "digest": version.digest,
                "delta_version": version.delta_version, "as": name,
            }));
        }
        inputs.dedup();
        let rows = tables.run(query).await?;
        let facts = [
            ("kind", json!("query")),
            ("query", json!(query)),
            ("engine", json!("datafusion")),
            ("inputs", json!(inputs)),
            ("with", json!(concat!("gingham ", env!("CARGO_PKG_VERSION")))),
        ];
        let facts = facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
        let source = format!("a query over {}", names.join(", "));
        self.push_rows_of(dataset, rows, &Origin { source, facts, replaces }, actor).await
    }

    /// The datasets that a query names, each as it names it, with the version that is meant.
    pub(crate) async fn datasets_named(&self, query: &str) -> Result<Vec<(String, DatasetVersion)>, Error> {
        let mut found: Vec<(String, DatasetVersion)> = Vec::new();
        for name in names_in(query) {
            let (dataset, pointer) = match name.split_once('@') {
                Some((dataset, version)) => (dataset, version.parse()?),
                None => (name.as_str(), Pointer::Latest),
            };
            let mut read = self.db.read().await?;
            // What is no dataset is told by the query itself, with the nearest name.
            if datasets::find_dataset(&mut read, dataset).await?.is_none() {
                continue;
            }
            let version = datasets::resolve(&mut read, dataset, &pointer).await?;
            found.push((name, version));
        }
        Ok(found)
    }

    /// Some rows of a version.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn some_rows_of(
        &self,
        version: &DatasetVersion,
        offset: usize,
        limit: usize,
    ) -> Result<Table, Error> {
        let table = DeltaTable::open(&self.dataset_location(&version.name)).await?;
        Ok(table.read_page(Some(version.delta_version), offset, limit).await?)
    }
}

/// The names behind `datasets.` in a query, each once, as they are written: bare ones in lower case as SQL has them.
fn names_in(query: &str) -> Vec<String> {
    let lower = query.to_ascii_lowercase();
    let mut names: Vec<String> = Vec::new();
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.find("datasets.")) {
        let start = from + at + "datasets.".len();
        from = start;
        let rest = query.get(start..).unwrap_or_default();
        let name = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
            None => {
                let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                rest.chars().take_while(|letter| word(*letter)).collect::<String>().to_lowercase()
            }
        };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_datasets_are_found_in_queries() {
        let query = "select * from datasets.Roads r join DATASETS.\"my-roads@2026-01-01\" m on r.a = m.a \
                     where exists (select 1 from datasets.roads)";
        assert_eq!(names_in(query), ["roads", "my-roads@2026-01-01"]);
        assert!(names_in("select 1").is_empty());
    }
}
