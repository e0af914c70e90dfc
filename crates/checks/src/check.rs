//! One assertion: what is checked, how, and how much it matters.

use std::fmt;

use base::Period;
use serde::{Deserialize, Serialize};
use tables::{Column, ColumnType};

use crate::DriftBounds;
use crate::written::Written;

/// An assertion about a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Check {
    /// Its name, unique in its suite.
    pub id: String,
    /// What must hold.
    pub kind: CheckKind,
    /// What it means when it does not.
    pub severity: Severity,
    /// The least share of the rows in question that must hold, between 0 and 1; row checks only.
    pub mostly: f64,
    /// A condition in SQL; only rows that meet it are checked.
    pub where_sql: Option<String>,
    /// Why the check is there.
    pub reason: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// What it means when a check does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody should know.
    Warn,
    /// Something is wrong; somebody must act.
    #[default]
    Error,
    /// What was checked is not used.
    Block,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// Every value is there.
    NotNull {
        /// Of this column.
        column: String,
    },
    /// No value is there.
    IsNull {
        /// Of this column.
        column: String,
    },
    /// Values lie within bounds, which belong to them; NaN never does.
    Between {
        /// Of this column.
        column: String,
        /// The bounds.
        bounds: Bounds<Scalar>,
    },
    /// Values are among those given.
    InSet {
        /// Of this column.
        column: String,
        /// Those given.
        values: Vec<Scalar>,
    },
    /// Values are none of those given.
    NotInSet {
        /// Of this column.
        column: String,
        /// Those given.
        values: Vec<Scalar>,
    },
    /// Texts hold a match of a pattern (a regular expression without back-references; `^` and `$` for the whole).
    Matches {
        /// Of this column.
        column: String,
        /// The pattern.
        pattern: String,
    },
    /// Texts hold no match of a pattern.
    NotMatches {
        /// Of this column.
        column: String,
        /// The pattern.
        pattern: String,
    },
    /// Texts have a number of characters within bounds.
    Length {
        /// Of this column.
        column: String,
        /// The bounds.
        bounds: Bounds<u64>,
    },
    /// Two columns of a row stand in an order.
    Compare {
        /// The left column.
        left: String,
        /// The order.
        operator: Operator,
        /// The right column.
        right: String,
    },
    /// No time is longer ago than this, seen from the moment of the check.
    MaxAge {
        /// The column of times.
        column: String,
        /// How long ago at most.
        age: Period,
    },
    /// No two rows have the same values here; the second and later ones fail.
    Unique {
        /// The columns that make the key.
        columns: Vec<String>,
    },
    /// Values rise, or fall, from row to row as the table stands.
    Ordered {
        /// Of this column.
        column: String,
        /// Which way.
        order: Order,
    },
    /// The table has these columns.
    ColumnsExist {
        /// Their names.
        columns: Vec<String>,
    },
    /// The column has this type.
    OfType {
        /// The column.
        column: String,
        /// The type.
        of_type: ColumnType,
    },
    /// The table has a number of rows within bounds.
    RowCount {
        /// The bounds.
        bounds: Bounds<u64>,
    },
    /// The newest time is not longer ago than this, seen from the moment of the check.
    Freshness {
        /// The column of times.
        column: String,
        /// How long ago at most.
        age: Period,
    },
    /// A measure of the whole column lies within bounds.
    Measured {
        /// The column.
        column: String,
        /// The measure.
        measure: Measure,
        /// The bounds.
        bounds: Bounds<f64>,
    },
    /// A quantile of the column lies within bounds; between two values it is interpolated (type 7).
    Quantile {
        /// The column.
        column: String,
        /// Which quantile, between 0 and 1.
        at: f64,
        /// The bounds.
        bounds: Bounds<f64>,
    },
    /// Values lie less than so many standard deviations (of a sample) from the mean of the rows in question.
    ZScore {
        /// Of this column.
        column: String,
        /// How many.
        below: f64,
    },
    /// Texts can be read in a form.
    Parses {
        /// Of this column.
        column: String,
        /// The form.
        form: Form,
    },
    /// The sum of some columns of a row lies within bounds.
    RowSum {
        /// The columns; rows that lack one of them are not in question.
        columns: Vec<String>,
        /// The bounds.
        bounds: Bounds<f64>,
    },
    /// Two columns of a row have one of the pairs given.
    PairInSet {
        /// The left column.
        left: String,
        /// The right column.
        right: String,
        /// The pairs.
        values: Vec<(Scalar, Scalar)>,
    },
    /// The different values of a column contain those given, or are exactly those.
    DistinctValues {
        /// The column.
        column: String,
        /// Those given.
        values: Vec<Scalar>,
        /// Whether no others may be there.
        exactly: bool,
    },
    /// The most frequent value, or each of them when several are, is among those given.
    MostCommon {
        /// The column.
        column: String,
        /// Those given.
        values: Vec<Scalar>,
    },
    /// The table has exactly these columns.
    ColumnsAre {
        /// Their names.
        columns: Vec<String>,
        /// Whether they must come in this order.
        in_order: bool,
    },
    /// The table has a number of columns within bounds.
    ColumnCount {
        /// The bounds.
        bounds: Bounds<u64>,
    },
    /// The table has this schema, or one that came out of it by changes that are allowed.
    Shape {
        /// The columns.
        columns: Vec<Column>,
        /// The changes.
        allow: Vec<Change>,
    },
    /// The column has one of these types.
    OfTypes {
        /// The column.
        column: String,
        /// The types.
        of_types: Vec<ColumnType>,
    },
    /// Each key is found among the rows of another source; keys that lack a part are not in question.
    References {
        /// The columns that make the key.
        columns: Vec<String>,
        /// The other source.
        source: String,
        /// Its columns, in the same order.
        to: Vec<String>,
    },
    /// The number of rows, as a share of those of another source, lies within bounds.
    RowsAsIn {
        /// The other source.
        source: String,
        /// The bounds.
        bounds: Bounds<f64>,
    },
    /// The number of rows, as a share of the median of earlier versions, lies within bounds.
    Volume {
        /// The bounds.
        bounds: Bounds<f64>,
    },
    /// Columns are distributed as in rows of another time.
    Drift {
        /// Which: `previous`, `training`, `season`, the name of another source, or `FROM..TO`.
        against: String,
        /// The columns; all when empty.
        columns: Vec<String>,
        /// How many columns may have drifted.
        at_most: u64,
        /// From when on a column has.
        bounds: DriftBounds,
    },
    /// A query over the table, named `input`, returns no row.
    Sql {
        /// The query.
        query: String,
    },
}

