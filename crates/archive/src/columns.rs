//! Many predictions of one model as columns: they stay columns on their way into the log, memory and table.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use tables::{Column, ColumnType, Part, Table, Values};
use uuid::Uuid;

use crate::archive::{Archive, Inner, Model};
use crate::layout::{self, Layout};
use crate::writer::Rows;
use crate::{Appended, Error, Result, codec};

/// Whether ids may have been sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// They were made for these rows.
    Fresh,
    /// Rows whose id is known are not kept again.
    PerhapsKnown,
}

impl Archive {
    /// Archives predictions of one model that are columns of a table, under the promise of [`Archive::append`]: what is kept
    /// is the same as if they came row by row. `rows` has columns of the model's table by their names: `prediction_id` (UUIDs
    /// in lower case), `event_time`, `received_time` and `prediction` with a value in each row, others as there are.
    ///
    /// # Errors
    /// As [`Archive::append`].
    pub async fn append_columns(&self, model: &str, rows: &Table, ids: Ids) -> Result<Appended> {
        let model = self.inner.model(model)?;
        let own = ids_of(rows)?;
        let (Some(least), Some(greatest)) = (own.iter().min().copied(), own.iter().max().copied()) else {
            return Ok(Appended { taken: 0, repeated: 0 });
        };
        let count = own.len();
        let all = Appended { taken: count, repeated: 0 };
        if ids == Ids::Fresh {
            model.note(greatest);
            self.inner.keep(&model, rows).await?;
            return Ok(all);
        }
        let ascending = own.windows(2).all(|pair| matches!(pair, [left, right] if left < right));
        if ascending || distinct(&own) {
            let _shared = self.inner.once.read().await;
            if model.claim(least, greatest) {
                self.inner.keep(&model, rows).await?;
                return Ok(all);
            }
        }
        // Alone: whoever else appends is done, and what they brought can be seen.
        let _turn = self.inner.once.write().await;
        let mut seen = self.known_ids(&model.name, &own).await?;
        self.note_greatest(&model.name).await?;
        model.note(greatest);
        let fresh: Vec<bool> = own.iter().map(|id| seen.insert(*id)).collect();
        let taken = fresh.iter().filter(|fresh| **fresh).count();
        if taken > 0 {
            let rows = if taken == count { rows.clone() } else { rows.filter(&fresh)? };
            self.inner.keep(&model, &rows).await?;
        }
        Ok(Appended { taken, repeated: count - taken })
    }
}

impl Inner {
    async fn keep(&self, model: &Arc<Model>, rows: &Table) -> Result<()> {
        let (masks, of, rows) = (Arc::clone(&self.masks), Arc::clone(model), rows.clone());
        // Not on the threads that answer single rows meanwhile.
        let fitted = tokio::task::spawn_blocking(move || {
            let masked = masks.mask_columns(&of.name, &rows)?;
            let rows = fit(&of.name, &masked, &of.predictions.layout())?;
            let mut bytes = Vec::new();
            codec::put_table(&mut bytes, &of.name, &rows)?;
            Ok::<_, Error>((rows, bytes))
        });
        let (rows, bytes) = fitted.await.unwrap_or(Err(Error::Closed))?;
        let count = rows.row_count();
        let rows = Rows { tables: vec![(Arc::clone(model), rows)], ..Rows::default() };
        self.write(bytes, rows, count).await
    }
}

fn distinct(ids: &[Uuid]) -> bool {
    let mut seen = HashSet::with_capacity(ids.len());
    ids.iter().all(|id| seen.insert(*id))
}

fn ids_of(rows: &Table) -> Result<Vec<Uuid>> {
    let words = rows.texts("prediction_id")?;
    let id = |word: &Option<String>| word.as_deref().and_then(|word| Uuid::parse_str(word).ok());
    words.iter().map(id).collect::<Option<_>>().ok_or_else(|| {
        tables::Error::WrongType {
            column: "prediction_id".to_owned(),
            expected: "a UUID in each row".to_owned(),
            found: "something else".to_owned(),
        }
        .into()
    })
}

/// The rows with exactly the columns of the model's table.
fn fit(model: &str, rows: &Table, layout: &Layout) -> Result<Table> {
    let schema = layout.schema();
    if let Some(unknown) = rows.schema().names().find(|name| schema.find(name).is_none()) {
        return Err(Error::UnknownFeature {
            model: model.to_owned(),
            feature: unknown.to_owned(),
            features: layout::features_of(schema).map(str::to_owned).collect(),
        });
    }
    let mut parts = Vec::with_capacity(schema.columns.len());
    for column in &schema.columns {
        let part = match rows.schema().find(&column.name).map(|found| found.kind) {
            None if column.name == "model" => Part::Same(Values::Text(vec![Some(model.to_owned())])),
            None => Part::Missing,
            Some(ColumnType::Int) if column.kind == ColumnType::Real => Part::Of(rows, &column.name),
            Some(kind) if kind == column.kind => Part::Of(rows, &column.name),
            Some(_) => Part::Each(converted(model, column, &rows.column(&column.name)?)?),
        };
        parts.push((Column::new(column.name.clone(), column.kind), part));
    }
    Ok(Table::assemble(parts, rows.row_count())?)
}

/// Values of another type, each brought to that of the column: the way that single rows go.
fn converted(model: &str, column: &Column, values: &Values) -> Result<Values> {
    let mut fitted = Values::missing(column.kind, values.len());
    for row in 0..values.len() {
        let cell = layout::fitted(model, &column.name, layout::cell(values, row), column.kind)?;
        layout::set(&mut fitted, row, cell);
    }
    Ok(fitted)
}

impl crate::mask::Masks {
    /// The rows with the words of masked columns masked.
    pub(crate) fn mask_columns<'a>(&self, model: &str, rows: &'a Table) -> Result<Cow<'a, Table>> {
        let mut masked = Cow::Borrowed(rows);
        for name in self.of(model) {
            let column = if name == "entity" { name.clone() } else { layout::feature_column(&name) };
            if rows.schema().find(&column).is_none_or(|column| column.kind != ColumnType::Text) {
                continue;
            }
            let words = rows.texts(&column)?.into_iter().map(|word| word.map(|word| self.mask(&name, &word)));
            masked = Cow::Owned(masked.with_column(&column, Values::Text(words.collect()))?);
        }
        Ok(masked)
    }
}
