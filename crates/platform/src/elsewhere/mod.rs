//! Models that are served elsewhere: they send rows, the archive keeps them, a monitor watches them.

mod columns;
mod events;
mod monitor;
pub(crate) mod read;
mod wire;

use archive::Cell;
use base::{Actor, Timestamp};
use registry::NewModel;
use serde::Serialize;
use tables::{Column, ColumnType, Table};

use crate::{Error, Platform};

pub use events::{CloudEvent, EventTaken};
pub use wire::table_of_json;

/// The most rows that one call may bring.
const MOST_ROWS: usize = 200_000;
/// The most features that a model may have.
const MOST_FEATURES: usize = 2_000;

/// What holds for all rows of a call that do not say otherwise themselves.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// The version that answered.
    pub version: Option<i64>,
    /// Where it is served.
    pub deployment: Option<String>,
    /// A word that is the same when the call is made again: rows without an id get theirs from it.
    pub key: Option<String>,
    /// Who told it, for labels.
    pub source: Option<String>,
}

/// What became of rows that were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowsTaken {
    /// Rows that are kept now, durably.
    pub taken: usize,
    /// Rows that had been sent before.
    pub repeated: usize,
}

impl Platform {
    /// Keeps predictions that a model served elsewhere has made; answers when they are durable. At first contact the
    /// model is registered with the columns that its rows have, and watched; later rows may bring more columns.
    /// A row whose id is known is not kept again.
    ///
    /// # Errors
    /// [`Error::RowsUnusable`] with the column that cannot be used; nothing is kept then.
    pub async fn take_predictions(
        &self,
        model: &str,
        rows: &Table,
        sent: &Sent,
        actor: &Actor,
    ) -> Result<RowsTaken, Error> {
        self.check_size(model, rows)?;
        let now = self.clock.now();
        if let Some(read) = as_columns(model, rows, sent, now).await? {
            self.prepare(model, &read.features, read.output, actor, now).await?;
            let ids = if read.fresh { archive::Ids::Fresh } else { archive::Ids::PerhapsKnown };
            let appended = self.archive.append_columns(model, &read.rows, ids).await?;
            self.watch_elsewhere(model, now).await?;
            return Ok(RowsTaken { taken: appended.taken, repeated: appended.repeated });
        }
        let read = read::predictions(model, rows, sent, now)?;
        if read.rows.is_empty() {
            return Ok(RowsTaken { taken: 0, repeated: 0 });
        }
        self.prepare(model, &read.features, read.output, actor, now).await?;
        let appended = if read.fresh {
            let taken = read.rows.len();
            self.archive.append(read.rows).await?;
            archive::Appended { taken, repeated: 0 }
        } else {
            self.archive.append_new(read.rows).await?
        };
        self.watch_elsewhere(model, now).await?;
        Ok(RowsTaken { taken: appended.taken, repeated: appended.repeated })
    }

    /// Registers the model at first contact, and its new columns.
    async fn prepare(
        &self,
        model: &str,
        features: &[Column],
        output: ColumnType,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.archive.schema(model).is_err() {
            self.register_elsewhere(model, actor, now).await?;
        }
        self.widen(model, features, output).await
    }

    /// Keeps labels of a model that is served elsewhere, each once; answers when they are durable.
    ///
    /// # Errors
    /// [`Error::RowsUnusable`] with the column that cannot be used; when the model has sent no prediction yet.
    pub async fn take_label_rows(&self, model: &str, rows: &Table, sent: &Sent) -> Result<RowsTaken, Error> {
        self.check_size(model, rows)?;
        let output = self.output_of(model)?;
        let labels = read::labels(model, rows, sent, output, self.clock.now())?;
        let appended = self.archive.append_new_labels(labels).await?;
        Ok(RowsTaken { taken: appended.taken, repeated: appended.repeated })
    }

    fn check_size(&self, model: &str, rows: &Table) -> Result<(), Error> {
        if rows.row_count() > MOST_ROWS {
            return Err(unusable(
                model,
                "",
                format!("one call may bring {MOST_ROWS} rows, this one has {}", rows.row_count()),
            ));
        }
        if rows.schema().columns.len() > MOST_FEATURES {
            return Err(unusable(model, "", format!("a model may have {MOST_FEATURES} columns")));
        }
        Ok(())
    }

    fn output_of(&self, model: &str) -> Result<ColumnType, Error> {
        let schema = self.archive.schema(model)?;
        Ok(schema.find("prediction").map_or(ColumnType::Real, |column| column.kind))
    }

    /// Declares what is new, and refuses what has another type than before.
    async fn widen(&self, model: &str, features: &[Column], output: ColumnType) -> Result<(), Error> {
        let numeric = |kind: ColumnType| matches!(kind, ColumnType::Int | ColumnType::Real);
        let Ok(known) = self.archive.schema(model) else {
            return Ok(self.archive.declare(model, features, output).await?);
        };
        let mut fresh = Vec::new();
        for feature in features {
            match known.find(&archive::feature_column(&feature.name)) {
                None => fresh.push(feature.clone()),
                Some(before)
                    if before.kind == feature.kind || (numeric(before.kind) && numeric(feature.kind)) => {}
                Some(before) => {
                    return Err(archive::Error::Redeclared {
                        model: model.to_owned(),
                        column: feature.name.clone(),
                        before: before.kind.to_string(),
                        now: feature.kind.to_string(),
                    }
                    .into());
                }
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        Ok(self.archive.declare(model, &fresh, self.output_of(model)?).await?)
    }

    async fn register_elsewhere(&self, model: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
        base::names::check_name("model", model).map_err(archive::Error::from)?;
        if registry::find_model(&mut self.db.read().await?, model).await?.is_some() {
            return Ok(());
        }
        let (new, actor) = (
            NewModel {
                name: model.to_owned(),
                description: "served elsewhere".to_owned(),
                ..NewModel::default()
            },
            actor.clone(),
        );
        let made: Result<_, registry::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    // Another call may have been quicker.
                    match registry::find_model(tx, &new.name).await? {
                        Some(_) => Ok(()),
                        None => registry::create_model(tx, &new, &actor, now).await.map(|_| ()),
                    }
                })
            })
            .await;
        Ok(made?)
    }
}

/// Many rows as columns; `None` for few.
async fn as_columns(
    model: &str,
    rows: &Table,
    sent: &Sent,
    now: Timestamp,
) -> Result<Option<columns::ReadColumns>, Error> {
    if rows.row_count() < columns::FROM_ROWS {
        return Ok(None);
    }
    let (model, rows, sent) = (model.to_owned(), rows.clone(), sent.clone());
    tokio::task::spawn_blocking(move || columns::predictions(&model, &rows, &sent, now))
        .await
        .map_err(|cause| Error::Stored { what: "predictions", cause: cause.to_string() })?
}

/// That a column of the rows of a model cannot be used.
fn unusable(model: &str, column: &str, reason: impl Into<String>) -> Error {
    Error::RowsUnusable { model: model.to_owned(), column: column.to_owned(), reason: reason.into() }
}

/// The value of one row; missing beyond the end.
fn cell(values: &tables::Values, row: usize) -> Cell {
    use tables::Values;
    match values {
        Values::Int(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Int),
        Values::Real(values) => match values.get(row).copied().flatten() {
            Some(value) if !value.is_nan() => Cell::Real(value),
            _ => Cell::Null,
        },
        Values::Text(values) => values.get(row).cloned().flatten().map_or(Cell::Null, Cell::Text),
        Values::Bool(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Bool),
        Values::Time(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Time),
    }
}
