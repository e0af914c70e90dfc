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

/// A kind of row that has a table.
pub(crate) trait Row: Clone + Send + Sync + 'static {
    /// Brings every value to the type of its column; fails if one does not fit.
    fn fit(self, schema: &Schema) -> Result<Self>;

    /// The rows as a table with the columns of `schema`. The rows were fitted.
    fn table(rows: &[Self], schema: &Schema) -> Result<Table>;

    /// The moment that the row is about.
    fn moment(&self) -> Option<Timestamp>;
}

fn fitted(model: &str, column: &str, cell: Cell, kind: ColumnType) -> Result<Cell> {
    let found = match &cell {
        Cell::Text(word) => format!("`{}`", word.chars().take(60).collect::<String>()),
        Cell::Int(value) | Cell::Time(value) => format!("`{value}`"),
        Cell::Real(value) => format!("`{value}`"),
        Cell::Bool(value) => format!("`{value}`"),
        Cell::Null => "missing".to_owned(),
    };
    cell.fitted(kind).ok_or_else(|| Error::Misfit {
        model: model.to_owned(),
        column: column.to_owned(),
        expected: kind.to_string(),
        found,
    })
}

fn kind_of(schema: &Schema, column: &str) -> ColumnType {
    schema.find(column).map_or(ColumnType::Real, |column| column.kind)
}

impl Row for Prediction {
    fn fit(mut self, schema: &Schema) -> Result<Self> {
        self.prediction = fitted(&self.model, "prediction", self.prediction, kind_of(schema, "prediction"))?;
        let model = &self.model;
        let fit = |(name, cell): (String, Cell)| match schema.find(&feature_column(&name)) {
            Some(column) => fitted(model, &name, cell, column.kind).map(|cell| (name, cell)),
            None => Err(Error::UnknownFeature {
                model: model.clone(),
                feature: name,
                features: features_of(schema).map(str::to_owned).collect(),
            }),
        };
        self.features = self.features.into_iter().map(fit).collect::<Result<_>>()?;
        Ok(self)
    }

    fn table(rows: &[Self], schema: &Schema) -> Result<Table> {
        let mut columns: Vec<Values> =
            schema.columns.iter().map(|column| Values::missing(column.kind, rows.len())).collect();
        let places: HashMap<&str, usize> =
            schema.names().enumerate().map(|(place, name)| (name, place)).collect();
        let mut feature_places: HashMap<String, Option<usize>> = HashMap::new();
        for (row, prediction) in rows.iter().enumerate() {
            let mut put = |name: &str, cell: Cell| {
                if let Some(values) = places.get(name).and_then(|place| columns.get_mut(*place)) {
                    set(values, row, cell);
                }
            };
            put("prediction_id", Cell::Text(prediction.id.to_string()));
            put("event_time", Cell::Time(prediction.event_time.as_micros()));
            put("received_time", Cell::Time(prediction.received_time.as_micros()));
            put("model", Cell::Text(prediction.model.clone()));
            put("version", Cell::Int(prediction.version));
            put("deployment", Cell::Text(prediction.deployment.clone()));
            put("variant", Cell::Text(prediction.variant.clone()));
            put("prediction", prediction.prediction.clone());
            put("latency_us", Cell::Int(prediction.latency_us));
            put("status", Cell::Text(prediction.status.clone()));
            put("trace_id", optional_text(prediction.trace_id.as_ref()));
            put("entity", optional_text(prediction.entity.as_ref()));
            put("weight", Cell::Real(prediction.weight));
            for (name, cell) in &prediction.features {
                let place = match feature_places.get(name) {
                    Some(place) => *place,
                    None => {
                        let place = places.get(feature_column(name).as_str()).copied();
                        feature_places.insert(name.clone(), place);
                        place
                    }
                };
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

impl Row for Label {
    fn fit(mut self, schema: &Schema) -> Result<Self> {
        if self.prediction_id.is_none() && self.event_time.is_none() {
            return Err(Error::LooseLabel { model: self.model });
        }
        self.value = fitted(&self.model, "label", self.value, kind_of(schema, "value"))?;
        Ok(self)
    }

    fn table(rows: &[Self], schema: &Schema) -> Result<Table> {
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
fn set(values: &mut Values, row: usize, cell: Cell) {
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
            features.push((feature.to_owned(), value(&column.name)?));
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
