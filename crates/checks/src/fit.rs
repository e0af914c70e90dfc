//! Whether checks can be evaluated on a table of a given schema.

use base::names::nearest;
use chrono::format::{Item, StrftimeItems};
use tables::{Column, ColumnType, Schema};

use crate::check::{Check, CheckKind, Form, Measure, Scalar};
use crate::compile::literal;

/// The schemas of the other sources, by name.
pub(crate) type Others<'a> = [(&'a str, &'a Schema)];

/// A check that cannot be evaluated, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Misfit {
    /// The check.
    pub check_id: String,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
    /// The key of the check that is at fault, such as `column` or `matches`.
    #[serde(default)]
    pub key: String,
}

/// The checks that do not fit a schema: unknown columns, types that do not go together, patterns that do not
/// compile, ids that are there twice. Conditions and queries in SQL show their faults when they are run.
#[must_use]
pub fn misfits(checks: &[Check], schema: &Schema) -> Vec<Misfit> {
    misfits_among(checks, schema, &[])
}

/// As [`misfits`], with other sources beside the table, by name.
#[must_use]
pub fn misfits_among(checks: &[Check], schema: &Schema, others: &[(&str, &Schema)]) -> Vec<Misfit> {
    each(checks, schema, others).into_iter().flatten().collect()
}

/// What is wrong with a check whatever the table: patterns and formats that do not compile.
#[must_use]
pub fn fault(check: &Check) -> Option<Misfit> {
    let found = match &check.kind {
        CheckKind::Matches { pattern, .. } | CheckKind::NotMatches { pattern, .. } => compiles(pattern),
        CheckKind::Parses { form: Form::Time(format), .. } => is_format(format),
        _ => Ok(()),
    };
    found.err().map(|wrong| misfit(check, wrong))
}

fn misfit(check: &Check, (message, hint): Wrong) -> Misfit {
    let columns_missing = message.starts_with("there is no column");
    let key = if columns_missing { "column" } else { check.kind.key() };
    Misfit { check_id: check.id.clone(), message, hint, key: key.to_owned() }
}

fn compiles(pattern: &str) -> Result<(), Wrong> {
    match regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() {
        Ok(_) => Ok(()),
        Err(error) => wrong(format!("the pattern `{pattern}` does not compile: {}", last_line(&error))),
    }
}

fn is_format(format: &str) -> Result<(), Wrong> {
    if StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
        return wrong(format!("`{format}` is not a format of times"));
    }
    Ok(())
}

/// For each check, why it cannot be evaluated, if so.
pub(crate) fn each(checks: &[Check], schema: &Schema, others: &Others<'_>) -> Vec<Option<Misfit>> {
    let mut seen = std::collections::HashSet::new();
    checks
        .iter()
        .map(|check| {
            let found = if seen.insert(check.id.as_str()) {
                fits(check, schema, others)
            } else {
                wrong(format!("two checks have the id `{}`", check.id))
            };
            found.err().map(|wrong| misfit(check, wrong))
        })
        .collect()
}

type Wrong = (String, Option<String>);

fn find<'a>(schema: &'a Schema, name: &str) -> Result<&'a Column, Wrong> {
    schema.find(name).ok_or_else(|| {
        let hint = match nearest(name, schema.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the columns are {}", schema.names().collect::<Vec<_>>().join(", ")),
        };
        (format!("there is no column `{name}`"), Some(hint))
    })
}

fn wrong<T>(message: String) -> Result<T, Wrong> {
    Err((message, None))
}

