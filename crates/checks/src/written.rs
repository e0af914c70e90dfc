//! A check as it is written in `gingham.yaml`: one key says what must hold.

mod back;
mod whole;

use base::Period;
use serde::{Deserialize, Serialize};
use tables::{Column, ColumnType};

use self::whole::{of_other_rows, of_the_whole};
use crate::DriftBounds;
use crate::check::{Bounds, Change, Check, CheckKind, Measure, Operator, Order, Scalar, Severity};

/// The shape on the page. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(default)]
    severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mostly: Option<f64>,
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    where_sql: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_null: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_null: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    between: Option<Vec<Option<Scalar>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_set: Option<Vec<Scalar>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_in_set: Option<Vec<Scalar>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matches: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_matches: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<Vec<Option<u64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compare: Option<(String, Operator, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    increasing: Option<Strictness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decreasing: Option<Strictness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns_exist: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of_type: Option<ColumnType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_count: Option<Vec<Option<u64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freshness: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    median: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdev: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinct: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_share: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    null_share: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantile: Option<QuantileWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    z_score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parses: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_sum: Option<SumWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pair_in_set: Option<PairsWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinct_contain: Option<Vec<Scalar>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinct_equal: Option<Vec<Scalar>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most_common_in: Option<Vec<Scalar>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns_in_order: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns_are: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column_count: Option<Vec<Option<u64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<ShapeWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    type_in: Option<Vec<ColumnType>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    references: Option<ReferencesWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows_as_in: Option<AsInWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<DriftWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
}

/// `drift: { against: previous, columns: [a], at_most: 0 }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DriftWritten {
    against: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    #[serde(default)]
    at_most: u64,
    #[serde(default)]
    bounds: DriftBounds,
}

/// `quantile: { at: 0.95, between: [0, 10] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuantileWritten {
    at: f64,
    between: Vec<Option<f64>>,
}

/// `row_sum: { columns: [a, b], between: [100, 100] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SumWritten {
    columns: Vec<String>,
    between: Vec<Option<f64>>,
}

/// `pair_in_set: { columns: [a, b], values: [[1, x], [2, y]] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairsWritten {
    columns: (String, String),
    values: Vec<(Scalar, Scalar)>,
}

/// `schema: { columns: [{ name: a, type: int }], allow: [new_columns] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeWritten {
    columns: Vec<Column>,
    #[serde(default)]
    allow: Vec<Change>,
}

/// `references: { columns: [a], source: other, to: [b] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferencesWritten {
    columns: Vec<String>,
    source: String,
    to: Vec<String>,
}

/// `rows_as_in: { source: other, share: [1, 1] }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsInWritten {
    source: String,
    share: Vec<Option<f64>>,
}

/// `unique: true` beside `column`, or the columns themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Flag(bool),
    Columns(Vec<String>),
}

/// `increasing: true` or `increasing: strictly`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Strictness {
    Flag(bool),
    Word(StrictWord),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StrictWord {
    Strictly,
}

fn bounds<T: PartialOrd + Clone>(id: &str, key: &str, pair: &[Option<T>]) -> Result<Bounds<T>, String> {
    let [low, high] = pair else {
        return Err(format!("check `{id}`: `{key}` takes two bounds, such as `[0, 10]` or `[null, 10]`"));
    };
    match (low, high) {
        (None, None) => Err(format!("check `{id}`: `{key}` has no bound at all")),
        (Some(low), Some(high)) if low.partial_cmp(high).is_none_or(std::cmp::Ordering::is_gt) => {
            Err(format!("check `{id}`: the lower bound of `{key}` is above the upper one"))
        }
        _ => Ok(Bounds { low: low.clone(), high: high.clone() }),
    }
}

/// Compares bounds of one sort; bounds of two sorts have no order.
impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        #[expect(clippy::cast_precision_loss, reason = "only the order of two bounds on a page")]
        let number = |scalar: &Self| match scalar {
            Self::Int(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        };
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.partial_cmp(right),
            (Self::Bool(left), Self::Bool(right)) => left.partial_cmp(right),
            _ => number(self)?.partial_cmp(&number(other)?),
        }
    }
}

