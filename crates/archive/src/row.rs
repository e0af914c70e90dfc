//! The rows that the archive keeps.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tables::ColumnType;
use uuid::Uuid;

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// A real number.
    Real(f64),
    /// A word.
    Text(String),
    /// True or false.
    Bool(bool),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
}

impl Cell {
    /// What kind of column it belongs in; none for [`Cell::Null`], which fits everywhere.
    #[must_use]
    pub const fn kind(&self) -> Option<ColumnType> {
        match self {
            Self::Null => None,
            Self::Int(_) => Some(ColumnType::Int),
            Self::Real(_) => Some(ColumnType::Real),
            Self::Text(_) => Some(ColumnType::Text),
            Self::Bool(_) => Some(ColumnType::Bool),
            Self::Time(_) => Some(ColumnType::Time),
        }
    }

    /// The value as a column of that type holds it: whole numbers become real ones, and real ones without a
    /// fraction whole ones. None if it does not fit.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "only numbers that both types hold exactly are turned whole; real columns hold the nearest number"
    )]
    pub fn fitted(self, kind: ColumnType) -> Option<Self> {
        /// Beyond this, real numbers have no fraction and skip whole ones.
        const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
        match (self, kind) {
            (Self::Null, _) => Some(Self::Null),
            (Self::Int(value), ColumnType::Real) => Some(Self::Real(value as f64)),
            (Self::Real(value), ColumnType::Int) if value.fract() == 0.0 && value.abs() <= MOST_EXACT => {
                Some(Self::Int(value as i64))
            }
            (cell, kind) => (cell.kind() == Some(kind)).then_some(cell),
        }
    }
}

/// The name of a feature. Rows of one model share it: a copy costs no memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self(name)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// One prediction of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Its id, a time-ordered UUID (version 7).
    pub id: Uuid,
    /// The moment that it is about.
    pub event_time: Timestamp,
    /// The moment at which it was asked for.
    pub received_time: Timestamp,
    /// The model.
    pub model: String,
    /// The version of the model that answered.
    pub version: i64,
    /// The deployment that routed it.
    pub deployment: String,
    /// Its part in the deployment, such as `primary` or `shadow`.
    pub variant: String,
    /// The features by name. One that is not given is missing.
    pub features: Vec<(Name, Cell)>,
    /// The answer.
    pub prediction: Cell,
    /// How long the model took, in microseconds.
    pub latency_us: i64,
    /// `ok`, or what went wrong.
    pub status: String,
    /// The trace of the request, if it has one.
    pub trace_id: Option<String>,
    /// Who or what the prediction is about, if that has a name.
    pub entity: Option<String>,
    /// How many predictions this one stands for; 1 unless some were shed.
    pub weight: f64,
}

/// The outcome of a prediction, known later. A label belongs to a prediction by its id, or by entity and event
/// time. A later label of the same prediction corrects an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The prediction, if its id is known.
    pub prediction_id: Option<Uuid>,
    /// The entity of the prediction, where the id is not known. A model without entities uses no entity but
    /// the event time alone.
    pub entity: Option<String>,
    /// The event time of the prediction, where the id is not known.
    pub event_time: Option<Timestamp>,
    /// The model.
    pub model: String,
    /// What really happened.
    pub value: Cell,
    /// When the outcome became known.
    pub label_time: Timestamp,
    /// When the archive was told.
    pub received_time: Timestamp,
    /// Who told it.
    pub source: String,
}

/// A label as the archive keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredLabel {
    /// What really happened.
    pub value: Cell,
    /// When the outcome became known.
    pub label_time: Timestamp,
    /// When the archive was told.
    pub received_time: Timestamp,
    /// Who told it.
    pub source: String,
}

/// A prediction as the archive keeps it, with its newest label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPrediction {
    /// The prediction. Features without a value are there as [`Cell::Null`].
    pub prediction: Prediction,
    /// The label that counts, if one has come.
    pub label: Option<StoredLabel>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_where_nothing_is_lost() {
        assert_eq!(Cell::Int(3).fitted(ColumnType::Real), Some(Cell::Real(3.0)));
        assert_eq!(Cell::Real(3.0).fitted(ColumnType::Int), Some(Cell::Int(3)));
        assert_eq!(Cell::Real(3.5).fitted(ColumnType::Int), None);
        assert_eq!(Cell::Real(f64::NAN).fitted(ColumnType::Int), None);
        assert_eq!(Cell::Text("3".into()).fitted(ColumnType::Int), None);
        assert_eq!(Cell::Null.fitted(ColumnType::Time), Some(Cell::Null));
    }
}