/// Whether one check fits.
fn fits(check: &Check, schema: &Schema, others: &Others<'_>) -> Result<(), Wrong> {
    // A missing column is what this one looks for.
    if matches!(check.kind, CheckKind::ColumnsExist { .. }) {
        return Ok(());
    }
    for name in check.columns() {
        find(schema, name)?;
    }
    match &check.kind {
        CheckKind::Between { column, bounds } => {
            let column = find(schema, column)?;
            if column.kind == ColumnType::Bool {
                return wrong(format!(
                    "column `{}` holds {}, which have no bounds",
                    column.name, column.kind
                ));
            }
            for bound in [&bounds.low, &bounds.high].into_iter().flatten() {
                value_fits(column, bound)?;
            }
            Ok(())
        }
        CheckKind::InSet { column, values } | CheckKind::NotInSet { column, values } => {
            let column = find(schema, column)?;
            values.iter().try_for_each(|value| value_fits(column, value))
        }
        CheckKind::Matches { column, pattern } | CheckKind::NotMatches { column, pattern } => {
            is_of(find(schema, column)?, &[ColumnType::Text], "patterns are for text")?;
            compiles(pattern)
        }
        CheckKind::Length { column, .. } => {
            is_of(find(schema, column)?, &[ColumnType::Text], "lengths are for text")
        }
        CheckKind::MaxAge { column, .. } | CheckKind::Freshness { column, .. } => {
            is_of(find(schema, column)?, &[ColumnType::Time], "ages are for times")
        }
        CheckKind::Measured { column, measure, .. } => {
            let numbers = &[ColumnType::Int, ColumnType::Real];
            match measure {
                Measure::Distinct | Measure::UniqueShare | Measure::NullShare => Ok(()),
                _ => is_of(find(schema, column)?, numbers, "this measure is for numbers"),
            }
        }
        CheckKind::Ordered { column, .. } => {
            let ordered = &[ColumnType::Int, ColumnType::Real, ColumnType::Time, ColumnType::Text];
            is_of(find(schema, column)?, ordered, "truth values have no order")
        }
        CheckKind::Compare { left, right, .. } => comparable(find(schema, left)?, find(schema, right)?),
        CheckKind::Quantile { column, .. } | CheckKind::ZScore { column, .. } => {
            is_of(find(schema, column)?, NUMBERS, "this is for numbers")
        }
        CheckKind::Parses { column, form } => {
            is_of(find(schema, column)?, &[ColumnType::Text], "forms are for text")?;
            match form {
                Form::Time(format) => is_format(format),
                Form::Json => Ok(()),
            }
        }
        CheckKind::RowSum { columns, .. } => {
            columns.iter().try_for_each(|name| is_of(find(schema, name)?, NUMBERS, "sums are for numbers"))
        }
        CheckKind::PairInSet { left, right, values } => {
            let (left, right) = (find(schema, left)?, find(schema, right)?);
            values.iter().try_for_each(|(one, other)| {
                value_fits(left, one)?;
                value_fits(right, other)
            })
        }
        CheckKind::DistinctValues { column, values, .. } | CheckKind::MostCommon { column, values } => {
            let column = find(schema, column)?;
            values.iter().try_for_each(|value| value_fits(column, value))
        }
        CheckKind::RowsAsIn { source, .. } => other(others, source).map(|_| ()),
        CheckKind::References { columns, source, to } => {
            let other = other(others, source)?;
            columns.iter().zip(to).try_for_each(|(column, to)| {
                let there = find(other, to)
                    .map_err(|(_, hint)| (format!("source `{source}` has no column `{to}`"), hint))?;
                comparable(find(schema, column)?, there)
            })
        }
        _ => Ok(()),
    }
}

const NUMBERS: &[ColumnType] = &[ColumnType::Int, ColumnType::Real];

fn other<'a>(others: &Others<'a>, source: &str) -> Result<&'a Schema, Wrong> {
    others.iter().find(|(name, _)| *name == source).map(|(_, schema)| *schema).ok_or_else(|| {
        let names: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
        let hint = match nearest(source, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "there is no other source here".to_owned(),
            None => format!("the other sources are {}", names.join(", ")),
        };
        (format!("there is no source `{source}`"), Some(hint))
    })
}

fn comparable(left: &Column, right: &Column) -> Result<(), Wrong> {
    if left.kind == right.kind || (NUMBERS.contains(&left.kind) && NUMBERS.contains(&right.kind)) {
        return Ok(());
    }
    wrong(format!(
        "column `{}` holds {} and column `{}` holds {}: they cannot be compared",
        left.name, left.kind, right.name, right.kind
    ))
}

fn is_of(column: &Column, allowed: &[ColumnType], why: &str) -> Result<(), Wrong> {
    if allowed.contains(&column.kind) {
        Ok(())
    } else {
        wrong(format!("column `{}` holds {}: {why}", column.name, column.kind))
    }
}

