//! Checks as SQL: all that can share a scan shares one.
//!
//! The table is named `input` and has one more column, [`ROW`], with the number of each row from 1.

use base::{Period, Timestamp};
use tables::{ColumnType, Schema};

use crate::check::{Bounds, Check, CheckKind, Measure, Operator, Scalar};

/// The column with the number of each row.
pub(crate) const ROW: &str = "gingham_row_number";

/// A name as SQL takes it, whatever is in it.
pub(crate) fn name(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn moment(at: Timestamp) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", at.as_micros())
}

/// A value as SQL for a column of a type, or nothing where it does not fit.
pub(crate) fn literal(value: &Scalar, kind: ColumnType) -> Option<String> {
    match (value, kind) {
        (Scalar::Int(value), ColumnType::Int | ColumnType::Real) => Some(value.to_string()),
        (Scalar::Real(value), ColumnType::Int | ColumnType::Real) if value.is_finite() => {
            Some(format!("cast({} as double)", text(&value.to_string())))
        }
        (Scalar::Bool(value), ColumnType::Bool) => Some(value.to_string()),
        (Scalar::Text(value), ColumnType::Text) => Some(text(value)),
        (Scalar::Text(value), ColumnType::Time) => Timestamp::parse(value).ok().map(moment),
        _ => None,
    }
}

/// What a row check asks of a row: whether it is in question, and whether it holds.
struct Row {
    in_question: String,
    holds: String,
}

/// What is counted in the shared scan for one check: a share of rows, or a figure of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shared {
    /// Rows in question, and those of them that fail.
    Rows { in_question: String, failing: String },
    /// One figure, as a real number.
    Figure { rows: String, figure: String },
}

fn kind_of(schema: &Schema, column: &str) -> ColumnType {
    schema.find(column).map_or(ColumnType::Text, |column| column.kind)
}

/// The condition under which a row is looked at.
fn condition(check: &Check) -> String {
    check.where_sql.as_ref().map_or_else(|| "true".to_owned(), |sql| format!("({sql})"))
}

fn since(now: Timestamp, age: Period) -> String {
    moment(now.minus(age))
}

fn within<T>(value: &str, bounds: &Bounds<T>, mut write: impl FnMut(&T) -> Option<String>) -> String {
    let low = bounds.low.as_ref().and_then(&mut write).map(|low| format!("{value} >= {low}"));
    let high = bounds.high.as_ref().and_then(&mut write).map(|high| format!("{value} <= {high}"));
    [low, high].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// The row check as two conditions; nothing for other kinds.
fn row(check: &Check, schema: &Schema, now: Timestamp) -> Option<Row> {
    let there = |column: &str| format!("{} is not null", name(column));
    let set = |column: &str, values: &[Scalar]| {
        let kind = kind_of(schema, column);
        values.iter().filter_map(|value| literal(value, kind)).collect::<Vec<_>>().join(", ")
    };
    let (in_question, holds) = match &check.kind {
        CheckKind::NotNull { column } => ("true".to_owned(), there(column)),
        CheckKind::IsNull { column } => ("true".to_owned(), format!("{} is null", name(column))),
        CheckKind::Between { column, bounds } => {
            let kind = kind_of(schema, column);
            let mut holds = within(&name(column), bounds, |bound| literal(bound, kind));
            if kind == ColumnType::Real {
                holds = format!("not isnan({}) and {holds}", name(column));
            }
            (there(column), holds)
        }
        CheckKind::InSet { column, values } => {
            (there(column), format!("{} in ({})", name(column), set(column, values)))
        }
        CheckKind::NotInSet { column, values } => {
            (there(column), format!("{} not in ({})", name(column), set(column, values)))
        }
        CheckKind::Matches { column, pattern } => {
            (there(column), format!("regexp_like({}, {})", name(column), text(pattern)))
        }
        CheckKind::NotMatches { column, pattern } => {
            (there(column), format!("not regexp_like({}, {})", name(column), text(pattern)))
        }
        CheckKind::Length { column, bounds } => {
            let length = format!("character_length({})", name(column));
            (there(column), within(&length, bounds, |bound| Some(bound.to_string())))
        }
        CheckKind::Compare { left, operator, right } => {
            let sign = if *operator == Operator::NotEqual { "<>" } else { operator.sign() };
            (
                format!("{} and {}", there(left), there(right)),
                format!("{} {sign} {}", name(left), name(right)),
            )
        }
        CheckKind::MaxAge { column, age } => {
            (there(column), format!("{} >= {}", name(column), since(now, *age)))
        }
        _ => return None,
    };
    Some(Row { in_question: format!("{} and {in_question}", condition(check)), holds })
}

/// The condition under which a row fails a row check; nothing for other kinds.
pub(crate) fn fails(check: &Check, schema: &Schema, now: Timestamp) -> Option<String> {
    let Row { in_question, holds } = row(check, schema, now)?;
    Some(format!("coalesce({in_question} and not ({holds}), false)"))
}

/// The part of a check in the shared scan; nothing when it has a scan of its own or needs none.
pub(crate) fn shared(check: &Check, schema: &Schema, now: Timestamp) -> Option<Shared> {
    if let Some(row) = row(check, schema, now) {
        return Some(Shared::Rows {
            failing: format!("count(case when {} and not ({}) then 1 end)", row.in_question, row.holds),
            in_question: format!("count(case when {} then 1 end)", row.in_question),
        });
    }
    let condition = condition(check);
    let figure = |column: &str, figure: String| Shared::Figure {
        rows: format!("count(case when {condition} and {} is not null then 1 end)", name(column)),
        figure: format!("cast({figure} as double)"),
    };
    match &check.kind {
        CheckKind::RowCount { .. } => {
            let rows = format!("count(case when {condition} then 1 end)");
            Some(Shared::Figure { figure: format!("cast({rows} as double)"), rows })
        }
        CheckKind::Freshness { column, .. } => {
            let newest = format!("max(case when {condition} then {} end)", name(column));
            Some(figure(column, format!("arrow_cast({newest}, 'Int64')")))
        }
        CheckKind::Measured { column, measure, .. } => {
            let value = format!("case when {condition} then {} end", name(column));
            let of_numbers = format!("cast({value} as double)");
            Some(figure(
                column,
                match measure {
                    Measure::Min => format!("min({value})"),
                    Measure::Max => format!("max({value})"),
                    Measure::Mean => format!("avg({of_numbers})"),
                    Measure::Median => format!("median({of_numbers})"),
                    Measure::Stdev => format!("stddev({of_numbers})"),
                    Measure::Sum => format!("sum({of_numbers})"),
                    Measure::Distinct => format!("count(distinct {value})"),
                },
            ))
        }
        _ => None,
    }
}

/// The scan that several checks share. Its columns are `a0, b0, a1, b1, …` in the order given.
pub(crate) fn scan(parts: &[Shared]) -> String {
    let columns: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| match part {
            Shared::Rows { in_question, failing } => {
                format!("{in_question} as a{index}, {failing} as b{index}")
            }
            Shared::Figure { rows, figure } => format!("{rows} as a{index}, {figure} as b{index}"),
        })
        .collect();
    format!("select {} from input", columns.join(", "))
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|column| name(column)).collect::<Vec<_>>().join(", ")
}

