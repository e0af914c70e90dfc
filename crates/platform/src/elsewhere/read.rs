//! The columns of a table as predictions and labels.

use archive::{Cell, Label, Name, Prediction};
use base::Timestamp;
use tables::{Column, ColumnType, Table, Values};
use uuid::Uuid;

use super::{Sent, cell, unusable};
use crate::Error;

/// Columns with a meaning of their own; all others are features.
pub(crate) const OWN: [&str; 13] = [
    "prediction_id",
    "event_time",
    "received_time",
    "model",
    "version",
    "deployment",
    "variant",
    "prediction",
    "latency_us",
    "status",
    "trace_id",
    "entity",
    "weight",
];

/// A feature that is called like one of the columns with a meaning is sent as `features.NAME`.
pub(crate) fn feature_name(column: &str) -> &str {
    column.strip_prefix("features.").filter(|name| OWN.contains(name)).unwrap_or(column)
}

/// Rows that were understood.
pub(super) struct ReadRows {
    pub(super) rows: Vec<Prediction>,
    pub(super) features: Vec<Column>,
    pub(super) output: ColumnType,
    /// Whether every id was made here and now, so that none can have been sent before.
    pub(super) fresh: bool,
}

/// Reads predictions. A row without an event time is about now.
pub(super) fn predictions(
    model: &str,
    table: &Table,
    sent: &Sent,
    now: Timestamp,
) -> Result<ReadRows, Error> {
    let columns = Columns { model, table };
    let output = columns.output()?;
    let answers = columns.needed("prediction")?;
    let mut features = Vec::new();
    let mut inputs = Vec::new();
    for column in &table.schema().columns {
        if OWN.contains(&column.name.as_str()) {
            continue;
        }
        let values = table.column(&column.name)?;
        // A column without any value has no type yet.
        if !values.all_missing() {
            let name = feature_name(&column.name);
            features.push(Column::new(name, column.kind));
            inputs.push((Name::from(name), values));
        }
    }
    let ids = columns.ids()?;
    let times = columns.moments("event_time")?;
    let (versions, latencies) = (columns.whole("version")?, columns.whole("latency_us")?);
    let (deployments, variants) = (columns.words("deployment")?, columns.words("variant")?);
    let (states, traces) = (columns.words("status")?, columns.words("trace_id")?);
    let (entities, weights) = (columns.words("entity")?, columns.numbers("weight")?);
    let mut rows = Vec::with_capacity(table.row_count());
    for row in 0..table.row_count() {
        let event_time = at(&times, row);
        let id = match (at(&ids, row), &sent.key) {
            (Some(id), _) => id,
            (None, Some(key)) => derived_id(model, key, row, event_time),
            (None, None) => Uuid::now_v7(),
        };
        let answer = output_cell(&answers, row, output);
        if answer == Cell::Null {
            return Err(unusable(model, "prediction", format!("row {row} has none")));
        }
        rows.push(Prediction {
            id,
            event_time: event_time.unwrap_or(now),
            received_time: now,
            model: model.to_owned(),
            version: at(&versions, row).or(sent.version).unwrap_or(0),
            deployment: at(&deployments, row)
                .or_else(|| sent.deployment.clone())
                .unwrap_or_else(|| "elsewhere".to_owned()),
            variant: at(&variants, row).unwrap_or_else(|| "primary".to_owned()),
            features: inputs.iter().map(|(name, values)| (name.clone(), cell(values, row))).collect(),
            prediction: answer,
            latency_us: at(&latencies, row).unwrap_or(0),
            status: at(&states, row).unwrap_or_else(|| "ok".to_owned()),
            trace_id: at(&traces, row),
            entity: at(&entities, row),
            weight: at(&weights, row).unwrap_or(1.0),
        });
    }
    let fresh = sent.key.is_none() && ids.iter().all(Option::is_none);
    Ok(ReadRows { rows, features, output, fresh })
}

/// Reads labels: `label` or `value`, and `prediction_id` or `entity` and `event_time`.
pub(super) fn labels(
    model: &str,
    table: &Table,
    sent: &Sent,
    output: ColumnType,
    now: Timestamp,
) -> Result<Vec<Label>, Error> {
    let columns = Columns { model, table };
    let name = if table.schema().find("label").is_some() { "label" } else { "value" };
    let values = columns.needed(name)?;
    let ids = columns.ids()?;
    let entities = columns.words("entity")?;
    let (moments, known) = (columns.moments("event_time")?, columns.moments("label_time")?);
    let sources = columns.words("source")?;
    let mut labels = Vec::with_capacity(table.row_count());
    for row in 0..table.row_count() {
        let value = output_cell(&values, row, output);
        if value == Cell::Null {
            return Err(unusable(model, name, format!("row {row} has none")));
        }
        labels.push(Label {
            prediction_id: at(&ids, row),
            entity: at(&entities, row),
            event_time: at(&moments, row),
            model: model.to_owned(),
            value,
            label_time: at(&known, row).unwrap_or(now),
            received_time: now,
            source: at(&sources, row).or_else(|| sent.source.clone()).unwrap_or_else(|| "api".to_owned()),
        });
    }
    Ok(labels)
}