fn value_fits(column: &Column, value: &Scalar) -> Result<(), Wrong> {
    match literal(value, column.kind) {
        Some(_) => Ok(()),
        None => wrong(format!("column `{}` holds {}, which `{value}` is not", column.name, column.kind)),
    }
}

/// The last line of a pattern's error, which says what is wrong; those before draw arrows.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let columns = [
            ("temp", ColumnType::Real),
            ("count", ColumnType::Int),
            ("weather", ColumnType::Text),
            ("at", ColumnType::Time),
            ("open", ColumnType::Bool),
        ];
        Schema::new(columns.map(|(name, kind)| Column::new(name, kind)).into())
    }

    fn check(yaml: &str) -> String {
        let check: Check = serde_yaml_ng::from_str(yaml).unwrap();
        let found = misfits(&[check], &schema());
        found.first().map_or("fits".into(), |misfit| {
            format!(
                "{}{}",
                misfit.message,
                misfit.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()
            )
        })
    }

    #[test]
    fn checks_that_do_not_fit_say_why() {
        for (yaml, expected) in [
            ("{id: a, column: tmep, not_null: true}", "there is no column `tmep`; did you mean `temp`?"),
            (
                "{id: a, column: zzzzzzzz, not_null: true}",
                "there is no column `zzzzzzzz`; the columns are temp, count, weather, at, open",
            ),
            ("{id: a, unique: [at, wether]}", "there is no column `wether`; did you mean `weather`?"),
            ("{id: a, column: temp, between: [a, b]}", "column `temp` holds real numbers, which `a` is not"),
            (
                "{id: a, column: open, between: [false, true]}",
                "column `open` holds true or false, which have no bounds",
            ),
            ("{id: a, column: weather, in_set: [Clear, 1]}", "column `weather` holds text, which `1` is not"),
            (
                "{id: a, column: at, between: [2014-01-01, soon]}",
                "column `at` holds times, which `soon` is not",
            ),
            ("{id: a, column: weather, matches: '('}", "the pattern `(` does not compile: unclosed group"),
            (
                "{id: a, column: weather, matches: '(a)\\1'}",
                "the pattern `(a)\\1` does not compile: backreferences are not supported",
            ),
            ("{id: a, column: temp, matches: a}", "column `temp` holds real numbers: patterns are for text"),
            ("{id: a, column: temp, freshness: 1d}", "column `temp` holds real numbers: ages are for times"),
            (
                "{id: a, column: weather, mean: [0, 1]}",
                "column `weather` holds text: this measure is for numbers",
            ),
            (
                "{id: a, compare: [temp, <, weather]}",
                "column `temp` holds real numbers and column `weather` holds text: they cannot be compared",
            ),
            ("{id: a, compare: [temp, <, count]}", "fits"),
            ("{id: a, column: count, between: [0.5, 3]}", "fits"),
            ("{id: a, column: at, between: ['2014-01-01', null]}", "fits"),
            ("{id: a, columns_exist: [nothing]}", "fits"),
            ("{id: a, column: weather, parses: '%Q'}", "`%Q` is not a format of times"),
            ("{id: a, column: temp, parses: json}", "column `temp` holds real numbers: forms are for text"),
            (
                "{id: a, row_sum: {columns: [temp, at], between: [0, 1]}}",
                "column `at` holds times: sums are for numbers",
            ),
            (
                "{id: a, pair_in_set: {columns: [count, weather], values: [[1, 2]]}}",
                "column `weather` holds text, which `2` is not",
            ),
            (
                "{id: a, rows_as_in: {source: shops, share: [1, 1]}}",
                "there is no source `shops`; there is no other source here",
            ),
        ] {
            assert_eq!(check(yaml), expected, "{yaml}");
        }
    }

    #[test]
    fn a_repeated_id_is_found() {
        let check: Check = serde_yaml_ng::from_str("{id: a, column: temp, not_null: true}").unwrap();
        let found = misfits(&[check.clone(), check], &schema());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "two checks have the id `a`");
    }
}
