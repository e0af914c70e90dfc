//! Rows handed on once, to those who keep sums of them.

use base::Timestamp;
use tables::{DeltaTable, Range, Table};

use crate::Result;
use crate::archive::Archive;
use crate::ask::Labels;

/// What a model's predictions were joined by since a reader looked last.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The table that they are in; another one after the archive's folder was made anew.
    pub source: String,
    /// The version of the table after them: what a reader has seen once it has taken all of them in.
    pub version: i64,
    /// Whether these are all rows of the table and the reader begins anew: nothing was seen yet, or rows were taken out.
    pub whole: bool,
    /// Rows that are acknowledged and in no version yet. They come again among the arrivals of a later version.
    pub pending: Vec<Table>,
    files: Vec<String>,
    table: DeltaTable,
}

impl Arriving {
    /// How many lots of rows there are.
    #[must_use]
    pub fn lots(&self) -> usize {
        self.files.len()
    }

    /// One lot of rows, counted from 0; empty beyond the last.
    pub async fn lot(&self, number: usize) -> Result<Option<Table>> {
        match self.files.get(number) {
            Some(file) => Ok(Some(self.table.read_file(file).await?)),
            None => Ok(None),
        }
    }
}

impl Archive {
    /// The table that a model's predictions are in, by the id that it was given when it was made.
    pub fn source(&self, model: &str) -> Result<String> {
        Ok(self.inner.model(model)?.predictions.delta.id()?)
    }

    /// The predictions of a model that came after the version `seen` of the table `source`. Each row comes once, however
    /// often its files are joined; a reader that keeps `version` together with what it made of the rows neither misses
    /// nor doubles any, whenever it is ended.
    pub async fn arriving(&self, model: &str, seen: Option<(&str, i64)>) -> Result<Arriving> {
        let model = self.inner.model(model)?;
        let (version, pending) = model.predictions.view()?;
        let table = model.predictions.delta.clone();
        let source = table.id()?;
        let seen = seen.filter(|(of, _)| *of == source).map(|(_, version)| version);
        let arrivals = table.arrivals(seen, version).await?;
        Ok(Arriving { source, version, whole: arrivals.whole, pending, files: arrivals.files, table })
    }

    /// The predictions of a model whose event time lies in `[from, to)` with their labels, and nothing else of them: the
    /// columns `prediction_id`, `event_time`, `version`, `entity`, `status`, `prediction`, `label`, `label_time` and those
    /// that `also` names. Features are not read.
    pub async fn outcomes(
        &self,
        model: &str,
        from: Timestamp,
        to: Timestamp,
        also: &[&str],
    ) -> Result<Table> {
        let model = self.inner.model(model)?;
        let window = Range::Time { from: from.as_micros(), to: to.as_micros() };
        let own = ["prediction_id", "event_time", "version", "entity", "status", "prediction"];
        let mut columns: Vec<&str> = own.to_vec();
        columns.extend(also.iter().filter(|name| !own.contains(*name)));
        let (version, chunks) = model.predictions.view()?;
        let table = &model.predictions.delta;
        let mut parts =
            vec![table.read_columns_within(Some(version), &columns, "event_time", &window).await?];
        let names: Vec<String> =
            parts.iter().flat_map(|part| part.schema().names()).map(str::to_owned).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for chunk in chunks {
            parts.push(chunk.within("event_time", &window)?.select(&names)?);
        }
        let predictions = Table::concat(&parts)?;
        Labels::of(&model, &predictions, &window).await?.join(&predictions)
    }
}