fn strictly(id: &str, key: &str, written: &Strictness) -> Result<bool, String> {
    match written {
        Strictness::Word(StrictWord::Strictly) => Ok(true),
        Strictness::Flag(true) => Ok(false),
        Strictness::Flag(false) => Err(format!("check `{id}`: `{key}: false` asserts nothing")),
    }
}

impl TryFrom<Written> for Check {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let id = written.id.clone();
        base::names::check_name("check", &id).map_err(|error| error.to_string())?;
        let kind = kind_of(&written)?;
        let refuse = |why: &str| Err(format!("check `{id}`: {why}"));
        let own_columns = matches!(kind, CheckKind::Compare { .. } | CheckKind::ColumnsExist { .. })
            || matches!(kind, CheckKind::RowSum { .. } | CheckKind::PairInSet { .. })
            || matches!(kind, CheckKind::References { .. } | CheckKind::Drift { .. })
            || matches!(written.unique, Some(Key::Columns(_)))
            || kind.columns().is_empty();
        if own_columns && written.column.is_some() {
            return refuse("`column` has no meaning here");
        }
        if written.mostly.is_some() && !kind.is_row_check() {
            return refuse("`mostly` has no meaning here: it is not a check of single rows");
        }
        if written.where_sql.is_some() && !kind.takes_where() {
            return refuse("`where` has no meaning here");
        }
        let mostly = written.mostly.unwrap_or(1.0);
        if !(mostly > 0.0 && mostly <= 1.0) {
            return refuse("`mostly` is a share of rows, above 0 and at most 1");
        }
        Ok(Self {
            id,
            kind,
            severity: written.severity,
            mostly,
            where_sql: written.where_sql,
            reason: written.reason,
            owner: written.owner,
        })
    }
}

