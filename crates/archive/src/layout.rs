//! Where the fields of a row stand in its table.

use std::collections::HashMap;

use base::Timestamp;
use tables::{Column, ColumnType, Schema, Table, Values};
use uuid::Uuid;

use crate::{Cell, Error, Label, Prediction, Result, StoredLabel};

/// The columns that every predictions table has; `prediction` has the type of the model's output.
const PREDICTION_COLUMNS: [(&str, ColumnType); 13] = [
    ("prediction_id", ColumnType::Text),
    ("event_time", ColumnType::Time),
    ("received_time", ColumnType::Time),
    ("model", ColumnType::Text),
    ("version", ColumnType::Int),
    ("deployment", ColumnType::Text),
    ("variant", ColumnType::Text),
    ("prediction", ColumnType::Real),
    ("latency_us", ColumnType::Int),
    ("status", ColumnType::Text),
    ("trace_id", ColumnType::Text),
    ("entity", ColumnType::Text),
    ("weight", ColumnType::Real),
];

/// The columns of every labels table; `value` has the type of the model's output.
const LABEL_COLUMNS: [(&str, ColumnType); 8] = [
    ("prediction_id", ColumnType::Text),
    ("entity", ColumnType::Text),
    ("event_time", ColumnType::Time),
    ("model", ColumnType::Text),
    ("value", ColumnType::Real),
    ("label_time", ColumnType::Time),
    ("received_time", ColumnType::Time),
    ("source", ColumnType::Text),
];

/// Columns that the joined view adds.
const JOINED_COLUMNS: [&str; 2] = ["label", "label_time"];

/// How the source of a label begins with which a person overrules what was recorded.
pub(crate) const OVERRIDE: &str = "override";

/// The columns of the view over all models `name`, where there is no model yet.
pub(crate) fn empty_schema(name: &str) -> Schema {
    if name == "labels" {
        return labels_schema(ColumnType::Real);
    }
    let mut schema = predictions_schema(&[], ColumnType::Real);
    if name == "scored" {
        schema.columns.push(Column::new("label", ColumnType::Real));
        schema.columns.push(Column::new("label_time", ColumnType::Time));
    }
    schema
}

/// The names of the columns that every model has.
pub(crate) fn common_columns() -> impl Iterator<Item = &'static str> {
    PREDICTION_COLUMNS.iter().map(|(name, _)| *name)
}

/// The names of the columns of every labels table.
pub(crate) fn label_columns() -> impl Iterator<Item = &'static str> {
    LABEL_COLUMNS.iter().map(|(name, _)| *name)
}

/// The column in which a feature is kept: its own name, unless that is taken.
#[must_use]
pub fn feature_column(feature: &str) -> String {
    if common_columns().chain(JOINED_COLUMNS).any(|taken| taken == feature) {
        format!("feature_{feature}")
    } else {
        feature.to_owned()
    }
}

/// The feature that a column keeps, or none for a common column.
fn feature_of(column: &str) -> Option<&str> {
    if common_columns().any(|common| common == column) {
        return None;
    }
    Some(match column.strip_prefix("feature_") {
        Some(feature) if feature_column(feature) == column => feature,
        _ => column,
    })
}

pub(crate) fn predictions_schema(features: &[Column], output: ColumnType) -> Schema {
    let common = PREDICTION_COLUMNS
        .iter()
        .map(|(name, kind)| Column::new(*name, if *name == "prediction" { output } else { *kind }));
    let features = features.iter().map(|feature| Column::new(feature_column(&feature.name), feature.kind));
    Schema::new(common.chain(features).collect())
}

pub(crate) fn labels_schema(output: ColumnType) -> Schema {
    let columns = LABEL_COLUMNS
        .iter()
        .map(|(name, kind)| Column::new(*name, if *name == "value" { output } else { *kind }));
    Schema::new(columns.collect())
}

/// The features of a predictions table, by the names under which rows give them.
pub(crate) fn features_of(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.names().filter_map(feature_of)
}

/// The columns of a table, made ready for rows that come one by one.
#[derive(Debug)]
pub(crate) struct Layout {
    schema: Schema,
    /// The type of the answer, or of the label.
    value: ColumnType,
    /// The features in the order of their columns, each with the place of its column.
    features: Vec<(String, usize)>,
    places: HashMap<String, usize>,
}

impl Layout {
    pub(crate) fn new(schema: Schema) -> Self {
        let value = schema.find("prediction").or_else(|| schema.find("value"));
        let value = value.map_or(ColumnType::Real, |column| column.kind);
        let places: HashMap<String, usize> =
            schema.names().enumerate().map(|(place, name)| (name.to_owned(), place)).collect();
        let features = schema
            .names()
            .enumerate()
            .filter_map(|(place, name)| Some((feature_of(name)?.to_owned(), place)))
            .collect();
        Self { schema, value, features, places }
    }

