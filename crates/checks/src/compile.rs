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

fn real(value: f64) -> String {
    format!("cast({} as double)", text(&value.to_string()))
}

/// A value as SQL for a column of a type, or nothing where it does not fit.
pub(crate) fn literal(value: &Scalar, kind: ColumnType) -> Option<String> {
    match (value, kind) {
        (Scalar::Int(value), ColumnType::Int | ColumnType::Real) => Some(value.to_string()),
        (Scalar::Real(value), ColumnType::Int | ColumnType::Real) if value.is_finite() => Some(real(*value)),
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
        CheckKind::RowSum { columns, bounds } => {
            let parts: Vec<String> =
                columns.iter().map(|column| format!("cast({} as double)", name(column))).collect();
            let sum = format!("({})", parts.join(" + "));
            let holds = within(&sum, bounds, |bound| Some(real(*bound)));
            (all_there(columns), format!("not isnan({sum}) and {holds}"))
        }
        CheckKind::PairInSet { left, right, values } => {
            let pairs: Vec<String> = values
                .iter()
                .filter_map(|(one, other)| {
                    let one = literal(one, kind_of(schema, left))?;
                    let other = literal(other, kind_of(schema, right))?;
                    Some(format!("({} = {one} and {} = {other})", name(left), name(right)))
                })
                .collect();
            (format!("{} and {}", there(left), there(right)), format!("({})", pairs.join(" or ")))
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
        CheckKind::RowCount { .. } | CheckKind::RowsAsIn { .. } | CheckKind::Volume { .. } => {
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
                    Measure::UniqueShare => {
                        format!("cast(count(distinct {value}) as double) / nullif(count({value}), 0)")
                    }
                    Measure::NullShare => {
                        let rows = format!("count(case when {condition} then 1 end)");
                        let missing = format!("(1.0 - cast(count({value}) as double) / nullif({rows}, 0))");
                        return Some(Shared::Figure { figure: format!("cast({missing} as double)"), rows });
                    }
                },
            ))
        }
        CheckKind::Quantile { column, at, .. } => {
            let value = format!("cast(case when {condition} then {} end as double)", name(column));
            Some(figure(column, format!("percentile_cont({at}) within group (order by {value})")))
        }
        CheckKind::DistinctValues { column, values, exactly } => {
            let kind = kind_of(schema, column);
            let wanted: std::collections::BTreeSet<String> =
                values.iter().filter_map(|value| literal(value, kind)).collect();
            let count = wanted.len();
            let set = wanted.into_iter().collect::<Vec<_>>().join(", ");
            let column_name = name(column);
            let found = format!(
                "count(distinct case when {condition} and {column_name} in ({set}) then {column_name} end)"
            );
            let strange = format!(
                "count(distinct case when {condition} and {column_name} not in ({set}) then {column_name} end)"
            );
            let strange = if *exactly { format!(" + {strange}") } else { String::new() };
            Some(figure(column, format!("({count} - {found}{strange})")))
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
pub(crate) fn own_scan(check: &Check, schema: &Schema) -> Option<String> {
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
        CheckKind::ZScore { column, below } => Some(format!(
            "select count(*) as a0, count(case when not ({}) then 1 end) as b0 from {}",
            near(column, *below),
            with_moments(check, column)
        )),
        CheckKind::References { .. } => Some(format!(
            "select count(*) as a0, count(case when \"gingham_there\" is null then 1 end) as b0 from {}",
            with_referred(check)?
        )),
        CheckKind::MostCommon { column, values } => {
            let kind = kind_of(schema, column);
            let set = values.iter().filter_map(|value| literal(value, kind)).collect::<Vec<_>>().join(", ");
            let column = name(column);
            Some(format!(
                "select count(*) as a0, count(case when {column} not in ({set}) then 1 end) as b0 from \
                 (select *, max(n) over () as most from (select {column}, count(*) as n from input \
                 where {condition} and {column} is not null group by {column})) where n = most"
            ))
        }
        _ => None,
    }
}

/// Whether a value lies within so many standard deviations of the mean; a value that is the mean always does.
fn near(column: &str, below: f64) -> String {
    let value = format!("cast({} as double)", name(column));
    format!(
        "not isnan({value}) and ({value} = \"gingham_mean\" or \
         abs({value} - \"gingham_mean\") < {} * \"gingham_deviation\")",
        real(below)
    )
}

/// The rows in question beside the mean and the standard deviation of their numbers.
fn with_moments(check: &Check, column: &str) -> String {
    let value = format!("cast({} as double)", name(column));
    let number = format!("case when not isnan({value}) then {value} end");
    let rows = format!("from input where {} and {} is not null", condition(check), name(column));
    format!(
        "(select * from (select * {rows}) cross join (select avg({number}) as \"gingham_mean\", \
         coalesce(stddev({number}), 0) as \"gingham_deviation\" {rows}))"
    )
}

/// The rows whose key is there, with `gingham_there` where the other source has it.
fn with_referred(check: &Check) -> Option<String> {
    let CheckKind::References { columns, source, to } = &check.kind else { return None };
    let keys: Vec<String> =
        to.iter().enumerate().map(|(index, to)| format!("{} as \"gingham_key{index}\"", name(to))).collect();
    let same: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("left_side.{} = right_side.\"gingham_key{index}\"", name(column)))
        .collect();
    Some(format!(
        "(select left_side.*, right_side.\"gingham_there\" from \
         (select * from input where {} and {}) as left_side left join \
         (select distinct {}, true as \"gingham_there\" from {}) as right_side on {})",
        condition(check),
        all_there(columns),
        keys.join(", "),
        name(source),
        same.join(" and ")
    ))
}

/// The rows in question with their number, for forms that are read outside of SQL; columns `row` and `value`.
pub(crate) fn texts(check: &Check, column: &str) -> String {
    let column = name(column);
    format!(
        "select {ROW} as row, {column} as value from input where {} and {column} is not null",
        condition(check)
    )
}

/// The query for rows with these numbers, all columns.
pub(crate) fn rows_numbered(schema: &Schema, rows: &[u64]) -> String {
    let columns =
        std::iter::once(ROW.to_owned()).chain(schema.names().map(name)).collect::<Vec<_>>().join(", ");
    let rows = rows.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    format!("select {columns} from input where {ROW} in ({rows}) order by {ROW}")
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

/// The query for the first failing rows, all columns; nothing for checks of the whole table. Rows that are read in
/// their order need not be put into it: the reading stops at the last that is wanted.
pub(crate) fn sample(
    check: &Check,
    schema: &Schema,
    now: Timestamp,
    rows: usize,
    in_order: bool,
) -> Option<String> {
    let columns =
        std::iter::once(ROW.to_owned()).chain(schema.names().map(name)).collect::<Vec<_>>().join(", ");
    let end = format!("order by {ROW} limit {rows}");
    if let Some(row) = row(check, schema, now) {
        let end = if in_order { format!("limit {rows}") } else { end };
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
        CheckKind::ZScore { column, below } => Some(format!(
            "select {columns} from {} where not ({}) {end}",
            with_moments(check, column),
            near(column, *below)
        )),
        CheckKind::References { .. } => Some(format!(
            "select {columns} from {} where \"gingham_there\" is null {end}",
            with_referred(check)?
        )),
        _ => None,
    }
}