/// What the one key says that tells the kind.
fn kind_of(written: &Written) -> Result<CheckKind, String> {
    let id = &written.id;
    let column = || written.column.clone().ok_or_else(|| format!("check `{id}`: it needs a `column`"));
    let asserted = |key: &str, flag: bool| {
        if flag { Ok(()) } else { Err(format!("check `{id}`: `{key}: false` asserts nothing")) }
    };
    let mut kinds = Vec::new();
    if let Some(flag) = written.not_null {
        asserted("not_null", flag)?;
        kinds.push(CheckKind::NotNull { column: column()? });
    }
    if let Some(flag) = written.is_null {
        asserted("is_null", flag)?;
        kinds.push(CheckKind::IsNull { column: column()? });
    }
    if let Some(pair) = &written.between {
        kinds.push(CheckKind::Between { column: column()?, bounds: bounds(id, "between", pair)? });
    }
    for (values, inside) in [(&written.in_set, true), (&written.not_in_set, false)] {
        let Some(values) = values.clone() else { continue };
        if values.is_empty() {
            return Err(format!("check `{id}`: the set is empty"));
        }
        let column = column()?;
        kinds.push(if inside {
            CheckKind::InSet { column, values }
        } else {
            CheckKind::NotInSet { column, values }
        });
    }
    if let Some(pattern) = written.matches.clone() {
        kinds.push(CheckKind::Matches { column: column()?, pattern });
    }
    if let Some(pattern) = written.not_matches.clone() {
        kinds.push(CheckKind::NotMatches { column: column()?, pattern });
    }
    if let Some(pair) = &written.length {
        kinds.push(CheckKind::Length { column: column()?, bounds: bounds(id, "length", pair)? });
    }
    if let Some((left, operator, right)) = written.compare.clone() {
        kinds.push(CheckKind::Compare { left, operator, right });
    }
    if let Some(age) = written.max_age {
        kinds.push(CheckKind::MaxAge { column: column()?, age });
    }
    match &written.unique {
        Some(Key::Columns(columns)) if columns.is_empty() => {
            return Err(format!("check `{id}`: the key is empty"));
        }
        Some(Key::Columns(columns)) => kinds.push(CheckKind::Unique { columns: columns.clone() }),
        Some(Key::Flag(flag)) => {
            asserted("unique", *flag)?;
            kinds.push(CheckKind::Unique { columns: vec![column()?] });
        }
        None => {}
    }
    for (key, strictness, rising) in
        [("increasing", &written.increasing, true), ("decreasing", &written.decreasing, false)]
    {
        if let Some(strictness) = strictness {
            let order = Order { rising, strictly: strictly(id, key, strictness)? };
            kinds.push(CheckKind::Ordered { column: column()?, order });
        }
    }
    if let Some(columns) = written.columns_exist.clone() {
        kinds.push(CheckKind::ColumnsExist { columns });
    }
    if let Some(of_type) = written.of_type {
        kinds.push(CheckKind::OfType { column: column()?, of_type });
    }
    if let Some(pair) = &written.row_count {
        kinds.push(CheckKind::RowCount { bounds: bounds(id, "row_count", pair)? });
    }
    if let Some(age) = written.freshness {
        kinds.push(CheckKind::Freshness { column: column()?, age });
    }
    for (measure, pair) in [
        (Measure::Min, &written.min),
        (Measure::Max, &written.max),
        (Measure::Mean, &written.mean),
        (Measure::Median, &written.median),
        (Measure::Stdev, &written.stdev),
        (Measure::Sum, &written.sum),
        (Measure::Distinct, &written.distinct),
        (Measure::UniqueShare, &written.unique_share),
        (Measure::NullShare, &written.null_share),
    ] {
        if let Some(pair) = pair {
            let bounds = bounds(id, measure.word(), pair)?;
            kinds.push(CheckKind::Measured { column: column()?, measure, bounds });
        }
    }
    if let Some(query) = written.sql.clone() {
        kinds.push(CheckKind::Sql { query });
    }
    of_the_whole(written, &column, &mut kinds)?;
    of_other_rows(written, &column, &mut kinds)?;
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(kind),
        (None, _) => Err(format!("check `{id}`: it says nothing that must hold, such as `not_null: true`")),
        (Some(_), Some(_)) => {
            Err(format!("check `{id}`: it says two things that must hold; write two checks"))
        }
    }
}

