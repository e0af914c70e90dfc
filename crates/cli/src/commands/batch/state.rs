//! What of a batch is done: a file beside the outputs, so that a run that was broken off goes on where it was.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tables::RowFormat;

use super::places::{Input, Output};

const NAME: &str = ".gingham-batch.json";

/// The files that are done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    done: BTreeMap<String, Done>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Done {
    /// What was scored by what.
    mark: String,
    rows: u64,
}

/// A word that changes with the rows, the model and the columns that are passed on.
pub(super) fn mark(input: &Input, model: &str, columns: Option<&[String]>) -> String {
    let columns = columns.map_or_else(|| "*".to_owned(), |columns| columns.join(","));
    format!("{} {model} {columns}", input.tag)
}

impl State {
    /// What an earlier run has left; nothing when it cannot be read.
    pub(super) async fn read(output: &Output, scratch: &Path) -> Result<Self> {
        if !output.is_many() {
            return Ok(Self::default());
        }
        let found = output.named(NAME, RowFormat::JsonLines).fetch(scratch).await?;
        let text = found.and_then(|path| std::fs::read(path).ok());
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default())
    }

    /// Whether a file was scored, by the same model, and has not changed since.
    pub(super) fn is_done(&self, name: &str, mark: &str) -> bool {
        self.done.get(name).is_some_and(|done| done.mark == mark)
    }

    /// Takes note of a file.
    pub(super) fn done(&mut self, name: &str, mark: String, rows: u64) {
        self.done.insert(name.to_owned(), Done { mark, rows });
    }

    /// Writes it down, whole or not at all.
    pub(super) async fn write(&self, output: &Output, scratch: &Path) -> Result<()> {
        let place = output.named(NAME, RowFormat::JsonLines);
        let path = place.local(scratch);
        let beside = path.with_extension("new");
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        written.with_context(|| format!("`{}` cannot be written", path.display()))?;
        place.put(&path).await
    }
}
