//! Rows that may be sent again: each is kept once.

use std::collections::HashSet;

use tables::{QueryLimits, Range, Table, Values};
use uuid::Uuid;

use crate::archive::Archive;
use crate::{Cell, Label, Prediction, Result};

/// What became of rows that may have been sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Rows that are kept now.
    pub taken: usize,
    /// Rows that were here before, or came twice in this call.
    pub repeated: usize,
}

/// What makes two labels the same.
type LabelKey = (Option<Uuid>, Option<String>, Option<i64>, i64, String, String);

impl Archive {
    /// Archives predictions of one model under the promise of [`Archive::append`], but only those whose id is new.
    /// Ids that are ordered by time are looked up in the few files that can hold them.
    pub async fn append_new(&self, rows: Vec<Prediction>) -> Result<Appended> {
        let Some(model) = rows.first().map(|row| row.model.clone()) else {
            return Ok(Appended { taken: 0, repeated: 0 });
        };
        let count = rows.len();
        if let Some(taken) = self.append_newest(&model, &rows).await? {
            return Ok(Appended { taken, repeated: 0 });
        }
        // Alone: whoever else appends is done, and what they brought can be seen.
        let _turn = self.inner.once.write().await;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut seen = self.known_ids(&model, &ids).await?;
        self.note_greatest(&model).await?;
        let fresh: Vec<Prediction> = rows.into_iter().filter(|row| seen.insert(row.id)).collect();
        let taken = fresh.len();
        self.append(fresh).await?;
        Ok(Appended { taken, repeated: count - taken })
    }

    /// Archives labels of one model, but only those that differ from every label there is in their prediction, value,
    /// source or the moment at which they became known.
    pub async fn append_new_labels(&self, rows: Vec<Label>) -> Result<Appended> {
        let (Some(model), Some(from), Some(to)) = (
            rows.first().map(|row| row.model.clone()),
            rows.iter().map(|row| row.label_time.as_micros()).min(),
            rows.iter().map(|row| row.label_time.as_micros()).max(),
        ) else {
            return Ok(Appended { taken: 0, repeated: 0 });
        };
        let _turn = self.inner.once.write().await;
        let window = Range::Time { from, to: to.saturating_add(1) };
        let table = self.inner.model(&model)?.labels.within("label_time", &window).await?;
        let mut seen = label_keys(&table)?;
        let count = rows.len();
        let kind = table.schema().find("value").map(|column| column.kind);
        let fresh: Vec<Label> = rows
            .into_iter()
            .filter(|row| {
                let value = kind.and_then(|kind| row.value.clone().fitted(kind));
                seen.insert((
                    row.prediction_id,
                    row.entity.clone(),
                    row.event_time.map(base::Timestamp::as_micros),
                    row.label_time.as_micros(),
                    row.source.clone(),
                    word(&value.unwrap_or_else(|| row.value.clone())),
                ))
            })
            .collect();
        let taken = fresh.len();
        self.append_labels(fresh).await?;
        Ok(Appended { taken, repeated: count - taken })
    }

    /// Appends rows whose ids are all greater than every id there is, as ids that are ordered by time mostly are: nothing is
    /// looked up, and many callers share a flush. `None` when some are not.
    async fn append_newest(&self, model: &str, rows: &[Prediction]) -> Result<Option<usize>> {
        let _shared = self.inner.once.read().await;
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        let distinct = ids.windows(2).all(|pair| matches!(pair, [left, right] if left < right));
        let (Some(first), Some(last), true) = (ids.first(), ids.last(), distinct) else { return Ok(None) };
        if !self.inner.model(model)?.claim(*first, *last) {
            return Ok(None);
        }
        self.append(rows.to_vec()).await?;
        Ok(Some(rows.len()))
    }

    /// Finds out the greatest id of a model, once.
    pub(crate) async fn note_greatest(&self, name: &str) -> Result<()> {
        let model = self.inner.model(name)?;
        if model.knows_greatest() {
            return Ok(());
        }
        let sql = format!("select max(prediction_id) as id from \"{name}\".predictions");
        let found = self.sql(&sql, QueryLimits::default()).await?.texts("id")?.into_iter().flatten().next();
        let greatest = found.and_then(|id| Uuid::parse_str(&id).ok()).unwrap_or(Uuid::nil());
        model.claim_to(greatest);
        Ok(())
    }

    /// Those of the ids that are there.
    pub(crate) async fn known_ids(&self, model: &str, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
        let model = self.inner.model(model)?;
        let ids: Vec<Option<String>> = ids.iter().map(|id| Some(id.to_string())).collect();
        let first = ids.iter().flatten().min().cloned().unwrap_or_default();
        let last = ids.iter().flatten().max().cloned().unwrap_or_default();
        let (version, waiting) = model.predictions.view()?;
        let limits = QueryLimits { max_rows: ids.len(), ..QueryLimits::default() };
        let asked = Table::from_columns(vec![("id".to_owned(), Values::Text(ids))])?;
        let query = tables::Query::new()
            .delta_and_rows("kept", model.predictions.delta.clone(), Some(version), waiting)
            .table("asked", asked)
            .limits(limits);
        let known = query
            .run(&format!(
                "select distinct kept.prediction_id as id from kept join asked on kept.prediction_id = asked.id \
                 where kept.prediction_id >= '{first}' and kept.prediction_id <= '{last}'"
            ))
            .await?;
        Ok(known.texts("id")?.into_iter().flatten().filter_map(|id| Uuid::parse_str(&id).ok()).collect())
    }
}

fn label_keys(table: &Table) -> Result<HashSet<LabelKey>> {
    let (ids, entities) = (table.texts("prediction_id")?, table.texts("entity")?);
    let (moments, known) = (table.times("event_time")?, table.times("label_time")?);
    let (sources, values) = (table.texts("source")?, table.column("value")?);
    let text = |words: &[Option<String>], row: usize| words.get(row).cloned().flatten();
    Ok((0..table.row_count())
        .map(|row| {
            (
                text(&ids, row).and_then(|id| Uuid::parse_str(&id).ok()),
                text(&entities, row),
                moments.get(row).copied().flatten(),
                known.get(row).copied().flatten().unwrap_or_default(),
                text(&sources, row).unwrap_or_default(),
                word(&crate::layout::cell(&values, row)),
            )
        })
        .collect())
}

fn word(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Int(value) | Cell::Time(value) => value.to_string(),
        Cell::Real(value) => value.to_bits().to_string(),
        Cell::Text(value) => value.clone(),
        Cell::Bool(value) => value.to_string(),
    }
}
