//! A check as it is written in `gingham.yaml`: one key says what must hold.

use base::Period;
use serde::{Deserialize, Serialize};
use tables::ColumnType;

use crate::check::{Bounds, Check, CheckKind, Measure, Operator, Order, Scalar, Severity};

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
    sql: Option<String>,
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
        let own_columns = matches!(
            kind,
            CheckKind::RowCount { .. }
                | CheckKind::Sql { .. }
                | CheckKind::ColumnsExist { .. }
                | CheckKind::Compare { .. }
        ) || matches!(written.unique, Some(Key::Columns(_)));
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
    ] {
        if let Some(pair) = pair {
            let bounds = bounds(id, measure.word(), pair)?;
            kinds.push(CheckKind::Measured { column: column()?, measure, bounds });
        }
    }
    if let Some(query) = written.sql.clone() {
        kinds.push(CheckKind::Sql { query });
    }
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(kind),
        (None, _) => Err(format!("check `{id}`: it says nothing that must hold, such as `not_null: true`")),
        (Some(_), Some(_)) => {
            Err(format!("check `{id}`: it says two things that must hold; write two checks"))
        }
    }
}

impl From<Check> for Written {
    fn from(check: Check) -> Self {
        let mut written = Self {
            id: check.id,
            severity: check.severity,
            mostly: (check.mostly < 1.0).then_some(check.mostly),
            where_sql: check.where_sql,
            reason: check.reason,
            owner: check.owner,
            ..Self::default()
        };
        let mut column_is = |column: String| written.column = Some(column);
        match check.kind {
            CheckKind::NotNull { column } => {
                column_is(column);
                written.not_null = Some(true);
            }
            CheckKind::IsNull { column } => {
                column_is(column);
                written.is_null = Some(true);
            }
            CheckKind::Between { column, bounds } => {
                column_is(column);
                written.between = Some(vec![bounds.low, bounds.high]);
            }
            CheckKind::InSet { column, values } => {
                column_is(column);
                written.in_set = Some(values);
            }
            CheckKind::NotInSet { column, values } => {
                column_is(column);
                written.not_in_set = Some(values);
            }
            CheckKind::Matches { column, pattern } => {
                column_is(column);
                written.matches = Some(pattern);
            }
            CheckKind::NotMatches { column, pattern } => {
                column_is(column);
                written.not_matches = Some(pattern);
            }
            CheckKind::Length { column, bounds } => {
                column_is(column);
                written.length = Some(vec![bounds.low, bounds.high]);
            }
            CheckKind::Compare { left, operator, right } => written.compare = Some((left, operator, right)),
            CheckKind::MaxAge { column, age } => {
                column_is(column);
                written.max_age = Some(age);
            }
            CheckKind::Unique { columns } => written.unique = Some(Key::Columns(columns)),
            CheckKind::Ordered { column, order } => {
                column_is(column);
                let strictness = if order.strictly {
                    Strictness::Word(StrictWord::Strictly)
                } else {
                    Strictness::Flag(true)
                };
                if order.rising {
                    written.increasing = Some(strictness);
                } else {
                    written.decreasing = Some(strictness);
                }
            }
            CheckKind::ColumnsExist { columns } => written.columns_exist = Some(columns),
            CheckKind::OfType { column, of_type } => {
                column_is(column);
                written.of_type = Some(of_type);
            }
            CheckKind::RowCount { bounds } => written.row_count = Some(vec![bounds.low, bounds.high]),
            CheckKind::Freshness { column, age } => {
                column_is(column);
                written.freshness = Some(age);
            }
            CheckKind::Measured { column, measure, bounds } => {
                column_is(column);
                let pair = Some(vec![bounds.low, bounds.high]);
                match measure {
                    Measure::Min => written.min = pair,
                    Measure::Max => written.max = pair,
                    Measure::Mean => written.mean = pair,
                    Measure::Median => written.median = pair,
                    Measure::Stdev => written.stdev = pair,
                    Measure::Sum => written.sum = pair,
                    Measure::Distinct => written.distinct = pair,
                }
            }
            CheckKind::Sql { query } => written.sql = Some(query),
        }
        written
    }
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
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }
}