fn filled<T: Clone>(id: &str, key: &str, values: &[T]) -> Result<Vec<T>, String> {
    if values.is_empty() {
        return Err(format!("check `{id}`: `{key}` is empty"));
    }
    Ok(values.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Check, String> {
        serde_yaml_ng::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_survives_its_written_form() {
        for yaml in [
            "{id: a, column: c, not_null: true, severity: block}",
            "{id: a, column: c, is_null: true, where: 'd > 1'}",
            "{id: a, column: c, between: [200, 330.5], mostly: 0.99, reason: physics, owner: team}",
            "{id: a, column: c, between: [2014-01-01, null]}",
            "{id: a, column: c, in_set: [Clear, Clouds]}",
            "{id: a, column: c, not_in_set: [1, 2]}",
            "{id: a, column: c, matches: '^[A-Z]+$'}",
            "{id: a, column: c, not_matches: x}",
            "{id: a, column: c, length: [1, null]}",
            "{id: a, drift: {against: previous, columns: [c], at_most: 1, bounds: {shift: 0.2}}}",
            "{id: a, compare: [start, <=, end]}",
            "{id: a, column: c, max_age: 7d}",
            "{id: a, unique: [b, c], severity: warn}",
            "{id: a, column: c, unique: true}",
            "{id: a, column: c, increasing: strictly}",
            "{id: a, column: c, decreasing: true}",
            "{id: a, columns_exist: [b, c]}",
            "{id: a, column: c, of_type: real}",
            "{id: a, row_count: [1, null]}",
            "{id: a, column: c, freshness: 2h}",
            "{id: a, column: c, mean: [0, 1]}",
            "{id: a, column: c, distinct: [null, 12]}",
            "{id: a, sql: select 1 from input where false}",
            "{id: a, column: c, quantile: {at: 0.95, between: [0, null]}}",
            "{id: a, column: c, z_score: 3, mostly: 0.9}",
            "{id: a, column: c, parses: json}",
            "{id: a, column: c, parses: '%Y-%m-%d'}",
            "{id: a, row_sum: {columns: [b, c], between: [1, 1]}, where: b > 0}",
            "{id: a, pair_in_set: {columns: [b, c], values: [[1, x], [2, y]]}}",
            "{id: a, column: c, distinct_contain: [1]}",
            "{id: a, column: c, distinct_equal: [x, y]}",
            "{id: a, column: c, most_common_in: [x]}",
            "{id: a, columns_in_order: [b, c]}",
            "{id: a, columns_are: [b, c]}",
            "{id: a, column_count: [1, 2]}",
            "{id: a, schema: {columns: [{name: b, type: int}], allow: [new_columns, wider_numbers]}}",
            "{id: a, column: c, type_in: [int, real]}",
            "{id: a, references: {columns: [b], source: other, to: [c]}}",
            "{id: a, rows_as_in: {source: other, share: [1, 1]}}",
            "{id: a, volume: [0.5, 2]}",
            "{id: a, column: c, unique_share: [0.9, 1]}",
            "{id: a, column: c, null_share: [null, 0.1]}",
        ] {
            let check = read(yaml).unwrap();
            let json = serde_json::to_string(&check).unwrap();
            assert_eq!(serde_json::from_str::<Check>(&json).unwrap(), check, "{yaml} → {json}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (yaml, why) in [
            ("{id: a, column: c, betwen: [1, 2]}", "unknown field `betwen`"),
            ("{id: a, column: c}", "says nothing that must hold"),
            ("{id: a, column: c, not_null: true, in_set: [1]}", "says two things"),
            ("{id: a, not_null: true}", "needs a `column`"),
            ("{id: a, column: c, not_null: false}", "asserts nothing"),
            ("{id: a, column: c, between: [1]}", "takes two bounds"),
            ("{id: a, column: c, between: [null, null]}", "no bound at all"),
            ("{id: a, column: c, between: [2, 1]}", "lower bound of `between` is above"),
            ("{id: a, column: c, between: [2, x]}", "lower bound of `between` is above"),
            ("{id: a, column: c, between: [.nan, 1]}", "lower bound of `between` is above"),
            ("{id: a, column: c, in_set: []}", "the set is empty"),
            ("{id: a, column: c, not_null: true, mostly: 1.5}", "share of rows"),
            ("{id: a, column: c, not_null: true, mostly: 0}", "share of rows"),
            ("{id: a, row_count: [1, 2], mostly: 0.5}", "`mostly` has no meaning here"),
            ("{id: a, row_count: [1, 2], column: c}", "`column` has no meaning here"),
            ("{id: a, sql: select 1, where: x}", "`where` has no meaning here"),
            ("{id: a, compare: [a, <>, b]}", "unknown variant `<>`"),
            ("{id: a, column: c, max_age: soon}", "is not a length of time"),
            ("{id: a, column: c, severity: fatal, not_null: true}", "unknown variant `fatal`"),
            ("{id: 'a b', column: c, not_null: true}", "check name `a b`"),
            ("{id: a, column: c, quantile: {at: 1.5, between: [0, 1]}}", "between 0 and 1"),
            ("{id: a, column: c, z_score: -1}", "standard deviations above 0"),
            ("{id: a, column: c, parses: date}", "not `date`"),
            ("{id: a, row_sum: {columns: [], between: [0, 1]}}", "`columns` is empty"),
            ("{id: a, column: c, row_sum: {columns: [b], between: [0, 1]}}", "`column` has no meaning here"),
            ("{id: a, references: {columns: [b], source: o, to: []}}", "a different number of columns"),
            ("{id: a, schema: {columns: [{name: b, type: int}], allow: [all]}}", "unknown variant `all`"),
            ("{id: a, columns_are: [b], where: b > 1}", "`where` has no meaning here"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }
}
