//! Forgetting: what is too old, and everything about one entity.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Timestamp;
use tables::{ColumnType, Range, Selector, Table};

use crate::archive::Archive;
use crate::{Error, FaultPoint, Result};

/// What an erasure took out of the archive of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The model.
    pub model: String,
    /// Predictions that are gone.
    pub predictions: usize,
    /// Labels that are gone.
    pub labels: usize,
    /// Old files that were deleted.
    pub files: usize,
}

/// What a retention took out of the archive of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Predictions that are gone.
    pub predictions: usize,
    /// Labels that are gone.
    pub labels: usize,
}

impl Archive {
    /// Erases every row about an entity, with its labels, from these models: rows whose entity or whose value in
    /// any column of words is that word. When it returns, the bytes are in no file of the archive: not in the log of
    /// rows to come, not in a table, not in an older version of one, not in the statistics of a table's log.
    /// Older versions of the tables cannot be read any more. Done again after a crash, it ends what was begun.
    pub async fn erase(&self, entity: &str, models: &[String]) -> Result<Vec<Erased>> {
        let (archive, entity, models) = (self.clone(), entity.to_owned(), models.to_vec());
        // On a task of its own, so that a caller that stops waiting does not leave it half way.
        tokio::spawn(async move { archive.erase_now(&entity, &models).await })
            .await
            .unwrap_or(Err(Error::Closed))
    }

    async fn erase_now(&self, entity: &str, models: &[String]) -> Result<Vec<Erased>> {
        let inner = &self.inner;
        let _changing = inner.changing.lock().await;
        // All that was acknowledged so far is in segments of the log that end here, and then in the tables.
        inner.writer.rotate().await?;
        let sealed =
            i64::try_from(inner.counters().last_sequence.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        inner.commit_now().await?;
        inner.writer.drop_until(sealed).await?;
        let mut erased = Vec::new();
        for name in models {
            let model = inner.model(name)?;
            let words = inner.masks.forms(name, entity);
            let mut ids: HashSet<String> = HashSet::new();
            for word in &words {
                ids.extend(self.ids_that_mention(&model.predictions.delta, word).await?);
            }
            inner.fault(FaultPoint::ErasingPredictions)?;
            let needles = words.clone();
            let about: Selector = Arc::new(move |rows| mentions(rows, &needles));
            let predictions = model.predictions.remove(None, about).await?;
            let of_them: Selector = Arc::new(move |rows| {
                let mut goes = mentions(rows, &words)?;
                for (goes, id) in goes.iter_mut().zip(rows.texts("prediction_id")?) {
                    *goes |= id.is_some_and(|id| ids.contains(&id));
                }
                Ok(goes)
            });
            inner.fault(FaultPoint::ErasingLabels)?;
            let labels = model.labels.remove(None, of_them).await?;
            inner.fault(FaultPoint::ErasingFiles)?;
            let files = model.predictions.forget().await? + model.labels.forget().await?;
            erased.push(Erased { model: name.clone(), predictions, labels, files });
        }
        Ok(erased)
    }

    /// The ids of predictions that have the word in any column of words.
    async fn ids_that_mention(&self, table: &tables::DeltaTable, word: &str) -> Result<Vec<String>> {
        let columns: Vec<String> = words_of(&table.schema()?).map(str::to_owned).collect();
        let mut ids = Vec::new();
        for column in columns {
            let range = Range::Text { first: word.to_owned(), last: word.to_owned() };
            let found = table.read_within(None, &column, &range).await?;
            ids.extend(found.texts("prediction_id")?.into_iter().flatten());
        }
        Ok(ids)
    }

    /// Takes out predictions about moments before `before`, and labels that became known before it. Their bytes go
    /// with the next [`Archive::vacuum`] after its grace.
    pub async fn expire(&self, model: &str, before: Timestamp) -> Result<Expired> {
        let (archive, model) = (self.clone(), model.to_owned());
        tokio::spawn(async move {
            let _changing = archive.inner.changing.lock().await;
            let model = archive.inner.model(&model)?;
            let end = before.as_micros();
            let past = Range::Time { from: i64::MIN, to: end };
            let older = |column: &'static str| -> Selector {
                Arc::new(move |rows: &Table| {
                    Ok(rows.times(column)?.iter().map(|at| at.is_some_and(|at| at < end)).collect())
                })
            };
            Ok(Expired {
                predictions: model
                    .predictions
                    .remove(Some(("event_time", &past)), older("event_time"))
                    .await?,
                labels: model.labels.remove(Some(("label_time", &past)), older("label_time")).await?,
            })
        })
        .await
        .unwrap_or(Err(Error::Closed))
    }

    /// Deletes files that no table needs and that are older than `grace`; returns their number.
    pub async fn vacuum(&self, grace: Duration) -> Result<usize> {
        let archive = self.clone();
        tokio::spawn(async move {
            let _changing = archive.inner.changing.lock().await;
            let mut files = 0;
            for model in archive.inner.all_models() {
                files += model.predictions.delta.vacuum(grace).await?;
                files += model.labels.delta.vacuum(grace).await?;
            }
            Ok(files)
        })
        .await
        .unwrap_or(Err(Error::Closed))
    }
}

/// The columns of words in which an entity may be named.
fn words_of(schema: &tables::Schema) -> impl Iterator<Item = &str> {
    let own = ["prediction_id", "model", "deployment", "variant", "status", "source"];
    schema
        .columns
        .iter()
        .filter(move |column| column.kind == ColumnType::Text && !own.contains(&column.name.as_str()))
        .map(|column| column.name.as_str())
}

fn mentions(rows: &Table, words: &[String]) -> tables::Result<Vec<bool>> {
    let mut goes = vec![false; rows.row_count()];
    for column in words_of(rows.schema()) {
        for (goes, value) in goes.iter_mut().zip(rows.texts(column)?) {
            *goes |= value.is_some_and(|value| words.contains(&value));
        }
    }
    Ok(goes)
}