    pub(crate) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The place of the column of the feature that a row gives as its `number`th.
    fn place(&self, number: usize, feature: &str) -> Option<usize> {
        match self.features.get(number) {
            // Most rows give their features in the order of the columns.
            Some((name, place)) if name == feature => Some(*place),
            _ => self.places.get(&feature_column(feature)).copied(),
        }
    }

    fn kind(&self, place: usize) -> Option<ColumnType> {
        self.schema.columns.get(place).map(|column| column.kind)
    }
}

/// A kind of row that has a table.
pub(crate) trait Row: Clone + Send + Sync + 'static {
    /// Brings every value to the type of its column; fails if one does not fit.
    fn fit(self, layout: &Layout) -> Result<Self>;

    /// The rows as a table with the columns of `layout`. The rows were fitted.
    fn table(rows: &[Self], layout: &Layout) -> Result<Table>;

    /// The moment that the row is about.
    fn moment(&self) -> Option<Timestamp>;
}

pub(crate) fn fitted(model: &str, column: &str, cell: Cell, kind: ColumnType) -> Result<Cell> {
    if cell.kind().is_none_or(|own| own == kind) {
        return Ok(cell);
    }
    let found = told(&cell);
    cell.fitted(kind).ok_or_else(|| Error::Misfit {
        model: model.to_owned(),
        column: column.to_owned(),
        expected: kind.to_string(),
        found,
    })
}

/// A value in words, for who gave it.
fn told(cell: &Cell) -> String {
    match cell {
        Cell::Text(word) => format!("`{}`", word.chars().take(60).collect::<String>()),
        Cell::Int(value) | Cell::Time(value) => format!("`{value}`"),
        Cell::Real(value) => format!("`{value}`"),
        Cell::Bool(value) => format!("`{value}`"),
        Cell::Null => "missing".to_owned(),
    }
}

impl Row for Prediction {
    fn fit(mut self, layout: &Layout) -> Result<Self> {
        self.prediction = fitted(&self.model, "prediction", self.prediction, layout.value)?;
        for (number, (name, cell)) in self.features.iter_mut().enumerate() {
            let kind = layout.place(number, name).and_then(|place| layout.kind(place));
            let Some(kind) = kind else {
                return Err(Error::UnknownFeature {
                    model: self.model,
                    feature: name.to_string(),
                    features: features_of(&layout.schema).map(str::to_owned).collect(),
                });
            };
            *cell = fitted(&self.model, name, std::mem::replace(cell, Cell::Null), kind)?;
        }
        Ok(self)
    }

    fn table(rows: &[Self], layout: &Layout) -> Result<Table> {
        let schema = &layout.schema;
        let mut columns: Vec<Values> =
            schema.columns.iter().map(|column| Values::missing(column.kind, rows.len())).collect();
        for (name, _) in PREDICTION_COLUMNS {
            if let Some(values) = layout.places.get(name).and_then(|place| columns.get_mut(*place)) {
                for (row, prediction) in rows.iter().enumerate() {
                    set(values, row, prediction.common(name));
                }
            }
        }
        for (row, prediction) in rows.iter().enumerate() {
            for (number, (name, cell)) in prediction.features.iter().enumerate() {
                let place = layout.place(number, name);
                if let Some(values) = place.and_then(|place| columns.get_mut(place)) {
                    set(values, row, cell.clone());
                }
            }
        }
        let named = schema.names().map(str::to_owned).zip(columns).collect();
        Ok(Table::with_schema(schema, named, rows.len())?)
    }

    fn moment(&self) -> Option<Timestamp> {
        Some(self.event_time)
    }
}

impl Prediction {
    /// The value of a column that every predictions table has.
    fn common(&self, column: &str) -> Cell {
        match column {
            "prediction_id" => Cell::Text(self.id.to_string()),
            "event_time" => Cell::Time(self.event_time.as_micros()),
            "received_time" => Cell::Time(self.received_time.as_micros()),
            "model" => Cell::Text(self.model.clone()),
            "version" => Cell::Int(self.version),
            "deployment" => Cell::Text(self.deployment.clone()),
            "variant" => Cell::Text(self.variant.clone()),
            "prediction" => self.prediction.clone(),
            "latency_us" => Cell::Int(self.latency_us),
            "status" => Cell::Text(self.status.clone()),
            "trace_id" => optional_text(self.trace_id.as_ref()),
            "entity" => optional_text(self.entity.as_ref()),
            "weight" => Cell::Real(self.weight),
            _ => Cell::Null,
        }
    }
}

impl Row for Label {
    fn fit(mut self, layout: &Layout) -> Result<Self> {
        if self.prediction_id.is_none() && self.event_time.is_none() {
            return Err(Error::LooseLabel { model: self.model });
        }
        self.value = fitted(&self.model, "label", self.value, layout.value)?;
        Ok(self)
    }