/// Classes that are true or false are 1 and 0 where numbers are expected.
fn output_cell(values: &Values, row: usize, output: ColumnType) -> Cell {
    match (cell(values, row), output) {
        (Cell::Bool(value), ColumnType::Real) => Cell::Real(f64::from(u8::from(value))),
        (value, _) => value,
    }
}

/// The id of a row of a call that may be made again. With an event time it is ordered by it, so that looking it up
/// reads little.
pub(super) fn derived_id(model: &str, key: &str, row: usize, event_time: Option<Timestamp>) -> Uuid {
    let digest = base::Hasher::new().field(model).field(key).field(row.to_string()).finish();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    let millis = event_time.and_then(|time| u64::try_from(time.as_millis()).ok());
    match (millis, bytes.first_chunk::<10>()) {
        (Some(millis), Some(random)) => uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid(),
        _ => uuid::Builder::from_custom_bytes(bytes).into_uuid(),
    }
}

pub(super) fn at<T: Clone>(values: &[Option<T>], row: usize) -> Option<T> {
    values.get(row).cloned().flatten()
}

pub(super) struct Columns<'a> {
    pub(super) model: &'a str,
    pub(super) table: &'a Table,
}

impl Columns<'_> {
    /// The type of the answers; every row needs one, and none may bring an outcome.
    pub(super) fn output(&self) -> Result<ColumnType, Error> {
        if self.has("label") {
            return Err(unusable(
                self.model,
                "label",
                "outcomes are sent to `labels`, when they are known; rename it if it is a feature",
            ));
        }
        match self.table.schema().find("prediction").map(|column| column.kind) {
            None => Err(self.lacking("prediction")),
            Some(ColumnType::Text) => Ok(ColumnType::Text),
            Some(ColumnType::Time) => {
                Err(unusable(self.model, "prediction", "a prediction cannot be a time"))
            }
            Some(_) => Ok(ColumnType::Real),
        }
    }

    fn lacking(&self, name: &str) -> Error {
        let known: Vec<&str> = self.table.schema().names().take(20).collect();
        unusable(self.model, name, format!("the rows have none; they have {}", known.join(", ")))
    }

    fn has(&self, name: &str) -> bool {
        self.table.schema().find(name).is_some()
    }

    fn needed(&self, name: &str) -> Result<Values, Error> {
        if !self.has(name) {
            return Err(self.lacking(name));
        }
        Ok(self.table.column(name)?)
    }

    pub(super) fn words(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        Ok(if self.has(name) { self.table.texts(name)? } else { Vec::new() })
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, Error> {
        Ok(if self.has(name) { self.table.numbers(name)? } else { Vec::new() })
    }

    pub(super) fn whole(&self, name: &str) -> Result<Vec<Option<i64>>, Error> {
        if !self.has(name) {
            return Ok(Vec::new());
        }
        let values = self.table.column(name)?;
        let whole = |row: usize| match cell(&values, row).fitted(ColumnType::Int) {
            Some(Cell::Int(value)) => Ok(Some(value)),
            Some(_) => Ok(None),
            None => Err(unusable(self.model, name, format!("row {row} holds no whole number"))),
        };
        (0..self.table.row_count()).map(whole).collect()
    }

    pub(super) fn ids(&self) -> Result<Vec<Option<Uuid>>, Error> {
        let parse = |(row, word): (usize, Option<String>)| {
            word.map(|word| {
                Uuid::parse_str(&word).map_err(|_| {
                    unusable(self.model, "prediction_id", format!("row {row} has `{word}`, which is no UUID"))
                })
            })
            .transpose()
        };
        self.words("prediction_id")?.into_iter().enumerate().map(parse).collect()
    }

    pub(super) fn moments(&self, name: &str) -> Result<Vec<Option<Timestamp>>, Error> {
        if !self.has(name) {
            return Ok(Vec::new());
        }
        match self.table.column(name)? {
            Values::Time(values) => Ok(values.into_iter().map(|at| at.map(Timestamp::from_micros)).collect()),
            Values::Text(words) => words
                .into_iter()
                .enumerate()
                .map(|(row, word)| {
                    word.map(|word| {
                        Timestamp::parse(&word)
                            .map_err(|error| unusable(self.model, name, format!("row {row}: {error}")))
                    })
                    .transpose()
                })
                .collect(),
            values if values.all_missing() => Ok(Vec::new()),
            values => Err(unusable(
                self.model,
                name,
                format!("it holds {} where times are needed, such as 2026-03-29T10:00:00Z", values.kind()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_derives_the_same_ids_in_the_order_of_time() {
        let early = Some(Timestamp::from_millis(1_000_000));
        let late = Some(Timestamp::from_millis(2_000_000));
        assert_eq!(derived_id("m", "k", 0, early), derived_id("m", "k", 0, early));
        assert_ne!(derived_id("m", "k", 0, early), derived_id("m", "k", 1, early));
        assert_ne!(derived_id("m", "k", 0, None), derived_id("m", "l", 0, None));
        assert!(derived_id("m", "z", 9, early).to_string() < derived_id("m", "a", 0, late).to_string());
    }
}