/// A form in which texts can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// A time in a format such as `%Y-%m-%d %H:%M:%S`.
    Time(String),
}

/// How a schema may change from one version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Columns come that were not there.
    NewColumns,
    /// Columns go.
    MissingColumns,
    /// Columns come in another order.
    Order,
    /// Whole numbers become real ones.
    WiderNumbers,
}

/// A value in a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Real(f64),
    /// A text, or a time when the column holds times.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Real(value) => value.fmt(formatter),
            Self::Text(value) => value.fmt(formatter),
        }
    }
}

/// Bounds that belong to what they bound; one of them may be open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds<T> {
    /// The least.
    pub low: Option<T>,
    /// The greatest.
    pub high: Option<T>,
}

impl<T: fmt::Display> fmt::Display for Bounds<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.low, &self.high) {
            (Some(low), Some(high)) => {
                let (low, high) = (low.to_string(), high.to_string());
                if low == high {
                    write!(formatter, "exactly {low}")
                } else {
                    write!(formatter, "{low} to {high}")
                }
            }
            (Some(low), None) => write!(formatter, "at least {low}"),
            (None, Some(high)) => write!(formatter, "at most {high}"),
            (None, None) => formatter.write_str("anything"),
        }
    }
}

impl<T: PartialOrd> Bounds<T> {
    /// Whether a value lies within; NaN never does.
    pub fn hold(&self, value: &T) -> bool {
        self.low.as_ref().is_none_or(|low| value >= low)
            && self.high.as_ref().is_none_or(|high| value <= high)
            && value.partial_cmp(value).is_some()
    }
}

/// How two columns compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    AtMost,
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Greater or equal.
    #[serde(rename = ">=")]
    AtLeast,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Less, Self::AtMost, Self::Equal, Self::NotEqual, Self::AtLeast, Self::Greater];

    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}

/// Which way values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Up, or else down.
    pub rising: bool,
    /// Without equal neighbours.
    pub strictly: bool,
}

/// A measure of a whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The standard deviation of a sample (divided by n − 1).
    Stdev,
    /// The sum.
    Sum,
    /// How many different values there are.
    Distinct,
    /// How many different values there are, as a share of the rows that have one.
    UniqueShare,
    /// The share of rows without a value.
    NullShare,
}

impl Measure {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Stdev => "stdev",
            Self::Sum => "sum",
            Self::Distinct => "distinct",
            Self::UniqueShare => "unique_share",
            Self::NullShare => "null_share",
        }
    }
}

impl Check {
    /// A check with severity `error`, for every row, with nothing said about it.
    pub fn new(id: impl Into<String>, kind: CheckKind) -> Self {
        Self {
            id: id.into(),
            kind,
            severity: Severity::Error,
            mostly: 1.0,
            where_sql: None,
            reason: None,
            owner: None,
        }
    }

    /// The columns it is about; none when it is about the table as a whole.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        self.kind.columns()
    }

    /// What it is about, in words.
    #[must_use]
    pub fn target(&self) -> String {
        match self.columns().as_slice() {
            [] => "the table".to_owned(),
            [one] => format!("column `{one}`"),
            many => format!("columns `{}`", many.join("`, `")),
        }
    }
}