fn all_there(columns: &[String]) -> String {
    columns.iter().map(|column| format!("{} is not null", name(column))).collect::<Vec<_>>().join(" and ")
}

/// The scan of a check that needs one for itself; its columns are `a0` and `b0`, as in the shared one.
pub(crate) fn own_scan(check: &Check) -> Option<String> {
    let condition = condition(check);
    match &check.kind {
        CheckKind::Unique { columns } => Some(format!(
            "select coalesce(sum(n), 0) as a0, coalesce(sum(n - 1), 0) as b0 from \
             (select count(*) as n from input where {condition} and {} group by {})",
            all_there(columns),
            list(columns)
        )),
        CheckKind::Ordered { column, .. } => Some(format!(
            "select count(*) as a0, count(case when {} then 1 end) as b0 from {}",
            out_of_order(check),
            with_previous(check, column)
        )),
        _ => None,
    }
}

fn with_previous(check: &Check, column: &str) -> String {
    let column = name(column);
    format!(
        "(select *, lag({column}) over (order by {ROW}) as \"gingham_previous\" from input where {} and {column} is not null)",
        condition(check)
    )
}

fn out_of_order(check: &Check) -> String {
    let CheckKind::Ordered { column, order } = &check.kind else { return "false".into() };
    let sign = match (order.rising, order.strictly) {
        (true, false) => "<",
        (true, true) => "<=",
        (false, false) => ">",
        (false, true) => ">=",
    };
    format!("{} {sign} \"gingham_previous\"", name(column))
}

/// The query for the first failing rows, all columns; nothing for checks of the whole table.
pub(crate) fn sample(check: &Check, schema: &Schema, now: Timestamp, rows: usize) -> Option<String> {
    let columns =
        std::iter::once(ROW.to_owned()).chain(schema.names().map(name)).collect::<Vec<_>>().join(", ");
    let end = format!("order by {ROW} limit {rows}");
    if let Some(row) = row(check, schema, now) {
        return Some(format!(
            "select {columns} from input where {} and not ({}) {end}",
            row.in_question, row.holds
        ));
    }
    match &check.kind {
        CheckKind::Unique { columns: key } => Some(format!(
            "select {columns} from (select *, row_number() over (partition by {} order by {ROW}) as \"gingham_nth\" \
             from input where {} and {}) where \"gingham_nth\" > 1 {end}",
            list(key),
            condition(check),
            all_there(key)
        )),
        CheckKind::Ordered { column, .. } => Some(format!(
            "select {columns} from {} where {} {end}",
            with_previous(check, column),
            out_of_order(check)
        )),
        _ => None,
    }
}