    fn table(rows: &[Self], layout: &Layout) -> Result<Table> {
        let schema = &layout.schema;
        let mut columns: Vec<Values> =
            schema.columns.iter().map(|column| Values::missing(column.kind, rows.len())).collect();
        for (values, name) in columns.iter_mut().zip(schema.names()) {
            for (row, label) in rows.iter().enumerate() {
                let cell = match name {
                    "prediction_id" => {
                        label.prediction_id.map_or(Cell::Null, |id| Cell::Text(id.to_string()))
                    }
                    "entity" => optional_text(label.entity.as_ref()),
                    "event_time" => label.event_time.map_or(Cell::Null, |time| Cell::Time(time.as_micros())),
                    "model" => Cell::Text(label.model.clone()),
                    "value" => label.value.clone(),
                    "label_time" => Cell::Time(label.label_time.as_micros()),
                    "received_time" => Cell::Time(label.received_time.as_micros()),
                    "source" => Cell::Text(label.source.clone()),
                    _ => Cell::Null,
                };
                set(values, row, cell);
            }
        }
        let named = schema.names().map(str::to_owned).zip(columns).collect();
        Ok(Table::with_schema(schema, named, rows.len())?)
    }

    fn moment(&self) -> Option<Timestamp> {
        self.event_time
    }
}

fn optional_text(text: Option<&String>) -> Cell {
    text.map_or(Cell::Null, |text| Cell::Text(text.clone()))
}

/// Sets one value; cells were fitted, so one that does not fit is missing.
pub(crate) fn set(values: &mut Values, row: usize, cell: Cell) {
    match (values, cell) {
        (Values::Int(values), Cell::Int(value)) | (Values::Time(values), Cell::Time(value)) => {
            values.get_mut(row).into_iter().for_each(|place| *place = Some(value));
        }
        (Values::Real(values), Cell::Real(value)) => {
            values.get_mut(row).into_iter().for_each(|place| *place = Some(value));
        }
        (Values::Text(values), Cell::Text(value)) => {
            if let Some(place) = values.get_mut(row) {
                *place = Some(value);
            }
        }
        (Values::Bool(values), Cell::Bool(value)) => {
            values.get_mut(row).into_iter().for_each(|place| *place = Some(value));
        }
        _ => {}
    }
}

/// The value of one row of a column.
pub(crate) fn cell(values: &Values, row: usize) -> Cell {
    match values {
        Values::Int(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Int),
        Values::Real(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Real),
        Values::Text(values) => values.get(row).cloned().flatten().map_or(Cell::Null, Cell::Text),
        Values::Bool(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Bool),
        Values::Time(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Time),
    }
}

/// The prediction in the first row of a table.
pub(crate) fn prediction_of(table: &Table) -> Result<Prediction> {
    let first = table.slice(0, 1);
    let value = |name: &str| first.column(name).map(|values| cell(&values, 0));
    let text = |name: &str| {
        value(name).map(|cell| match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        })
    };
    let whole = |name: &str| {
        value(name).map(|cell| match cell {
            Cell::Int(value) | Cell::Time(value) => value,
            _ => 0,
        })
    };
    let mut features = Vec::new();
    for column in &first.schema().columns {
        if let Some(feature) = feature_of(&column.name) {
            features.push((feature.into(), value(&column.name)?));
        }
    }
    Ok(Prediction {
        id: text("prediction_id")?.and_then(|id| Uuid::parse_str(&id).ok()).unwrap_or_default(),
        event_time: Timestamp::from_micros(whole("event_time")?),
        received_time: Timestamp::from_micros(whole("received_time")?),
        model: text("model")?.unwrap_or_default(),
        version: whole("version")?,
        deployment: text("deployment")?.unwrap_or_default(),
        variant: text("variant")?.unwrap_or_default(),
        features,
        prediction: value("prediction")?,
        latency_us: whole("latency_us")?,
        status: text("status")?.unwrap_or_default(),
        trace_id: text("trace_id")?,
        entity: text("entity")?,
        weight: match value("weight")? {
            Cell::Real(weight) => weight,
            _ => 1.0,
        },
    })
}

/// The label in the row `row` of a labels table.
pub(crate) fn label_of(table: &Table, row: usize) -> Result<StoredLabel> {
    let one = table.slice(row, 1);
    let value = |name: &str| one.column(name).map(|values| cell(&values, 0));
    let time = |name: &str| {
        value(name).map(|cell| match cell {
            Cell::Time(time) => Timestamp::from_micros(time),
            _ => Timestamp::default(),
        })
    };
    Ok(StoredLabel {
        value: value("value")?,
        label_time: time("label_time")?,
        received_time: time("received_time")?,
        source: match value("source")? {
            Cell::Text(source) => source,
            _ => String::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_with_a_taken_name_finds_its_way_back() {
        for feature in ["temp", "model", "label", "label_time", "feature_temp", "feature_model"] {
            let column = feature_column(feature);
            assert!(common_columns().all(|common| common != column));
            if feature != "feature_model" {
                assert_eq!(feature_of(&column), Some(feature), "{column}");
            }
        }
        assert_eq!(feature_of("model"), None);
    }
}
